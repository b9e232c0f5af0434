//! What the trained models say of a few held-out examples, for the panels that show the reward.

use serde::{Deserialize, Serialize};

/// Something of each reward model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByModel<T> {
    /// Of the ordinary one, which learned from pairs whose rationales differ.
    pub ordinary: T,
    /// Of the label-sensitive one.
    pub label_sensitive: T,
}

/// What both reward models say of answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inspection {
    /// The task's label words.
    pub labels: Vec<String>,
    /// Held-out texts with rewards of all combinations of rationale and label.
    pub inputs: Vec<InspectedInput>,
    /// Held-out preference pairs.
    pub pairs: Vec<InspectedPair>,
    /// Pairs of answers that the fine-tuned model wrote to the same text, one after the other.
    pub drawn: Vec<DrawnPair>,
    /// `mean |Δ when only the label is flipped| / mean |Δ when only the rationale is swapped|`, over many held-out
    /// examples.
    pub sensitivity: ByModel<f64>,
    /// Share of held-out pairs that are ranked right.
    pub pair_accuracy: ByModel<PairScores>,
    /// The cap of the label reward in RLLR-mixed: the median score of held-out right answers.
    pub label_threshold: f64,
}

/// Share of pairs of each kind that are ranked right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairScores {
    /// Of pairs whose labels differ.
    pub label: f64,
    /// Of pairs whose rationales differ.
    pub rationale: f64,
}

/// A text, and what each combination of rationale and label earns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectedInput {
    /// The text, or the two texts.
    pub text: String,
    /// Index of the right label.
    pub gold: usize,
    /// One rationale in favour of each label, in the order of the labels.
    pub rationales: Vec<String>,
    /// Rewards, `[rationale][label]`.
    pub scores: ByModel<Vec<Vec<f64>>>,
}

/// What the answers of a pair differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairDifference {
    /// Label and rationale: a label-sensitive pair.
    Label,
    /// The rationale alone.
    Rationale,
}

/// A held-out pair with the scores of its answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectedPair {
    /// The text, or the two texts.
    pub text: String,
    /// What the answers differ in.
    pub kind: PairDifference,
    /// The better answer.
    pub chosen: String,
    /// The worse answer.
    pub rejected: String,
    /// Scores of the two, in this order.
    pub scores: ByModel<[f64; 2]>,
}

/// An answer and what both reward models give for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoredAnswer {
    /// The answer as it was written.
    pub response: String,
    /// Index of its label; `None` when it cannot be parsed.
    pub label: Option<usize>,
    /// The scores.
    pub scores: ByModel<f64>,
}

/// Two answers of one model to the same text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnPair {
    /// The text, or the two texts.
    pub text: String,
    /// Index of the right label.
    pub gold: usize,
    /// The answers, in the order in which they were drawn.
    pub answers: [ScoredAnswer; 2],
}

/// What the models answer before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Held-out texts with the answers to them.
    pub inputs: Vec<AnsweredInput>,
    /// Number of held-out examples that accuracy is measured on.
    pub examples: usize,
    /// Accuracy on these.
    pub accuracy: ModelAnswer<f64>,
}

/// Something of each language model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelAnswer<T> {
    /// The fine-tuned model.
    pub sft: T,
    /// After reinforcement learning with the ordinary reward model.
    pub ordinary: T,
    /// After reinforcement learning with the label-sensitive one.
    pub label_sensitive: T,
}

/// A text, and what the three models answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnsweredInput {
    /// The text, or the two texts.
    pub text: String,
    /// Index of the right label.
    pub gold: usize,
    /// The greedy answers.
    pub answers: ModelAnswer<ScoredAnswer>,
}

impl<T> ByModel<T> {
    /// The same of each, made something else.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> ByModel<U> {
        ByModel {
            ordinary: f(self.ordinary),
            label_sensitive: f(self.label_sensitive),
        }
    }

    /// References to both.
    pub fn as_ref(&self) -> ByModel<&T> {
        ByModel {
            ordinary: &self.ordinary,
            label_sensitive: &self.label_sensitive,
        }
    }
}
