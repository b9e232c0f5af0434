//! `cargo xtask demo`: builds the page, serves it, and says where.

use crate::page;
use crate::process;
use crate::project::Project;
use crate::serve::Server;
use crate::setup::BuildTools;
use anyhow::Result;

/// What to do once the page is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing: the folder is for a static host.
    Stop,
    /// Serve it.
    Serve,
    /// Serve it and show it in the user's browser.
    ServeAndOpen,
}

/// Builds the page and goes on as told. With a `public_url` such as `/rllr/` it is built for and served under that path.
///
/// # Errors
/// When something is missing that cannot be installed, the page does not build, or the port is taken.
pub fn run(project: &Project, port: u16, public_url: Option<&str>, then: Then) -> Result<()> {
    let served_under = public_url.unwrap_or("/");
    if then != Then::Stop {
        // Asked now and again below: nobody should wait for a build to learn that the port is taken.
        free_port(port, served_under)?;
    }
    let tools = BuildTools::ensure(project)?;
    let dist = page::build(project, &tools, public_url)?;
    if then == Then::Stop {
        println!("the page is built: {}", dist.display());
        return Ok(());
    }
    let server = Server::start(&dist, port, served_under)?;
    let url = server.url();
    println!("\nThe page is at {url}\nStop with Ctrl-C.");
    if then == Then::ServeAndOpen
        && has_display()
        && let Err(error) = open::that_detached(&url)
    {
        println!("no browser could be started ({error}): open the address yourself");
    }
    server.wait();
    Ok(())
}

/// Starts and stops the server on an empty page, which fails as the real one would.
fn free_port(port: u16, public_url: &str) -> Result<()> {
    let empty = tempfile::tempdir()?;
    std::fs::write(empty.path().join("index.html"), "")?;
    Server::start(empty.path(), port, public_url)?;
    Ok(())
}

/// Whether there is a screen on which a browser could appear.
fn has_display() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let linux = cfg!(all(unix, not(target_os = "macos")));
    if set("CI") || set("SSH_CONNECTION") {
        return false;
    }
    !linux || ((set("DISPLAY") || set("WAYLAND_DISPLAY")) && process::find("xdg-open").is_some())
}
