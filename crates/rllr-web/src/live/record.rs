//! A run that was recorded, as a file.

use serde::{Deserialize, Serialize};

use super::event::TimedEvent;
use super::inspection::{Answers, Inspection};
use super::settings::{LiveSettings, LiveSettingsError};
use crate::live::LiveEvent;

/// The version of the file's form.
pub const RECORD_FORMAT: u32 = 1;

/// A run that was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRun {
    /// [`RECORD_FORMAT`].
    pub format: u32,
    /// The commit of the program that made it.
    pub commit: String,
    /// What it was computed on, in words.
    pub device: String,
    /// Its settings.
    pub settings: LiveSettings,
    /// What happened, in order.
    pub events: Vec<TimedEvent>,
}

/// A file that is not a recorded run of this version.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not the JSON that was expected.
    #[error("expected a recorded run of format {RECORD_FORMAT} as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("found format {found}, expected {RECORD_FORMAT}: it was recorded by another version of rllr")]
    Format {
        /// The file's format.
        found: u32,
    },
    /// A setting that this version does not allow.
    #[error(transparent)]
    Settings(#[from] LiveSettingsError),
    /// Something that every run has is not there.
    #[error("expected a whole run, found none with {missing}")]
    Incomplete {
        /// What is missing.
        missing: &'static str,
    },
    /// A table does not fit the labels.
    #[error("{place}: expected {expected}, found {found}")]
    Shape {
        /// Where.
        place: String,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

/// The version alone, which is read first: other versions have other fields.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

impl RecordedRun {
    /// Reads a file and checks that all panels can show it.
    ///
    /// # Errors
    /// [`RecordError`]: other JSON, another version, or a run that did not end.
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        let Version { format: found } = serde_json::from_str(text)?;
        if found != RECORD_FORMAT {
            return Err(RecordError::Format { found });
        }
        let run: Self = serde_json::from_str(text)?;
        run.settings.validate()?;
        check_inspection(run.inspection()?)?;
        check_answers(run.answers()?, run.inspection()?.labels.len())?;
        Ok(run)
    }

    /// The file.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a recorded run has string keys, so writing cannot fail")
    }

    /// What the reward models say.
    ///
    /// # Errors
    /// When it was not recorded.
    pub fn inspection(&self) -> Result<&Inspection, RecordError> {
        let found = self.events.iter().rev().find_map(|timed| match &timed.event {
            LiveEvent::Inspected(inspection) => Some(inspection),
            _ => None,
        });
        found.ok_or(RecordError::Incomplete {
            missing: "the rewards of answers",
        })
    }

    /// What the models answer.
    ///
    /// # Errors
    /// When it was not recorded.
    pub fn answers(&self) -> Result<&Answers, RecordError> {
        let found = self.events.iter().rev().find_map(|timed| match &timed.event {
            LiveEvent::Answered(answers) => Some(answers),
            _ => None,
        });
        found.ok_or(RecordError::Incomplete {
            missing: "the answers of the trained models",
        })
    }
}

/// Every matrix is square in the labels, and every index is one of them.
fn check_inspection(inspection: &Inspection) -> Result<(), RecordError> {
    let labels = inspection.labels.len();
    for (row, input) in inspection.inputs.iter().enumerate() {
        let place = |what: &str| format!("input {row}, {what}");
        check_index(input.gold, labels, || place("gold"))?;
        check_len(input.rationales.len(), labels, || place("rationales"))?;
        for matrix in [&input.scores.ordinary, &input.scores.label_sensitive] {
            check_len(matrix.len(), labels, || place("rows of scores"))?;
            for scores in matrix {
                check_len(scores.len(), labels, || place("columns of scores"))?;
            }
        }
    }
    for (row, pair) in inspection.drawn.iter().enumerate() {
        let found = pair.answers.iter().filter_map(|answer| answer.label);
        for label in found.chain([pair.gold]) {
            check_index(label, labels, || format!("drawn pair {row}, label"))?;
        }
    }
    Ok(())
}

fn check_answers(answers: &Answers, labels: usize) -> Result<(), RecordError> {
    for (row, input) in answers.inputs.iter().enumerate() {
        let all = &input.answers;
        let found = [&all.sft, &all.ordinary, &all.label_sensitive].map(|answer| answer.label);
        for label in found.into_iter().flatten().chain([input.gold]) {
            check_index(label, labels, || format!("answers to input {row}, label"))?;
        }
    }
    Ok(())
}

fn check_len(found: usize, expected: usize, place: impl Fn() -> String) -> Result<(), RecordError> {
    if found == expected {
        return Ok(());
    }
    let place = place();
    Err(RecordError::Shape {
        place,
        expected,
        found,
    })
}

fn check_index(found: usize, labels: usize, place: impl Fn() -> String) -> Result<(), RecordError> {
    if found < labels {
        return Ok(());
    }
    let place = place();
    Err(RecordError::Shape {
        place,
        expected: labels.saturating_sub(1),
        found,
    })
}

#[cfg(test)]
mod tests;
