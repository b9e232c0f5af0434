//! What a reward model is worth, and the reward models of a comparison.

use rllr_reward::{QuantileError, label_threshold_at_quantile};
use rllr_task::pairs::PairKind;

use crate::pipeline::reward_stage::{PairScores, RewardStage};
use crate::reward_models::RewardModels;
use crate::reward_step::RewardTrainingError;
use crate::run_event::Metrics;

/// A reward model, and what it is worth.
#[derive(Clone, Debug)]
pub struct MeasuredRewardModel {
    /// The model.
    pub models: RewardModels,
    /// Its last evaluation: `eval_label_accuracy`, `eval_rationale_margin`, `eval_label_sensitivity` and so on.
    pub metrics: Metrics,
    /// The scores of both answers of every held-out pair.
    pub pair_scores: Vec<PairScores>,
}

/// The reward models of a comparison, as far as there are any.
#[derive(Clone, Copy, Debug, Default)]
pub struct RewardModelPair<'a> {
    /// Trained on label-sensitive pairs.
    pub label: Option<&'a MeasuredRewardModel>,
    /// Trained on rationale-sensitive pairs.
    pub rationale: Option<&'a MeasuredRewardModel>,
}

impl MeasuredRewardModel {
    /// Measures a reward model that was trained.
    ///
    /// # Errors
    ///
    /// [`RewardTrainingError`] for a device that fails.
    pub async fn measure(stage: &RewardStage) -> Result<Self, RewardTrainingError> {
        let (metrics, pair_scores) = stage.measure().await?;
        Ok(Self {
            models: stage.models().clone(),
            metrics,
            pair_scores,
        })
    }

    /// The label score above which RLLR-mixed rewards the rationale alone: a quantile of the scores of chosen answers of
    /// held-out label-sensitive pairs.
    ///
    /// # Errors
    ///
    /// [`QuantileError`] for a quantile outside 0 to 1, and when there is no such pair.
    pub fn label_threshold(&self, quantile: f64) -> Result<f32, QuantileError> {
        let of_labels = self
            .pair_scores
            .iter()
            .filter(|pair| pair.kind == PairKind::Label);
        let chosen: Vec<f32> = of_labels.map(|pair| pair.chosen).collect();
        label_threshold_at_quantile(&chosen, quantile)
    }
}

impl<'a> RewardModelPair<'a> {
    /// The reward model of one kind of pairs.
    #[must_use]
    pub fn of(self, kind: PairKind) -> Option<&'a MeasuredRewardModel> {
        match kind {
            PairKind::Label => self.label,
            PairKind::Rationale => self.rationale,
        }
    }
}
