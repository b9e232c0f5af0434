//! One labelled text, in the uniform form that every reader produces and every later stage consumes.

use std::collections::BTreeMap;

/// A labelled text of one task, with whatever explanations its source has.
///
/// The field names are those of the uniform JSON-lines form (`docs/formats.md`).
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Unique over all tasks: `<task>-<split>-<number>` in the project's own files.
    pub id: String,
    /// Name of the task, the key of [`Task`](crate::Task).
    pub task: String,
    /// What the policy reads.
    pub input: Input,
    /// The gold label: one word of the task's label set.
    pub label: String,
    /// One text in favour of the gold label.
    pub rationale: Option<String>,
    /// Who wrote `rationale`; `None` means a person, `"rule"` a rule of this crate.
    pub rationale_by: Option<String>,
    /// One text in favour of each label, right and wrong alike, by one writer.
    pub rationales: BTreeMap<String, String>,
    /// Answer options by letter, for tasks whose label is a letter.
    pub choices: BTreeMap<String, String>,
    /// Phrases of the text that people marked in favour of a label.
    pub evidence: BTreeMap<String, Vec<String>>,
    /// Further explanations, each for the label that it argues, which may be wrong.
    pub others: Vec<Explanation>,
    /// Graded gold value, for tasks that are scored by correlation (STS-B: 0 to 5).
    pub score: Option<f64>,
    /// Where the row came from, as the source names it.
    pub source: Option<String>,
}

/// The text or the two texts of an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// One text.
    Text(String),
    /// Two texts; in natural-language inference premise and hypothesis.
    Pair {
        /// First text.
        text_a: String,
        /// Second text.
        text_b: String,
    },
}

/// A text that argues for one label.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// Who wrote it, such as `human` or `palm`.
    pub by: String,
    /// The label that it argues for.
    pub label: String,
    /// The explanation.
    pub text: String,
}
