//! What published programs do, as settings.

use rllr_reward::{KlClamps, KlEstimator, MissingEos, RunningMoments, ScoreNormalization, ScorePosition};
use serde::{Deserialize, Serialize};

use super::{
    AdamSettings, AdvantageSource, AdvantageWhitening, EarlyStop, EqualGroups, GradientClipping, KlPenalty,
    KlPlace, LossMeans, OldLogProbs, OptimizerConfig, PpoConfig, ReferenceReset, RewardWhitening,
    RolloutModel, Warmup,
};
use crate::actor_critic::{CriticKind, ReferenceKind};
use crate::advantage::GaeConfig;
use crate::checkpointing::Checkpointing;
use crate::group_advantage::GroupAdvantage;
use crate::kl_controller::KlController;
use crate::learning_rate::LrSchedule;
use crate::loss_aggregation::LossAggregation;
use crate::masked_stats::Variance;
use crate::ppo_loss::PpoLossConfig;
use crate::ppo_warnings::PpoChecks;

/// A ratio that no policy reaches: the log-ratio is bounded by 20. Switches the ratio guard off.
const NO_RATIO_GUARD: f64 = 1e30;

/// A published program whose arithmetic the trainer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PpoPreset {
    /// RLLR (ACL 2024, on TRL 0.7.2) with the released program's defects fixed. Values of its LLaMA-2 7B scripts.
    #[serde(rename = "rllr")]
    Rllr,
    /// The arithmetic of the released RLLR program, defects included; for comparison only. Values of its LLaMA-2 7B
    /// scripts on 8 devices.
    #[serde(rename = "rllr-released")]
    RllrReleased,
    /// TRL 1.12, `experimental/ppo`, the last PPO trainer of TRL.
    #[serde(rename = "trl")]
    Trl,
    /// OpenRLHF 0.11.
    #[serde(rename = "openrlhf")]
    OpenRlhf,
    /// DeepSpeed-Chat, in its examples of February 2025.
    #[serde(rename = "dschat")]
    DsChat,
    /// RL4GLUE (arXiv 2410.11020): TRL's PPO with a verifiable label reward.
    #[serde(rename = "rl4glue")]
    Rl4Glue,
    /// REINFORCE with a leave-one-out baseline (arXiv 2402.14740); values of TRL 1.12. There the ratio is that of whole
    /// responses; on-policy, as here by default, the gradients are the same.
    #[serde(rename = "rloo")]
    Rloo,
    /// Group relative policy optimisation (arXiv 2402.03300); values of TRL 1.12, whose loss is the mean over tokens.
    #[serde(rename = "grpo")]
    Grpo,
    /// Dr. GRPO (arXiv 2503.20783): no division by standard deviation or length; other values as [`PpoPreset::Grpo`].
    /// The constant that it divides by instead is a setting of its own: change it with `max_new_tokens`.
    #[serde(rename = "dr-grpo")]
    DrGrpo,
    /// DAPO (arXiv 2503.14476): clip-higher, dynamic sampling, token-level loss, overlong shaping. Batch sizes and
    /// learning rate are the paper's; lengths and the bound on draws are ours.
    #[serde(rename = "dapo")]
    Dapo,
}

impl PpoPreset {
    /// All presets.
    pub const ALL: [Self; 10] = [
        Self::Rllr,
        Self::RllrReleased,
        Self::Trl,
        Self::OpenRlhf,
        Self::DsChat,
        Self::Rl4Glue,
        Self::Rloo,
        Self::Grpo,
        Self::DrGrpo,
        Self::Dapo,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rllr => "rllr",
            Self::RllrReleased => "rllr-released",
            Self::Trl => "trl",
            Self::OpenRlhf => "openrlhf",
            Self::DsChat => "dschat",
            Self::Rl4Glue => "rl4glue",
            Self::Rloo => "rloo",
            Self::Grpo => "grpo",
            Self::DrGrpo => "dr-grpo",
            Self::Dapo => "dapo",
        }
    }

    /// The preset of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The settings.
    #[must_use]
    pub fn config(self) -> PpoConfig {
        match self {
            Self::Rllr => rllr(),
            Self::RllrReleased => rllr_released(),
            Self::Trl => trl(),
            Self::OpenRlhf => openrlhf(),
            Self::DsChat => dschat(),
            Self::Rl4Glue => rl4glue(),
            Self::Rloo => rloo(),
            Self::Grpo => grpo(),
            Self::DrGrpo => dr_grpo(),
            Self::Dapo => dapo(),
        }
    }
}

fn rllr() -> PpoConfig {
    PpoConfig {
        batch_size: 16,
        ppo_epochs: 1,
        minibatch_size: 16,
        micro_batch_size: 4,
        loss_means: LossMeans::OptimizerStep,
        loss_aggregation: LossAggregation::TokenMean,

        optimizer: OptimizerConfig::AdamW(AdamSettings::default()),
        learning_rate: 5e-6,
        critic_learning_rate: None,
        lr_schedule: LrSchedule::Cosine,
        warmup: Warmup::None,
        gradient_clipping: GradientClipping::EveryStep { max_grad_norm: 1.0 },

        kl_controller: KlController::Adaptive {
            kl_coef: 0.2,
            target: 6.0,
            horizon: 10_000.0,
        },
        kl_penalty: KlPenalty::Estimate(KlEstimator::K1),
        kl_clamps: KlClamps::default(),
        kl_place: KlPlace::Reward,
        reference_reset: ReferenceReset::Never,

        missing_eos: MissingEos::Keep,
        score_normalization: ScoreNormalization::RunningMeanAndStd(RunningMoments::default()),
        score_clip: None,
        score_position: ScorePosition::LastResponseToken,
        reward_whitening: RewardWhitening::None,

        advantage: AdvantageSource::Gae(GaeConfig {
            gamma: 1.0,
            lambda: 0.95,
        }),
        advantage_whitening: AdvantageWhitening::Batch(Variance::Unbiased),

        loss: PpoLossConfig::default(),
        early_stop: EarlyStop::Never,

        critic: CriticKind::OwnAdapter,
        reference: ReferenceKind::AdaptersOff,

        temperature: 1.0,
        top_p: 1.0,
        top_k: 0,
        max_new_tokens: 256,
        overlong_buffer: None,
        old_log_probs: OldLogProbs::Measured,
        rollout_model: RolloutModel::Copy,
        generation_batch_size: 64,
        checkpointing: Checkpointing::None,
        checks: PpoChecks::default(),
        seed: 0,
    }
}

/// Two responses a device, one at a time, accumulated over both and over 8 devices.
fn rllr_released() -> PpoConfig {
    PpoConfig {
        micro_batch_size: 1,
        loss_means: LossMeans::MicroBatch,
        gradient_clipping: GradientClipping::FirstStepOnly { max_grad_norm: 1.0 },
        advantage_whitening: AdvantageWhitening::Groups {
            size: 2,
            variance: Variance::Unbiased,
        },
        top_k: 50,
        ..rllr()
    }
}

fn trl() -> PpoConfig {
    PpoConfig {
        batch_size: 8,
        ppo_epochs: 4,
        minibatch_size: 8,
        micro_batch_size: 8,
        loss_means: LossMeans::MicroBatch,
        optimizer: OptimizerConfig::AdamW(AdamSettings {
            weight_decay: 0.0,
            ..AdamSettings::default()
        }),
        learning_rate: 3e-6,
        lr_schedule: LrSchedule::Linear,
        gradient_clipping: GradientClipping::Never,
        kl_controller: KlController::Fixed { kl_coef: 0.05 },
        score_normalization: ScoreNormalization::None,
        score_position: ScorePosition::TokenAfterResponse,
        loss: PpoLossConfig {
            ratio_threshold: NO_RATIO_GUARD,
            ..PpoLossConfig::default()
        },
        critic: CriticKind::OwnModel,
        reference: ReferenceKind::FrozenCopy,
        temperature: 0.7,
        max_new_tokens: 53,
        ..rllr()
    }
}

/// Adam as in OpenRLHF and DeepSpeed-Chat.
fn adam_without_decay() -> OptimizerConfig {
    OptimizerConfig::Adam(AdamSettings {
        beta_2: 0.95,
        weight_decay: 0.0,
        ..AdamSettings::default()
    })
}

/// `max_new_tokens` is that of prompt and response together there.
fn openrlhf() -> PpoConfig {
    PpoConfig {
        batch_size: 1024,
        minibatch_size: 128,
        micro_batch_size: 1,
        optimizer: adam_without_decay(),
        learning_rate: 1e-6,
        critic_learning_rate: Some(9e-6),
        lr_schedule: LrSchedule::CosineWithMinimum { min_lr_rate: 0.1 },
        warmup: Warmup::Share(0.03),
        kl_controller: KlController::Fixed { kl_coef: 0.01 },
        kl_clamps: KlClamps {
            log_ratio: None,
            estimate: Some(10.0),
        },
        score_normalization: ScoreNormalization::None,
        score_clip: Some(10.0),
        advantage: AdvantageSource::Gae(GaeConfig {
            gamma: 1.0,
            lambda: 1.0,
        }),
        advantage_whitening: AdvantageWhitening::Batch(Variance::Biased),
        loss: PpoLossConfig {
            value_clip_range: 0.5,
            vf_coef: 1.0,
            ratio_threshold: NO_RATIO_GUARD,
            ..PpoLossConfig::default()
        },
        critic: CriticKind::OwnModel,
        reference: ReferenceKind::FrozenCopy,
        max_new_tokens: 2048,
        ..rllr()
    }
}

fn dschat() -> PpoConfig {
    PpoConfig {
        optimizer: adam_without_decay(),
        learning_rate: 9.65e-6,
        critic_learning_rate: Some(5e-6),
        warmup: Warmup::Steps(100),
        kl_controller: KlController::Fixed { kl_coef: 0.1 },
        score_normalization: ScoreNormalization::None,
        score_clip: Some(5.0),
        advantage_whitening: AdvantageWhitening::None,
        loss: PpoLossConfig {
            vf_coef: 1.0,
            ratio_threshold: NO_RATIO_GUARD,
            ..PpoLossConfig::default()
        },
        critic: CriticKind::OwnModel,
        reference: ReferenceKind::FrozenCopy,
        ..rllr()
    }
}

/// TRL 0.7's defaults where the paper and its program say nothing else.
fn rl4glue() -> PpoConfig {
    PpoConfig {
        ppo_epochs: 4,
        micro_batch_size: 8,
        loss_means: LossMeans::MicroBatch,
        optimizer: OptimizerConfig::Adafactor,
        learning_rate: 9e-6,
        lr_schedule: LrSchedule::Constant,
        gradient_clipping: GradientClipping::Never,
        score_normalization: ScoreNormalization::None,
        critic: CriticKind::SharedHead,
        max_new_tokens: 32,
        ..rllr()
    }
}

/// What group methods have in common: no value model, scores as they are, answers compared with each other.
fn groups(kind: GroupAdvantage, group_size: usize, equal_groups: EqualGroups) -> PpoConfig {
    PpoConfig {
        optimizer: OptimizerConfig::AdamW(AdamSettings {
            weight_decay: 0.0,
            ..AdamSettings::default()
        }),
        learning_rate: 1e-6,
        lr_schedule: LrSchedule::Linear,
        score_normalization: ScoreNormalization::None,
        advantage: AdvantageSource::Group {
            group_size,
            kind,
            equal_groups,
        },
        advantage_whitening: AdvantageWhitening::None,
        loss: PpoLossConfig {
            ratio_threshold: NO_RATIO_GUARD,
            ..PpoLossConfig::default()
        },
        critic: CriticKind::Absent,
        ..rllr()
    }
}

fn rloo() -> PpoConfig {
    PpoConfig {
        loss_aggregation: LossAggregation::SequenceMeanOfTokenSums,
        kl_controller: KlController::Fixed { kl_coef: 0.05 },
        reference: ReferenceKind::FrozenCopy,
        ..groups(GroupAdvantage::Rloo, 2, EqualGroups::Keep)
    }
}

fn grpo() -> PpoConfig {
    PpoConfig {
        batch_size: 64,
        minibatch_size: 64,
        kl_controller: KlController::Fixed { kl_coef: 0.0 },
        reference: ReferenceKind::Absent,
        max_new_tokens: 512,
        ..groups(GroupAdvantage::Grpo, 8, EqualGroups::Keep)
    }
}

fn dr_grpo() -> PpoConfig {
    PpoConfig {
        loss_aggregation: LossAggregation::SequenceMeanOfTokenSumsOverMaxLen { max_len: 512 },
        advantage: AdvantageSource::Group {
            group_size: 8,
            kind: GroupAdvantage::DrGrpo,
            equal_groups: EqualGroups::Keep,
        },
        ..grpo()
    }
}

fn dapo() -> PpoConfig {
    PpoConfig {
        batch_size: 8192,
        minibatch_size: 512,
        lr_schedule: LrSchedule::Constant,
        warmup: Warmup::Steps(20),
        advantage: AdvantageSource::Group {
            group_size: 16,
            kind: GroupAdvantage::Grpo,
            equal_groups: EqualGroups::DrawAgain { max_draws: 3 },
        },
        loss: PpoLossConfig {
            clip_range_high: 0.28,
            ..grpo().loss
        },
        overlong_buffer: Some(128),
        ..grpo()
    }
}
