//! What may be chosen: closed sets, each with who chooses what.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdafactorConfig, AdamConfig, AdamWConfig, ModuleOptimizer};
use rllr_reward::KlEstimator;
use serde::{Deserialize, Serialize};

use crate::adam_in_one_pass::AdamInOnePass;
use crate::advantage::GaeConfig;
use crate::group_advantage::GroupAdvantage;
use crate::masked_stats::Variance;
use crate::resumable_optimizer::resumable_in_one_pass;

/// Over what the losses of an optimiser step are averaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossMeans {
    /// Over the whole step, however it is cut. The default.
    #[default]
    OptimizerStep,
    /// Over each micro-batch, and then over micro-batches: tokens of short ones weigh more. TRL 0.7.2 and 1.12.
    MicroBatch,
}

/// An optimiser with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Adam; the weight decay is added to the gradient (Kingma and Ba 2015; PyTorch's `Adam`).
    Adam(AdamSettings),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019; PyTorch's `AdamW`).
    #[serde(rename = "adamw")]
    AdamW(AdamSettings),
    /// Adafactor with the given learning rate as it is: `scale_parameter` and `relative_step` off (Shazeer and Stern
    /// 2018; transformers' `Adafactor`).
    Adafactor,
}

/// Settings of Adam and AdamW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamSettings {
    /// Decay of the mean gradient. Default 0.9.
    pub beta_1: f32,
    /// Decay of the mean squared gradient. Default 0.999.
    pub beta_2: f32,
    /// Added to the root of the mean squared gradient. Default 1e-8.
    pub epsilon: f32,
    /// Weight decay on every trained parameter. Default 0.01, PyTorch's for `AdamW`.
    pub weight_decay: f32,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
        }
    }
}

impl OptimizerConfig {
    /// The optimiser, which has seen no gradient yet. Adam and AdamW can be kept in a checkpoint.
    #[must_use]
    pub fn init(&self) -> ModuleOptimizer {
        match *self {
            Self::Adam(settings) => {
                let config = AdamConfig::new()
                    .with_beta_1(settings.beta_1)
                    .with_beta_2(settings.beta_2)
                    .with_epsilon(settings.epsilon);
                let penalty = settings.weight_decay;
                let decay = (penalty != 0.0).then_some(WeightDecayConfig { penalty });
                let optimizer = config.with_weight_decay(decay).build();
                resumable_in_one_pass(optimizer, AdamInOnePass::adam(settings))
            }
            Self::AdamW(settings) => {
                let config = AdamWConfig::new()
                    .with_beta_1(settings.beta_1)
                    .with_beta_2(settings.beta_2)
                    .with_epsilon(settings.epsilon)
                    .with_weight_decay(settings.weight_decay);
                resumable_in_one_pass(config.build(), AdamInOnePass::adamw(settings))
            }
            Self::Adafactor => AdafactorConfig::new()
                .with_relative_step(false)
                .with_scale_parameter(false)
                .init(),
        }
    }
}

/// Steps in which the learning rate rises: PPO steps of PPO, else optimiser steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Warmup {
    /// None. The default.
    #[default]
    None,
    /// So many steps.
    Steps(usize),
    /// This share of the run, 0 to 1, rounded up.
    Share(f64),
}

impl Warmup {
    /// Steps of warm-up in a run of `total_steps`.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a number of steps is one"
    )]
    pub fn steps(self, total_steps: usize) -> usize {
        match self {
            Self::None => 0,
            Self::Steps(steps) => steps,
            Self::Share(share) => (share * total_steps as f64).ceil().max(0.0) as usize,
        }
    }
}

/// When gradients are scaled down to a global norm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum GradientClipping {
    /// Before every optimiser step.
    EveryStep {
        /// The largest norm.
        max_grad_norm: f64,
    },
    /// Before the first optimiser step of a run only: TRL 0.7.2, whose list of parameters is used up by then.
    FirstStepOnly {
        /// The largest norm.
        max_grad_norm: f64,
    },
    /// Never.
    Never,
}

impl GradientClipping {
    /// The largest norm at optimiser step `step` of the run, counted from 0.
    #[must_use]
    pub fn max_grad_norm(self, step: usize) -> Option<f64> {
        match self {
            Self::EveryStep { max_grad_norm } => Some(max_grad_norm),
            Self::FirstStepOnly { max_grad_norm } => (step == 0).then_some(max_grad_norm),
            Self::Never => None,
        }
    }
}

/// What is penalised about leaving the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum KlPenalty {
    /// An estimate by the log-probabilities of the sampled token.
    Estimate(KlEstimator),
    /// The divergence over the whole vocabulary (TRL 0.7.2: `full`). In rewards only.
    Full,
}

/// Where the KL penalty enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlPlace {
    /// Each token's reward. The default.
    #[default]
    Reward,
    /// The loss, where it is differentiated: GRPO, OpenRLHF's `kl.use_loss`.
    Loss,
}

/// When the reference becomes the present policy, and the optimiser starts anew. Source: arXiv 2505.24864.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ReferenceReset {
    /// Only when the caller says so. The default.
    #[default]
    Never,
    /// After each so many PPO steps.
    Every {
        /// PPO steps.
        steps: usize,
    },
    /// When a step's KL, summed over the tokens of a response, is above this many nats.
    AboveKl {
        /// Nats.
        kl: f64,
    },
}

/// Whether rewards are divided by their standard deviation; they keep their mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RewardWhitening {
    /// No. The default.
    #[default]
    None,
    /// Over all rewards of the rollout: TRL 1.12's `whiten_rewards`.
    Batch(Variance),
}

/// Over what advantages get mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum AdvantageWhitening {
    /// They stay as they are: DeepSpeed-Chat, group methods.
    None,
    /// Over all tokens of the rollout.
    Batch(Variance),
    /// Over the tokens of so many responses together: the released RLLR program, on each of its devices.
    Groups {
        /// Responses of a group.
        size: usize,
        /// What is divided by.
        variance: Variance,
    },
}

/// How good a token was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum AdvantageSource {
    /// By what a value model expected.
    Gae(GaeConfig),
    /// By the other answers to the same prompt, which stand together in the batch.
    Group {
        /// Answers to each prompt, at least 2.
        group_size: usize,
        /// What an answer is compared with.
        kind: GroupAdvantage,
        /// What becomes of groups whose answers are all equally good.
        equal_groups: EqualGroups,
    },
}

impl AdvantageSource {
    /// Answers to each prompt: 1 without groups.
    #[must_use]
    pub fn group_size(&self) -> usize {
        match *self {
            Self::Gae(_) => 1,
            Self::Group { group_size, .. } => group_size,
        }
    }
}

/// What becomes of groups whose answers are all equally good: they say nothing about which answer is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EqualGroups {
    /// They count as tokens without advantage. The default.
    #[default]
    Keep,
    /// They are left out of the step.
    LeaveOut,
    /// They are left out, and other prompts are answered in their place: DAPO's dynamic sampling.
    DrawAgain {
        /// How often the policy may write in one step, at least 1.
        max_draws: usize,
    },
}

/// Where the log-probabilities of the policy before its update come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldLogProbs {
    /// One more pass of the policy over prompts and responses. The default: the same sums as in learning, so ratios
    /// begin at 1 within 1e-5, and a sampler that says something else is found out.
    #[default]
    Measured,
    /// As the sampler computed them when it wrote the responses, the same up to rounding: a pass less. Where the value
    /// model is a head on the policy, values come from the same hidden states. The first update still compares
    /// log-probabilities with the policy's. TRL 1.12 has them from the logits of its rollout, too. Responses that come
    /// without are measured; so are values where one has no token, as a score behind the response has.
    Sampled,
}

/// What responses are written with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutModel {
    /// A copy of the policy laid out for decoding, made for every rollout. The default: fastest, and as much memory as
    /// the policy.
    #[default]
    Copy,
    /// The policy itself.
    Policy,
}

/// When the epochs of a rollout end early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum EarlyStop {
    /// Never. The default.
    #[default]
    Never,
    /// After an epoch whose mean `log π_old − log π_new` is above one and a half times this: TRL 0.7.2. Waits for the
    /// device after each epoch.
    AbovePolicyKl {
        /// Nats a token. TRL: 1.
        target_kl: f64,
    },
}
