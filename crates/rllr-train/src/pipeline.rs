//! The whole method on one task: from examples to trained models.
//!
//! | step | where |
//! |---|---|
//! | examples become tokens: demonstrations, pairs, questions | [`Material`] |
//! | a model learns to answer | [`SftStage`] |
//! | a reward model learns which of two answers is better | [`RewardStage`] |
//! | responses become scores: reward models, and a rule that reads the label | [`Judge`] |
//! | a policy learns to earn more | [`PpoStage`] |
//! | a model is measured | [`HeldOut`] |
//! | all of this for each method, from one recipe | [`Comparison`] |
//!
//! The stages are the trainers of this crate with their data; [`Run`](crate::Run) drives them.

mod material;
mod held_out;
mod sft_stage;
mod reward_stage;
mod judge;
mod ppo_stage;
mod recipe;
mod method;
mod examples;
mod measured_reward_model;
mod comparison;
mod comparison_error;

#[cfg(test)]
mod tests;

pub use comparison::{Comparison, fine_tuned, new_model, train_tokenizer};
pub use comparison_error::ComparisonError;
pub use examples::{Split, TaskExamples, TaskFloorError};
pub use held_out::{HeldOut, HeldOutError};
pub use judge::{Judge, JudgeError, Judged};
pub use material::{Gold, Material, MaterialError, Question};
pub use measured_reward_model::{MeasuredRewardModel, RewardModelPair};
pub use method::{Method, UnknownMethod};
pub use ppo_stage::{PpoQuestions, PpoStage, PpoStageError};
pub use recipe::{DataRecipe, LabelPairs, Level, ModelRecipe, Recipe};
pub use reward_stage::{HeldOutPairs, PairScores, RewardStage, RewardStageError};
pub use sft_stage::{SftStage, SftStageError};
