//! What training will need, before it begins: steps, memory and work of each stage.
//!
//! | what | where |
//! |---|---|
//! | bytes, term by term | [`MemoryPlan`] |
//! | floating-point operations of a pass | [`forward_flops`] |
//! | all stages of a comparison | [`comparison_stages`] |
//! | their rows, from examples | [`ComparisonRows::measure`] |
//! | the stages from their settings | [`sft_stage`], [`reward_stage`], [`ppo_stage`], [`answering_stage`] |
//!
//! Everything here is an estimate from sizes: nothing is loaded or computed. Memory is of the host's process with
//! numbers of four bytes, and was compared with measured peaks (`cargo xtask bench memory`, `docs/experiments.md`);
//! time is work divided by a speed that somebody measured.

mod memory;
mod work;
mod stages;
mod comparison;
mod rows;

#[cfg(test)]
mod tests;

pub use comparison::{ComparisonRows, comparison_stages};
pub use memory::{MemoryPhase, MemoryPlan, MemoryTerm, ModelInMemory, activation_bytes, trained_parameters};
pub use stages::{StageRows, answering_stage, ppo_stage, reward_stage, sft_stage};
pub use work::forward_flops;

use rllr_model::{CausalLmConfig, LoraConfig};

/// What is trained of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrainedPart<'a> {
    /// All weights.
    Full,
    /// A low-rank adapter on frozen weights.
    Adapter(&'a LoraConfig),
}

/// A model in a plan.
#[derive(Clone, Copy, Debug)]
pub struct PlannedModel<'a> {
    /// Its sizes.
    pub config: &'a CausalLmConfig,
    /// What is trained of it.
    pub trained: TrainedPart<'a>,
    /// Bytes of a frozen weight: 4, or 2 where frozen models are stored as F16. What is trained has 4.
    pub frozen_weight_bytes: u64,
    /// Parts of a batch that are computed at the same time, so held in memory: [`Workers::count`](crate::Workers::count).
    pub workers: usize,
}

/// Rows that go through a model at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassSize {
    /// Rows.
    pub rows: usize,
    /// Slots of each, padding included.
    pub len: usize,
}

impl PassSize {
    /// Slots of all rows, as a number that can be multiplied.
    #[must_use]
    pub fn slots(self) -> f64 {
        self.rows as f64 * self.len as f64
    }
}

/// What one stage will need.
#[derive(Clone, Debug, PartialEq)]
pub struct StagePlan {
    /// Its name, such as `sft-rationale`.
    pub stage: String,
    /// Optimiser steps, or PPO steps, or batches of questions.
    pub steps: usize,
    /// Parameters of the model that is trained or asked.
    pub parameters: u64,
    /// How many of them change.
    pub trained_parameters: u64,
    /// Bytes.
    pub memory: MemoryPlan,
    /// Floating-point operations of the whole stage.
    pub flops: f64,
}

impl StagePlan {
    /// Seconds on a device of this speed.
    #[must_use]
    pub fn seconds(&self, flops_per_second: f64) -> f64 {
        self.flops / flops_per_second
    }
}
