//! From a rollout and its scores to what the epochs learn: rewards, advantages, returns. All on the host.

use rllr_reward::{kl_per_token, token_rewards};

use crate::advantage::gae;
use crate::group_advantage::{group_advantages, groups_that_differ};
use crate::masked_stats::{scale_to_unit_variance, whiten};
use crate::ppo_config::{
    AdvantageSource, AdvantageWhitening, EqualGroups, KlPenalty, KlPlace, PpoConfig, RewardWhitening,
};
use crate::ppo_error::PpoError;
use crate::rollout::Rollout;

/// One reward per token, row-major, `[batch, response_len]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewards {
    /// What is penalised of each token: its KL, 0 outside the response.
    pub kl: Vec<f32>,
    /// The penalty, `−β KL`; 0 where it enters the loss instead.
    pub non_score_rewards: Vec<f32>,
    /// Penalty and score, whitened if that is asked for; 0 where there is no reward.
    pub rewards: Vec<f32>,
}

/// A rollout and what is to be learned from it. Arrays are row-major, `[batch, response_len]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Experience {
    /// Responses and what was said of them.
    pub rollout: Rollout,
    /// How much better than expected each token was, whitened if that is asked for.
    pub advantages: Vec<f32>,
    /// What the values should be.
    pub returns: Vec<f32>,
    /// Rows that are learned from: all, unless groups are left out.
    pub rows: Vec<usize>,
    /// Weight of the KL in the loss; 0 where it enters the rewards instead.
    pub kl_coef_in_loss: f64,
}

impl Rewards {
    /// Penalises each token for leaving the reference, and gives the score to one.
    ///
    /// - `scores`: one per response, after normalisation, `[batch]`
    /// - `kl_coef`: `β`
    #[must_use]
    pub fn new(rollout: &Rollout, scores: &[f32], kl_coef: f64, config: &PpoConfig) -> Self {
        let kl = match config.kl_penalty {
            KlPenalty::Full => rollout
                .full_kl
                .clone()
                .unwrap_or_else(|| vec![0.0; rollout.mask.len()]),
            KlPenalty::Estimate(estimator) => kl_per_token(
                &rollout.log_probs,
                &rollout.ref_log_probs,
                estimator,
                config.kl_clamps,
            ),
        };
        let kl_coef = match config.kl_place {
            KlPlace::Reward => kl_coef,
            KlPlace::Loss => 0.0,
        };
        let spread = |row: usize, score: f32| {
            let (places, position) = (rollout.row(row), config.score_position);
            token_rewards(
                score,
                &kl[places.clone()],
                kl_coef,
                &rollout.mask[places],
                position,
            )
            .expect("responses with a token have a slot for their score")
        };
        let rows = 0..rollout.responses.batch();
        let non_score_rewards = rows.clone().flat_map(|row| spread(row, 0.0)).collect();
        let rewards: Vec<f32> = rows.flat_map(|row| spread(row, scores[row])).collect();
        let rewards = match config.reward_whitening {
            RewardWhitening::None => rewards,
            RewardWhitening::Batch(variance) => masked(
                &scale_to_unit_variance(&rewards, &rollout.reward_mask, variance),
                &rollout.reward_mask,
            ),
        };
        Self {
            kl,
            non_score_rewards,
            rewards,
        }
    }
}

impl Experience {
    /// Estimates how good each token was.
    ///
    /// # Errors
    ///
    /// [`PpoError::Groups`] when advantages are by group and the responses are no whole groups.
    pub fn new(
        rollout: Rollout,
        rewards: &Rewards,
        kl_coef: f64,
        config: &PpoConfig,
    ) -> Result<Self, PpoError> {
        let batch = rollout.responses.batch();
        let (mut advantages, mut returns) = (Vec::new(), Vec::new());
        let mut learned_from: Vec<usize> = (0..batch).collect();
        match config.advantage {
            AdvantageSource::Gae(gae_config) => {
                for places in (0..batch).map(|row| rollout.row(row)) {
                    let estimated = gae(
                        &rewards.rewards[places.clone()],
                        &rollout.values[places.clone()],
                        &rollout.reward_mask[places],
                        gae_config,
                    );
                    advantages.extend(estimated.advantages);
                    returns.extend(estimated.returns);
                }
            }
            AdvantageSource::Group {
                group_size,
                kind,
                equal_groups,
            } => {
                let of_response = |row| rewards.rewards[rollout.row(row)].iter().sum::<f32>();
                let scores: Vec<f32> = (0..batch).map(of_response).collect();
                for advantage in group_advantages(&scores, group_size, kind)? {
                    advantages.extend(std::iter::repeat_n(advantage, rollout.responses.response_len()));
                }
                advantages = masked(&advantages, &rollout.mask);
                returns = vec![0.0; advantages.len()];
                if equal_groups != EqualGroups::Keep {
                    let kept = groups_that_differ(&scores, group_size)?;
                    learned_from.retain(|row| kept.contains(&(row / group_size)));
                }
            }
        }
        let advantages = whitened(advantages, &rollout, config.advantage_whitening);
        Ok(Self {
            rollout,
            advantages,
            returns,
            rows: learned_from,
            kl_coef_in_loss: match config.kl_place {
                KlPlace::Reward => 0.0,
                KlPlace::Loss => kl_coef,
            },
        })
    }
}

fn whitened(advantages: Vec<f32>, rollout: &Rollout, whitening: AdvantageWhitening) -> Vec<f32> {
    match whitening {
        AdvantageWhitening::None => advantages,
        AdvantageWhitening::Batch(variance) => {
            masked(&whiten(&advantages, &rollout.mask, variance), &rollout.mask)
        }
        AdvantageWhitening::Groups { size, variance } => {
            let len = size.max(1) * rollout.responses.response_len();
            let groups = advantages.chunks(len).zip(rollout.mask.chunks(len));
            groups
                .flat_map(|(advantages, mask)| masked(&whiten(advantages, mask, variance), mask))
                .collect()
        }
    }
}

/// 0 where the mask is false.
fn masked(values: &[f32], mask: &[bool]) -> Vec<f32> {
    let values = values.iter().zip(mask);
    values
        .map(|(&value, &counts)| if counts { value } else { 0.0 })
        .collect()
}
