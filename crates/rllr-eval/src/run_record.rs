//! What a run came to: everything that a report shows, and nothing that has to be computed by a model.

use std::collections::BTreeMap;

use rllr_task::mismatch::Mismatch;
use serde::{Deserialize, Serialize};

use crate::evaluation::Evaluation;

/// What a run came to: methods by tasks and seeds, with all that explains the numbers.
///
/// Plain data in a stable form, so that a report can be made again, or by another program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunRecord {
    /// What the run is called.
    pub title: String,
    /// The method that others are compared with. Empty: `sft-rationale` where it ran, else the first method.
    pub baseline: String,
    /// One entry a method, task and seed, in the order in which methods are shown.
    pub methods: Vec<MethodRecord>,
    /// One entry a reward model, task and seed.
    pub reward_models: Vec<RewardModelRecord>,
    /// What ordinary preference pairs, ranked among sampled responses, differ in.
    pub sampled_pairs: Vec<PairCounts>,
    /// Training curves.
    pub curves: Vec<Curve>,
    /// The same question answered before and after.
    pub samples: Vec<SamplePair>,
    /// The whole configuration, in TOML.
    pub config: String,
    /// The files that the run read.
    pub data: Vec<DataFile>,
    /// Versions of the program and of what it computes with, and the device.
    pub versions: BTreeMap<String, String>,
    /// What a reader should know: warnings of the run, things that are missing.
    pub notes: Vec<String>,
}

/// One method on one task with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodRecord {
    /// Its name, such as `rllr-mixed`.
    pub method: String,
    /// Seed of its data order and samples.
    pub seed: u64,
    /// How good it is on held-out examples of one task, which the evaluation names.
    pub held_out: Evaluation,
    /// How good it is on a second set, such as hand-written test items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Evaluation>,
    /// Right or wrong for each held-out example; without it no paired test can be made.
    #[serde(default)]
    pub outcomes: Vec<Outcome>,
    /// Accuracy of the best method without a network on the same examples, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// The label threshold of RLLR-mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_threshold: Option<f64>,
    /// Time for training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// Whether one example was answered rightly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The example. The same id means the same text, whatever the seed.
    pub id: String,
    /// Whether the label was the gold one.
    pub correct: bool,
}

/// One reward model, measured on held-out pairs of both kinds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardModelRecord {
    /// The kind of pairs that it was trained on: `label` or `rationale`.
    pub trained_on: String,
    /// Name of the task.
    pub task: String,
    /// Its seed.
    pub seed: u64,
    /// Share of label-sensitive pairs in which the chosen response has the higher score, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_accuracy: Option<f64>,
    /// The same of rationale-sensitive pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rationale_accuracy: Option<f64>,
    /// By how much a flipped label moves the score, against a swapped rationale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_sensitivity: Option<f64>,
    /// Chosen minus rejected score of each held-out label-sensitive pair.
    pub label_margins: Vec<f64>,
    /// The same of rationale-sensitive pairs.
    pub rationale_margins: Vec<f64>,
}

/// How many pairs of each class there are among ordinary preference pairs of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairCounts {
    /// Name of the task.
    pub task: String,
    /// The seed that the responses were drawn with.
    pub seed: u64,
    /// The counts.
    pub counts: Mismatch,
}

/// One number over the steps of one stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Curve {
    /// What was trained: a method's name, or `label-reward` and `rationale-reward`.
    pub stage: String,
    /// Name of the task.
    pub task: String,
    /// Its seed.
    pub seed: u64,
    /// The number's published name, such as `objective/kl`.
    pub metric: String,
    /// Step, counted from 1, and value.
    pub points: Vec<(usize, f64)>,
}

/// One question, and what two models answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplePair {
    /// Name of the task.
    pub task: String,
    /// The seed.
    pub seed: u64,
    /// The method that answered after.
    pub method: String,
    /// The example.
    pub id: String,
    /// What the models read.
    pub prompt: String,
    /// The gold label.
    pub label: String,
    /// The answer of the model that the method began with.
    pub before: String,
    /// Whether its label is the gold one.
    pub before_correct: bool,
    /// The answer after training.
    pub after: String,
    /// Whether its label is the gold one.
    pub after_correct: bool,
}

/// A file that the run read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataFile {
    /// Its name, or what it holds.
    pub name: String,
    /// Hash of its content, with the name of the function before a colon.
    pub hash: String,
    /// Number of rows that were used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
}

impl RunRecord {
    /// The tasks, in the order of their first results.
    #[must_use]
    pub fn tasks(&self) -> Vec<&str> {
        distinct(self.methods.iter().map(|record| record.held_out.task.as_str()))
    }

    /// The methods, in the order of their first results.
    #[must_use]
    pub fn method_names(&self) -> Vec<&str> {
        distinct(self.methods.iter().map(|record| record.method.as_str()))
    }

    /// The seeds, in the order of their first results.
    #[must_use]
    pub fn seeds(&self) -> Vec<u64> {
        distinct(self.methods.iter().map(|record| record.seed))
    }

    /// The method that others are compared with; `None` without results.
    #[must_use]
    pub fn baseline(&self) -> Option<&str> {
        let names = self.method_names();
        let wanted = if self.baseline.is_empty() {
            "sft-rationale"
        } else {
            &self.baseline
        };
        let found = names.iter().find(|&&name| name == wanted);
        found.or(names.first()).copied()
    }
}

/// Each value once, in the order of first appearance.
fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}
