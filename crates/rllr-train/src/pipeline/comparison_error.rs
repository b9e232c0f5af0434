//! Why a stage of a comparison cannot begin.

use rllr_eval::{AnsweringError, EvaluationError};
use rllr_model::tokenizer::BpeTrainingError;
use rllr_model::{LoraError, WeightsError};
use rllr_reward::QuantileError;
use rllr_task::PromptError;
use rllr_task::pairs::PairKind;

use crate::actor_critic::ModelsError;
use crate::pipeline::material::MaterialError;
use crate::pipeline::method::Method;
use crate::ppo_error::PpoError;
use crate::reward_step::RewardTrainingError;
use crate::sft_step::SftError;

/// Why a stage of a comparison cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ComparisonError {
    /// Examples do not become tokens.
    #[error(transparent)]
    Material(#[from] MaterialError),
    /// An example does not fit its task.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// No tokenizer can be trained.
    #[error(transparent)]
    Tokenizer(#[from] BpeTrainingError),
    /// The settings of the model do not fit each other.
    #[error(transparent)]
    Model(#[from] WeightsError),
    /// The models do not fit each other.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// An adapter does not fit the model.
    #[error(transparent)]
    Adapter(#[from] LoraError),
    /// Fine-tuning cannot begin.
    #[error(transparent)]
    Sft(#[from] SftError),
    /// The training of a reward model cannot begin, or it cannot be measured.
    #[error(transparent)]
    Reward(#[from] RewardTrainingError),
    /// Reinforcement learning cannot begin.
    #[error(transparent)]
    Ppo(#[from] PpoError),
    /// There is no label threshold.
    #[error("label threshold of RLLR-mixed: {0}")]
    Threshold(#[from] QuantileError),
    /// Questions cannot be asked.
    #[error(transparent)]
    Answering(#[from] AnsweringError),
    /// Answers cannot be compared.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// A method without its reward model.
    #[error("{method} needs a reward model of {kind:?} pairs, and there is none")]
    NoRewardModel {
        /// The method.
        method: Method,
        /// What its pairs differ in.
        kind: PairKind,
    },
    /// A method that reinforces nothing.
    #[error("{method} is no reinforcement learning")]
    NotReinforced {
        /// The method.
        method: Method,
    },
}
