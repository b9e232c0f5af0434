//! Settings of reward-model training: plain data, each with its unit, default and source.

use rllr_reward::WindowEnd;
use serde::{Deserialize, Serialize};

use crate::batch_plan::{BatchOrder, BatchPlan};
use crate::checkpointing::Checkpointing;
use crate::learning_rate::{LrPlan, LrSchedule};
use crate::micro_batching::MicroBatching;
use crate::optimization::{OptimizationSettings, SettingError};
use crate::ppo_config::{GradientClipping, OptimizerConfig, Warmup};
use crate::sft_config::{AdapterDropout, check_rate, check_size, without_weight_decay};

/// Settings of [`RewardTrainer`](crate::RewardTrainer).
///
/// Defaults are those of RLLR's scripts for the label-sensitive reward model (arXiv 2405.19763, LLaMA-2 7B); for the
/// rationale-sensitive one they have 5 epochs at 2e-4 in batches of 128. Compare the two with equal effort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardConfig {
    /// What makes a pair's loss of its values. Default token-averaged to the end of the shorter answer.
    pub loss: RewardLoss,
    /// Passes over the data. Default 1.
    pub epochs: usize,
    /// Pairs of one optimiser step. Default 64.
    pub batch_size: usize,
    /// What goes through the model at once, counted in pairs or in slots of both answers. Default 4 pairs. Memory only.
    pub micro_batching: MicroBatching,
    /// In which order pairs come. Default at random.
    pub order: BatchOrder,
    /// The optimiser. Default AdamW without weight decay.
    pub optimizer: OptimizerConfig,
    /// Step size at its highest. Default 1e-4.
    pub learning_rate: f64,
    /// Course of the learning rate. Default a cosine to 0.
    pub lr_schedule: LrSchedule,
    /// Optimiser steps in which it rises from 0. Default none.
    pub warmup: Warmup,
    /// When gradients are scaled down. Default every step, to a global norm of 1.
    pub gradient_clipping: GradientClipping,
    /// What is kept of the forward pass for the backward pass. Default everything.
    pub checkpointing: Checkpointing,
    /// Whether adapters drop a part of their inputs. Default as they are configured. Never while scoring.
    pub adapter_dropout: AdapterDropout,
    /// Seed of the order and of dropout. Default 0.
    pub seed: u64,
}

/// What makes a pair's loss of the values of its tokens. Models trained with one are not those trained with another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RewardLoss {
    /// The mean over all tokens from where the answers part: the released RLLR code, trlX 0.7, DeepSpeed-Chat.
    TokenAveraged {
        /// Where the compared tokens end. Values on padding are part of the released form only.
        window_end: WindowEnd,
        /// Differences of values are divided by this (released: 1 everywhere).
        bpr_temperature: f64,
        /// The id that stands at padding, below the vocabulary's size. The released form reads values of it; its
        /// embedding has no gradient then.
        padding_id: u32,
    },
    /// Bradley-Terry on the values at the last tokens, with the pairs' margins: TRL, OpenRLHF.
    LastToken {
        /// Weight of `(r_chosen + r_rejected)²`, which keeps scores around 0. TRL: none, or 0.01.
        center_rewards_coefficient: f64,
    },
}

impl Default for RewardLoss {
    fn default() -> Self {
        Self::TokenAveraged {
            window_end: WindowEnd::ShorterAnswer,
            bpr_temperature: 1.0,
            padding_id: 0,
        }
    }
}

impl Default for RewardConfig {
    fn default() -> Self {
        Self {
            loss: RewardLoss::default(),
            epochs: 1,
            batch_size: 64,
            micro_batching: MicroBatching::Rows(4),
            order: BatchOrder::Random,
            optimizer: without_weight_decay(),
            learning_rate: 1e-4,
            lr_schedule: LrSchedule::Cosine,
            warmup: Warmup::None,
            gradient_clipping: GradientClipping::EveryStep { max_grad_norm: 1.0 },
            checkpointing: Checkpointing::None,
            adapter_dropout: AdapterDropout::AsConfigured,
            seed: 0,
        }
    }
}

impl RewardLoss {
    /// The padding's id, where values on padding are part of the loss.
    pub(crate) fn read_padding(&self) -> Option<u32> {
        match *self {
            Self::TokenAveraged {
                window_end: WindowEnd::LongerAnswer,
                padding_id,
                ..
            } => Some(padding_id),
            Self::TokenAveraged { .. } | Self::LastToken { .. } => None,
        }
    }
}

impl RewardConfig {
    /// Checks what a value alone cannot show.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for sizes of 0 and numbers out of range.
    pub fn check(&self) -> Result<(), SettingError> {
        check_size("epochs", self.epochs)?;
        check_size("batch_size", self.batch_size)?;
        check_size("micro_batching", self.micro_batching.size())?;
        check_rate("learning_rate", self.learning_rate)?;
        match self.loss {
            RewardLoss::TokenAveraged { bpr_temperature, .. }
                if !(bpr_temperature.is_finite() && bpr_temperature > 0.0) =>
            {
                Err(SettingError {
                    field: "loss.token_averaged.bpr_temperature",
                    found: bpr_temperature.to_string(),
                    expected: "a positive number",
                })
            }
            RewardLoss::TokenAveraged { .. } => Ok(()),
            RewardLoss::LastToken {
                center_rewards_coefficient,
            } => check_rate(
                "loss.last_token.center_rewards_coefficient",
                center_rewards_coefficient,
            ),
        }
    }

    /// The batches of a run over pairs of these lengths.
    #[must_use]
    pub fn plan(&self, lengths: Vec<usize>) -> BatchPlan {
        BatchPlan::new(lengths, self.batch_size, self.order, self.seed)
    }

    pub(crate) fn optimization(&self, total_steps: usize) -> OptimizationSettings {
        OptimizationSettings {
            learning_rate: self.learning_rate,
            lr_plan: LrPlan {
                schedule: self.lr_schedule,
                warmup_steps: self.warmup.steps(total_steps),
                total_steps,
            },
            clipping: self.gradient_clipping,
        }
    }
}
