//! Building the page: trunk compiles page and worker and makes the folder that a static host can serve.

use crate::check::{browser_test_packages, package_tree};
use crate::models;
use crate::offline;
use crate::process;
use crate::project::{Project, WASM_TARGET, WEB_PACKAGE};
use crate::setup::BuildTools;
use crate::strip;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Builds the page in release; returns its folder.
/// `public_url` is the path under which a host will show it; without one, its links are relative and work anywhere.
///
/// # Errors
/// When it does not compile, or trunk lacks something.
pub fn build(project: &Project, tools: &BuildTools, public_url: Option<&str>) -> Result<PathBuf> {
    fetch(project, tools)?;
    let dist = project.dist();
    let mut trunk = project.command(&tools.trunk);
    tools.apply(&mut trunk)?;
    // trunk takes NO_COLOR for one of its flags and refuses the values that others give it.
    trunk.env_remove("NO_COLOR");
    if let Some(commit) = commit(project) {
        trunk.env("RLLR_COMMIT", commit);
    }
    // Offline, because everything is here: trunk would otherwise look for newer versions of itself and its tools.
    trunk.args(["build", "--release", "--offline", "--skip-version-check"]);
    trunk.arg("--dist").arg(&dist);
    if let Some(public_url) = public_url {
        trunk.args(["--public-url", public_url]);
    }
    process::run(&mut trunk).context("the page was not built")?;
    if !dist.join("index.html").is_file() {
        bail!(
            "trunk succeeded, but there is no index.html in {}",
            dist.display()
        );
    }
    strip::worker(&dist)?;
    models::deliver(&project.root.join("assets/models"), &dist, models::PIECE_BYTES)?;
    offline::list_files(&dist)?;
    Ok(dist)
}

/// The commit that is built, for the page to show; nothing outside a git clone.
fn commit(project: &Project) -> Option<String> {
    let mut git = project.command("git");
    let described = process::output(git.args(["describe", "--always", "--dirty", "--abbrev=12"])).ok()?;
    Some(described.trim().to_owned())
}

/// Lets Cargo fetch the sources that it does not have; without a network it may well have them all.
fn fetch(project: &Project, tools: &BuildTools) -> Result<()> {
    let mut cargo = project.cargo();
    tools.apply(&mut cargo)?;
    if let Err(error) = process::run(cargo.args(["fetch", "--locked", "--target", WASM_TARGET])) {
        eprintln!("{error:#}: going on with what is here");
    }
    Ok(())
}

/// The modules of page and worker as Cargo built them, with names, before trunk's tools changed them.
///
/// # Errors
/// When `index.html` names no programs, or one's module is missing.
pub fn built_modules(project: &Project) -> Result<Vec<PathBuf>> {
    let path = project.root.join("index.html");
    let html = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let programs = programs(&html);
    if programs.is_empty() {
        bail!(
            "{} has no `<link data-trunk rel=\"rust\" data-bin=..>`",
            path.display()
        );
    }
    let mut modules = Vec::new();
    for (program, profile) in programs {
        let folder = project.target.join(WASM_TARGET).join(profile);
        let module = folder.join(program).with_extension("wasm");
        if !module.is_file() {
            bail!("the build of the page left no {}", module.display());
        }
        modules.push(module);
    }
    Ok(modules)
}

/// The programs that trunk builds, each with the Cargo profile of its release.
fn programs(html: &str) -> Vec<(&str, &str)> {
    let tags = html
        .split("<link ")
        .skip(1)
        .filter_map(|rest| rest.split('>').next());
    let rust = tags.filter(|tag| attribute(tag, "rel") == Some("rust"));
    rust.filter_map(|tag| {
        Some((
            attribute(tag, "data-bin")?,
            attribute(tag, "data-cargo-profile-release").unwrap_or("release"),
        ))
    })
    .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let before = format!("{name}=\"");
    tag.split_once(before.as_str())?.1.split('"').next()
}

/// Checks that the tests in the browser are built from the same packages with the same features as the worker.
/// One feature more in a small crate below Burn, and Burn is compiled twice: ten minutes on two cores.
///
/// # Errors
/// When a package of the worker has other features in the tests; the message names it.
pub fn check_shared_build(project: &Project) -> Result<()> {
    let worker = [
        "-e",
        "normal",
        "-p",
        WEB_PACKAGE,
        "--no-default-features",
        "--features",
        "worker",
    ];
    let worker = package_tree(project, &worker)?;
    let tests = [&["-e", "normal,dev"], browser_test_packages().as_slice()].concat();
    let tests = package_tree(project, &tests)?;
    let differing = only_in_first(&worker, &tests);
    if differing.is_empty() {
        return Ok(());
    }
    bail!(
        "the worker and the tests in the browser compile these packages differently, and all that needs them twice:\n  {}\n\
         Give rllr-tests the same features for the browser's target.",
        differing.join("\n  ")
    )
}

/// The registry's packages of both lists that stand in the first with features that they have nowhere in the second.
fn only_in_first(first: &str, second: &str) -> Vec<String> {
    // "burn v0.22.1 [std] (*)": the star marks a repetition. A path marks a package of the workspace.
    let packages = |list: &str| -> BTreeSet<String> {
        let lines = list
            .lines()
            .map(|line| line.trim_end_matches("(*)").trim().to_owned());
        lines
            .filter(|line| !line.is_empty() && !line.contains('/'))
            .collect()
    };
    let (first, second) = (packages(first), packages(second));
    // What only the worker uses is compiled once anyway.
    let name = |package: &str| package.split(" [").next().unwrap_or_default().to_owned();
    let shared: BTreeSet<String> = second.iter().map(|package| name(package)).collect();
    first
        .difference(&second)
        .filter(|package| shared.contains(&name(package)))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_their_profiles_are_read() {
        let html = r#"<head><link data-trunk rel="css" href="a.css">
            <link data-trunk rel="rust" data-bin="page" data-cargo-profile-release="small">
            <link data-trunk rel="rust" data-bin="worker" data-type="worker"></head>"#;
        assert_eq!(programs(html), [("page", "small"), ("worker", "release")]);
        assert!(programs("<p>none</p>").is_empty());
    }

    #[test]
    fn differing_features_are_found() {
        let worker = "rllr-web v0.1.0 (/x/crates/rllr-web) [worker]\nburn v0.22.1 [std]\nweb-sys v0.3.1 [A,B]\nburn v0.22.1 [std] (*)\nfutures-channel v0.3.34 []\n";
        let tests = "burn v0.22.1 [std]\nweb-sys v0.3.1 [A]\nproptest v1.0.0 []\n";
        assert_eq!(only_in_first(worker, tests), ["web-sys v0.3.1 [A,B]"]);
        assert!(only_in_first(worker, worker).is_empty());
    }
}
