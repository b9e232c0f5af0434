//! What a step of reward-model training did, and what stops one.

use burn::tensor::Tensor;
use rllr_model::BatchError;
use rllr_reward::PreferenceMetrics;

use crate::actor_critic::ModelsError;
use crate::optimization::{PendingUpdate, SettingError, UpdateError};
use crate::reward_pair::RewardPair;

/// What one step did, still on the device: nothing was waited for.
///
/// Its checks are made when it is read, so every step should be.
#[must_use = "what a step has shown is only checked when it is read"]
pub struct RewardStep {
    pub(crate) update: PendingUpdate<RewardPair>,
    /// By micro-batch: its pairs, and the scores of all chosen, then of all rejected answers, `[2 · pairs]`.
    pub(crate) scores: Vec<(Vec<usize>, Tensor<1>)>,
    pub(crate) step: usize,
    pub(crate) learning_rate: f64,
    pub(crate) num_tokens: u64,
}

/// What one step did; metrics have TRL's names.
#[derive(Clone, Debug, PartialEq)]
pub struct RewardMetrics {
    /// The step, from 1.
    pub step: usize,
    /// Mean loss over the pairs of the step, before the update.
    pub loss: f32,
    /// Global gradient norm before clipping.
    pub grad_norm: f32,
    /// The step's learning rate.
    pub learning_rate: f64,
    /// Tokens read since the run began, padding not counted.
    pub num_tokens: u64,
    /// `accuracy`, `margin`, `min_reward`, `mean_reward` and `max_reward` of the step's pairs, before the update, with
    /// dropout where there is some.
    pub preferences: PreferenceMetrics,
    /// Scores of chosen and rejected answer, pair by pair as in the batch.
    pub scores: Vec<[f32; 2]>,
}

/// Why a step of reward-model training was refused, or its result is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum RewardTrainingError {
    /// Settings that mean nothing.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Models that cannot be trained.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// There is nothing to learn from.
    #[error("a batch without a pair, expected at least one")]
    Empty,
    /// Token ids that the model does not have, or a row without tokens.
    #[error(transparent)]
    Tokens(#[from] BatchError),
    /// What the update has shown, or a device that fails.
    #[error(transparent)]
    Update(#[from] UpdateError),
}

impl RewardStep {
    /// Waits for the step, checks it, and reads its numbers, all in one read.
    ///
    /// # Errors
    ///
    /// [`RewardTrainingError::Update`] when loss or gradients are not finite, or the first step changed nothing.
    pub async fn read(self) -> Result<RewardMetrics, RewardTrainingError> {
        let (parts, scores): (Vec<Vec<usize>>, Vec<Tensor<1>>) = self.scores.into_iter().unzip();
        let numbers = self.update.read(scores).await?;
        let mut scores = vec![[f32::NAN; 2]; parts.iter().map(Vec::len).sum()];
        let mut rest = &numbers.others[..];
        for part in parts {
            let of_part;
            (of_part, rest) = rest.split_at(2 * part.len());
            let (chosen, rejected) = of_part.split_at(part.len());
            for (index, &pair) in part.iter().enumerate() {
                scores[pair] = [chosen[index], rejected[index]];
            }
        }
        let side = |side: usize| scores.iter().map(|pair| pair[side]).collect::<Vec<f32>>();
        Ok(RewardMetrics {
            step: self.step,
            loss: numbers.loss,
            grad_norm: numbers.grad_norm,
            learning_rate: self.learning_rate,
            num_tokens: self.num_tokens,
            preferences: PreferenceMetrics::new(&side(0), &side(1)),
            scores,
        })
    }
}
