//! Training of language models: next-token steps, the equations of reinforcement learning, and the check that a device
//! computes them right.
//!
//! Start with [`LmTrainer::step`]; [`self_check`] runs it on two devices and compares. [`SftTrainer`],
//! [`RewardTrainer`] and [`DistillationTrainer`] go the same way, [`PpoTrainer`] a longer one. Its equations in order:
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
mod scored_loss;
mod checkpointing;
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
mod prompt_and_response;
mod batch_plan;
mod workers;
mod micro_batching;
mod optimization;
mod sft_config;
mod sft_models;
mod sft;
mod response_loss;
mod sft_step;
mod responses;
mod reward_pair;
mod reward_config;
mod reward_models;
mod reward_trainer;
mod pair_batch;
mod reward_step;
mod label_sensitivity;
mod rollout;
mod actor_critic;
mod parameter_ids;
mod trained_parts;
mod fingerprint;
mod ppo_config;
mod ppo;
mod ppo_step;
mod random_stream;
mod prompt_order;
mod ppo_write;
mod ppo_sampling;
mod ppo_measure;
mod token_scores;
mod ppo_experience;
mod minibatch_order;
mod ppo_update;
mod ppo_lesson;
mod ppo_checks;
mod ppo_warnings;
mod ppo_error;
mod ppo_metrics;
mod dpo_loss;
mod distillation_loss;
mod adam_in_one_pass;
mod resumable_optimizer;
mod snapshot;
mod checkpoint;
mod checkpoint_store;
mod checkpoint_error;
mod run_event;
mod run;
mod next_token_stage;
mod distillation_config;
mod distillation;
mod divergence_loss;
pub mod pipeline;
pub mod plan;
mod self_check;
mod rounding;

#[cfg(test)]
mod finite_differences;

pub use actor_critic::{
    Actor, ActorCritic, AdapterCritic, Critic, CriticKind, ModelsError, PpoModels, Reference, ReferenceKind,
};
pub use advantage::{Advantages, GaeConfig, gae, gae_skip_masked};
pub use batch_plan::{BatchOrder, BatchPlan, padding_share};
pub use checkpoint::{CHECKPOINT_FORMAT, ConfigKeys, FileCheck, Manifest, config_keys, read_checkpoint};
pub use checkpoint_error::{CheckpointError, StoreError};
pub use checkpoint_store::{CheckpointStore, MemoryStore};
pub use checkpointing::{Checkpointing, DecoderPass, gradients};
pub use distillation::{DistillationError, DistillationTrainer, Teacher};
pub use distillation_config::{DistillationConfig, Divergence, OnPolicyShare};
pub use distillation_loss::{generalized_jsd, jsd_terms};
pub use dpo_loss::{DpoLoss, PairLogProbs, dpo_losses, implicit_rewards};
pub use gradients::{StepGradients, clip_by_global_norm, gather_gradients, global_norm};
pub use group_advantage::{
    GROUP_EPSILON, GroupAdvantage, GroupError, Moments, group_advantages, groups_that_differ, leave_one_out,
    moments,
};
pub use kl_controller::KlController;
pub use label_sensitivity::SensitivityRows;
pub use learning_rate::{LrPlan, LrSchedule};
pub use lm_trainer::{LmStep, LmStepMetrics, LmTrainer, LmTrainerConfig};
pub use loss_aggregation::{LossAggregation, weighted_sum};
pub use micro_batching::MicroBatching;
pub use minibatch_order::shuffled_rows;
pub use next_token_loss::{NextTokenLoss, next_token_loss, next_token_loss_of};
pub use next_token_stage::{NextTokenConfig, NextTokenError, NextTokenStage};
pub use optimization::{SettingError, TrainerState, UpdateError};
pub use ppo::PpoTrainer;
pub use ppo_config::{
    AdamSettings, AdvantageSource, AdvantageWhitening, EarlyStop, EqualGroups, GradientClipping, KlPenalty,
    KlPlace, LossMeans, OldLogProbs, OptimizerConfig, PpoConfig, PpoConfigError, PpoPreset, ReferenceReset,
    RewardWhitening, RolloutModel, Warmup,
};
pub use ppo_error::PpoError;
pub use ppo_experience::{Experience, Rewards};
pub use ppo_loss::{
    MAX_LOG_RATIO, PolicyLosses, PpoLoss, PpoLossConfig, PpoPredictions, PpoTargets, ValueLosses,
    policy_losses, ppo_loss, value_losses,
};
pub use ppo_metrics::{OWN_METRICS, PpoMetrics};
pub use ppo_sampling::{GroupCollector, ScoredResponses};
pub use ppo_stats::PpoStats;
pub use ppo_step::{PpoState, PpoStep, ScoredRollout};
pub use ppo_warnings::{PpoChecks, PpoWarning};
pub use prompt_and_response::{PromptAndResponse, PromptAndResponseError, TextFit};
pub use prompt_order::PromptOrder;
pub use responses::{Responses, ResponsesError, Sample, Sampled};
pub use resumable_optimizer::{MomentOptimizer, resumable};
pub use reward_config::{RewardConfig, RewardLoss};
pub use reward_models::{RewardModels, TrainedReward};
pub use reward_pair::{RewardPair, RewardPairError};
pub use reward_step::{RewardMetrics, RewardStep, RewardTrainingError};
pub use reward_trainer::RewardTrainer;
pub use rollout::Rollout;
pub use run::{Best, BestMetric, CheckpointConfig, Run, RunConfig, RunError, Stage, StepReport};
pub use run_event::{Metrics, RunEvent, RunSample};
pub use scored_loss::{ScoreArguments, argument};
pub use self_check::{Check, CheckName, Observation, SelfCheck, SelfCheckError, observe, self_check};
pub use sft::SftTrainer;
pub use sft_config::{AdapterDropout, SftConfig};
pub use sft_models::SftModels;
pub use sft_step::{SftError, SftMetrics, SftSample, SftStep};
pub use snapshot::{Restored, Snapshot};
pub use trained_parts::{num_trainable, total_change};
pub use truncate_response::{first_stop, truncate_response, truncated};
pub use workers::{Job, OneByOne, SharedWorkers, Workers};
