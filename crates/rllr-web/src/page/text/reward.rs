//! The sentences of the panels that show the reward.

use crate::live::PairDifference;
use crate::page::reward::annotator::Outcome;

/// Heading.
pub const REWARD_HEADING: &str = "See the reward";
/// Before the reward models are trained.
pub const REWARD_NONE: &str =
    "The panels below show the reward models when both are trained. Until then, look at the recorded run.";

/// Heading.
pub const MATRIX_HEADING: &str = "Rationale and label";
/// What the matrix is.
pub const MATRIX_INTRO: &str = "One text, every rationale with every label. If a reward model reads the rationale, rows \
    win; if it reads the label, the column of the right label wins. Move with the arrow keys.";
/// Label of the choice of text.
pub const INPUT_LABEL: &str = "Text";
/// The models' names.
pub const ORDINARY_MODEL: &str = "Ordinary reward model";
/// The models' names.
pub const LABEL_MODEL: &str = "Label-sensitive reward model";
/// The corner of the matrix.
pub const MATRIX_CORNER: &str = "rationale for ↓, label →";
/// Mark of the right label.
pub const GOLD_MARK: &str = "✓";
/// Mark of the right label for those who hear it.
pub const GOLD_LABEL: &str = "right label";

/// Heading.
pub const FLIP_HEADING: &str = "Flip the label";
/// What flipping is.
pub const FLIP_INTRO: &str =
    "The answer of the selected cell. Change only its label, and see both scores move.";
/// Legend of the labels.
pub const FLIP_LABEL: &str = "Label";
/// Columns.
pub const FLIP_COLUMNS: [&str; 4] = [
    "Reward model",
    "Score",
    "Change from the right label",
    "Label sensitivity",
];
/// What the number is.
pub const SENSITIVITY_EXPLAINED: &str = "Label sensitivity: how much the score changes when only the label is flipped, \
    divided by how much it changes when only the rationale is swapped; 0 means that the label is not read. In brackets: \
    over many held-out texts.";

/// Heading.
pub const MARGINS_HEADING: &str = "Margins of pairs";
/// What the bars are.
pub const MARGINS_INTRO: &str = "One bar for each held-out pair: score of the better answer less score of the worse one. \
    To the right: ranked right. The percentage is the Bradley-Terry probability that the better answer wins.";
/// Columns of the table of margins.
pub const MARGINS_COLUMNS: [&str; 4] = ["Pair", "Margin", "", "Probability"];
/// Heading of a pair's answers.
pub const PAIR_CHOSEN: &str = "Better answer";
/// Heading of a pair's answers.
pub const PAIR_REJECTED: &str = "Worse answer";
/// Before a pair is chosen.
pub const PAIR_NONE: &str = "Choose a pair to read its answers.";

/// Heading.
pub const PLANE_HEADING: &str = "The plane of both rewards";
/// What the plane is.
pub const PLANE_INTRO: &str = "RLLR-mixed rewards min(label score, threshold) + rationale score. Each mark is an answer; \
    along a line all answers earn the same. Drag the threshold, or move it with the arrow keys: beyond it a surer label \
    earns nothing more, and only the rationale counts.";
/// Axis.
pub const PLANE_X: &str = "label score";
/// Axis.
pub const PLANE_Y: &str = "rationale score";
/// The slider.
pub const THRESHOLD: &str = "Threshold of the label score";
/// Legend: marks.
pub const PLANE_LEGEND: &str = "Circle: right label. Cross: wrong label. Darker: more reward.";
/// The table behind the plane.
pub const PLANE_TABLE: &str = "The answers as a table";
/// Columns.
pub const PLANE_COLUMNS: [&str; 5] = [
    "Rationale for",
    "Label",
    "Label score",
    "Rationale score",
    "Reward",
];

/// Heading.
pub const ANSWERS_HEADING: &str = "Before and after";
/// What is shown.
pub const ANSWERS_INTRO: &str = "What the fine-tuned model answers, and what became of it: underlined words are new, \
    struck ones are gone. First come texts on which the two policies disagree.";
/// Before all models are trained.
pub const ANSWERS_NONE: &str = "The answers appear when reinforcement learning is done.";
/// Columns.
pub const ANSWERS_COLUMNS: [&str; 3] = ["Fine-tuned", "After RLHF", "After RLLR"];
/// Of a label.
pub const RIGHT: &str = "right";
/// Of a label.
pub const WRONG: &str = "wrong";
/// An answer without a label.
pub const NO_LABEL: &str = "no label";

/// Heading.
pub const ANNOTATOR_HEADING: &str = "You are the annotator";
/// What it is.
pub const ANNOTATOR_INTRO: &str = "The fine-tuned model wrote two answers to each text, as RLHF collects them. Which one \
    is better? Press 1 or 2.";
/// No pairs.
pub const ANNOTATOR_NONE: &str =
    "This model always writes the same answer twice, so there is nothing to choose.";
/// Buttons.
pub const ANNOTATOR_BUTTONS: [&str; 2] = ["1: this one", "2: this one"];
/// Button.
pub const ANNOTATOR_UNDO: &str = "Take back";
/// Button.
pub const ANNOTATOR_AGAIN: &str = "Again";

/// How much of the differences rationale and label make.
pub fn shares(rationale: &str, label: &str) -> String {
    format!("Of the differences between the cells, the rationale makes {rationale}, the label {label}.")
}

/// A cell for those who hear it.
pub fn cell_label(rationale: &str, label: &str, reward: &str) -> String {
    format!("rationale for {rationale}, label {label}: {reward}")
}

/// An input in the list of texts.
pub fn input_option(number: usize, text: &str) -> String {
    format!("{number}. {text}")
}

/// A kind of pairs.
pub fn pair_kind(kind: PairDifference) -> &'static str {
    match kind {
        PairDifference::Label => "labels differ",
        PairDifference::Rationale => "rationales differ",
    }
}

/// How many pairs of a kind are ranked right.
pub fn ranked(kind: PairDifference, right: usize, all: usize) -> String {
    format!("{}: {right} of {all} ranked right", pair_kind(kind))
}

/// What both reward models give for an answer.
pub fn both_scores(ordinary: &str, label_sensitive: &str) -> String {
    format!("ordinary reward {ordinary}, label-sensitive {label_sensitive}")
}

/// A sensitivity with that over many texts.
pub fn sensitivity(here: &str, overall: &str) -> String {
    format!("{here} ({overall})")
}

/// What the plane shows at a threshold.
pub fn plane_result(threshold: &str, share: &str) -> String {
    format!(
        "Threshold {threshold}: an answer with the right label earns more than a wrong one in {share} of the cases."
    )
}

/// The progress of a round.
pub fn annotator_progress(number: usize, all: usize) -> String {
    format!("Pair {number} of {all}")
}

/// What a round shows.
pub fn annotator_outcome(outcome: &Outcome) -> String {
    let Outcome {
        pairs,
        label_sensitive,
        decidable,
        right,
        agreement,
    } = outcome;
    format!(
        "{label_sensitive} of your {pairs} pairs are label-sensitive: only there can a reward model learn which label \
         is right. The other {} teach it which rationale you like. Where just one label was right ({decidable} pairs), \
         you chose that answer {right} times. The ordinary reward model agrees with {} of your choices, the \
         label-sensitive one with {}.",
        pairs - label_sensitive,
        agreement.ordinary,
        agreement.label_sensitive,
    )
}
