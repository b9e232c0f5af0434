//! `cargo xtask golden`: makes the golden files again, with PyTorch as the reference.

use crate::process;
use crate::project::Project;
use anyhow::{Context as _, Result, bail};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// Environment variable with the Python to use.
const PYTHON_VARIABLE: &str = "RLLR_PYTHON";

/// Runs every script in `tests/golden/make`, in the order of their names, and says what changed.
///
/// # Errors
/// When there is no Python with torch, no script, or a script fails.
pub fn run(project: &Project) -> Result<()> {
    let python = std::env::var_os(PYTHON_VARIABLE).unwrap_or_else(|| OsString::from("python3"));
    let version = match torch_version(project.command(&python)) {
        Ok(version) => version,
        Err(error) => bail!(
            "{error:#}\nThe golden files are made with PyTorch, which `{}` does not have. Do one of these:\n  \
             pip install torch --index-url https://download.pytorch.org/whl/cpu\n  \
             export {PYTHON_VARIABLE}=/path/to/a/python/with/torch",
            python.to_string_lossy()
        ),
    };
    println!(
        "golden: {} with torch {}",
        python.to_string_lossy(),
        version.trim()
    );
    let scripts = scripts(project)?;
    for script in &scripts {
        process::run(project.command(&python).arg(script))?;
    }
    println!(
        "golden: {} scripts ran; `git status tests/golden` shows what changed",
        scripts.len()
    );
    Ok(())
}

fn torch_version(mut python: Command) -> Result<String> {
    process::output(python.args(["-c", "import torch; print(torch.__version__)"]))
}

fn scripts(project: &Project) -> Result<Vec<PathBuf>> {
    let folder = project.root.join("tests/golden/make");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut scripts: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .collect();
    if scripts.is_empty() {
        bail!("no Python script in {}", folder.display());
    }
    scripts.sort();
    Ok(scripts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_without_torch_is_an_error() {
        // `-S -E -I` would still find it; a program that refuses every argument stands for such a Python.
        assert!(torch_version(Command::new("false")).is_err());
    }

    #[test]
    fn scripts_are_sorted_and_other_files_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let make = dir.path().join("tests/golden/make");
        std::fs::create_dir_all(&make).unwrap();
        let project = Project {
            root: dir.path().to_path_buf(),
            target: dir.path().join("target"),
        };
        assert!(
            scripts(&project)
                .unwrap_err()
                .to_string()
                .contains("no Python script")
        );
        for name in ["b.py", "a.py", "README.md"] {
            std::fs::write(make.join(name), "").unwrap();
        }
        assert_eq!(scripts(&project).unwrap(), [make.join("a.py"), make.join("b.py")]);
    }
}
