//! The methods of the comparison, and what each came to.

use std::collections::BTreeMap;

use rllr_eval::Evaluation;
use rllr_train::Metrics;
use serde::Serialize;

/// A method of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Supervised fine-tuning on labels alone.
    SftLabel,
    /// Supervised fine-tuning on rationale and label.
    SftRationale,
    /// PPO with the rationale-sensitive reward model.
    Rlhf,
    /// PPO with the label-sensitive reward model.
    Rllr,
    /// PPO with both: the label reward is capped.
    RllrMixed,
    /// PPO with a rule that knows the right label.
    ExactLabel,
    /// Group relative policy optimisation with the same rule.
    Grpo,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 7] = [
        Self::SftLabel,
        Self::SftRationale,
        Self::Rlhf,
        Self::Rllr,
        Self::RllrMixed,
        Self::ExactLabel,
        Self::Grpo,
    ];

    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SftLabel => "sft-label",
            Self::SftRationale => "sft-rationale",
            Self::Rlhf => "rlhf",
            Self::Rllr => "rllr",
            Self::RllrMixed => "rllr-mixed",
            Self::ExactLabel => "exact-label",
            Self::Grpo => "grpo",
        }
    }
}

/// What one method came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MethodResult {
    pub(super) method: Method,
    pub(super) seed: u64,
    /// On examples of the generator that nothing was trained on.
    pub(super) held_out: Evaluation,
    /// On the hand-written test items.
    pub(super) test: Evaluation,
    /// The last evaluation of the reward models that it used, by their kind.
    pub(super) reward_models: BTreeMap<&'static str, Metrics>,
    /// The score of the best method without a network, on the held-out examples.
    pub(super) floor: f64,
    /// The label threshold of RLLR-mixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label_threshold: Option<f32>,
    pub(super) seconds: f64,
}
