//! `cargo xtask test`: every test, natively, in a headless browser, and of the built page.

use crate::check::{NATIVE_FEATURES, browser_test_packages};
use crate::counts::{Counts, Reader, Runner};
use crate::page;
use crate::process;
use crate::project::{Project, TESTS_PACKAGE, Target, WASM_TARGET, WEB_PACKAGE};
use crate::setup::{self, Browser, BuildTools};
use anyhow::{Context as _, Result};
use std::path::PathBuf;
use std::process::Command;

/// Test programs that examine the built page; they run last, when it is built.
const PAGE_TESTS: [&str; 4] = ["constructors", "wasm_size", "browser", "browser_evaluator"];

/// Environment variable with the folder of the built page, for the tests of the page.
pub const DIST_VARIABLE: &str = "RLLR_DIST";

/// Environment variable with the modules to examine, separated as in `PATH`, for the test `constructors`.
pub const MODULES_VARIABLE: &str = "RLLR_WASM_FILES";

/// A group of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Stage {
    /// Tests compiled for this machine.
    Native,
    /// Tests compiled for the browser, run in headless Chrome.
    Wasm,
    /// Tests of the built page.
    Page,
}

/// Runs the stages, or one of them, and prints the closing line. Returns the counts that it shows.
///
/// # Errors
/// When something is missing that cannot be installed. Tests that fail are no error but a count.
pub fn run(project: &Project, only: Option<Stage>) -> Result<Counts> {
    let wanted = |stage| only.is_none_or(|only| only == stage);
    let mut run = Run {
        project,
        targets: project.targets()?,
        counts: Counts::default(),
        reasons: Vec::new(),
    };
    // Installed first: a missing part should be known before a long compilation, not after it.
    let browser_tools = if wanted(Stage::Wasm) || wanted(Stage::Page) {
        Some((BuildTools::ensure(project)?, setup::ensure_browser()?))
    } else {
        None
    };
    if wanted(Stage::Native) {
        setup::ensure_vulkan();
        run.native()?;
    }
    let mut modules = Vec::new();
    if let Some((tools, browser)) = &browser_tools {
        if wanted(Stage::Wasm) {
            modules = run.wasm(tools, browser)?;
        }
        if wanted(Stage::Page) {
            run.page(tools, browser, modules)?;
        }
    }
    Ok(run.finish())
}

struct Run<'a> {
    project: &'a Project,
    targets: Vec<Target>,
    counts: Counts,
    reasons: Vec<String>,
}

impl Run<'_> {
    fn native(&mut self) -> Result<()> {
        let tests = self.test_names(|target| {
            target.package != WEB_PACKAGE && !PAGE_TESTS.contains(&target.name.as_str())
        });
        let (mut command, runner) = self.native_command(&["--lib", "--bins"], &tests)?;
        self.tests("native", &mut command, runner)?;

        let mut cargo = self.project.cargo();
        cargo.args([
            "test",
            "--workspace",
            "--exclude",
            WEB_PACKAGE,
            "--features",
            NATIVE_FEATURES,
            "--doc",
            "--no-fail-fast",
        ]);
        self.tests("examples in the documentation", &mut cargo, Runner::Libtest)?;

        // What the page's package can do without a browser; alone, because its features are not those of the others.
        let mut cargo = self.project.cargo();
        cargo.args([
            "test",
            "-p",
            WEB_PACKAGE,
            "--no-default-features",
            "--lib",
            "--",
            "--nocapture",
        ]);
        self.tests("the page's own logic", &mut cargo, Runner::Libtest)
    }

    /// Returns the test modules of the tests' package, for the test of their constructors.
    fn wasm(&mut self, tools: &BuildTools, browser: &Browser) -> Result<Vec<PathBuf>> {
        let packages = browser_test_packages();
        let tests = self.test_names(|target| {
            packages.contains(&target.package.as_str()) && !PAGE_TESTS.contains(&target.name.as_str())
        });
        let mut cargo = self.project.cargo();
        tools.apply(&mut cargo)?;
        browser.apply(self.project, &mut cargo)?;
        // Core crates do not say where their tests run, so it is said here. The runner's own limit is 20 s.
        cargo
            .env("WASM_BINDGEN_USE_BROWSER", "1")
            .env("WASM_BINDGEN_TEST_TIMEOUT", "600");
        cargo
            .args([
                "test",
                "--release",
                "--target",
                WASM_TARGET,
                "--no-fail-fast",
                "--lib",
            ])
            .args(&packages);
        for test in &tests {
            cargo.args(["--test", test]);
        }
        cargo.args(["--", "--nocapture"]);

        let own: Vec<String> = self
            .targets
            .iter()
            .filter(|target| target.package == TESTS_PACKAGE)
            .map(|target| target.name.replace('-', "_"))
            // Its library holds no tests: nobody runs that module, nor its constructors.
            .filter(|name| *name != TESTS_PACKAGE.replace('-', "_"))
            .collect();
        let mut modules = Vec::new();
        self.tests_seen("headless browser", &mut cargo, Runner::Libtest, |line| {
            modules.extend(test_module(line).filter(|path| own.iter().any(|name| is_built_from(path, name))));
        })?;
        Ok(modules)
    }

    fn page(&mut self, tools: &BuildTools, browser: &Browser, mut modules: Vec<PathBuf>) -> Result<()> {
        println!("\n== page");
        let dist = match page::build(self.project, tools, None).and_then(|dist| {
            modules.extend(page::built_modules(self.project)?);
            Ok(dist)
        }) {
            Ok(dist) => dist,
            Err(error) => {
                println!("-- page: FAILED: {error:#}");
                self.counts.failed += 1;
                return Ok(());
            }
        };
        let tests = self.test_names(|target| PAGE_TESTS.contains(&target.name.as_str()));
        let (mut command, runner) = self.native_command(&[], &tests)?;
        browser.apply(self.project, &mut command)?;
        command.env(DIST_VARIABLE, dist);
        command.env(
            MODULES_VARIABLE,
            std::env::join_paths(modules).context("a module's path holds a separator")?,
        );
        self.tests("page", &mut command, runner)
    }

    /// One build for all native tests: the same packages and features, whichever of the tests are run.
    fn native_command(&self, others: &[&str], tests: &[String]) -> Result<(Command, Runner)> {
        let nextest = process::find("cargo-nextest").is_some();
        let mut cargo = self.project.cargo();
        if nextest {
            cargo.args([
                "nextest",
                "run",
                "--color",
                "never",
                "--hide-progress-bar",
                "--no-tests",
                "warn",
            ]);
            cargo.args(["--success-output", "immediate", "--failure-output", "immediate"]);
        } else {
            cargo.arg("test");
        }
        cargo.args([
            "--no-fail-fast",
            "--workspace",
            "--exclude",
            WEB_PACKAGE,
            "--features",
            NATIVE_FEATURES,
        ]);
        cargo.args(others);
        for test in tests {
            cargo.args(["--test", test]);
        }
        if !nextest {
            cargo.args(["--", "--nocapture"]);
        }
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            // Vulkan's software driver asks for it.
            cargo.env("XDG_RUNTIME_DIR", self.project.scratch()?);
        }
        Ok((cargo, if nextest { Runner::Nextest } else { Runner::Libtest }))
    }

    fn test_names(&self, wanted: impl Fn(&Target) -> bool) -> Vec<String> {
        let tests = self
            .targets
            .iter()
            .filter(|target| target.kind == "test" && wanted(target));
        tests.map(|target| target.name.clone()).collect()
    }

    fn tests(&mut self, name: &str, command: &mut Command, runner: Runner) -> Result<()> {
        self.tests_seen(name, command, runner, |_| {})
    }

    /// Runs one command of tests, shows and counts what it prints, and lets the caller see each line.
    fn tests_seen(
        &mut self,
        name: &str,
        command: &mut Command,
        runner: Runner,
        mut see: impl FnMut(&str),
    ) -> Result<()> {
        println!("\n== {name}");
        let mut reader = Reader::new(runner);
        let status = process::stream(command.env("CARGO_TERM_COLOR", "never"), |line| {
            see(line);
            if reader.line(line) {
                println!("{line}");
            }
        })?;
        let mut counts = reader.counts();
        if !status.success() && counts.failed == 0 {
            // It did not compile, or died before it could count.
            println!("-- {name}: the command failed ({status}) without a failed test: counted as one");
            counts.failed = 1;
        }
        println!("-- {name}: {counts}");
        self.counts += counts;
        self.reasons
            .extend(reader.reasons().iter().map(|reason| format!("{name}: {reason}")));
        Ok(())
    }

    fn finish(self) -> Counts {
        if !self.reasons.is_empty() {
            println!("\nskipped:");
            for reason in &self.reasons {
                println!("  {reason}");
            }
        }
        println!("\n{}", self.counts);
        self.counts
    }
}

/// The module in Cargo's line `Running tests/x.rs (target/.../x-0123456789abcdef.wasm)`.
fn test_module(line: &str) -> Option<PathBuf> {
    let path = line
        .trim()
        .strip_prefix("Running ")?
        .strip_suffix(')')?
        .rsplit_once('(')?
        .1;
    path.ends_with(".wasm").then(|| PathBuf::from(path))
}

/// Whether a module's file name is that of a target, with the hash that Cargo appends.
fn is_built_from(module: &std::path::Path, target: &str) -> bool {
    let stem = module.file_stem().unwrap_or_default().to_string_lossy();
    stem.rsplit_once('-')
        .is_some_and(|(name, _hash)| name.replace('-', "_") == target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_read_from_what_cargo_says() {
        let line = "     Running tests/training.rs (/t/wasm32-unknown-unknown/release/deps/training-1da36ae8ac7f7c1f.wasm)";
        let module = test_module(line).unwrap();
        assert!(is_built_from(&module, "training"));
        assert!(!is_built_from(&module, "train"));
        assert_eq!(
            test_module("     Running unittests src/lib.rs (target/debug/deps/nx-72ee6507dc2c5010)"),
            None
        );
        assert_eq!(test_module("test Running ... ok"), None);
    }

    #[test]
    fn page_tests_exist_under_their_names() {
        // A renamed test would silently run before the page is built, and skip itself.
        let targets = Project::find().unwrap().targets().unwrap();
        for name in ["constructors", "wasm_size"] {
            assert!(
                targets
                    .iter()
                    .any(|target| target.kind == "test" && target.name == name),
                "no test `{name}`"
            );
        }
    }
}
