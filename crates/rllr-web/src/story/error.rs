//! Why a run ends before its end.

use std::fmt::Display;

use rllr_eval::{AnsweringError, EvaluationError};
use rllr_model::{GenerateError, TokenizerError};
use rllr_reward::QuantileError;
use rllr_task::PromptError;
use rllr_task::generate::GenerateError as NoExamples;
use rllr_task::pairs::PairError;
use rllr_train::pipeline::{ComparisonError, MaterialError};
use rllr_train::{PromptAndResponseError, RewardTrainingError};

use crate::live::{LiveSettingsError, StageName};

/// Why a run ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// It was asked to.
    #[error("the run was stopped")]
    Stopped,
    /// A setting is out of its range.
    #[error(transparent)]
    Settings(#[from] LiveSettingsError),
    /// The task has not so many different examples.
    #[error(transparent)]
    NoExamples(#[from] NoExamples),
    /// A stage cannot begin.
    #[error(transparent)]
    Comparison(#[from] ComparisonError),
    /// A number of a step is not finite: the learning rate is too high, mostly.
    #[error("{}: step {step}: {name} is {value}", stage.name())]
    NotFinite {
        /// The stage.
        stage: StageName,
        /// The step.
        step: usize,
        /// The number.
        name: String,
        /// What it is.
        value: f64,
    },
    /// A stage cannot go on: the device fails, mostly.
    #[error("{}: {message}", stage.name())]
    Stage {
        /// The stage.
        stage: StageName,
        /// Why.
        message: String,
    },
    /// A checkpoint cannot be gone on from: it is damaged, or of other settings or another version.
    #[error("{}: {message}", stage.name())]
    Checkpoint {
        /// The stage.
        stage: StageName,
        /// Why.
        message: String,
    },
    /// The models cannot be asked or measured.
    #[error("measuring: {0}")]
    Measuring(String),
}

impl StoryError {
    pub(super) fn stage(stage: StageName, error: &impl Display) -> Self {
        Self::Stage {
            stage,
            message: error.to_string(),
        }
    }

    pub(super) fn checkpoint(stage: StageName, error: &impl Display) -> Self {
        Self::Checkpoint {
            stage,
            message: error.to_string(),
        }
    }

    /// Whether the run may go on from its last checkpoint on a fresh device: what failed is not in the settings.
    pub fn may_go_on(&self) -> bool {
        matches!(self, Self::Stage { .. } | Self::Measuring(_))
    }
}

/// These come from asking and measuring models.
macro_rules! measuring {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for StoryError {
            fn from(error: $error) -> Self {
                Self::Measuring(error.to_string())
            }
        })*
    };
}

measuring!(
    AnsweringError,
    EvaluationError,
    GenerateError,
    TokenizerError,
    QuantileError,
    PairError,
    PromptError,
    MaterialError,
    PromptAndResponseError,
    RewardTrainingError,
);
