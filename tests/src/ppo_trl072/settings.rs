//! What a recorded run was made with, as this project's settings and models.

use anyhow::ensure;
use burn::tensor::Device;
use rllr_model::{CausalLm, CausalLmConfig, PeftAdapter, ScalarHead};
use rllr_reward::{KlClamps, KlEstimator, MissingEos, RunningMoments, ScoreNormalization, ScorePosition};
use rllr_train::masked_stats::Variance;
use rllr_train::{
    Actor, ActorCritic, AdamSettings, AdvantageSource, AdvantageWhitening, Critic, CriticKind, EarlyStop,
    GaeConfig, GradientClipping, KlController, KlPenalty, KlPlace, LossAggregation, LossMeans, LrSchedule,
    OptimizerConfig, PpoConfig, PpoLossConfig, PpoModels, Reference, ReferenceKind, ReferenceReset,
    RewardWhitening, Warmup,
};
use serde::Deserialize;

use super::Step;
use crate::golden::PpoFiles;

#[derive(Deserialize)]
pub(super) struct Trace {
    pub(super) ppo_config: Config,
    pub(super) optimizer: Optimizer,
    pub(super) lora: Option<serde_json::Value>,
    pub(super) model_config: serde_json::Value,
    pub(super) steps: Vec<Step>,
}

#[derive(Deserialize)]
pub(super) struct Config {
    pub(super) adap_kl_ctrl: bool,
    pub(super) batch_size: usize,
    pub(super) cliprange: f64,
    pub(super) cliprange_value: f64,
    pub(super) early_stopping: bool,
    pub(super) gamma: f64,
    pub(super) gradient_accumulation_steps: usize,
    pub(super) horizon: f64,
    pub(super) init_kl_coef: f64,
    pub(super) kl_penalty: String,
    pub(super) lam: f64,
    pub(super) learning_rate: f64,
    pub(super) max_grad_norm: Option<f64>,
    pub(super) mini_batch_size: usize,
    pub(super) ppo_epochs: usize,
    pub(super) ratio_threshold: f64,
    pub(super) score_clip: Option<f32>,
    pub(super) target: f64,
    pub(super) use_score_norm: bool,
    pub(super) use_score_scaling: bool,
    pub(super) vf_coef: f64,
}

#[derive(Deserialize)]
pub(super) struct Optimizer {
    pub(super) class: String,
    pub(super) betas: [f32; 2],
    pub(super) eps: f32,
    pub(super) weight_decay: f32,
    pub(super) scheduler: Option<Scheduler>,
}

#[derive(Deserialize)]
pub(super) struct Scheduler {
    pub(super) name: String,
    pub(super) num_warmup_steps: usize,
    pub(super) num_training_steps: usize,
}

impl Trace {
    #[expect(clippy::too_many_lines, reason = "the table of one program's settings")]
    pub(super) fn config(&self) -> anyhow::Result<PpoConfig> {
        let Self {
            ppo_config: c,
            optimizer,
            ..
        } = self;
        let [beta_1, beta_2] = optimizer.betas;
        let adam = AdamSettings {
            beta_1,
            beta_2,
            epsilon: optimizer.eps,
            weight_decay: optimizer.weight_decay,
        };
        let moments = RunningMoments::default();
        ensure!(!c.early_stopping, "no case stops early");
        Ok(PpoConfig {
            batch_size: c.batch_size,
            ppo_epochs: c.ppo_epochs,
            minibatch_size: c.mini_batch_size * c.gradient_accumulation_steps,
            micro_batch_size: c.mini_batch_size,
            loss_means: LossMeans::MicroBatch,
            loss_aggregation: LossAggregation::TokenMean,
            optimizer: match optimizer.class.as_str() {
                "Adam" => OptimizerConfig::Adam(adam),
                "AdamW" => OptimizerConfig::AdamW(adam),
                other => anyhow::bail!("optimizer {other:?}"),
            },
            learning_rate: c.learning_rate,
            critic_learning_rate: None,
            lr_schedule: match &optimizer.scheduler {
                None => LrSchedule::Constant,
                Some(scheduler) if scheduler.name == "cosine" && scheduler.num_warmup_steps == 0 => {
                    LrSchedule::Cosine
                }
                Some(scheduler) => anyhow::bail!("scheduler {:?}", scheduler.name),
            },
            warmup: Warmup::None,
            gradient_clipping: match c.max_grad_norm {
                None => GradientClipping::Never,
                Some(max_grad_norm) => GradientClipping::FirstStepOnly { max_grad_norm },
            },
            kl_controller: self.kl_controller(),
            kl_penalty: match c.kl_penalty.as_str() {
                "kl" => KlPenalty::Estimate(KlEstimator::K1),
                "abs" => KlPenalty::Estimate(KlEstimator::Abs),
                "mse" => KlPenalty::Estimate(KlEstimator::K2),
                "full" => KlPenalty::Full,
                other => anyhow::bail!("kl_penalty {other:?}"),
            },
            kl_clamps: KlClamps::default(),
            kl_place: KlPlace::Reward,
            reference_reset: ReferenceReset::Never,
            missing_eos: MissingEos::Keep,
            score_normalization: match (c.use_score_scaling, c.use_score_norm) {
                (false, _) => ScoreNormalization::None,
                (true, false) => ScoreNormalization::RunningStd(moments),
                (true, true) => ScoreNormalization::RunningMeanAndStd(moments),
            },
            score_clip: c.score_clip,
            score_position: ScorePosition::LastResponseToken,
            reward_whitening: RewardWhitening::None,
            advantage: AdvantageSource::Gae(GaeConfig {
                gamma: c.gamma,
                lambda: c.lam,
            }),
            advantage_whitening: AdvantageWhitening::Batch(Variance::Unbiased),
            loss: PpoLossConfig {
                clip_range_low: c.cliprange,
                clip_range_high: c.cliprange,
                value_clip_range: c.cliprange_value,
                vf_coef: c.vf_coef,
                ratio_threshold: c.ratio_threshold,
                ..PpoLossConfig::default()
            },
            early_stop: EarlyStop::Never,
            critic: CriticKind::SharedHead,
            reference: match self.lora {
                None => ReferenceKind::FrozenCopy,
                Some(_) => ReferenceKind::AdaptersOff,
            },
            ..PpoConfig::default()
        })
    }

    fn kl_controller(&self) -> KlController {
        let (kl_coef, c) = (self.ppo_config.init_kl_coef, &self.ppo_config);
        if c.adap_kl_ctrl {
            KlController::Adaptive {
                kl_coef,
                target: c.target,
                horizon: c.horizon,
            }
        } else {
            KlController::Fixed { kl_coef }
        }
    }

    pub(super) fn models(&self, files: &PpoFiles, device: &Device) -> anyhow::Result<PpoModels> {
        let config = CausalLmConfig::from_hugging_face(&self.model_config.to_string())?;
        let trained_device = device.clone().autodiff();
        let Some(lora) = &self.lora else {
            let mut initial = files.weights("policy_initial")?;
            let head = ScalarHead::take_value_head(&mut initial, config.hidden_size, &trained_device)?;
            let policy = CausalLm::from_weights(&config, &initial, &trained_device)?;
            let mut reference = files.weights("reference")?;
            ScalarHead::take_value_head(&mut reference, config.hidden_size, device)?;
            let reference = CausalLm::from_weights(&config, &reference, device)?;
            let trained = ActorCritic {
                actor: Actor::Full(policy),
                critic: Some(Critic::SharedHead(head)),
            };
            return Ok(PpoModels::new(None, trained, Reference::FrozenCopy(reference))?);
        };
        let base = CausalLm::from_weights(&config, &files.weights("base")?, device)?;
        let mut initial = files.weights("adapter_initial")?;
        let head = ScalarHead::take_value_head(&mut initial, config.hidden_size, &trained_device)?;
        let mut peft = lora.clone();
        peft["peft_type"] = "LORA".into();
        let (peft, initial) = (peft.to_string(), initial.to_safetensors()?);
        let PeftAdapter { adapter, .. } = PeftAdapter::from_files(&peft, &initial, &config, &trained_device)?;
        let trained = ActorCritic {
            actor: Actor::Adapter(adapter),
            critic: Some(Critic::SharedHead(head)),
        };
        Ok(PpoModels::new(Some(base), trained, Reference::AdaptersOff)?)
    }
}
