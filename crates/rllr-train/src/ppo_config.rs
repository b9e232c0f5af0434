//! Settings of the PPO trainer: plain data, each with its unit, default and source.
//!
//! Defaults are the preset `rllr`: the published method (RLLR on TRL 0.7.2) with the released program's defects fixed.
//! The other presets are in [`PpoPreset`].

use rllr_reward::{KlClamps, MissingEos, ScoreNormalization, ScorePosition};
use serde::{Deserialize, Serialize};

use crate::actor_critic::{CriticKind, ReferenceKind};
use crate::checkpointing::Checkpointing;
use crate::kl_controller::KlController;
use crate::learning_rate::{LrPlan, LrSchedule};
use crate::loss_aggregation::LossAggregation;
use crate::ppo_loss::PpoLossConfig;
use crate::ppo_warnings::PpoChecks;
use crate::prompt_order::PromptOrder;

mod choices;
mod presets;
#[cfg(test)]
mod tests;

pub use choices::{
    AdamSettings, AdvantageSource, AdvantageWhitening, EarlyStop, EqualGroups, GradientClipping, KlPenalty,
    KlPlace, LossMeans, OldLogProbs, OptimizerConfig, ReferenceReset, RewardWhitening, RolloutModel, Warmup,
};
pub use presets::PpoPreset;

/// Settings of [`PpoTrainer`](crate::PpoTrainer). What is not said otherwise is RLLR's, from its scripts on TRL 0.7.2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PpoConfig {
    /// Responses of one rollout, over all processes. Default 16 (RLLR with LLaMA-2; 32 with the others).
    pub batch_size: usize,
    /// Passes over a rollout. Default 1.
    pub ppo_epochs: usize,
    /// Responses of one optimiser step. Default 16: the whole rollout, so that training stays on-policy.
    pub minibatch_size: usize,
    /// Responses of one forward and backward pass; a step's are accumulated. Default 4. Memory only, unless
    /// `loss_means` is per micro-batch.
    pub micro_batch_size: usize,
    /// Over what losses are averaged. Default the whole optimiser step.
    pub loss_means: LossMeans,
    /// How the losses of tokens become one number. Default the mean over tokens.
    pub loss_aggregation: LossAggregation,

    /// The optimiser. Default AdamW with PyTorch's settings, weight decay 0.01 among them.
    pub optimizer: OptimizerConfig,
    /// Step size of the policy at its highest. Default 5e-6.
    pub learning_rate: f64,
    /// Step size of the value model at its highest, where it differs. Default none: the same.
    pub critic_learning_rate: Option<f64>,
    /// Course of both over the PPO steps of a run. Default a cosine to 0.
    pub lr_schedule: LrSchedule,
    /// PPO steps in which they rise from 0. Default none.
    pub warmup: Warmup,
    /// When gradients are scaled down. Default every step, to a global norm of 1.
    pub gradient_clipping: GradientClipping,

    /// How strongly the policy is held to the reference, at the start. Default adaptive: 0.2, target 6, horizon 10,000.
    pub kl_controller: KlController,
    /// What is penalised. Default k1.
    pub kl_penalty: KlPenalty,
    /// Bounds of the estimate. Default none.
    pub kl_clamps: KlClamps,
    /// Where the penalty enters. Default the rewards.
    pub kl_place: KlPlace,
    /// When the reference becomes the present policy. Default never.
    pub reference_reset: ReferenceReset,

    /// What becomes of the score of a response that did not end. Default it stays.
    pub missing_eos: MissingEos,
    /// How scores are brought to one scale, at the start. Default by running mean and standard deviation.
    pub score_normalization: ScoreNormalization,
    /// Scores stay within ± this, after normalisation. Default none.
    pub score_clip: Option<f32>,
    /// The slot that gets the score. Default the last token of the response.
    pub score_position: ScorePosition,
    /// Whether rewards are divided by their standard deviation. Default no.
    pub reward_whitening: RewardWhitening,

    /// How good a token was. Default generalised advantage estimation, `γ` 1 and `λ` 0.95.
    pub advantage: AdvantageSource,
    /// Over what advantages get mean 0 and variance 1. Default the whole rollout, unbiased variance.
    pub advantage_whitening: AdvantageWhitening,

    /// Clipping and weights of the losses.
    pub loss: PpoLossConfig,
    /// When the epochs of a rollout end early. Default never.
    pub early_stop: EarlyStop,

    /// Where values come from. Default an adapter of its own on the policy's base, begun as the reward model's.
    pub critic: CriticKind,
    /// What the policy is held to. Default the base with its adapters off: the merged SFT model.
    pub reference: ReferenceKind,

    /// Logits are divided by this, when responses are written *and* when they are scored. Default 1.
    pub temperature: f64,
    /// Responses are written with the most likely tokens of this much probability. Default 1: all. Anything less makes
    /// the scored log-probabilities differ from those of the sampler.
    pub top_p: f64,
    /// Responses are written with this many most likely tokens; 0 for all. Default 0 (the released program: 50).
    pub top_k: usize,
    /// Tokens that a response may have. Default 256.
    pub max_new_tokens: usize,
    /// Length before `max_new_tokens` over which a score loses up to 1, DAPO's overlong shaping
    /// ([`overlong_penalty`](rllr_reward::overlong_penalty)). Default none: nothing is lost.
    pub overlong_buffer: Option<usize>,
    /// Where `log π_old` comes from. Default it is measured.
    pub old_log_probs: OldLogProbs,
    /// What responses are written with. Default a copy of the policy that is laid out for it.
    pub rollout_model: RolloutModel,
    /// Responses that are written at a time, by each worker. Default 64. Memory, and how evenly workers are busy.
    pub generation_batch_size: usize,
    /// What is kept of forward passes until the backward pass. Default everything. Memory only.
    pub checkpointing: Checkpointing,
    /// What is checked in every step, and from where on there is a warning.
    pub checks: PpoChecks,
    /// Seed of the order of minibatches. Default 0.
    pub seed: u64,
}

impl Default for PpoConfig {
    fn default() -> Self {
        PpoPreset::Rllr.config()
    }
}

/// Settings that contradict each other, or mean nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field} is {found}, expected {expected}")]
pub struct PpoConfigError {
    /// The field.
    pub field: &'static str,
    /// What it is.
    pub found: String,
    /// What it may be.
    pub expected: &'static str,
}

fn wrong(field: &'static str, found: String, expected: &'static str) -> Result<(), PpoConfigError> {
    Err(PpoConfigError {
        field,
        found,
        expected,
    })
}

impl PpoConfig {
    /// Checks what a value alone cannot show.
    ///
    /// # Errors
    ///
    /// [`PpoConfigError`] for sizes of 0, numbers out of range, and settings that contradict each other.
    pub fn check(&self) -> Result<(), PpoConfigError> {
        let sizes = [
            ("batch_size", self.batch_size),
            ("ppo_epochs", self.ppo_epochs),
            ("minibatch_size", self.minibatch_size),
            ("micro_batch_size", self.micro_batch_size),
            ("max_new_tokens", self.max_new_tokens),
            ("generation_batch_size", self.generation_batch_size),
        ];
        if let Some((field, found)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return wrong(field, found.to_string(), "at least 1");
        }
        let rates = [
            ("learning_rate", Some(self.learning_rate)),
            ("critic_learning_rate", self.critic_learning_rate),
            ("kl_controller.kl_coef", Some(self.kl_controller.kl_coef())),
        ];
        for (field, rate) in rates {
            if let Some(found) = rate.filter(|rate| !(rate.is_finite() && *rate >= 0.0)) {
                return wrong(field, found.to_string(), "a finite number, not negative");
            }
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return wrong("temperature", self.temperature.to_string(), "a positive number");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return wrong("top_p", self.top_p.to_string(), "above 0 and at most 1");
        }
        if self.kl_place == KlPlace::Loss && self.kl_penalty == KlPenalty::Full {
            return wrong(
                "kl_penalty",
                "full".to_owned(),
                "an estimate when kl_place is loss",
            );
        }
        if self.old_log_probs == OldLogProbs::Sampled && self.kl_penalty == KlPenalty::Full {
            return wrong(
                "kl_penalty",
                "full".to_owned(),
                "an estimate when old_log_probs is sampled",
            );
        }
        if self.reference == ReferenceKind::Absent
            && self.kl_controller != (KlController::Fixed { kl_coef: 0.0 })
        {
            let found = format!("{:?}", self.kl_controller);
            return wrong("kl_controller", found, "fixed at 0 when there is no reference");
        }
        self.check_advantage()
    }

    fn check_advantage(&self) -> Result<(), PpoConfigError> {
        let (group_size, equal_groups) = match self.advantage {
            AdvantageSource::Gae(_) if self.critic == CriticKind::Absent => {
                let found = "absent".to_owned();
                return wrong("critic", found, "a value model when advantage is gae");
            }
            AdvantageSource::Gae(_) => return Ok(()),
            AdvantageSource::Group {
                group_size,
                equal_groups,
                ..
            } => (group_size, equal_groups),
        };
        if group_size < 2 {
            return wrong("advantage.group.group_size", group_size.to_string(), "at least 2");
        }
        if !self.batch_size.is_multiple_of(group_size) {
            let expected = "a multiple of advantage.group.group_size";
            return wrong("batch_size", self.batch_size.to_string(), expected);
        }
        if equal_groups == (EqualGroups::DrawAgain { max_draws: 0 }) {
            let field = "advantage.group.equal_groups.draw_again.max_draws";
            return wrong(field, "0".to_owned(), "at least 1");
        }
        Ok(())
    }

    /// Which prompts each step of a run answers, of `prompts` in all: as many a step as make a rollout with all their
    /// answers.
    #[must_use]
    pub fn prompt_order(&self, prompts: usize) -> PromptOrder {
        PromptOrder {
            prompts,
            batch: (self.batch_size / self.advantage.group_size()).max(1),
            seed: self.seed,
        }
    }

    /// The learning rate's course over a run of `total_steps` PPO steps.
    #[must_use]
    pub fn lr_plan(&self, total_steps: usize) -> LrPlan {
        LrPlan {
            schedule: self.lr_schedule,
            warmup_steps: self.warmup.steps(total_steps),
            total_steps,
        }
    }
}
