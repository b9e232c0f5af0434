//! What a PPO step has seen that is not wrong, but seldom goes well.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ppo_config::{AdvantageSource, PpoConfig};
use crate::ppo_experience::Experience;

/// Bounds of the checks of every step. A large number (or 0 steps) switches a check off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PpoChecks {
    /// How far a token's log-probability may be from that of the sampler, in nats; further is an error. Default 0.01:
    /// float32 is within 1e-4 on a CPU and 1e-3 on a GPU, another temperature, mask or adapter is far above. Weights
    /// that are stored in 16 bits need more.
    pub sampler_tolerance: f64,
    /// PPO steps from one look at the frozen weights to the next; 0 for none. Default 10.
    pub steps_between_frozen_checks: usize,
    /// A share of responses that did not end above this is a warning. Default 0.5.
    pub missing_eos_rate: f64,
    /// A standard deviation of scores below this is a warning. Default 1e-6.
    pub score_std: f64,
    /// A mean KL of responses below minus this, in nats, is a warning. Default 0.5.
    pub negative_kl: f64,
}

impl Default for PpoChecks {
    fn default() -> Self {
        Self {
            sampler_tolerance: 0.01,
            steps_between_frozen_checks: 10,
            missing_eos_rate: 0.5,
            score_std: 1e-6,
            negative_kl: 0.5,
        }
    }
}

/// Something that a user should look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PpoWarning {
    /// Many responses were cut off.
    MissingEos {
        /// Their share.
        rate: f64,
    },
    /// Scores are as good as equal: there is nothing to learn.
    EqualScores {
        /// Their standard deviation.
        std: f64,
    },
    /// The policy seems to be *less* itself than the reference.
    NegativeKl {
        /// Mean over responses of the summed `log π − log π_ref`, in nats.
        kl: f64,
    },
    /// The answers of every group are equally good.
    EqualGroups {
        /// Number of groups.
        groups: usize,
    },
    /// Responses are drawn from another distribution than they are scored by.
    Filtered {
        /// As in the settings; 0 for all tokens.
        top_k: usize,
        /// As in the settings.
        top_p: f64,
    },
    /// Minibatches taught nothing because their mean ratio was too large.
    SkippedMinibatches {
        /// Their number.
        count: f64,
    },
}

impl fmt::Display for PpoWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingEos { rate } => write!(
                f,
                "a share of {rate:.2} of the responses did not end; is max_new_tokens too small, or a stop token \
                 missing?"
            ),
            Self::EqualScores { std } => {
                write!(
                    f,
                    "scores have a standard deviation of {std:.1e}: there is nothing to learn from them"
                )
            }
            Self::NegativeKl { kl } => write!(
                f,
                "mean KL {kl:.3} is below 0; if it stays there, responses are written and scored differently"
            ),
            Self::EqualGroups { groups } => write!(
                f,
                "the answers of all {groups} groups are equally good: this step teaches nothing"
            ),
            Self::Filtered { top_k, top_p } => write!(
                f,
                "responses are written with top_k {top_k} and top_p {top_p}, but scored over all tokens: ratios and \
                 KL are biased"
            ),
            Self::SkippedMinibatches { count } => write!(
                f,
                "{count} minibatches were skipped because their mean ratio was above ratio_threshold"
            ),
        }
    }
}

/// What is noteworthy about a step.
///
/// - `scores`: as they were given, `[batch]`
/// - `skipped`: minibatches that taught nothing
pub(crate) fn warnings(
    experience: &Experience,
    scores: &[f32],
    skipped: f64,
    config: &PpoConfig,
) -> Vec<PpoWarning> {
    let PpoConfig { checks, .. } = config;
    let responses = &experience.rollout.responses;
    let batch = responses.batch();
    let mut found = Vec::new();
    let open = responses.ended().iter().filter(|ended| !**ended).count();
    let rate = open as f64 / batch as f64;
    if rate > checks.missing_eos_rate {
        found.push(PpoWarning::MissingEos { rate });
    }
    let wide: Vec<f64> = scores.iter().copied().map(f64::from).collect();
    let std = crate::group_advantage::moments(&wide).std;
    if batch > 1 && std < checks.score_std {
        found.push(PpoWarning::EqualScores { std });
    }
    let kl = experience.kl_from_reference();
    if kl < -checks.negative_kl {
        found.push(PpoWarning::NegativeKl { kl });
    }
    if let AdvantageSource::Group { group_size, .. } = config.advantage
        && experience.advantages.iter().all(|advantage| *advantage == 0.0)
    {
        let groups = batch / group_size;
        found.push(PpoWarning::EqualGroups { groups });
    }
    let PpoConfig { top_k, top_p, .. } = *config;
    if top_k > 0 || top_p < 1.0 {
        found.push(PpoWarning::Filtered { top_k, top_p });
    }
    if skipped > 0.0 {
        found.push(PpoWarning::SkippedMinibatches { count: skipped });
    }
    found
}
