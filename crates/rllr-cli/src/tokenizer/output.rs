//! Writing a tokenizer's directory, whole or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rllr_model::TokenizerFiles;
use rllr_model::tokenizer::TokenizerFile;

use crate::data::load::bad_input;

/// Refuses a path where something stands that may not be replaced: anything, or with `--force` anything but a tokenizer.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) naming what is in the way.
pub(super) fn check_free(out: &Path, force: bool) -> anyhow::Result<()> {
    if !out.exists() {
        return Ok(());
    }
    let refuse = |why: String| Err(bad_input(format!("--out {}: {why}", out.display())));
    if !out.is_dir() {
        return refuse("found a file, expected a directory or nothing".to_owned());
    }
    for entry in fs::read_dir(out)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !force {
            return refuse(format!("it holds {name}; use --force to replace a tokenizer"));
        }
        // `config.json` is among the files that are read for a tokenizer, and it is the model's.
        if !TokenizerFiles::NAMES.contains(&name.as_str()) || name == "config.json" {
            return refuse(format!(
                "it holds {name}, which is no tokenizer's: choose another directory"
            ));
        }
    }
    Ok(())
}

/// Writes files under a temporary name beside the directory and renames it when all are on the disk.
///
/// # Errors
///
/// As [`check_free`], and if the disk cannot be written; then what was there before is there still.
pub(super) fn write_directory(out: &Path, files: &[TokenizerFile], force: bool) -> anyhow::Result<()> {
    let parent = out
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("making the directory {}", parent.display()))?;
    let partial = sibling(out, "partial")?;
    let written = write_files(&partial, files).and_then(|()| {
        check_free(out, force)?;
        let replaced = sibling(out, "replaced")?;
        if out.exists() {
            fs::rename(out, &replaced)?;
        }
        if let Err(error) = fs::rename(&partial, out) {
            // The first error is the one to report.
            let _ = fs::rename(&replaced, out);
            return Err(error.into());
        }
        if replaced.exists() {
            fs::remove_dir_all(&replaced)?;
        }
        Ok(())
    });
    if written.is_err() {
        // As above; a partial directory that cannot be removed does no harm.
        let _ = fs::remove_dir_all(&partial);
    }
    written.with_context(|| format!("writing {}", out.display()))
}

fn write_files(directory: &Path, files: &[TokenizerFile]) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    for TokenizerFile { name, bytes } in files {
        let mut file = File::create(directory.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    Ok(())
}

/// `.name.123.partial` for `name`.
fn sibling(path: &Path, kind: &str) -> anyhow::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| bad_input(format!("--out {}: expected a name", path.display())))?;
    let name = format!(".{}.{}.{kind}", name.to_string_lossy(), std::process::id());
    Ok(path.with_file_name(name))
}
