//! What stops a PPO step, with the response that it concerns.

use burn::tensor::ExecutionError;
use rllr_model::{BatchError, GenerateError};

use crate::actor_critic::ModelsError;
use crate::group_advantage::GroupError;
use crate::ppo_config::PpoConfigError;
use crate::responses::{ResponsesError, Sample};

/// Why a PPO step was refused, or its result is not to be trusted.
///
/// After an error that a step found in its own numbers the trainer's weights are spoiled: go back to a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum PpoError {
    /// Settings that contradict each other.
    #[error(transparent)]
    Config(#[from] PpoConfigError),
    /// Models that do not fit together, or not to the settings.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// Rows that are no responses.
    #[error(transparent)]
    Responses(#[from] ResponsesError),
    /// Token ids that the model does not have.
    #[error(transparent)]
    Tokens(#[from] BatchError),
    /// Nothing was written.
    #[error(transparent)]
    Generation(#[from] GenerateError),
    /// A prompt begins more than once: its template and its tokenizer both wrote the token.
    #[error(
        "prompt {row} holds the token {bos} that begins a sequence {found} times, expected once: {prompt:?}"
    )]
    BeginsTwice {
        /// Index of the prompt, from 0.
        row: usize,
        /// The token.
        bos: u32,
        /// How often it is there.
        found: usize,
        /// Token ids of the prompt.
        prompt: Vec<u32>,
    },
    /// A token was sampled that must not be, such as padding.
    #[error("token {found} of slot {slot} is forbidden, expected any other: {sample}")]
    Forbidden {
        /// Slot of the response, from 0.
        slot: usize,
        /// The token.
        found: u32,
        /// The response, without a score yet.
        sample: Sample,
    },
    /// The sampler said something else of a token than the policy says now.
    #[error(
        "log π of slot {slot} is {found}, but {sampled} when it was sampled, expected at most {tolerance} between \
         them: do writing and scoring see the same weights, adapter, tokens and positions? {sample}"
    )]
    SamplerDiffers {
        /// Slot of the response, from 0.
        slot: usize,
        /// As it is scored.
        found: f32,
        /// As it was sampled.
        sampled: f32,
        /// Largest difference that is accepted.
        tolerance: f64,
        /// The response.
        sample: Sample,
    },
    /// The mask of a row does not have the length of its response.
    #[error("{found} slots of the mask are true, expected one for each of {expected} tokens: {sample}")]
    Mask {
        /// Number of slots.
        found: usize,
        /// Number of tokens.
        expected: usize,
        /// The response.
        sample: Sample,
    },
    /// Weights that are never trained have changed.
    #[error(
        "the {what} is frozen, but {found} of the weights that are looked at have changed, expected none"
    )]
    FrozenChanged {
        /// Base or reference.
        what: &'static str,
        /// Number of weights that differ.
        found: usize,
    },
    /// Answers that do not stand in groups.
    #[error(transparent)]
    Groups(#[from] GroupError),
    /// A score too few or too many.
    #[error("{found} scores, expected one for each of {expected} responses")]
    ScoreCount {
        /// Number of scores.
        found: usize,
        /// Number of responses.
        expected: usize,
    },
    /// An order of minibatches that leaves a response out, or takes one twice.
    #[error("order {found:?} of epoch {epoch}, expected each of {expected} rows once")]
    Order {
        /// The epoch, from 0.
        epoch: usize,
        /// The rows in order.
        found: Vec<usize>,
        /// Number of responses.
        expected: usize,
    },
    /// Something measured is NaN or infinite.
    #[error("the {what} of slot {slot} is {found}, expected a finite number: {sample}")]
    NotFinite {
        /// What was measured.
        what: &'static str,
        /// Slot of the response, from 0.
        slot: usize,
        /// The number.
        found: f32,
        /// The response.
        sample: Sample,
    },
    /// Before the first update the policy must be the one that was measured.
    #[error(
        "before the first update log π_new − log π_old of slot {slot} is {found}, expected 0: do measuring and \
         training see the same tokens, masks and temperature? {sample}"
    )]
    RatioNotOne {
        /// Slot of the response, from 0.
        slot: usize,
        /// The log-ratio.
        found: f32,
        /// The response.
        sample: Sample,
    },
    /// Before the first update nothing may be clipped.
    #[error("before the first update a share of {found} tokens was clipped, expected 0: {sample}")]
    Clipped {
        /// Share of tokens.
        found: f32,
        /// The first response of the minibatch.
        sample: Sample,
    },
    /// A distribution has no negative entropy.
    #[error("mean entropy {found} in optimiser step {optimizer_step}, expected at least 0: {sample}")]
    NegativeEntropy {
        /// The entropy, in nats.
        found: f32,
        /// The optimiser step within the PPO step, from 0.
        optimizer_step: usize,
        /// The first response of the micro-batch.
        sample: Sample,
    },
    /// A gradient is NaN or infinite, and has spoiled the weights.
    #[error("gradient norm {found} in optimiser step {optimizer_step}, expected a finite number: {sample}")]
    Gradients {
        /// The norm.
        found: f32,
        /// The optimiser step within the PPO step, from 0.
        optimizer_step: usize,
        /// The first response of the micro-batch whose loss is not finite, else of the minibatch.
        sample: Sample,
    },
    /// The first step with a learning rate above 0 has changed nothing.
    #[error(
        "the first step did not change the weights of the {what} by its gradients; is it trained on a device that works, and \
         has its loss a weight? {sample}"
    )]
    WeightsUnchanged {
        /// The trained part: policy, value model, or adapter or head of the value model.
        what: &'static str,
        /// The first response of the rollout.
        sample: Sample,
    },
    /// The device failed.
    #[error("the device failed: {0:?}")]
    Device(ExecutionError),
}

impl From<ExecutionError> for PpoError {
    fn from(error: ExecutionError) -> Self {
        Self::Device(error)
    }
}
