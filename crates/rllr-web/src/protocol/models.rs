//! What page and worker say to each other about models that are measured and tried, not trained.
//!
//! A [`ModelRequest`] holds everything that it needs, so that it can be sent again to a fresh worker. Files that the
//! visitor gave travel beside it, in the order in which it names them: those of the model, then that of the data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DeviceChoice, Failure};

/// What the page asks about models. Answered by one last event: [`ModelEvent::Inspected`], [`ModelEvent::Finished`],
/// [`ModelEvent::Answered`], [`ModelEvent::Compared`] or [`ModelEvent::Refused`]; or by `Stopped` after a `Stop`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ModelRequest {
    /// What is in this data, and which tasks fit it?
    Inspect {
        /// The data.
        data: DataSource,
    },
    /// Let a model answer all examples.
    Evaluate {
        /// Where to compute.
        device: DeviceChoice,
        /// The model.
        model: ModelSource,
        /// The examples.
        data: DataSource,
        /// How the model is asked.
        options: AskOptions,
    },
    /// Let a model answer one text, and send the answer while it is written.
    Ask {
        /// Where to compute.
        device: DeviceChoice,
        /// The model.
        model: ModelSource,
        /// Name of the task.
        task_name: String,
        /// The text or texts: `text`, or `text_a` and `text_b`; and the choices by letter.
        texts: BTreeMap<String, String>,
        /// How the model is asked.
        options: AskOptions,
    },
    /// Is one of two models better on the same examples?
    Compare {
        /// Which examples the first has right.
        first: Vec<bool>,
        /// Which the second has right.
        second: Vec<bool>,
    },
}

impl ModelRequest {
    /// The device that the request needs, if it needs one.
    pub fn device(&self) -> Option<DeviceChoice> {
        match self {
            Self::Evaluate { device, .. } | Self::Ask { device, .. } => Some(*device),
            Self::Inspect { .. } | Self::Compare { .. } => None,
        }
    }
}

/// A file that the visitor gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenFile {
    /// Its name, without folders.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was changed, milliseconds since 1970: a file that was changed is read again.
    pub modified: i64,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ModelSource {
    /// The page's own host.
    Shipped {
        /// Its folder below `models/`.
        name: String,
    },
    /// The visitor.
    Given {
        /// `config.json`, weights, `tokenizer.json` and what else belongs to a model.
        files: Vec<GivenFile>,
    },
}

/// Where examples come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DataSource {
    /// A test set that the program holds.
    Embedded {
        /// Name of the task.
        task_name: String,
    },
    /// A file of the visitor.
    Given {
        /// The file.
        file: GivenFile,
        /// How its columns are read; `None` for JSON lines, and before it is known.
        table: Option<TableMapping>,
    },
}

/// How the columns of a CSV or TSV file are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableMapping {
    /// Name of the task.
    pub task_name: String,
    /// `comma`, `tab` or `semicolon`.
    pub delimiter: String,
    /// `double` or `none`.
    pub quoting: String,
    /// `first_line` or `absent`.
    pub header: String,
    /// Our fields (`text`, `text_a`, `text_b`, `label`, `rationale`, `id`, `score`) and the numbers of their columns,
    /// from 0.
    pub columns: BTreeMap<String, usize>,
    /// The file's words for labels, and the task's. A word that is not here stays as it is.
    pub labels: BTreeMap<String, String>,
}

/// How a model is asked; the defaults are those of `rllr eval`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskOptions {
    /// Where a label comes from.
    pub mode: Mode,
    /// Layout of the answers.
    pub format: Format,
    /// Most tokens of an answer.
    pub max_new_tokens: usize,
    /// Only the first so many examples of each task; `None`: all.
    pub limit: Option<usize>,
}

impl Default for AskOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Generate,
            format: Format::RationaleThenLabel,
            max_new_tokens: 512,
            limit: None,
        }
    }
}

/// Where a label comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The model writes an answer, greedily, which is parsed.
    Generate,
    /// The most probable label, without a rationale.
    Likelihood,
}

/// Layout of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The rationale, then the label.
    RationaleThenLabel,
    /// The label, then the rationale.
    LabelThenRationale,
    /// The label alone.
    LabelOnly,
}

/// What the worker says about models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ModelEvent {
    /// A model is being fetched or read.
    Loading {
        /// Bytes that are here.
        done: u64,
        /// Bytes in all.
        total: u64,
        /// Of those that are here, the ones that needed no download.
        cached: u64,
    },
    /// Something to know that stops nothing: no room to keep the model, a piece that was fetched again.
    Notice {
        /// One or two sentences.
        text: String,
    },
    /// The model can be asked.
    Loaded {
        /// How many numbers it has learnt.
        parameters: u64,
        /// Wall time of fetching and building; 0 when it was here already.
        seconds: f64,
    },
    /// What is in the data.
    Inspected(Inspected),
    /// Some examples were answered.
    Rows {
        /// Examples answered so far, over all tasks.
        done: usize,
        /// Examples in all.
        total: usize,
        /// Those answered since the last event.
        rows: Vec<AnsweredRow>,
    },
    /// How good the answers to a task were.
    Measured(Measured),
    /// All examples are answered.
    Finished,
    /// More of an answer.
    Piece {
        /// The text.
        text: String,
    },
    /// The answer is complete.
    Answered(AskedAnswer),
    /// Answer to [`ModelRequest::Compare`].
    Compared(Comparison),
    /// The request cannot be carried out; the worker is well.
    Refused(Failure),
}

/// What is in a file of data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inspected {
    /// Examples by task, as far as they can be read as they are.
    pub tasks: BTreeMap<String, usize>,
    /// The columns of a table; `None` for JSON lines.
    pub table: Option<TableSight>,
    /// All tasks that examples can be mapped to.
    pub known: Vec<TaskForm>,
}

/// A table as it looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSight {
    /// The suggestion, or what was given; a task that is not known is an empty name.
    pub mapping: TableMapping,
    /// Names of the columns.
    pub names: Vec<String>,
    /// The first rows.
    pub sample: Vec<Vec<String>>,
    /// The different words of the label's column; empty where there are too many to be labels.
    pub words: Vec<String>,
    /// Why the file cannot be read with this mapping; `None` when it can.
    pub problem: Option<Failure>,
}

/// What an example of a task looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskForm {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Its texts: `text`, or `text_a` and `text_b`.
    pub fields: Vec<String>,
    /// Its labels, in order. Those of tasks with choices are letters.
    pub labels: Vec<String>,
    /// Whether the label is the letter of a choice.
    pub has_choices: bool,
}

/// One answered example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnsweredRow {
    /// Place among the examples of its task, from 0.
    pub place: usize,
    /// The example's id.
    pub id: String,
    /// Name of the task.
    pub task: String,
    /// The text or texts.
    pub texts: Vec<String>,
    /// The gold label.
    pub label: String,
    /// The predicted label; `None` where the response is no answer.
    pub prediction: Option<String>,
    /// Whether it is the gold one.
    pub correct: bool,
    /// What the model wrote; in likelihood mode the most probable answer.
    pub response: String,
    /// The rationale in it; empty where there is none.
    pub rationale: String,
    /// Probability of each label, in the task's order: after the rationale where one was written.
    pub label_probs: Option<Vec<f64>>,
}

/// How good a model's answers to a task were: the object that `rllr eval` writes, field by field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Name of the task.
    pub task: String,
    /// Number of examples.
    pub n: usize,
    /// Share of right labels.
    pub accuracy: f64,
    /// 95 % bootstrap interval of the accuracy.
    pub accuracy_ci95: [f64; 2],
    /// F1 averaged over the labels.
    pub macro_f1: f64,
    /// Share of responses that are no answer.
    pub invalid_rate: f64,
    /// The task's labels, in the order of `confusion`.
    pub labels: Vec<String>,
    /// Number of examples by gold label (row) and predicted label (column).
    pub confusion: Vec<Vec<usize>>,
    /// Number of responses that are no answer, by gold label.
    pub invalid: Vec<usize>,
    /// Correlation with the gold scores; graded tasks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pearson: Option<f64>,
    /// The same by rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spearman: Option<f64>,
    /// Time for all answers.
    pub seconds: f64,
    /// Tokens that the model wrote, by second; 0 where it wrote none.
    pub tokens_per_second: f64,
}

/// An answer to one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedAnswer {
    /// What the model wrote; in likelihood mode the most probable answer.
    pub response: String,
    /// The rationale in it; empty where there is none.
    pub rationale: String,
    /// The label; `None` where the response is no answer.
    pub label: Option<String>,
    /// The task's labels.
    pub labels: Vec<String>,
    /// Probability of each, among them: after the rationale where one was written.
    pub label_probs: Option<Vec<f64>>,
    /// Tokens that were written.
    pub new_tokens: usize,
    /// Wall time.
    pub seconds: f64,
}

/// Two models on the same examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Accuracy of the first minus that of the second.
    pub difference: f64,
    /// 95 % interval of the difference, by paired bootstrap.
    pub interval: [f64; 2],
    /// p-value of the paired bootstrap; `None` where it is not defined.
    pub bootstrap_p: Option<f64>,
    /// Examples that only the first has right.
    pub only_first: usize,
    /// Examples that only the second has right.
    pub only_second: usize,
    /// p-value of the exact sign test on those; `McNemar`.
    pub exact_p: f64,
}

#[cfg(test)]
mod tests;
