//! Preference pairs: what RLLR adds to RLHF.
//!
//! RLHF ranks sampled replies. On a classification task those mostly carry the same label, so the reward model
//! learns the style of rationales, while the task is scored by its labels. RLLR builds its pairs so that the *label*
//! is what differs:
//!
//! | function | chosen | rejected |
//! |---|---|---|
//! | [`label_sensitive_pairs`] | gold label with its rationale | a wrong label with the rationale for it |
//! | [`corrupted_rationale_pairs`] | gold label with its rationale | gold label with a rationale that does not fit |
//! | [`judged_rationale_pairs`] | gold label with the better rationale | gold label with the worse one, by people's votes |
//!
//! Prompts that are too long are cut, responses never are, so the difference between the two always stays.
//! Nothing is dropped silently: [`PairReport`] counts what is missing and why.

mod builder;
mod corrupt;
mod judged;
mod probes;
mod report;
mod truncate;

use rand::Rng;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use crate::answer::ResponseFormat;
use crate::example::{Example, Explanation};
use crate::prompt::PromptError;
use crate::rationale::explanations;
use crate::task::{ExampleError, Label, Task, TaskError};
use builder::{Builder, Side};

pub use corrupt::{Corruption, corrupted_rationale_pairs};
pub use judged::judged_rationale_pairs;
pub use probes::{SensitivityProbe, sensitivity_probes};
pub use report::{DropReason, PairReport};
pub use truncate::truncate_prompts;

/// Two responses to one prompt, one of them preferred.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferencePair {
    /// What the policy reads.
    pub prompt: String,
    /// The better response.
    pub chosen: String,
    /// The worse response.
    pub rejected: String,
    /// What the two responses differ in.
    pub kind: PairKind,
    /// Name of the task.
    pub task: String,
    /// Unique: the example's id and what it is set against.
    pub id: String,
    /// Who wrote the rationale of `chosen`, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen_by: Option<String>,
    /// Who wrote the rationale of `rejected`, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_by: Option<String>,
}

/// What the responses of a pair differ in, by construction.
///
/// [`crate::mismatch`] finds it out for pairs of unknown origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairKind {
    /// The labels differ.
    Label,
    /// The label is the same, the rationales differ.
    Rationale,
}

/// How pairs are built from examples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairConfig {
    /// Layout of the responses. Default: rationale, then label.
    pub format: ResponseFormat,
    /// Index of the prompt wording. Default: 0.
    pub wording: usize,
    /// Which wrong labels the gold one is set against. Default: each.
    pub wrong_labels: WrongLabels,
    /// Who may have written the two rationales. Default: one writer for both.
    pub writers: Writers,
    /// Longest prompt and response together, in the unit of the caller's length function (tokens); no limit if absent.
    pub max_length: Option<usize>,
}

/// Which wrong labels become rejected answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongLabels {
    /// One pair for each wrong label.
    #[default]
    Each,
    /// At most so many pairs per example, their wrong labels drawn at random.
    Sample(usize),
}

/// Who may have written the two rationales of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writers {
    /// One writer for both sides. Otherwise "chosen" is always a person and "rejected" always a machine, and the
    /// reward model learns to tell authors apart.
    #[default]
    Same,
    /// The first rationale found for each label. For experiments on that very effect.
    Any,
}

/// Pairs, and what became of every example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// The pairs, in the order of the examples.
    pub pairs: Vec<PreferencePair>,
    /// What was built, cut and dropped.
    pub report: PairReport,
}

/// Why no pairs can be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// An example does not fit its task.
    #[error(transparent)]
    Example(#[from] ExampleError),
    /// A prompt cannot be made.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The task of a row is not known.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The format has no room for what should differ.
    #[error("rationale-sensitive pairs need a response format with a rationale; found label_only")]
    NoRationaleInFormat,
    /// More was lost than the caller allows.
    #[error(
        "{lost} of {candidates} pairs are too long, identical or repeated; expected at most {limit_percent} %: \
         raise the maximum length or look at the data"
    )]
    TooManyLost {
        /// Pairs lost.
        lost: usize,
        /// Pairs that could have been.
        candidates: usize,
        /// The caller's limit, in per cent.
        limit_percent: u32,
    },
}

/// Label-sensitive pairs: the gold label with its rationale against wrong labels with the rationales for them.
///
/// The rationales come from the examples ([`explanations`]; fill gaps with
/// [`fill_rationales`](crate::rationale::fill_rationales) first). With [`ResponseFormat::LabelOnly`] none are needed.
/// `length` measures a prompt or a response, typically in tokens; it is only asked if `config.max_length` is set.
///
/// # Errors
///
/// [`PairError::Example`] and [`PairError::Prompt`] for examples that do not fit the task.
pub fn label_sensitive_pairs(
    task: &Task,
    examples: &[Example],
    config: &PairConfig,
    length: impl FnMut(&str) -> usize,
    rng: &mut impl Rng,
) -> Result<Pairs, PairError> {
    let mut builder = Builder::new(task, config, length);
    for example in examples {
        let gold = task.gold_label(example)?;
        builder.start(example)?;

        // 1. For each wrong label a rationale for it, and one for the gold label by the same writer.
        let written = explanations(example);
        let mut candidates = Vec::new();
        for wrong in wrong_labels(task, example, gold) {
            match rationales_for(task, &written, gold, wrong, config) {
                Some(sides) => candidates.push((wrong, sides)),
                // A sample only draws from what there is; otherwise each missing pair is counted.
                None if config.wrong_labels == WrongLabels::Each => {
                    builder.drop_pair(DropReason::NoRationale)
                }
                None => {}
            }
        }

        // 2. All of them, or a few drawn at random.
        if let WrongLabels::Sample(count) = config.wrong_labels {
            if candidates.is_empty() {
                builder.drop_pair(DropReason::NoRationale);
            }
            candidates.shuffle(rng);
            candidates.truncate(count);
            candidates.sort_by_key(|(wrong, _)| *wrong);
        }

        // 3. Chosen: gold. Rejected: wrong.
        for (wrong, [chosen, rejected]) in candidates {
            let id = format!("{}:{}", example.id, task.word(wrong));
            let sides = [Side::new(gold, chosen), Side::new(wrong, rejected)];
            builder.push(example, PairKind::Label, id, sides)?;
        }
    }
    Ok(builder.finish())
}

/// The labels that the example could have and does not.
fn wrong_labels<'a>(task: &'a Task, example: &'a Example, gold: Label) -> impl Iterator<Item = Label> + 'a {
    let offered =
        |label: &Label| example.choices.is_empty() || example.choices.contains_key(task.word(*label));
    (0..task.labels.len())
        .map(Label)
        .filter(move |label| *label != gold)
        .filter(offered)
}

/// The rationales for two labels that the configuration allows together; `None` if a text is missing.
fn rationales_for<'a>(
    task: &Task,
    written: &'a [Explanation],
    gold: Label,
    wrong: Label,
    config: &PairConfig,
) -> Option<[Option<&'a Explanation>; 2]> {
    if config.format == ResponseFormat::LabelOnly {
        return Some([None, None]);
    }
    let [gold, wrong] = [gold, wrong].map(|label| task.word(label));
    let for_gold = || written.iter().filter(move |text| text.label == gold);
    let mut for_wrong = written.iter().filter(|text| text.label == wrong);
    let same_writer = for_wrong
        .clone()
        .find_map(|wrong| Some((for_gold().find(|gold| gold.by == wrong.by)?, wrong)));
    let (gold, wrong) = match (same_writer, config.writers) {
        (None, Writers::Any) => (for_gold().next()?, for_wrong.next()?),
        (Some(_), Writers::Any) => (for_gold().next()?, same_writer?.1),
        (_, Writers::Same) => same_writer?,
    };
    Some([Some(gold), Some(wrong)])
}

#[cfg(test)]
mod tests;
