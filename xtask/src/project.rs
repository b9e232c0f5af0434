//! Where things are: the project's root, the build folder, the user's cache, the packages and their targets.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates that know no files, clock, thread or platform. They are linted and tested on both targets.
pub const CORE_CRATES: [&str; 5] = [
    "rllr-task",
    "rllr-model",
    "rllr-reward",
    "rllr-eval",
    "rllr-train",
];

/// The package with the tests that are not beside the code they test.
pub const TESTS_PACKAGE: &str = "rllr-tests";

/// The package of the page and its worker; it is built for the browser only.
pub const WEB_PACKAGE: &str = "rllr-web";

/// The browser's target.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The workspace that these chores belong to.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's build folder: `CARGO_TARGET_DIR`, or `target` in the root.
    pub target: PathBuf,
}

impl Project {
    /// Finds the project from what Cargo tells a program that it runs.
    ///
    /// # Errors
    /// When there is no workspace above this package, as when the program was moved away from its sources.
    pub fn find() -> Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().unwrap_or(&package).to_path_buf();
        if !root.join("Cargo.lock").is_file() {
            bail!(
                "no Cargo.lock in {}: run `cargo xtask` inside a clone of the project",
                root.display()
            );
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => std::path::absolute(dir).context("CARGO_TARGET_DIR is not a path")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A `cargo` command in the root, with the environment that Cargo added for this program taken out again,
    /// so that it sees what a `cargo` typed by hand would see and rebuilds nothing for it.
    #[must_use]
    pub fn cargo(&self) -> Command {
        self.command("cargo")
    }

    /// The same for any program.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        // Without an explicit folder, programs that Cargo starts would each choose their own.
        command.env("CARGO_TARGET_DIR", &self.target);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text == "CARGO" || text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// A folder in the build folder for files that chores make.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn scratch(&self) -> Result<PathBuf> {
        let dir = self.target.join("xtask");
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(dir)
    }

    /// The folder with the built page.
    #[must_use]
    pub fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// The version of a package in `Cargo.lock`.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold the package exactly once.
    pub fn locked_version(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        locked_version(&text, package).with_context(|| format!("in {}", path.display()))
    }

    /// The workspace's packages and their targets, from `cargo metadata`.
    ///
    /// # Errors
    /// When a manifest is broken; Cargo's own message is shown.
    pub fn targets(&self) -> Result<Vec<Target>> {
        let mut cargo = self.cargo();
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let json = crate::process::output(&mut cargo)?;
        let metadata: Value = serde_json::from_str(&json).context("`cargo metadata` did not print JSON")?;
        Ok(targets(&metadata))
    }
}

/// One library, program or test of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The package's name.
    pub package: String,
    /// The target's name, as `--test NAME` or `--bin NAME` takes it.
    pub name: String,
    /// What Cargo calls its kind: `lib`, `bin`, `test`, ...
    pub kind: String,
}

fn targets(metadata: &Value) -> Vec<Target> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for package in list(&metadata["packages"]) {
        for target in list(&package["targets"]) {
            found.push(Target {
                package: text(&package["name"]),
                name: text(&target["name"]),
                kind: text(&target["kind"][0]),
            });
        }
    }
    found
}

fn locked_version(lock: &str, package: &str) -> Result<String> {
    let lock: toml::Table = lock.parse().context("it is not TOML")?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let versions: Vec<&str> = packages
        .into_iter()
        .flatten()
        .filter(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(package))
        .filter_map(|entry| entry.get("version").and_then(toml::Value::as_str))
        .collect();
    match versions.as_slice() {
        [version] => Ok((*version).to_owned()),
        [] => bail!(
            "no package `{package}`: the page is not part of the workspace yet, or the lock file is stale"
        ),
        many => bail!("package `{package}` has several versions: {}", many.join(", ")),
    }
}

/// The user's cache folder for this project: `$XDG_CACHE_HOME/rllr`, else `~/.cache/rllr`.
///
/// # Errors
/// When neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn user_cache() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| Path::new(dir).is_absolute());
    match (cache, std::env::home_dir()) {
        (Some(dir), _) => Ok(PathBuf::from(dir).join("rllr")),
        (None, Some(home)) => Ok(home.join(".cache/rllr")),
        (None, None) => bail!("neither HOME nor XDG_CACHE_HOME is set: set one, so that tools can be kept"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4
[[package]]
name = "a"
version = "1.2.3"
[[package]]
name = "b"
version = "1.0.0"
[[package]]
name = "b"
version = "2.0.0"
"#;

    #[test]
    fn a_locked_version_is_found() {
        assert_eq!(locked_version(LOCK, "a").unwrap(), "1.2.3");
    }

    #[test]
    fn a_missing_or_doubled_package_is_an_error() {
        let missing = locked_version(LOCK, "c").unwrap_err().to_string();
        assert!(missing.contains("no package `c`"), "{missing}");
        let doubled = locked_version(LOCK, "b").unwrap_err().to_string();
        assert!(doubled.contains("1.0.0, 2.0.0"), "{doubled}");
    }

    #[test]
    fn targets_are_read_from_metadata() {
        let metadata: Value = serde_json::from_str(
            r#"{"packages":[{"name":"p","targets":[{"name":"p","kind":["lib"]},{"name":"t","kind":["test"]}]}]}"#,
        )
        .unwrap();
        let found = targets(&metadata);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (
                found[1].package.as_str(),
                found[1].name.as_str(),
                found[1].kind.as_str()
            ),
            ("p", "t", "test")
        );
    }

    #[test]
    fn this_project_is_found_with_its_own_package() {
        let project = Project::find().unwrap();
        let targets = project.targets().unwrap();
        assert!(
            targets
                .iter()
                .any(|target| target.package == "xtask" && target.kind == "bin")
        );
        for crate_name in CORE_CRATES {
            assert!(
                targets.iter().any(|target| target.package == crate_name),
                "{crate_name} is not in the workspace"
            );
        }
    }
}
