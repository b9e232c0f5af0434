//! Debian's newer compiler as a second rustup toolchain, for machines where rustup can download nothing.
//!
//! Debian's packages conflict with other compilers, so installing them could remove the user's own.
//! They are therefore only unpacked, into a folder of this project, and linked into rustup from there.
//! What they depend on is ordinary (shared libraries, the linker) and is installed as usual.

use super::apt;
use crate::process;
use crate::project::{Project, user_cache};
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name under which rustup knows the compiler.
pub(super) const TOOLCHAIN: &str = "rllr-web";

/// Packages that are unpacked whole. Each conflicts with another compiler's package.
const UNPACKED: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-clippy",
    "libstd-rust-web-dev",
    "rust-web-src",
];

/// Only the standard library is needed of the 340 MB of sources.
const SOURCES: [&str; 2] = ["./usr/src/rustc-*/library", "./usr/lib/rustlib"];

/// Whether an earlier run has linked the compiler.
pub(super) fn is_linked() -> bool {
    rustup_home().is_some_and(|home| {
        home.join("toolchains")
            .join(TOOLCHAIN)
            // Not the compiler itself: earlier versions of this program unpacked it without the lints.
            .join("bin/cargo-clippy")
            .is_file()
    })
}

/// Unpacks the compiler, installs what it depends on, and links it.
pub(super) fn install(project: &Project) -> Result<()> {
    eprintln!("unpacking Debian's Rust compiler for the browser's target (about 360 MB)");
    apt::update()?;
    let cache = user_cache()?;
    let prefix = cache.join("debian-rust");
    // Whatever happens on the way, the final name holds a whole toolchain or nothing.
    let partial = cache.join("debian-rust.partial");
    remove(&partial)?;
    std::fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
    let libraries = unpack(&partial)?;
    link_libraries(&partial.join("usr"))?;
    let missing: Vec<&str> = libraries
        .iter()
        .map(String::as_str)
        .filter(|name| !apt::is_installed(name))
        .collect();
    if !missing.is_empty() {
        apt::install(&missing)?;
    }
    link_linker(&partial.join("usr"), &libraries)?;
    remove(&prefix)?;
    std::fs::rename(&partial, &prefix).with_context(|| format!("cannot create {}", prefix.display()))?;
    let mut rustup = project.command("rustup");
    process::run(
        rustup
            .args(["toolchain", "link", TOOLCHAIN])
            .arg(prefix.join("usr")),
    )?;
    fetch_std_dependencies(project, &prefix)
}

/// Fetches and unpacks the packages; returns the names of the other packages that they need.
fn unpack(prefix: &Path) -> Result<BTreeSet<String>> {
    let files = prefix.join("packages");
    std::fs::create_dir_all(&files)?;
    apt::download(&UNPACKED, &files)?;
    // The compiler proper is a shared library in a package whose name holds the version.
    let driver = apt::dependencies(&apt::package_file(&files, "libstd-rust-web-dev")?)?
        .into_iter()
        .find(|name| name.starts_with("libstd-rust-web-"))
        .context("Debian's libstd-rust-web-dev no longer names the package with the compiler's library")?;
    apt::download(&[&driver], &files)?;

    let mut needed = BTreeSet::new();
    for package in UNPACKED.into_iter().chain([driver.as_str()]) {
        let file = apt::package_file(&files, package)?;
        needed.extend(apt::dependencies(&file)?);
        if package == "rust-web-src" {
            unpack_sources(&file, prefix)?;
        } else {
            process::run(
                Command::new("dpkg-deb")
                    .arg("-x")
                    .args([&file, &prefix.to_path_buf()]),
            )?;
        }
    }
    remove(&files)?;
    needed.retain(|name| !UNPACKED.contains(&name.as_str()) && *name != driver);
    let llvm = llvm_version(&needed).context("Debian's compiler no longer names its LLVM")?;
    needed.insert(format!("lld-{llvm}"));
    Ok(needed)
}

fn unpack_sources(package: &Path, prefix: &Path) -> Result<()> {
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.arg("--fsys-tarfile")
        .arg(package)
        .stdout(std::process::Stdio::piped());
    let mut dpkg = dpkg.spawn().context("cannot start `dpkg-deb`")?;
    let tarball = dpkg.stdout.take().context("`dpkg-deb` has no output")?;
    let mut tar = Command::new("tar");
    tar.args(["-x", "--wildcards", "-C"])
        .arg(prefix)
        .args(SOURCES)
        .stdin(tarball);
    process::run(&mut tar)?;
    dpkg.wait()?;
    Ok(())
}

/// rustup makes a toolchain's `lib` folder known to the loader; Debian keeps its libraries one folder below.
fn link_libraries(usr: &Path) -> Result<()> {
    let lib = usr.join("lib");
    for folder in std::fs::read_dir(&lib)?.flatten() {
        let triplet = folder.file_name();
        if !triplet.to_string_lossy().ends_with("-linux-gnu") {
            continue;
        }
        for library in std::fs::read_dir(folder.path())?.flatten() {
            symlink(
                &Path::new(&triplet).join(library.file_name()),
                &lib.join(library.file_name()),
            )?;
        }
    }
    Ok(())
}

/// The compiler looks for `rust-lld` in its own folder; Debian's linker is installed elsewhere.
fn link_linker(usr: &Path, libraries: &BTreeSet<String>) -> Result<()> {
    let llvm = llvm_version(libraries).context("no LLVM version")?;
    let rustlib = usr.join("lib/rustlib");
    for entry in std::fs::read_dir(&rustlib)?.flatten() {
        // The hosts' folders are those that hold a standard library.
        if entry.path().join("lib").is_dir() {
            let bin = entry.path().join("bin");
            std::fs::create_dir_all(&bin)?;
            symlink(
                &PathBuf::from(format!("/usr/bin/lld-{llvm}")),
                &bin.join("rust-lld"),
            )?;
        }
    }
    Ok(())
}

/// Fetches the few crates that the standard library is built with, so that later builds may be offline.
fn fetch_std_dependencies(project: &Project, prefix: &Path) -> Result<()> {
    let manifest = prefix.join("usr/lib/rustlib/src/rust/library/Cargo.toml");
    let mut cargo = project.cargo();
    cargo
        .env("RUSTUP_TOOLCHAIN", TOOLCHAIN)
        .env("RUSTC_BOOTSTRAP", "1");
    process::run(cargo.args(["fetch", "--locked", "--manifest-path"]).arg(manifest))
}

fn llvm_version(packages: &BTreeSet<String>) -> Option<&str> {
    packages.iter().find_map(|name| name.strip_prefix("libllvm"))
}

fn rustup_home() -> Option<PathBuf> {
    let default = || std::env::home_dir().map(|home| home.join(".rustup"));
    std::env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(default)
}

fn remove(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, link).with_context(|| format!("cannot link {}", link.display()))
}

#[cfg(not(unix))]
fn symlink(_target: &Path, link: &Path) -> Result<()> {
    anyhow::bail!("cannot link {}: Debian's packages are for Debian", link.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_follows_the_compilers_llvm() {
        let packages = ["libc6", "libllvm22", "libstdc++6"].map(str::to_owned).into();
        assert_eq!(llvm_version(&packages), Some("22"));
        assert_eq!(llvm_version(&BTreeSet::new()), None);
    }
}
