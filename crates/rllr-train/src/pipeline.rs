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
//!
//! The stages are the trainers of this crate with their data; [`Run`](crate::Run) drives them.

mod material;
mod held_out;
mod sft_stage;
mod reward_stage;
mod judge;
mod ppo_stage;
mod recipe;

#[cfg(test)]
mod tests;

pub use held_out::{HeldOut, HeldOutError};
pub use judge::{Judge, JudgeError, Judged};
pub use material::{Material, MaterialError, Question};
pub use ppo_stage::{PpoQuestions, PpoStage, PpoStageError};
pub use recipe::{DataRecipe, LabelPairs, Level, ModelRecipe, Recipe};
pub use reward_stage::{HeldOutPairs, RewardStage, RewardStageError};
pub use sft_stage::{SftStage, SftStageError};
