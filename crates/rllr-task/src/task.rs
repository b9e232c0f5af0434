//! What a task is: its fields, label words, prompt wordings and metric.
//!
//! Built-in and user-defined tasks have one form, a small TOML file ([`Tasks::from_toml`]):
//!
//! ```
//! let tasks = rllr_task::task::Tasks::from_toml(r#"
//!     [[task]]
//!     name = "weather"
//!     title = "Weather talk"
//!     fields = ["text"]
//!     labels = [
//!       { word = "wet", description = "rain, snow or fog" },
//!       { word = "dry", description = "none of these" },
//!     ]
//!     prompts = ["{text}\nIs it {labels}?"]
//!     metric = "accuracy"
//! "#)?;
//! assert_eq!(tasks.get("weather")?.labels[1].word, "dry", "labels keep their order");
//! # Ok::<(), rllr_task::task::TaskError>(())
//! ```

use std::collections::BTreeMap;

use thiserror::Error;

use crate::example::{Example, Input};
use crate::prompt::Wording;

mod builtin;
mod definition;
#[cfg(test)]
mod tests;

/// More labels than this are not listed in messages.
const MOST_LISTED: usize = 12;

/// Longest word that a message repeats in full, in characters.
const QUOTED_CHARS: usize = 60;

/// A task: what its examples look like, and how it is asked, answered and scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Unique name, the `task` field of every example.
    pub name: String,
    /// Name for people, as it stands in tables.
    pub title: String,
    /// Which texts an example has.
    pub fields: Fields,
    /// The label set, in the order that [`Label`] counts.
    pub labels: Vec<LabelWord>,
    /// Paraphrases of the question, selected by index.
    pub prompts: Vec<Wording>,
    /// How the task is scored.
    pub metric: Metric,
}

/// A label as an index into [`Task::labels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(pub usize);

/// One word of a task's label set.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelWord {
    /// The word that the policy writes.
    pub word: String,
    /// What it means, for people and for prompts to large models.
    pub description: String,
    /// Its value on the task's scale, for graded tasks such as STS-B.
    pub value: Option<f64>,
}

/// Which texts an example of a task has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// `text`.
    Text,
    /// `text_a` and `text_b`.
    Pair,
    /// `text` and `choices`; the label is the letter of a choice.
    Choices,
}

/// How a task is scored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of right labels.
    Accuracy,
    /// F1 of one label, the positive class, beside accuracy.
    F1(String),
    /// F1 averaged over the labels with equal weights.
    MacroF1,
    /// Matthews correlation coefficient.
    Matthews,
    /// Pearson and Spearman correlation of the labels' values with the gold scores.
    Correlation,
}

/// A task definition that cannot be used, or a task that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TaskError {
    /// The file is not TOML, or a field is unknown, missing or of the wrong type.
    #[error("task file: {0}")]
    Toml(String),
    /// A field of a definition has a value that cannot be used.
    #[error("task `{task}`, field `{field}`: found {found}, expected {expected}")]
    Definition {
        /// Name of the task.
        task: String,
        /// Field of the definition.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// No task has this name.
    #[error("task: found {found}, expected one of {expected}")]
    UnknownTask {
        /// The name that was asked for, in quotes.
        found: String,
        /// The known names.
        expected: String,
    },
}

/// An example that does not fit its task.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("example `{id}` of task `{task}`, field `{field}`: found {found}, expected {expected}")]
pub struct ExampleError {
    /// The example's id.
    pub id: String,
    /// Name of the task.
    pub task: String,
    /// Field of the example.
    pub field: &'static str,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

impl Task {
    /// The label with this word; `None` if the task has no such word.
    pub fn label(&self, word: &str) -> Option<Label> {
        self.labels.iter().position(|label| label.word == word).map(Label)
    }

    /// The word of a label.
    pub fn word(&self, label: Label) -> &str {
        let Self { name, labels, .. } = self;
        assert!(
            label.0 < labels.len(),
            "label {} of task {name} with {} labels",
            label.0,
            labels.len()
        );
        &labels[label.0].word
    }

    /// Value of a label on the task's scale; `None` for tasks without one.
    pub fn value(&self, label: Label) -> Option<f64> {
        self.labels.get(label.0)?.value
    }

    /// The label whose value is nearest to `score`, the higher one of two that are equally near
    /// (so STS-B's 2.5 is a 3); `None` for tasks without a scale, and for a score that is not finite.
    pub fn nearest_label(&self, score: f64) -> Option<Label> {
        if !score.is_finite() {
            return None;
        }
        let valued = self
            .labels
            .iter()
            .enumerate()
            .filter_map(|(index, label)| Some((index, label.value?)));
        let closer = |a: &(usize, f64), b: &(usize, f64)| {
            let (distance_a, distance_b) = ((a.1 - score).abs(), (b.1 - score).abs());
            distance_a.total_cmp(&distance_b).then(b.1.total_cmp(&a.1))
        };
        valued.min_by(closer).map(|(index, _)| Label(index))
    }

    /// All label words as a phrase: `entailment, neutral or contradiction`.
    pub fn label_list(&self) -> String {
        let words: Vec<&str> = self.labels.iter().map(|label| label.word.as_str()).collect();
        match words.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => String::new(),
        }
    }

    /// The label words for a message: all of them, or the first few and how many there are.
    pub(crate) fn expected_labels(&self) -> String {
        if self.labels.len() <= MOST_LISTED {
            return self.label_list();
        }
        let first: Vec<&str> = self
            .labels
            .iter()
            .take(3)
            .map(|label| label.word.as_str())
            .collect();
        format!("one of {} labels ({}, ..)", self.labels.len(), first.join(", "))
    }

    /// The gold label of an example, after a check that the example fits this task.
    ///
    /// Where the task is graded and the example has a `score`, the gold label is the nearest one
    /// to the score, so that one file serves scales with different steps.
    ///
    /// # Errors
    /// [`ExampleError`] with what was found and expected: another task, missing or extra texts,
    /// a label that is not in the label set, a choice that is missing.
    pub fn gold_label(&self, example: &Example) -> Result<Label, ExampleError> {
        self.check_input(example)?;
        let from_score = example.score.and_then(|score| self.nearest_label(score));
        let label = from_score.or_else(|| self.label(&example.label));
        let label = label
            .ok_or_else(|| self.mismatch(example, "label", quote(&example.label), self.expected_labels()))?;
        if self.fields == Fields::Choices && !example.choices.contains_key(self.word(label)) {
            let letters: Vec<&str> = example.choices.keys().map(String::as_str).collect();
            let expected = format!("a letter of its choices ({})", letters.join(", "));
            return Err(self.mismatch(example, "label", quote(self.word(label)), expected));
        }
        Ok(label)
    }

    /// Checks everything of an example but its label: a prompt can be made of it.
    ///
    /// # Errors
    /// [`ExampleError`], as for [`Task::gold_label`].
    pub fn check_input(&self, example: &Example) -> Result<(), ExampleError> {
        if example.task != self.name {
            return Err(self.mismatch(example, "task", quote(&example.task), quote(&self.name)));
        }
        let (field, expected) = match (self.fields, &example.input) {
            (Fields::Text | Fields::Choices, Input::Text(_)) | (Fields::Pair, Input::Pair { .. }) => {
                return self.check_choices(example);
            }
            (Fields::Text | Fields::Choices, Input::Pair { .. }) => ("text", "`text` alone"),
            (Fields::Pair, Input::Text(_)) => ("text_a", "`text_a` and `text_b`"),
        };
        let found = match &example.input {
            Input::Text(_) => "`text`",
            Input::Pair { .. } => "`text_a` and `text_b`",
        };
        Err(self.mismatch(example, field, found.to_owned(), expected.to_owned()))
    }

    fn check_choices(&self, example: &Example) -> Result<(), ExampleError> {
        if self.fields != Fields::Choices {
            return Ok(());
        }
        if example.choices.is_empty() {
            let expected = format!("options with the letters {}", self.expected_labels());
            return Err(self.mismatch(example, "choices", "nothing".to_owned(), expected));
        }
        match example.choices.keys().find(|letter| self.label(letter).is_none()) {
            None => Ok(()),
            Some(letter) => Err(self.mismatch(example, "choices", quote(letter), self.expected_labels())),
        }
    }

    fn mismatch(
        &self,
        example: &Example,
        field: &'static str,
        found: String,
        expected: String,
    ) -> ExampleError {
        ExampleError {
            id: example.id.clone(),
            task: self.name.clone(),
            field,
            found,
            expected,
        }
    }
}

/// A set of tasks, found by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tasks {
    by_name: BTreeMap<String, Task>,
}

impl Tasks {
    /// The tasks of the paper and all others that come with this crate.
    pub fn builtin() -> Self {
        builtin::tasks()
    }

    /// Reads task definitions: `[[task]]` tables with `name`, `title` (default: the name), `fields`,
    /// `labels` (or `grades`), `prompts` and `metric` (default: accuracy).
    ///
    /// # Errors
    /// [`TaskError`], naming the task and the field.
    pub fn from_toml(text: &str) -> Result<Self, TaskError> {
        definition::parse(text)
    }

    /// Adds a task. A task of the same name is replaced and returned.
    pub fn insert(&mut self, task: Task) -> Option<Task> {
        self.by_name.insert(task.name.clone(), task)
    }

    /// Adds all tasks of another set; tasks of the same name are replaced.
    pub fn extend(&mut self, other: Self) {
        self.by_name.extend(other.by_name);
    }

    /// The task with this name.
    ///
    /// # Errors
    /// [`TaskError::UnknownTask`] with the known names.
    pub fn get(&self, name: &str) -> Result<&Task, TaskError> {
        self.by_name.get(name).ok_or_else(|| TaskError::UnknownTask {
            found: quote(name),
            expected: self.by_name.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// All tasks, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        self.by_name.values()
    }

    /// Number of tasks.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// A word in quotes for a message; cut if it is long.
fn quote(word: &str) -> String {
    match word.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("`{}..`", &word[..end]),
        None => format!("`{word}`"),
    }
}
