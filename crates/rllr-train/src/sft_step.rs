//! What a step of supervised fine-tuning did, and what stops one.

use std::fmt;

use burn::tensor::Tensor;
use rllr_model::BatchError;
use serde::Serialize;

use crate::actor_critic::ModelsError;
use crate::optimization::{PendingUpdate, SettingError, UpdateError};
use crate::prompt_and_response::PromptAndResponse;

/// What one step did, still on the device: nothing was waited for.
///
/// Its checks are made when it is read, so every step should be.
#[must_use = "what a step has shown is only checked when it is read"]
pub struct SftStep {
    pub(crate) update: PendingUpdate<SftSample>,
    /// Right tokens by micro-batch, `[1]`.
    pub(crate) num_right: Vec<Tensor<1>>,
    /// Part of the mean entropy by micro-batch, `[1]`.
    pub(crate) entropies: Vec<Tensor<1>>,
    pub(crate) response_tokens: usize,
    pub(crate) step: usize,
    pub(crate) learning_rate: f64,
    pub(crate) num_tokens: u64,
}

/// What one step did, under TRL's names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SftMetrics {
    /// The step, from 1.
    pub step: usize,
    /// Mean loss over the response tokens of the step in nats, before the update.
    pub loss: f32,
    /// Global gradient norm before clipping.
    pub grad_norm: f32,
    /// The step's learning rate.
    pub learning_rate: f64,
    /// Tokens read since the run began, prompts included, padding not.
    pub num_tokens: u64,
    /// Share of the step's response tokens that were the model's most probable ones, before the update.
    pub mean_token_accuracy: f64,
    /// Mean entropy of the model's distributions over the step's response tokens in nats, before the update: at least 0,
    /// at most the logarithm of the vocabulary's size, and falling as the model becomes sure.
    pub entropy: f64,
}

/// An example, to be shown where something is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SftSample {
    /// Index in the batch, from 0.
    pub row: usize,
    /// The example.
    pub example: PromptAndResponse,
}

/// Why a step of supervised fine-tuning was refused, or its result is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum SftError {
    /// Settings that mean nothing.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Models that cannot be trained.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// There is nothing to learn from.
    #[error("a batch without an example, expected at least one")]
    Empty,
    /// A response without its end: a model that learns from such never ends one.
    #[error("the response does not end with EOS: {0}")]
    NotEnded(SftSample),
    /// Token ids that the model does not have.
    #[error(transparent)]
    Tokens(#[from] BatchError),
    /// What the update has shown.
    #[error(transparent)]
    Update(#[from] UpdateError),
}

impl fmt::Display for SftSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}, {}", self.row, self.example)
    }
}

impl SftStep {
    /// Waits for the step, checks it, and reads its numbers, all in one read.
    ///
    /// # Errors
    ///
    /// [`SftError::Update`] when loss or gradients are not finite, or the first step changed nothing.
    pub async fn read(self) -> Result<SftMetrics, SftError> {
        let micro_batches = self.num_right.len();
        let others = self.num_right.into_iter().chain(self.entropies);
        let numbers = self.update.read(others.collect()).await?;
        let (right, entropies) = numbers.others.split_at(micro_batches);
        let sum = |numbers: &[f32]| numbers.iter().copied().map(f64::from).sum::<f64>();
        Ok(SftMetrics {
            step: self.step,
            loss: numbers.loss,
            grad_norm: numbers.grad_norm,
            learning_rate: self.learning_rate,
            num_tokens: self.num_tokens,
            mean_token_accuracy: sum(right) / self.response_tokens as f64,
            entropy: sum(entropies),
        })
    }
}
