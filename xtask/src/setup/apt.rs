//! Debian's package manager, used only where this program may: as root, with `apt-get` present.

use crate::process;
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;

/// Says why packages cannot be installed here, or nothing when they can.
pub(super) fn why_not() -> Option<String> {
    if process::find("apt-get").is_none() {
        return Some("this system has no apt-get".to_owned());
    }
    let uid = process::output(Command::new("id").arg("-u")).unwrap_or_default();
    if uid.trim() != "0" {
        return Some("installing packages needs root".to_owned());
    }
    None
}

/// Refreshes the package lists; an old list names files that the servers no longer have.
///
/// # Errors
/// When the servers cannot be reached.
pub(super) fn update() -> Result<()> {
    process::run(apt_get().args(["-qq", "update"]))
        .context("the package lists could not be refreshed: is there a network?")
}

/// Whether a package is installed; asking for an installed one again would upgrade it, which nobody wanted.
pub(super) fn is_installed(package: &str) -> bool {
    let mut dpkg = Command::new("dpkg-query");
    let status = process::output(dpkg.args(["--show", "--showformat", "${db:Status-Status}", package]));
    status.is_ok_and(|status| status == "installed")
}

/// Installs packages, without what they merely recommend.
/// Refuses when that would remove something else from the user's system.
///
/// # Errors
/// When a package does not exist, conflicts with an installed one, or cannot be fetched.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let options = ["-y", "--no-install-recommends", "--no-remove", "-qq"];
    process::run(apt_get().args(options).arg("install").args(packages))
        .with_context(|| format!("could not install {}", packages.join(", ")))
}

/// Fetches packages into a folder without installing them.
///
/// # Errors
/// When a package does not exist or cannot be fetched.
pub(super) fn download(packages: &[&str], into: &Path) -> Result<()> {
    // `_apt` is the user that apt fetches as; it may not write into root's folders, and apt warns about that.
    let options = ["-qq", "-o", "APT::Sandbox::User=root"];
    process::run(
        apt_get()
            .current_dir(into)
            .args(options)
            .arg("download")
            .args(packages),
    )
    .with_context(|| format!("could not fetch {}", packages.join(", ")))
}

/// Names of the packages that a package file depends on: the first of several alternatives, without versions.
///
/// # Errors
/// When the file is not a Debian package.
pub(super) fn dependencies(package_file: &Path) -> Result<Vec<String>> {
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.arg("-f").arg(package_file).arg("Depends");
    Ok(parse_dependencies(&process::output(&mut dpkg)?))
}

/// The folder's file of one package.
///
/// # Errors
/// When it is not there.
pub(super) fn package_file(dir: &Path, package: &str) -> Result<std::path::PathBuf> {
    let prefix = format!("{package}_");
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            return Ok(entry.path());
        }
    }
    bail!("apt-get fetched no file for {package} into {}", dir.display())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn parse_dependencies(field: &str) -> Vec<String> {
    let names = field.split(',').filter_map(|item| item.split(['|', '(']).next());
    names
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_lose_versions_and_alternatives() {
        // What Debian's `cargo-web` 1.96 says.
        let field = "libc6 (>= 2.34), libgit2-1.5 (>= 1.5.0), rustc-web (= 1.96.0+dfsg1-1~deb12u2), binutils, gcc | clang | c-compiler\n";
        assert_eq!(
            parse_dependencies(field),
            ["libc6", "libgit2-1.5", "rustc-web", "binutils", "gcc"]
        );
        assert!(parse_dependencies("\n").is_empty());
    }
}
