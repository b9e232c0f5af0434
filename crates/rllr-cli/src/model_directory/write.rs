//! Writing a model's directory: under a temporary name beside its own, renamed when it is whole.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rllr_model::{DeviceWeights, ExportOptions, ExportPlan, INDEX_FILE_NAME, WeightsError};

use super::CONFIG;
use crate::data::load::bad_input;

/// What to do with a model that is already where the new one should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Leave it alone and fail.
    Refuse,
    /// Replace it by the new one. Only a directory that looks like a model's is replaced.
    Replace,
}

/// A directory that is being written. Dropped before [`DirectoryWriter::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct DirectoryWriter {
    target: PathBuf,
    partial: PathBuf,
    overwrite: Overwrite,
    finished: bool,
}

impl DirectoryWriter {
    /// Begins to write the directory `target`, whose parents are made.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) when there is something that may not be replaced; otherwise if
    /// the disk cannot be written.
    pub fn begin(target: &Path, overwrite: Overwrite) -> anyhow::Result<Self> {
        check_target(target, overwrite)?;
        let parent = parent_of(target);
        fs::create_dir_all(&parent).with_context(|| format!("making the directory {}", parent.display()))?;
        let partial = sibling(target, "partial")?;
        // Left by a run of the same process number that was killed.
        if partial.exists() {
            fs::remove_dir_all(&partial).with_context(|| format!("removing {}", partial.display()))?;
        }
        fs::create_dir(&partial).with_context(|| format!("making the directory {}", partial.display()))?;
        Ok(Self {
            target: target.to_owned(),
            partial,
            overwrite,
            finished: false,
        })
    }

    /// Writes one file and waits until the disk has it.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or `write` fails.
    pub fn file(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let path = self.partial.join(name);
        let written = (|| {
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
            write(&mut file)?;
            file.into_inner()
                .map_err(|error| error.into_error())?
                .sync_all()?;
            anyhow::Ok(())
        })();
        written.with_context(|| format!("writing {}", self.target.join(name).display()))
    }

    /// Gives the directory its name. What was there before is gone afterwards.
    ///
    /// If the program is killed between the two renames of a replacement, the old model is still there, under a name
    /// that ends in `.replaced`.
    ///
    /// # Errors
    ///
    /// As [`DirectoryWriter::begin`]. If the disk cannot be written, the old model is put back.
    pub fn finish(mut self) -> anyhow::Result<()> {
        let Self { target, partial, .. } = &self;
        // Somebody may have written there since the beginning.
        check_target(target, self.overwrite)?;
        let parent = parent_of(target);
        sync_directory(partial)?;
        let replaced = if target.exists() {
            let replaced = sibling(target, "replaced")?;
            fs::rename(target, &replaced)
                .with_context(|| format!("moving {} out of the way", target.display()))?;
            Some(replaced)
        } else {
            None
        };
        if let Err(error) = fs::rename(partial, target) {
            if let Some(replaced) = &replaced {
                // The first error is the one to report.
                let _ = fs::rename(replaced, target);
            }
            return Err(error).with_context(|| format!("naming the directory {}", target.display()));
        }
        sync_directory(&parent)?;
        if let Some(replaced) = &replaced {
            fs::remove_dir_all(replaced).with_context(|| format!("removing {}", replaced.display()))?;
        }
        self.finished = true;
        Ok(())
    }
}

impl Drop for DirectoryWriter {
    fn drop(&mut self) {
        if !self.finished {
            // A partial directory that cannot be removed does no harm.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

/// Writes a module's weights, reading them from the device a chunk at a time.
///
/// # Errors
///
/// If a number does not fit the stored type, or the device or the disk fails.
pub fn write_weights(
    directory: &DirectoryWriter,
    weights: &DeviceWeights,
    options: &ExportOptions,
) -> anyhow::Result<ExportPlan> {
    let plan = weights.plan(options)?;
    for file in &plan.files {
        directory.file(&file.name, |out| {
            out.write_all(&file.header)?;
            for names in weights.chunks(&file.tensors)? {
                let tensors = pollster::block_on(weights.read(names))?;
                for (name, tensor) in names.iter().zip(tensors) {
                    let bytes = plan.stored_type.encode(name, &tensor.data);
                    out.write_all(&bytes.map_err(too_large)?)?;
                }
            }
            Ok(())
        })?;
    }
    if let Some(index) = &plan.index {
        directory.file(INDEX_FILE_NAME, |out| Ok(out.write_all(index.as_bytes())?))?;
    }
    Ok(plan)
}

/// A number that does not fit the stored type is an answer to what the user asked for, not a failure of ours.
fn too_large(error: WeightsError) -> anyhow::Error {
    match error {
        WeightsError::TooLarge { .. } => bad_input(format!("{error}; --dtype f32 holds it")),
        other => other.into(),
    }
}

/// Whether `target` may be written.
fn check_target(target: &Path, overwrite: Overwrite) -> anyhow::Result<()> {
    if !target.exists() {
        return Ok(());
    }
    let name = target.display();
    if !target.is_dir() {
        return Err(bad_input(format!(
            "--out {name}: found a file, expected a directory or nothing"
        )));
    }
    let entries = fs::read_dir(target)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(|| format!("reading the directory {name}"))?;
    if entries.is_empty() {
        return Ok(());
    }
    if overwrite == Overwrite::Refuse {
        return Err(bad_input(format!(
            "--out {name}: there is something already; --force replaces a model"
        )));
    }
    // `--force` with a slip of the pen must not remove a home directory.
    let has_directory = entries.iter().any(|entry| entry.path().is_dir());
    if has_directory || !target.join(CONFIG).is_file() {
        return Err(bad_input(format!(
            "--out {name}: found a directory that is not a model's, which --force does not replace"
        )));
    }
    Ok(())
}

/// The directory that holds `target`.
fn parent_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// `.NAME.PROCESS.ending` beside `target`.
fn sibling(target: &Path, ending: &str) -> anyhow::Result<PathBuf> {
    let Some(name) = target.file_name() else {
        let message = format!("--out {}: expected a name for the directory", target.display());
        return Err(bad_input(message));
    };
    let mut sibling = std::ffi::OsString::from(".");
    sibling.push(name);
    sibling.push(format!(".{}.{ending}", std::process::id()));
    Ok(parent_of(target).join(sibling))
}

/// Waits until the disk has the names of a directory's files. Only Unix can say that of a directory.
fn sync_directory(path: &Path) -> anyhow::Result<()> {
    if cfg!(unix) {
        File::open(path)
            .and_then(|directory| directory.sync_all())
            .with_context(|| format!("waiting for the disk to have {}", path.display()))?;
    }
    Ok(())
}
