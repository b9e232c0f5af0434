//! The directory of a run: stages that are whole or absent, and are repeated only when something that they depend on
//! changed. `docs/formats.md` describes it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::data::load::bad_input;
use crate::data::output::write_whole;
use crate::hashes;
use crate::stages::Begin;

#[cfg(test)]
mod tests;

/// Version of the layout.
const FORMAT: u32 = 1;

/// What a run's directory is known by.
const RUN_FILE: &str = "run.json";

/// What a stage was made of and what it made.
const STAGE_FILE: &str = "stage.json";

/// What becomes of stages that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// Finished ones are kept when nothing changed; half-done ones are an error.
    Finished,
    /// Half-done ones go on where they stopped, too.
    HalfDone,
    /// Nothing is kept.
    Nothing,
}

/// A run's directory, held by this process alone.
#[derive(Debug)]
pub(super) struct RunDirectory {
    root: PathBuf,
    reuse: Reuse,
    /// Hashes of inputs that were read already: stages are whole, so they do not change.
    hashes: RefCell<HashMap<PathBuf, String>>,
    /// Released when the process ends, however that happens.
    _lock: File,
}

/// A stage by name, with everything that its outcome depends on.
#[derive(Debug)]
pub(super) struct StagePlan {
    /// Its directory from the root: `sst2/seed-0/rllr`.
    pub(super) path: String,
    /// The settings that it reads.
    pub(super) settings: serde_json::Value,
    /// What it reads: name and file or directory.
    pub(super) inputs: Vec<(String, PathBuf)>,
}

/// A stage that is being made.
#[derive(Debug)]
pub(super) struct OpenStage {
    /// Where it is made; it gets its name when it is whole.
    pub(super) directory: PathBuf,
    /// Whether there may be a checkpoint to go on from.
    pub(super) begin: Begin,
}

/// A stage that is whole.
#[derive(Clone, Debug)]
pub(super) struct WholeStage {
    /// Its directory.
    pub(super) directory: PathBuf,
    /// What it was made of.
    pub(super) record: StageRecord,
    /// Whether it was there already.
    pub(super) was_there: bool,
}

/// `stage.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StageRecord {
    pub(super) format: u32,
    pub(super) stage: String,
    pub(super) key: String,
    pub(super) settings: serde_json::Value,
    pub(super) inputs: BTreeMap<String, String>,
    /// Empty while the stage is not finished.
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) seconds: f64,
    pub(super) program: String,
}

impl RunDirectory {
    /// Opens a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for a directory with something else in it; otherwise when it
    /// cannot be written, or another run writes there.
    pub(super) fn open(root: &Path, reuse: Reuse) -> anyhow::Result<Self> {
        let name = root.display();
        fs::create_dir_all(root).with_context(|| format!("--out {name}"))?;
        let lock_path = root.join(".lock");
        let is_run = root.join(RUN_FILE).exists() || lock_path.exists();
        let mut entries = fs::read_dir(root).with_context(|| format!("--out {name}"))?;
        if !is_run && entries.next().is_some() {
            return Err(bad_input(format!(
                "--out {name}: found a directory with something else in it, expected a run's, an empty one or none"
            )));
        }
        let lock = File::create(&lock_path).with_context(|| format!("--out {name}"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => anyhow::bail!("--out {name}: another run is writing there"),
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("--out {name}")),
        }
        sweep_files(root)?;
        Ok(Self {
            root: root.to_owned(),
            reuse,
            hashes: RefCell::default(),
            _lock: lock,
        })
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes a stage, unless it is there already, made of the same.
    ///
    /// # Errors
    ///
    /// What `work` returns; what is done then stays in `STAGE.partial`. And
    /// [`ExitError::BadInput`](crate::exit::ExitError) for a half-done stage when nobody said what to do with it.
    pub(super) fn stage(
        &self,
        plan: StagePlan,
        work: impl FnOnce(&OpenStage) -> anyhow::Result<()>,
    ) -> anyhow::Result<WholeStage> {
        let whole = self.root.join(&plan.path);
        let partial = with_ending(&whole, ".partial");
        let mut record = self.record(plan)?;
        let begun = read_record(&partial).filter(|begun| begun.key == record.key);

        // 1. Is it there?
        let go_on = self.reuse == Reuse::HalfDone && begun.is_some();
        if self.reuse != Reuse::Nothing
            && !go_on
            && let Some(found) = read_record(&whole)
            && found.key == record.key
            && is_whole(&whole, &found)
        {
            return Ok(WholeStage {
                directory: whole,
                record: found,
                was_there: true,
            });
        }

        // 2. Is it half-done?
        match begun {
            Some(begun) if self.reuse != Reuse::Nothing => {
                if self.reuse == Reuse::Finished && has_checkpoint(&partial) {
                    return Err(bad_input(format!(
                        "{} is half-done: --resume goes on with it, --force begins anew",
                        whole.display()
                    )));
                }
                record.seconds = begun.seconds + unrecorded_seconds(&partial);
                sweep(&partial)?;
            }
            _ => remove(&partial)?,
        }

        // 3. Make it.
        fs::create_dir_all(&partial)
            .with_context(|| format!("making the directory {}", partial.display()))?;
        write_record(&partial, &record)?;
        let start = Instant::now();
        let before = record.seconds;
        let worked = work(&OpenStage {
            directory: partial.clone(),
            begin: Begin::GoOn,
        });
        record.seconds = before + start.elapsed().as_secs_f64();
        if let Err(error) = worked {
            // The first error is the one to report.
            let _ = write_record(&partial, &record);
            return Err(error);
        }
        self.finish(&partial, &whole, record)
    }

    /// Gives a stage that is done its name.
    fn finish(&self, partial: &Path, whole: &Path, mut record: StageRecord) -> anyhow::Result<WholeStage> {
        // In one move: with some of its files gone a checkpoint could not be read, and a resumed run would stop there.
        let (checkpoints, dropped) = (partial.join("checkpoints"), partial.join("checkpoints.replaced"));
        if checkpoints.exists() {
            fs::rename(&checkpoints, &dropped)
                .with_context(|| format!("moving {} out of the way", checkpoints.display()))?;
        }
        remove(&dropped)?;
        record.outputs = hashes::of_files(partial)?;
        record.outputs.remove(STAGE_FILE);
        write_record(partial, &record)?;
        let replaced = with_ending(whole, ".replaced");
        remove(&replaced)?;
        if whole.exists() {
            fs::rename(whole, &replaced)
                .with_context(|| format!("moving {} out of the way", whole.display()))?;
        }
        fs::rename(partial, whole).with_context(|| format!("naming {}", whole.display()))?;
        remove(&replaced)?;
        self.hashes
            .borrow_mut()
            .retain(|path, _| !path.starts_with(whole));
        Ok(WholeStage {
            directory: whole.to_owned(),
            record,
            was_there: false,
        })
    }

    fn record(&self, plan: StagePlan) -> anyhow::Result<StageRecord> {
        let StagePlan {
            path,
            settings,
            inputs,
        } = plan;
        let stage = path.rsplit('/').next().unwrap_or_default().to_owned();
        let mut hashed = BTreeMap::new();
        for (name, path) in inputs {
            hashed.insert(name, self.hash(&path)?);
        }
        Ok(StageRecord {
            format: FORMAT,
            key: hashes::of_json(&(FORMAT, &stage, &settings, &hashed))?,
            stage,
            settings,
            inputs: hashed,
            outputs: BTreeMap::new(),
            seconds: 0.0,
            program: concat!("rllr ", env!("CARGO_PKG_VERSION")).to_owned(),
        })
    }

    fn hash(&self, path: &Path) -> anyhow::Result<String> {
        if let Some(known) = self.hashes.borrow().get(path) {
            return Ok(known.clone());
        }
        let found = hashes::of_path(path)?;
        self.hashes.borrow_mut().insert(path.to_owned(), found.clone());
        Ok(found)
    }

    /// Writes the file that a run's directory is known by.
    ///
    /// # Errors
    ///
    /// If the disk cannot be written.
    pub(super) fn write_run_file(&self, run: &impl Serialize) -> anyhow::Result<()> {
        write_json(&self.root.join(RUN_FILE), run)
    }
}

/// Writes a value as a JSON file that is whole or absent.
///
/// # Errors
///
/// If the disk cannot be written.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    write_whole(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        Ok(out.write_all(b"\n")?)
    })
}

fn write_record(directory: &Path, record: &StageRecord) -> anyhow::Result<()> {
    write_json(&directory.join(STAGE_FILE), record)
}

/// A record that can be read and has our format; anything else is as good as none.
fn read_record(directory: &Path) -> Option<StageRecord> {
    let text = fs::read_to_string(directory.join(STAGE_FILE)).ok()?;
    let record: StageRecord = serde_json::from_str(&text).ok()?;
    (record.format == FORMAT).then_some(record)
}

/// Whether every output is there as it was written.
fn is_whole(directory: &Path, record: &StageRecord) -> bool {
    let Ok(mut found) = hashes::of_files(directory) else {
        return false;
    };
    found.remove(STAGE_FILE);
    !record.outputs.is_empty() && found == record.outputs
}

/// How long a killed process worked after it last wrote the stage's record: until the last file of the stage was written.
fn unrecorded_seconds(partial: &Path) -> f64 {
    let modified = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    let entries = fs::read_dir(partial).into_iter().flatten().flatten();
    let last = entries.filter_map(|entry| modified(&entry.path())).max();
    let worked = last
        .zip(modified(&partial.join(STAGE_FILE)))
        .and_then(|(last, record)| last.duration_since(record).ok());
    worked.map_or(0.0, |worked| worked.as_secs_f64())
}

fn has_checkpoint(partial: &Path) -> bool {
    let Ok(entries) = fs::read_dir(partial.join("checkpoints")) else {
        return false;
    };
    let is_checkpoint = |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().starts_with('.');
    entries.flatten().any(|entry| is_checkpoint(&entry))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Removes the files, of those that are not a stage's, that a killed process had begun to write.
fn sweep_files(root: &Path) -> anyhow::Result<()> {
    let at = || format!("reading {}", root.display());
    for entry in fs::read_dir(root).with_context(at)? {
        let path = entry.with_context(at)?.path();
        if path.is_file() && path.extension().is_some_and(|ending| ending == "partial") {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    let report = root.join("report");
    if report.is_dir() { sweep(&report) } else { Ok(()) }
}

/// Removes what a killed process had begun to write: files and directories under their temporary names.
fn sweep(directory: &Path) -> anyhow::Result<()> {
    let at = || format!("reading {}", directory.display());
    for entry in fs::read_dir(directory).with_context(at)? {
        let path = entry.with_context(at)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_temporary = name.ends_with(".partial") || name.ends_with(".replaced");
        match (is_temporary, path.is_dir()) {
            (true, true) => remove(&path)?,
            (true, false) => {
                fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?
            }
            (false, true) => sweep(&path)?,
            (false, false) => {}
        }
    }
    Ok(())
}

/// Removes a directory, if it is there.
fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
