//! Tools from crates.io, in exactly the version that the project needs.

use crate::process;
use crate::project::{Project, user_cache};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// trunk's version: later ones need a newer compiler than this project does.
const TRUNK_VERSION: &str = "0.21.14";

/// The test runner and bindings generator. It must be of the version of the crate that the page links.
pub(super) fn ensure_wasm_bindgen(project: &Project) -> Result<PathBuf> {
    let version = project.locked_version("wasm-bindgen")?;
    ensure(project, "wasm-bindgen-cli", "wasm-bindgen-test-runner", &version)
}

/// The page's builder.
pub(super) fn ensure_trunk(project: &Project) -> Result<PathBuf> {
    ensure(project, "trunk", "trunk", TRUNK_VERSION)
}

/// Finds a program of exactly this version on `PATH` or among the tools of this project, else installs it.
fn ensure(project: &Project, package: &str, program: &str, version: &str) -> Result<PathBuf> {
    let own_root = user_cache()?.join("tools").join(format!("{package}-{version}"));
    let own = own_root
        .join("bin")
        .join(program)
        .with_extension(std::env::consts::EXE_EXTENSION);
    let on_path = process::find(program);
    if let Some(found) = [on_path.clone(), Some(own.clone())]
        .into_iter()
        .flatten()
        .find(|path| has_version(path, version))
    {
        return Ok(found);
    }
    // A version that the user has for another project stays where it is.
    let root = on_path.is_some().then_some(own_root.as_path());
    eprintln!("installing {package} {version} with cargo: this takes some minutes");
    install(project, package, version, root)?;
    let installed = if root.is_some() { own } else { cargo_bin(program)? };
    anyhow::ensure!(
        has_version(&installed, version),
        "`cargo install {package}` succeeded, but {} is not version {version}: check `cargo install --list`",
        installed.display()
    );
    Ok(installed)
}

/// Installs with the dependencies that the tool's authors tested, else with the newest compatible ones:
/// a registry's mirror may not have each version that a tool's lock file names.
fn install(project: &Project, package: &str, version: &str, root: Option<&Path>) -> Result<()> {
    let mut locked = install_command(project, package, version, root);
    if let Err(error) = process::run(locked.arg("--locked")) {
        eprintln!("{error:#}; trying without the tool's lock file");
        if let Err(error) = process::run(&mut install_command(project, package, version, root)) {
            bail!(
                "{error:#}\n{package} {version} is missing, and the page needs it. With a network, type:\n  \
                 cargo install {package} --version {version} --locked"
            );
        }
    }
    Ok(())
}

fn install_command(project: &Project, package: &str, version: &str, root: Option<&Path>) -> Command {
    let mut cargo = project.cargo();
    // Kept in the build folder, so that an interrupted installation goes on where it stopped.
    cargo.env("CARGO_TARGET_DIR", project.target.join("tools"));
    // Compiled quickly rather than to be quick: a tool works for seconds, and its release build takes minutes.
    cargo.envs([
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
        ("CARGO_PROFILE_RELEASE_LTO", "off"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ]);
    cargo.args(["install", package, "--version", version]);
    if let Some(root) = root {
        cargo.arg("--root").arg(root);
    }
    cargo
}

fn cargo_bin(program: &str) -> Result<PathBuf> {
    let default = || std::env::home_dir().map(|home| home.join(".cargo"));
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default);
    let cargo_home = cargo_home.context("neither CARGO_HOME nor HOME is set")?;
    let path = cargo_home.join("bin").join(program);
    Ok(path.with_extension(std::env::consts::EXE_EXTENSION))
}

fn has_version(program: &Path, version: &str) -> bool {
    let said = process::output(Command::new(program).arg("--version")).unwrap_or_default();
    // "trunk 0.21.14" or "wasm-bindgen-test-runner 0.2.130 (0123abc)".
    said.split_whitespace().nth(1) == Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_whole() {
        let cargo = process::find("cargo").unwrap();
        let version = process::output(Command::new(&cargo).arg("--version")).unwrap();
        let version = version.split_whitespace().nth(1).unwrap();
        assert!(has_version(&cargo, version));
        assert!(!has_version(&cargo, &version[..version.len() - 1]));
        assert!(!has_version(Path::new("/no/such/program"), version));
    }
}
