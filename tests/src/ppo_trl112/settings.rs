//! What a recorded run of TRL 1.12 was made with, as this project's settings and models.

use anyhow::ensure;
use burn::tensor::Device;
use rllr_model::{CausalLm, CausalLmConfig, ScalarModel};
use rllr_reward::{KlEstimator, MissingEos};
use rllr_train::masked_stats::Variance;
use rllr_train::{
    Actor, ActorCritic, AdamSettings, AdvantageSource, Critic, GaeConfig, KlController, KlPenalty,
    OptimizerConfig, PpoConfig, PpoLossConfig, PpoModels, PpoPreset, Reference, RewardWhitening,
};
use serde::Deserialize;

use super::Update;
use crate::golden::PpoFiles;

#[derive(Deserialize)]
pub(super) struct Trace {
    pub(super) ppo_config: Config,
    optimizer: Optimizer,
    pub(super) eos_token_id: u32,
    pub(super) pad_token_id: u32,
    model_config: serde_json::Value,
    pub(super) updates: Vec<Update>,
}

#[derive(Deserialize)]
pub(super) struct Config {
    batch_size: usize,
    cliprange: f64,
    cliprange_value: f64,
    gamma: f64,
    pub(super) gradient_accumulation_steps: usize,
    kl_coef: f64,
    kl_estimator: String,
    lam: f64,
    learning_rate: f64,
    missing_eos_penalty: Option<f32>,
    num_ppo_epochs: usize,
    pub(super) num_total_batches: usize,
    pub(super) per_device_train_batch_size: usize,
    pub(super) response_length: usize,
    temperature: f64,
    vf_coef: f64,
    whiten_rewards: bool,
}

#[derive(Deserialize)]
struct Optimizer {
    class: String,
    param_groups: Vec<ParamGroup>,
}

#[derive(Deserialize)]
struct ParamGroup {
    betas: [f32; 2],
    eps: f32,
    weight_decay: f32,
}

impl Trace {
    /// Micro-batches that each step alone, with their losses still divided by the accumulation: what TRL 1.12 does with
    /// the last batch of its data.
    pub(super) fn steps_at_every_micro_batch(&self) -> bool {
        let update = &self.updates[0];
        update.optimizer_steps.len() == update.microbatches.len()
    }

    /// What TRL's gradients are to those of a mean over the optimiser step.
    pub(super) fn gradient_scale(&self) -> f64 {
        if self.steps_at_every_micro_batch() {
            1.0 / self.ppo_config.gradient_accumulation_steps as f64
        } else {
            1.0
        }
    }

    /// The preset `trl` with this run's values.
    ///
    /// TRL counts micro-batches across minibatches until it steps, so an optimiser step here is as many of them as
    /// there are between its steps.
    #[expect(clippy::cast_possible_truncation, reason = "one over a small whole number")]
    pub(super) fn config(&self) -> anyhow::Result<PpoConfig> {
        let c = &self.ppo_config;
        let preset = PpoPreset::Trl.config();
        ensure!(
            self.optimizer.class == "AdamW",
            "optimizer {:?}",
            self.optimizer.class
        );
        let group = &self.optimizer.param_groups[0];
        let [beta_1, beta_2] = group.betas;
        let update = &self.updates[0];
        let micro_batches = update.microbatches.len() / update.optimizer_steps.len();
        Ok(PpoConfig {
            batch_size: c.batch_size,
            ppo_epochs: c.num_ppo_epochs,
            minibatch_size: micro_batches * c.per_device_train_batch_size,
            micro_batch_size: c.per_device_train_batch_size,
            optimizer: OptimizerConfig::AdamW(AdamSettings {
                beta_1,
                beta_2,
                // Adam does not see the size of gradients but for its epsilon.
                epsilon: group.eps / self.gradient_scale() as f32,
                weight_decay: group.weight_decay,
            }),
            learning_rate: c.learning_rate,
            kl_controller: KlController::Fixed { kl_coef: c.kl_coef },
            kl_penalty: KlPenalty::Estimate(match c.kl_estimator.as_str() {
                "k1" => KlEstimator::K1,
                "k3" => KlEstimator::K3,
                other => anyhow::bail!("kl_estimator {other:?}"),
            }),
            missing_eos: match c.missing_eos_penalty {
                None => MissingEos::Keep,
                Some(penalty) => MissingEos::Subtract(penalty),
            },
            reward_whitening: if c.whiten_rewards {
                RewardWhitening::Batch(Variance::Unbiased)
            } else {
                RewardWhitening::None
            },
            advantage: AdvantageSource::Gae(GaeConfig {
                gamma: c.gamma,
                lambda: c.lam,
            }),
            loss: PpoLossConfig {
                clip_range_low: c.cliprange,
                clip_range_high: c.cliprange,
                value_clip_range: c.cliprange_value,
                vf_coef: c.vf_coef,
                ..preset.loss
            },
            temperature: c.temperature,
            max_new_tokens: c.response_length,
            ..preset
        })
    }

    pub(super) fn models(&self, files: &PpoFiles, device: &Device) -> anyhow::Result<PpoModels> {
        let config = CausalLmConfig::from_hugging_face(&self.model_config.to_string())?;
        let trained_device = device.clone().autodiff();
        let policy = CausalLm::from_weights(&config, &files.weights("policy_initial")?, &trained_device)?;
        let value = ScalarModel::from_weights(&config, &files.weights("value_initial")?, &trained_device)?;
        let reference = CausalLm::from_weights(&config, &files.weights("reference")?, device)?;
        let trained = ActorCritic {
            actor: Actor::Full(policy),
            critic: Some(Critic::OwnModel(value)),
        };
        Ok(PpoModels::new(None, trained, Reference::FrozenCopy(reference))?)
    }
}
