//! What the policy is rewarded for.
//!
//! Each variant of [`Reward`] says how one score per response is made of its parts: what two reward models say of it,
//! and what a rule says of its label. Who computes the parts is not known here.

use std::fmt;

use crate::exact_label::{Verdict, exact_label_score};
use crate::mixed_score::mixed_score;
use crate::stratified_score::{Stratification, StratificationError, stratified_scores};

#[cfg(test)]
#[path = "reward/tests.rs"]
mod tests;

/// How a response's score is made of its parts. The first three are the methods that the paper compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reward {
    /// RLHF: the rationale-sensitive reward model alone.
    Rationale,
    /// RLLR: the label-sensitive reward model alone.
    Label,
    /// RLLR-mixed: `min(r_label, label_threshold) + r_rationale`, [`mixed_score`].
    Mixed {
        /// The label score above which only the rationale earns more, on the raw scale of the label reward model: the
        /// paper's lambda. 3.9 for LLaMA-2 7B; another reward model needs another one,
        /// [`label_threshold_at_quantile`](crate::label_threshold_at_quantile).
        label_threshold: f32,
    },
    /// The rationale reward model, but no wrong label above a right one within a group: [`stratified_scores`].
    Stratified(Stratification),
    /// A rule that knows the right label, without a reward model: [`exact_label_score`].
    ExactLabel,
}

/// A part that a score may be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Raw scores of the label-sensitive reward model.
    LabelScores,
    /// Raw scores of the rationale-sensitive reward model.
    RationaleScores,
    /// What a rule says of the labels.
    Verdicts,
}

/// The parts of a batch of responses, one number each. A part that was not computed is `None`; one that the reward does
/// not read is only logged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreParts {
    /// Raw scores of the label-sensitive reward model, `[batch]`.
    pub label_scores: Option<Vec<f32>>,
    /// Raw scores of the rationale-sensitive reward model, `[batch]`.
    pub rationale_scores: Option<Vec<f32>>,
    /// What a rule says of the labels, `[batch]`.
    pub verdicts: Option<Vec<Verdict>>,
}

/// Why parts make no score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RewardError {
    /// A part that the reward reads was not computed.
    Missing {
        /// The reward.
        reward: Reward,
        /// The part.
        part: Part,
    },
    /// A grade is neither right nor wrong, as [`Reward::Stratified`] needs it.
    Graded {
        /// Index of the response.
        response: usize,
    },
    /// The responses are no whole number of groups.
    Groups {
        /// Number of responses.
        responses: usize,
        /// Number of responses to each prompt.
        group_size: usize,
    },
    /// The layers of [`Reward::Stratified`] overlap.
    Layers(StratificationError),
}

impl Reward {
    /// The parts that the score is made of.
    #[must_use]
    pub fn reads(self) -> &'static [Part] {
        match self {
            Self::Rationale => &[Part::RationaleScores],
            Self::Label => &[Part::LabelScores],
            Self::Mixed { .. } => &[Part::LabelScores, Part::RationaleScores],
            Self::Stratified(_) => &[Part::RationaleScores, Part::Verdicts],
            Self::ExactLabel => &[Part::Verdicts],
        }
    }

    /// Raw scores of a batch of responses, `[batch]`; penalties and normalisation come after.
    ///
    /// - `group_size`: number of responses to each prompt, which stand together; only [`Reward::Stratified`] compares
    ///   them. With one response to each prompt, the whole batch may be taken for one group.
    ///
    /// # Errors
    ///
    /// [`RewardError`] when a part is missing, or [`Reward::Stratified`] meets a grade, an incomplete group or layers
    /// that overlap.
    pub fn scores(self, parts: &ScoreParts, group_size: usize) -> Result<Vec<f32>, RewardError> {
        let label = || {
            parts
                .label_scores
                .as_deref()
                .ok_or(self.missing(Part::LabelScores))
        };
        let rationale = || {
            parts
                .rationale_scores
                .as_deref()
                .ok_or(self.missing(Part::RationaleScores))
        };
        let verdicts = || parts.verdicts.as_deref().ok_or(self.missing(Part::Verdicts));
        match self {
            Self::Rationale => Ok(rationale()?.to_vec()),
            Self::Label => Ok(label()?.to_vec()),
            Self::Mixed { label_threshold } => {
                let (label, rationale) = (label()?, rationale()?);
                assert_eq!(label.len(), rationale.len(), "two scores per response");
                let scores = label.iter().zip(rationale);
                Ok(scores
                    .map(|(l, r)| mixed_score(*l, *r, label_threshold))
                    .collect())
            }
            Self::Stratified(layers) => group_scores(rationale()?, verdicts()?, layers, group_size),
            Self::ExactLabel => Ok(verdicts()?.iter().copied().map(exact_label_score).collect()),
        }
    }

    fn missing(self, part: Part) -> RewardError {
        RewardError::Missing { reward: self, part }
    }
}

/// [`stratified_scores`] of every group.
fn group_scores(
    scores: &[f32],
    verdicts: &[Verdict],
    layers: Stratification,
    group_size: usize,
) -> Result<Vec<f32>, RewardError> {
    assert_eq!(scores.len(), verdicts.len(), "a score and a verdict per response");
    layers.check().map_err(RewardError::Layers)?;
    if group_size == 0 || !scores.len().is_multiple_of(group_size) {
        let responses = scores.len();
        return Err(RewardError::Groups {
            responses,
            group_size,
        });
    }
    let right = verdicts
        .iter()
        .enumerate()
        .map(|(response, verdict)| match verdict {
            Verdict::Right => Ok(true),
            Verdict::Wrong | Verdict::Unparsable => Ok(false),
            Verdict::Graded { .. } | Verdict::UnparsableGrade => Err(RewardError::Graded { response }),
        });
    let right: Vec<bool> = right.collect::<Result<_, _>>()?;
    let groups = scores.chunks(group_size).zip(right.chunks(group_size));
    Ok(groups
        .flat_map(|(scores, right)| stratified_scores(scores, right, layers))
        .collect())
}

impl fmt::Display for RewardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { reward, part } => {
                write!(
                    f,
                    "no {part:?}, expected {:?} for the reward {reward:?}",
                    reward.reads()
                )
            }
            Self::Graded { response } => {
                write!(
                    f,
                    "response {response} is graded, expected right or wrong for a stratified reward"
                )
            }
            Self::Groups {
                responses,
                group_size,
            } => {
                write!(
                    f,
                    "{responses} responses, expected a multiple of the group size {group_size}, from 1"
                )
            }
            Self::Layers(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RewardError {}
