//! What a PPO step leaves behind: the trainer's state, and a record of what was done.

use rllr_reward::ScoreNormalization;
use serde::{Deserialize, Serialize};

use crate::kl_controller::KlController;
use crate::ppo_config::PpoConfig;
use crate::ppo_experience::{Experience, Rewards};
use crate::ppo_metrics::PpoMetrics;
use crate::ppo_stats::PpoStats;
use crate::ppo_warnings::PpoWarning;

/// What changes from step to step beside the models and the optimiser. Part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PpoState {
    /// PPO steps that were done.
    pub step: usize,
    /// Optimiser steps that were done.
    pub optimizer_step: usize,
    /// Responses that were learned from.
    pub episodes: usize,
    /// The KL coefficient.
    pub kl_controller: KlController,
    /// The running moments of scores.
    pub score_normalization: ScoreNormalization,
}

/// What is to be learned from, before any weight has changed.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredRollout {
    /// The rollout with its advantages and returns.
    pub experience: Experience,
    /// Scores as they were given, `[batch]`.
    pub raw_scores: Vec<f32>,
    /// Scores after penalties, normalisation and clipping, `[batch]`.
    pub scores: Vec<f32>,
    /// One reward per token.
    pub rewards: Rewards,
    /// The KL coefficient that the rewards were made with.
    pub kl_coef: f64,
    /// Largest difference between a token's log-probability and what the sampler said, in nats; none where the sampler
    /// said nothing, or used another temperature.
    pub sampler_difference: Option<f64>,
}

/// What a step measured, computed and did.
#[derive(Clone, Debug, PartialEq)]
pub struct PpoStep {
    /// The rollout with its advantages and returns.
    pub experience: Experience,
    /// Scores after penalties, normalisation and clipping, `[batch]`.
    pub scores: Vec<f32>,
    /// One reward per token.
    pub rewards: Rewards,
    /// What the updates showed: one entry per optimiser step, or per micro-batch where means are over those.
    pub minibatches: Vec<PpoStats>,
    /// Global gradient norm of each optimiser step, before clipping.
    pub grad_norms: Vec<f32>,
    /// The step's numbers by their published names.
    pub metrics: PpoMetrics,
    /// What a user should look at.
    pub warnings: Vec<PpoWarning>,
    /// Whether the reference was reset after the step.
    pub reference_was_reset: bool,
}

impl PpoState {
    /// Before the first step.
    #[must_use]
    pub fn new(config: &PpoConfig) -> Self {
        Self {
            step: 0,
            optimizer_step: 0,
            episodes: 0,
            kl_controller: config.kl_controller,
            score_normalization: config.score_normalization,
        }
    }
}
