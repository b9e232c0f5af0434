//! The settings of the examples.

use std::collections::BTreeMap;

use rllr_task::ResponseFormat;
use rllr_task::generate::{Difficulty, DifficultyMix};
use serde::{Deserialize, Serialize};

/// Which examples there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataRecipe {
    /// Examples of a task that demonstrations and pairs are made of; of a file the first so many of `train`.
    /// Default 1,500.
    pub sft: usize,
    /// Examples of a task of which policies see the prompts and rules the labels. Default 1,500.
    pub prompts: usize,
    /// Which of a file's rows those are. Default the ones behind the demonstrations.
    pub prompt_rows: PromptRows,
    /// Examples of a task that nothing is trained on; of a file the first so many of `dev`. Default 500.
    pub held_out: usize,
    /// Other numbers for single tasks, by name.
    pub limits: BTreeMap<String, TaskLimits>,
    /// Whether tasks share a model. Default each has its own.
    pub models: ModelPlan,
    /// Whose rationales are used. Default those of one writer for right and wrong labels alike.
    pub rationales: RationaleTexts,
    /// Rows of a file with a longer rationale are left out and counted, in characters. Default none are.
    pub max_rationale_chars: Option<usize>,
    /// Most pairs of one kind that a reward model learns from, drawn from those of all tasks. Default none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward_pairs: Option<usize>,
    /// Questions that the fine-tuned model answers twice, to count how many pairs of its answers differ in the label.
    /// Default 200.
    pub sampled_pairs: usize,
    /// Most tokens of a prompt with its response, where it is less than the model can read; prompts are cut. Default
    /// none.
    pub max_tokens: Option<usize>,
    /// How hard generated examples are. Default easy: one clause, at most one operation.
    pub level: Level,
    /// Layout of the responses. Default rationale, then label.
    pub format: ResponseFormat,
    /// Index of the prompt's wording. Default 0.
    pub wording: usize,
}

/// How hard generated examples are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One clause, at most one operation.
    #[default]
    Easy,
    /// Two clauses that pull in different directions.
    Medium,
    /// Several operations at once.
    Hard,
    /// A fifth easy, two fifths each medium and hard.
    Mixed,
}

/// Which rows of a training file are asked in reinforcement learning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptRows {
    /// Those behind the demonstrations, which the model has not seen.
    #[default]
    Further,
    /// The last ones, be they demonstrations too: for small files.
    Last,
}

/// Whether tasks share a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelPlan {
    /// Each task has models of its own.
    #[default]
    OnePerTask,
    /// One model learns all tasks together.
    OneForAll,
}

/// Whose rationales are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RationaleTexts {
    /// Of each example those of one writer who wrote for every label, so that author and style do not tell right from
    /// wrong; where there is none, a rule of this program writes.
    #[default]
    OneWriter,
    /// All that the data has; a rule of this program adds texts where no writer wrote for every label. Demonstrations
    /// then have the text that the data names first, a person's where there is one.
    All,
}

/// Numbers of examples of one task; what is not named is as for all tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskLimits {
    /// For [`DataRecipe::sft`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sft: Option<usize>,
    /// For [`DataRecipe::prompts`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<usize>,
    /// For [`DataRecipe::held_out`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<usize>,
}

impl DataRecipe {
    /// Numbers of demonstrations, prompts and held-out examples of a task.
    #[must_use]
    pub fn counts(&self, task: &str) -> [usize; 3] {
        let limits = self.limits.get(task).copied().unwrap_or_default();
        let TaskLimits {
            sft,
            prompts,
            held_out,
        } = limits;
        [
            sft.unwrap_or(self.sft),
            prompts.unwrap_or(self.prompts),
            held_out.unwrap_or(self.held_out),
        ]
    }
}

impl Level {
    /// In which proportions the generator draws.
    #[must_use]
    pub fn mix(self) -> DifficultyMix {
        match self {
            Self::Easy => DifficultyMix::only(Difficulty::Easy),
            Self::Medium => DifficultyMix::only(Difficulty::Medium),
            Self::Hard => DifficultyMix::only(Difficulty::Hard),
            Self::Mixed => DifficultyMix::default(),
        }
    }
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self {
            sft: 1_500,
            prompts: 1_500,
            prompt_rows: PromptRows::Further,
            held_out: 500,
            limits: BTreeMap::new(),
            models: ModelPlan::OnePerTask,
            rationales: RationaleTexts::OneWriter,
            max_rationale_chars: None,
            reward_pairs: None,
            sampled_pairs: 200,
            max_tokens: None,
            level: Level::Easy,
            format: ResponseFormat::RationaleThenLabel,
            wording: 0,
        }
    }
}
