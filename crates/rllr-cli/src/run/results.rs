//! What each method came to, by task and seed: `results.jsonl`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rllr_train::Metrics;
use rllr_train::pipeline::Method;
use serde::{Deserialize, Serialize};

use super::directory::RunDirectory;
use crate::data::output::write_json_lines;
use crate::data::rows::read_rows;
use crate::stages::Measured;

/// What one method came to on one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RunResult {
    pub(super) task: String,
    pub(super) method: Method,
    pub(super) seed: u64,
    /// What one model learns: the task, or `all-tasks`.
    pub(super) group: String,
    /// On what nothing was trained on.
    pub(super) held_out: Measured,
    /// On further examples, such as the hand-written ones of an embedded task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) test: Option<Measured>,
    /// The score of the best method without a network, on the held-out examples.
    pub(super) floor: f64,
    /// The cap of RLLR-mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) label_threshold: Option<f32>,
    /// The last evaluation of the reward models that it reads, by their kind.
    pub(super) reward_models: BTreeMap<String, Metrics>,
    /// Time of the method's own training.
    pub(super) seconds: f64,
    /// Directory of its model's stage, from the run's.
    pub(super) stage: String,
    /// Directory of its evaluation, from the run's.
    pub(super) evaluation: String,
}

/// The results of a run's directory, those of earlier commands included.
#[derive(Debug)]
pub(super) struct Results {
    path: PathBuf,
    rows: Vec<RunResult>,
}

impl Results {
    /// Reads what is there; results whose evaluation is gone are forgotten, and so is a file that cannot be read.
    pub(super) fn open(directory: &RunDirectory) -> Self {
        let path = directory.root().join("results.jsonl");
        let mut rows: Vec<RunResult> = read_rows(&path).unwrap_or_default();
        rows.retain(|row| directory.root().join(&row.evaluation).is_dir());
        Self { path, rows }
    }

    /// Adds a result, in place of an older one of the same task, method, seed and group, and writes all of them.
    ///
    /// # Errors
    ///
    /// If the disk cannot be written.
    pub(super) fn add(&mut self, found: RunResult) -> anyhow::Result<()> {
        let key = |row: &RunResult| (row.group.clone(), row.task.clone(), row.seed, row.method);
        self.rows.retain(|row| key(row) != key(&found));
        self.rows.push(found);
        self.rows.sort_by_key(key);
        write_json_lines(&self.path, &self.rows)
    }
}

impl RunResult {
    /// In one line for people.
    pub(super) fn described(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let held_out = &self.held_out.evaluation;
        let test = self.test.as_ref().map_or(String::new(), |test| {
            format!(", {} on test items", percent(test.evaluation.accuracy))
        });
        format!(
            "  {} {} seed {}: {} right on held-out examples{test}; no answer {}",
            self.task,
            self.method,
            self.seed,
            percent(held_out.accuracy),
            percent(held_out.invalid_rate),
        )
    }
}
