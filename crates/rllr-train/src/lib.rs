//! Training of language models: next-token steps, the equations of reinforcement learning, and the check that a device
//! computes them right.
//!
//! Start with [`LmTrainer::step`]; [`self_check`] runs it on two devices and compares. The equations in reading order:
//! [`gae`] says how good each token was, [`ppo_loss`] turns that into a loss, [`LossAggregation`] says how much each
//! token counts. What is differentiated is a function of tensors; what is computed once per rollout is a function of
//! slices on the host, for the reasons that the module of [`gae`] gives.
//!
//! This crate does not read files, choose devices, ask a clock or hold a random generator: all are arguments.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read from the CPU, which answers at once"
    )
)]

mod lm_trainer;
mod next_token_loss;
mod gradients;
mod learning_rate;
mod truncate_response;
mod advantage;
pub mod masked_stats;
mod kl_controller;
mod group_advantage;
mod ppo_loss;
mod ppo_stats;
mod loss_aggregation;
mod dpo_loss;
mod distillation_loss;
mod self_check;
mod rounding;

#[cfg(test)]
mod finite_differences;

pub use advantage::{Advantages, GaeConfig, gae, gae_skip_masked};
pub use distillation_loss::{generalized_jsd, jsd_terms};
pub use dpo_loss::{DpoLoss, PairLogProbs, dpo_losses, implicit_rewards};
pub use gradients::{clip_by_global_norm, global_norm};
pub use group_advantage::{
    GROUP_EPSILON, GroupAdvantage, GroupError, Moments, group_advantages, groups_that_differ, leave_one_out,
    moments,
};
pub use kl_controller::KlController;
pub use learning_rate::{LrPlan, LrSchedule};
pub use lm_trainer::{LmStep, LmStepMetrics, LmTrainer, LmTrainerConfig};
pub use loss_aggregation::{LossAggregation, weighted_sum};
pub use next_token_loss::{NextTokenLoss, next_token_loss};
pub use ppo_loss::{
    MAX_LOG_RATIO, PolicyLosses, PpoLoss, PpoLossConfig, PpoPredictions, PpoTargets, ValueLosses,
    policy_losses, ppo_loss, value_losses,
};
pub use ppo_stats::PpoStats;
pub use self_check::{Check, CheckName, Observation, SelfCheck, SelfCheckError, observe, self_check};
pub use truncate_response::{first_stop, truncate_response, truncated};
