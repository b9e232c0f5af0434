//! `cargo xtask setup`: installs what is missing, and is quick when nothing is.
//!
//! Each part is looked for first. Only a missing part is installed, from the registries that Rust and Debian users
//! have anyway; where that is not possible the error holds the commands to type.

mod wasm;

mod debian_rust;

mod cargo_tools;

mod browser;

mod apt;

pub use browser::Browser;
pub use wasm::WasmToolchain;

use crate::project::Project;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What building the page needs.
#[derive(Debug, Clone)]
pub struct BuildTools {
    /// How the browser's target is compiled here.
    pub toolchain: WasmToolchain,
    /// The program `trunk`.
    pub trunk: PathBuf,
    /// Folders that go in front of `PATH`, so that Cargo and trunk find tools of exactly the needed version.
    tool_dirs: Vec<PathBuf>,
}

impl BuildTools {
    /// Finds or installs everything that a build of the page needs.
    ///
    /// # Errors
    /// When a part is missing and cannot be installed; the message says what to type.
    pub fn ensure(project: &Project) -> Result<Self> {
        let toolchain = wasm::ensure(project)?;
        let bindgen = cargo_tools::ensure_wasm_bindgen(project)?;
        let trunk = cargo_tools::ensure_trunk(project)?;
        let tool_dirs = [&bindgen, &trunk]
            .into_iter()
            .filter_map(|program| program.parent().map(Path::to_path_buf))
            .collect();
        Ok(Self {
            toolchain,
            trunk,
            tool_dirs,
        })
    }

    /// Makes a command compile for the browser with these tools.
    /// Every such build gets the same environment, so that the page and the tests share their compiled dependencies.
    ///
    /// # Errors
    /// When a tool's folder cannot stand in `PATH`, because its name holds the separator.
    pub fn apply(&self, command: &mut Command) -> Result<()> {
        self.toolchain.apply(command);
        let old = std::env::var_os("PATH").unwrap_or_default();
        let dirs = self.tool_dirs.iter().cloned().chain(std::env::split_paths(&old));
        command.env("PATH", std::env::join_paths(dirs)?);
        Ok(())
    }
}

/// What tests in a browser need.
///
/// # Errors
/// When no browser or driver is there and none can be installed.
pub fn ensure_browser() -> Result<Browser> {
    browser::ensure()
}

/// Looks for a Vulkan driver, which native GPU tests need, and installs the software one where that is possible.
/// Its absence is no error: those tests skip, and say so.
pub fn ensure_vulkan() {
    match browser::vulkan() {
        Ok(found) => println!("vulkan: {found}"),
        Err(reason) => println!("vulkan: none ({reason:#}); native GPU tests will be skipped"),
    }
}

/// The whole of `cargo xtask setup`.
///
/// # Errors
/// When a part is missing and cannot be installed; the message says what to type.
pub fn run(project: &Project) -> Result<()> {
    let tools = BuildTools::ensure(project)?;
    println!("wasm toolchain: {}", tools.toolchain);
    println!("trunk: {}", tools.trunk.display());
    let Browser { chrome, driver } = ensure_browser()?;
    println!("browser: {}, driver: {}", chrome.display(), driver.display());
    ensure_vulkan();
    println!("setup: everything needed is here");
    Ok(())
}
