//! The whole method on one task: from examples to trained models.
//!
//! | step | where |
//! |---|---|
//! | examples become tokens: demonstrations, pairs, questions | [`Material`] |
//! | a model learns to answer | [`SftStage`] |
//! | a reward model learns which of two answers is better | [`RewardStage`] |
//! | responses become scores: reward models, and a rule that reads the label | [`Judge`] |
//! | a policy learns to earn more | [`PpoStage`] |
//! | a smaller model learns from a larger one | [`DistillationStage`] |
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
mod distillation_stage;
mod recipe;
mod method;
mod examples;
mod preparation;
mod measured_reward_model;
mod comparison;
mod comparison_error;
mod sampled_pairs;

#[cfg(test)]
mod tests;

pub use comparison::{
    Comparison, HeldOutTexts, fine_tuned, max_tokens, new_model, reinforced, train_tokenizer,
};
pub use comparison_error::ComparisonError;
pub use distillation_stage::{DistillationStage, DistillationStageError};
pub use examples::{Split, TaskExamples, TaskFloorError};
pub use held_out::{HeldOut, HeldOutError};
pub use judge::{Judge, JudgeError, Judged};
pub use material::{Gold, Material, MaterialError, Question, pair_tokens, probe_tokens};
pub use measured_reward_model::{MeasuredRewardModel, RewardModelPair};
pub use method::{Method, UnknownMethod};
pub use ppo_stage::{PpoQuestions, PpoStage, PpoStageError};
pub use preparation::{Preparation, PreparationError};
pub use recipe::{
    CompareRecipe, DataRecipe, LabelPairs, LabelThreshold, Level, ModelPlan, ModelRecipe, PromptRows,
    RationaleTexts, Recipe, RecipeError, TaskLimits, Training,
};
pub use reward_stage::{HeldOutPairs, PairScores, RewardStage, RewardStageError};
pub use sampled_pairs::{PairSampling, SampledPair, SamplingError, mismatch};
pub use sft_stage::{SftStage, SftStageError};
