//! Settings of supervised fine-tuning: plain data, each with its unit, default and source.

use serde::{Deserialize, Serialize};

use crate::batch_plan::{BatchOrder, BatchPlan};
use crate::checkpointing::Checkpointing;
use crate::learning_rate::{LrPlan, LrSchedule};
use crate::micro_batching::MicroBatching;
use crate::optimization::{OptimizationSettings, SettingError};
use crate::ppo_config::{AdamSettings, GradientClipping, OptimizerConfig, Warmup};

/// Settings of [`SftTrainer`](crate::SftTrainer).
///
/// Defaults are those of RLLR's scripts for rationale and label with an adapter (arXiv 2405.19763, LLaMA-2 7B); what
/// they leave open is transformers' `Trainer`, as in TRL's `SFTConfig`. Without rationales the scripts train 20 epochs
/// at 2e-5; all weights of a small model want some 2e-5 too (TRL).
///
/// Examples are padded, not packed: several texts in one row need masks between them, and
/// [`BatchOrder::LengthBucketed`] or [`MicroBatching::Tokens`] leave little padding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SftConfig {
    /// Passes over the data. Default 10.
    pub epochs: usize,
    /// Examples of one optimiser step. Default 128.
    pub batch_size: usize,
    /// What goes through the model at once; a step's parts are accumulated. Default 4 rows. Memory only.
    pub micro_batching: MicroBatching,
    /// In which order examples come. Default at random.
    pub order: BatchOrder,
    /// The optimiser. Default AdamW without weight decay.
    pub optimizer: OptimizerConfig,
    /// Step size at its highest. Default 2e-4.
    pub learning_rate: f64,
    /// Course of the learning rate. Default a cosine to 0.
    pub lr_schedule: LrSchedule,
    /// Optimiser steps in which it rises from 0. Default none.
    pub warmup: Warmup,
    /// When gradients are scaled down. Default every step, to a global norm of 1.
    pub gradient_clipping: GradientClipping,
    /// What is kept of the forward pass for the backward pass. Default everything.
    pub checkpointing: Checkpointing,
    /// Whether adapters drop a part of their inputs. Default as they are configured.
    pub adapter_dropout: AdapterDropout,
    /// Seed of the order and of dropout. Default 0.
    pub seed: u64,
}

/// Whether adapters drop a part of their inputs in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterDropout {
    /// As much as [`LoraConfig::lora_dropout`](rllr_model::LoraConfig) says. What is dropped differs by micro-batch, so
    /// how a step is cut matters then.
    #[default]
    AsConfigured,
    /// Nothing.
    Off,
}

impl Default for SftConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 128,
            micro_batching: MicroBatching::Rows(4),
            order: BatchOrder::Random,
            optimizer: without_weight_decay(),
            learning_rate: 2e-4,
            lr_schedule: LrSchedule::Cosine,
            warmup: Warmup::None,
            gradient_clipping: GradientClipping::EveryStep { max_grad_norm: 1.0 },
            checkpointing: Checkpointing::None,
            adapter_dropout: AdapterDropout::AsConfigured,
            seed: 0,
        }
    }
}

impl SftConfig {
    /// Checks what a value alone cannot show.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for sizes of 0 and numbers out of range.
    pub fn check(&self) -> Result<(), SettingError> {
        check_size("epochs", self.epochs)?;
        check_size("batch_size", self.batch_size)?;
        check_size("micro_batching", self.micro_batching.size())?;
        check_rate("learning_rate", self.learning_rate)
    }

    /// The batches of a run over examples of these lengths.
    #[must_use]
    pub fn plan(&self, lengths: Vec<usize>) -> BatchPlan {
        BatchPlan::new(lengths, self.batch_size, self.order, self.seed)
    }

    /// The learning rate's course over a run of `total_steps` optimiser steps.
    #[must_use]
    pub fn lr_plan(&self, total_steps: usize) -> LrPlan {
        LrPlan {
            schedule: self.lr_schedule,
            warmup_steps: self.warmup.steps(total_steps),
            total_steps,
        }
    }

    pub(crate) fn optimization(&self, total_steps: usize) -> OptimizationSettings {
        OptimizationSettings {
            learning_rate: self.learning_rate,
            lr_plan: self.lr_plan(total_steps),
            clipping: self.gradient_clipping,
        }
    }
}

/// AdamW as transformers' `Trainer` sets it up.
pub(crate) fn without_weight_decay() -> OptimizerConfig {
    OptimizerConfig::AdamW(AdamSettings {
        weight_decay: 0.0,
        ..AdamSettings::default()
    })
}

pub(crate) fn check_size(field: &'static str, size: usize) -> Result<(), SettingError> {
    if size > 0 {
        return Ok(());
    }
    Err(SettingError {
        field,
        found: "0".to_owned(),
        expected: "at least 1",
    })
}

pub(crate) fn check_rate(field: &'static str, rate: f64) -> Result<(), SettingError> {
    if rate.is_finite() && rate >= 0.0 {
        return Ok(());
    }
    Err(SettingError {
        field,
        found: rate.to_string(),
        expected: "a finite number, not negative",
    })
}
