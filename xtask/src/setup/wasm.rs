//! A compiler with a standard library for the browser's target.

use super::{apt, debian_rust};
use crate::process;
use crate::project::{Project, WASM_TARGET};
use anyhow::{Result, bail};
use std::fmt;
use std::path::Path;
use std::process::Command;

/// Environment variable that forces a route to the browser's standard library: `rustup` or `debian`.
const ROUTE_VARIABLE: &str = "RLLR_WASM_ROUTE";

/// How the browser's target is compiled on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WasmToolchain {
    /// The toolchain that is already in use has the target.
    Current,
    /// Debian's compiler, linked into rustup; it builds the standard library along with the program.
    Debian,
}

impl WasmToolchain {
    /// Makes a `cargo` or `trunk` command use this toolchain.
    pub fn apply(self, command: &mut Command) {
        if self == Self::Debian {
            command.env("RUSTUP_TOOLCHAIN", debian_rust::TOOLCHAIN);
            // Building the standard library is unstable, and Debian's is a stable compiler.
            command.env("RUSTC_BOOTSTRAP", "1");
            // As a variable and not as `-Z`, because trunk passes no `-Z` on. With `test`, which Cargo would add for
            // tests alone: tests and page would then have different standard libraries, and each compile Burn.
            command.env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort,test");
        }
    }
}

impl fmt::Display for WasmToolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => write!(f, "the current toolchain, target {WASM_TARGET} installed"),
            Self::Debian => write!(
                f,
                "Debian's compiler as rustup toolchain `{}`, building the standard library",
                debian_rust::TOOLCHAIN
            ),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Any,
    Rustup,
    Debian,
}

/// Finds a toolchain for the browser's target, or installs one.
pub(super) fn ensure(project: &Project) -> Result<WasmToolchain> {
    let route = route(std::env::var(ROUTE_VARIABLE).ok().as_deref())?;
    if route != Route::Debian && has_wasm_std(project) {
        return Ok(WasmToolchain::Current);
    }
    if route != Route::Rustup && debian_rust::is_linked() {
        return Ok(WasmToolchain::Debian);
    }
    let mut tried = Vec::new();
    if route != Route::Debian {
        match add_target(project) {
            Ok(()) => return Ok(WasmToolchain::Current),
            Err(error) => tried.push(format!("rustup: {error:#}")),
        }
    }
    if route != Route::Rustup {
        match debian(project) {
            Ok(()) => return Ok(WasmToolchain::Debian),
            Err(error) => tried.push(format!("Debian's packages: {error:#}")),
        }
    }
    bail!("{}", advice(&tried));
}

fn route(variable: Option<&str>) -> Result<Route> {
    match variable {
        None | Some("") => Ok(Route::Any),
        Some("rustup") => Ok(Route::Rustup),
        Some("debian") => Ok(Route::Debian),
        Some(other) => {
            bail!("{ROUTE_VARIABLE} is `{other}`: expected `rustup` or `debian`, or unset for either")
        }
    }
}

/// Whether the compiler in use has the target's standard library.
/// The compiler is asked where it would be, which needs no rustup and takes milliseconds.
fn has_wasm_std(project: &Project) -> bool {
    let mut rustc = project.command("rustc");
    rustc.args(["--print", "target-libdir", "--target", WASM_TARGET]);
    let Ok(dir) = process::output(&mut rustc) else {
        return false;
    };
    let Ok(entries) = std::fs::read_dir(Path::new(dir.trim())) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

fn add_target(project: &Project) -> Result<()> {
    if process::find("rustup").is_none() {
        bail!("no `rustup` on PATH");
    }
    process::run(project.command("rustup").args(["target", "add", WASM_TARGET]))?;
    if !has_wasm_std(project) {
        bail!("`rustup target add` succeeded, but `rustc` still has no standard library for {WASM_TARGET}");
    }
    Ok(())
}

fn debian(project: &Project) -> Result<()> {
    if let Some(reason) = apt::why_not() {
        bail!("{reason}");
    }
    if process::find("rustup").is_none() {
        bail!("no `rustup` on PATH to link the compiler into");
    }
    debian_rust::install(project)
}

fn advice(tried: &[String]) -> String {
    format!(
        "no Rust standard library for {WASM_TARGET}, which the page needs.\nTried:\n  {}\nDo one of these, then run the same command again:\n  \
         rustup target add {WASM_TARGET}          # with a network; install rustup from https://rustup.rs if it is missing\n  \
         sudo env \"PATH=$PATH\" cargo xtask setup   # on Debian 12 or newer: uses the distribution's compiler",
        tried.join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_is_read_strictly() {
        assert_eq!(route(None).unwrap(), Route::Any);
        assert_eq!(route(Some("debian")).unwrap(), Route::Debian);
        assert_eq!(route(Some("rustup")).unwrap(), Route::Rustup);
        let message = route(Some("nix")).unwrap_err().to_string();
        assert!(
            message.contains("`nix`") && message.contains("expected"),
            "{message}"
        );
    }

    #[test]
    fn only_debians_compiler_changes_the_environment() {
        let mut command = Command::new("cargo");
        WasmToolchain::Current.apply(&mut command);
        assert_eq!(command.get_envs().count(), 0);
        WasmToolchain::Debian.apply(&mut command);
        let names: Vec<_> = command
            .get_envs()
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            names,
            ["CARGO_UNSTABLE_BUILD_STD", "RUSTC_BOOTSTRAP", "RUSTUP_TOOLCHAIN"]
        );
    }

    #[test]
    fn the_advice_names_what_was_tried_and_what_to_type() {
        let text = advice(&["rustup: no network".to_owned()]);
        assert!(
            text.contains("rustup: no network") && text.contains("rustup target add wasm32-unknown-unknown")
        );
    }
}
