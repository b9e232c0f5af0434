//! `cargo xtask check`: everything that a machine can judge without running tests, fast things first.
//!
//! All steps run, so that one call shows all that is wrong. A step whose program is absent is skipped and counted.

use crate::page;
use crate::process;
use crate::project::{CORE_CRATES, Project, TESTS_PACKAGE, WASM_TARGET, WEB_PACKAGE};
use crate::setup::BuildTools;
use anyhow::{Context as _, Result, bail};
use std::process::Command;
use std::time::Instant;

/// Features that the native build is linted and tested with: GPU tests on whatever adapter there is.
/// One set for all native commands, so that Cargo compiles the dependencies once.
pub const NATIVE_FEATURES: &str = "rllr-tests/gpu,rllr-cli/gpu";

/// Runs all checks.
///
/// # Errors
/// When any of them fails; the message names them.
pub fn run(project: &Project) -> Result<()> {
    let mut checks = Checks {
        project,
        failed: Vec::new(),
        skipped: Vec::new(),
        passed: 0,
    };
    checks.optional("typos", "typos", "typos-cli", &["--config", "_typos.toml"]);
    checks.cargo("format", &["fmt", "--all", "--check"]);
    checks.optional(
        "dependencies",
        "cargo-deny",
        "cargo-deny",
        &["check", "bans", "licenses", "sources"],
    );
    let native = [
        "--workspace",
        "--exclude",
        WEB_PACKAGE,
        "--features",
        NATIVE_FEATURES,
    ];
    checks.cargo(
        "lints, native",
        &[
            &["clippy"],
            &native[..],
            &["--all-targets", "--", "-D", "warnings"],
        ]
        .concat(),
    );
    checks.documentation(&native);
    checks.browser();
    checks.finish()
}

struct Checks<'a> {
    project: &'a Project,
    failed: Vec<String>,
    skipped: Vec<String>,
    passed: u32,
}

impl Checks<'_> {
    /// Runs one step and notes how it ended.
    fn step(&mut self, name: &str, step: impl FnOnce(&Project) -> Result<()>) {
        println!("\n== {name}");
        let start = Instant::now();
        match step(self.project) {
            Ok(()) => {
                self.passed += 1;
                println!("-- {name}: ok ({:.1} s)", start.elapsed().as_secs_f64());
            }
            Err(error) => {
                println!("-- {name}: FAILED: {error:#}");
                self.failed.push(name.to_owned());
            }
        }
    }

    fn cargo(&mut self, name: &str, arguments: &[&str]) {
        self.step(name, |project| process::run(project.cargo().args(arguments)));
    }

    /// A step with a program that not everybody has.
    fn optional(&mut self, name: &str, program: &str, package: &str, arguments: &[&str]) {
        if process::find(program).is_some() {
            self.step(name, |project| {
                process::run(project.command(program).args(arguments))
            });
        } else {
            println!(
                "\n== {name}\nSKIPPED: `{program}` is not installed; to install it: cargo install {package} --locked"
            );
            self.skipped.push(name.to_owned());
        }
    }

    fn documentation(&mut self, packages: &[&str]) {
        self.step("documentation", |project| {
            let mut cargo = project.cargo();
            cargo.env("RUSTDOCFLAGS", "-D warnings");
            process::run(cargo.args(["doc", "--no-deps"]).args(packages))
        });
    }

    /// The steps for the browser's target. In release, so that they share macros and build scripts with the page.
    fn browser(&mut self) {
        self.step("shared build of page and tests", page::check_shared_build);
        self.step("lints, browser", |project| {
            let tools = BuildTools::ensure(project)?;
            let mut cargo = project.cargo();
            tools.apply(&mut cargo)?;
            cargo.args([
                "clippy",
                "--release",
                "--target",
                WASM_TARGET,
                "--lib",
                "--bins",
                "--tests",
            ]);
            for package in CORE_CRATES.iter().chain(&[WEB_PACKAGE]) {
                cargo.args(["-p", package]);
            }
            process::run(cargo.args(["--", "-D", "warnings"]))
        });
    }

    fn finish(self) -> Result<()> {
        let Self {
            failed,
            skipped,
            passed,
            ..
        } = self;
        println!(
            "\ncheck: {passed} ok, {} failed, {} skipped",
            failed.len(),
            skipped.len()
        );
        if !skipped.is_empty() {
            println!("check: skipped: {}", skipped.join(", "));
        }
        if !failed.is_empty() {
            bail!("these checks failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

/// Asks Cargo which packages a selection is made of, one `name version (features)` a line.
///
/// # Errors
/// When Cargo refuses the selection.
pub(crate) fn package_tree(project: &Project, selection: &[&str]) -> Result<String> {
    let mut cargo: Command = project.cargo();
    cargo.args([
        "tree",
        "--target",
        WASM_TARGET,
        "--prefix",
        "none",
        "--format",
        "{p} [{f}]",
    ]);
    process::output(cargo.args(selection))
        .with_context(|| format!("cannot list the packages of {}", selection.join(" ")))
}

/// The selection of the tests that run in a browser.
pub(crate) fn browser_test_packages() -> Vec<&'static str> {
    CORE_CRATES
        .iter()
        .chain(&[TESTS_PACKAGE])
        .flat_map(|package| ["-p", package])
        .collect()
}
