//! A run that is kept: what a fresh worker needs to go on with it, and what the page needs to show it.
//!
//! It has the same form in the browser's private file system, where the worker writes it, and in the one file that the
//! page saves and `rllr` reads:
//!
//! ```text
//! run.json                         AboutRun
//! events.jsonl                     a TimedEvent a line
//! model/config.json, …             the files of a model in Hugging Face's layout, without its weights
//! checkpoints/STAGE/NAME/…         the newest checkpoint of each stage, as rllr-train writes it
//! ```
//!
//! This module knows no DOM and no Burn.

mod archive;
#[cfg(target_arch = "wasm32")]
pub mod message;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::live::{LiveSettings, LiveSettingsError, StageName, TimedEvent};
use crate::protocol::DeviceChoice;

/// The version of the form.
pub const KEPT_FORMAT: u32 = 1;

/// What the run is.
pub const ABOUT: &str = "run.json";
/// What it told.
pub const EVENTS: &str = "events.jsonl";
/// The folder of the model's files.
pub const MODEL: &str = "model";
/// The folder of the checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";
/// The last file of a checkpoint that is written: without it, the checkpoint is not whole.
pub const MANIFEST: &str = "manifest.json";

/// What a kept run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutRun {
    /// [`KEPT_FORMAT`].
    pub format: u32,
    /// The commit of the program that made it; empty when it was not told.
    pub commit: String,
    /// When it began, in milliseconds since 1970.
    pub begun_ms: f64,
    /// Where it was computed.
    pub device: DeviceChoice,
    /// Its settings.
    pub settings: LiveSettings,
}

/// Files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A checkpoint of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// Its name, `step-000000020`.
    pub name: String,
    /// Its files.
    pub files: Files,
}

/// A run that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptRun {
    /// What it is.
    pub about: AboutRun,
    /// What happened, as far as the last checkpoint or further.
    pub events: Vec<TimedEvent>,
    /// Configuration and tokenizer of the model.
    pub model: Files,
    /// The newest checkpoint of each stage that has one; at least one.
    pub checkpoints: BTreeMap<StageName, KeptCheckpoint>,
}

/// Why something is not a kept run of this version.
#[derive(Debug, thiserror::Error)]
pub enum KeptRunError {
    /// Not an archive, or a part of one.
    #[error("not a whole tar archive: {0}")]
    Archive(String),
    /// A file that each has.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// Other JSON.
    #[error("{file}, line {line}: {source}")]
    Json {
        /// The file.
        file: &'static str,
        /// The line, from 1.
        line: usize,
        /// What the JSON reader says.
        source: serde_json::Error,
    },
    /// Another version.
    #[error("format {found}, expected {KEPT_FORMAT}: another version of rllr made it")]
    Format {
        /// Its format.
        found: u32,
    },
    /// A setting that this version does not allow.
    #[error("{ABOUT}: {0}")]
    Settings(#[from] LiveSettingsError),
    /// Nothing to go on from.
    #[error("there is no whole checkpoint in it")]
    NoCheckpoint,
}

impl AboutRun {
    /// The file.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("these are plain data, so writing cannot fail")
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`KeptRunError`]: other JSON, another version, settings out of their ranges.
    pub fn from_json(bytes: &[u8]) -> Result<Self, KeptRunError> {
        /// The version alone, which is read first: other versions have other fields.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let json = |source: serde_json::Error| KeptRunError::Json {
            file: ABOUT,
            line: source.line(),
            source,
        };
        let Version { format: found } = serde_json::from_slice(bytes).map_err(json)?;
        if found != KEPT_FORMAT {
            return Err(KeptRunError::Format { found });
        }
        let about: Self = serde_json::from_slice(bytes).map_err(json)?;
        about.settings.validate()?;
        Ok(about)
    }
}

/// A line of `events.jsonl`.
pub fn event_line(event: &TimedEvent) -> String {
    let mut line = serde_json::to_string(event).expect("these are plain data, so writing cannot fail");
    line.push('\n');
    line
}

/// Reads `events.jsonl`. A last line without its end was being written when the worker was lost, and is left out.
fn read_events(bytes: &[u8]) -> Result<Vec<TimedEvent>, KeptRunError> {
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let lines = bytes[..whole].split(|byte| *byte == b'\n').enumerate();
    let read = |(index, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|source| KeptRunError::Json {
            file: EVENTS,
            line: index + 1,
            source,
        })
    };
    lines.filter(|(_, line)| !line.is_empty()).map(read).collect()
}

impl KeptRun {
    /// Puts a run together from its files, by their paths. Checkpoints that are not whole, older ones, and files of other
    /// names are left out.
    ///
    /// # Errors
    /// [`KeptRunError`] when it cannot be gone on with.
    pub fn from_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, KeptRunError> {
        let (mut about, mut events, mut model) = (None, Vec::new(), Files::new());
        let mut all: BTreeMap<StageName, BTreeMap<String, Files>> = BTreeMap::new();
        for (path, bytes) in files {
            match path.split('/').collect::<Vec<_>>()[..] {
                [ABOUT] => about = Some(AboutRun::from_json(&bytes)?),
                [EVENTS] => events = read_events(&bytes)?,
                [MODEL, file] => drop(model.insert(file.to_owned(), bytes)),
                [CHECKPOINTS, stage, name, file] => {
                    let Some(stage) = StageName::from_name(stage) else {
                        continue;
                    };
                    let of_stage = all.entry(stage).or_default();
                    of_stage
                        .entry(name.to_owned())
                        .or_default()
                        .insert(file.to_owned(), bytes);
                }
                _ => {}
            }
        }
        let newest = |(stage, named): (StageName, BTreeMap<String, Files>)| {
            let mut whole = named
                .into_iter()
                .filter(|(_, files)| files.contains_key(MANIFEST));
            let (name, files) = whole.next_back()?;
            Some((stage, KeptCheckpoint { name, files }))
        };
        let checkpoints: BTreeMap<_, _> = all.into_iter().filter_map(newest).collect();
        let about = about.ok_or(KeptRunError::Missing(ABOUT))?;
        if checkpoints.is_empty() {
            return Err(KeptRunError::NoCheckpoint);
        }
        Ok(Self {
            about,
            events,
            model,
            checkpoints,
        })
    }

    /// The files, by their paths.
    pub fn into_files(self) -> Vec<(String, Vec<u8>)> {
        let Self {
            about,
            events,
            model,
            checkpoints,
        } = self;
        let events: String = events.iter().map(event_line).collect();
        let mut files = vec![
            (ABOUT.to_owned(), about.to_json().into_bytes()),
            (EVENTS.to_owned(), events.into_bytes()),
        ];
        let model = model.into_iter();
        files.extend(model.map(|(file, bytes)| (format!("{MODEL}/{file}"), bytes)));
        for (stage, KeptCheckpoint { name, files: inner }) in checkpoints {
            let folder = format!("{CHECKPOINTS}/{}/{name}", stage.name());
            let mut inner: Vec<_> = inner.into_iter().collect();
            // So that a part of a file has no checkpoint that seems to be whole.
            inner.sort_by_key(|(file, _)| file == MANIFEST);
            files.extend(
                inner
                    .into_iter()
                    .map(|(file, bytes)| (format!("{folder}/{file}"), bytes)),
            );
        }
        files
    }

    /// Where it goes on: the newest stage with a checkpoint, and the steps that it has done.
    pub fn place(&self) -> Option<(StageName, usize)> {
        let (stage, checkpoint) = self.checkpoints.last_key_value()?;
        Some((*stage, step_of(&checkpoint.name)))
    }
}

/// The step in a checkpoint's name, `step-000000020`; 0 in another one.
pub fn step_of(name: &str) -> usize {
    let number = name.rsplit('-').next().unwrap_or_default();
    number.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests;
