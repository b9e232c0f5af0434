//! The clipped losses of PPO, and what one minibatch shows.
//!
//! Everything stays on the device until [`PpoStats::read`](crate::PpoStats::read). Sums over tokens are weighted with
//! the weights of the whole optimiser step ([`LossAggregation`](crate::LossAggregation)), so the losses *and the
//! statistics* of its micro-batches add up to those of the step.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::loss_aggregation::weighted_sum;

#[cfg(test)]
mod tests;

/// A log-ratio stays within ± this, so that no ratio overflows. OpenRLHF and verl.
pub const MAX_LOG_RATIO: f64 = 20.0;

/// Settings of [`ppo_loss`]. The defaults are those of the RLLR scripts on TRL 0.7.2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PpoLossConfig {
    /// A ratio below `1 − this` is clipped. Default 0.2.
    pub clip_range_low: f64,
    /// A ratio above `1 + this` is clipped. Default 0.2; DAPO's clip-higher has 0.28.
    pub clip_range_high: f64,
    /// Where the advantage is negative, a token's loss is at most this times its size. Default none; verl 3, NeMo-RL 10.
    pub dual_clip: Option<f64>,
    /// Values may move this far from the old ones. Default 0.2; OpenRLHF 0.5. A large number switches it off.
    pub value_clip_range: f64,
    /// Weight of the value loss. Default 0.1.
    pub vf_coef: f64,
    /// Weight of the entropy bonus. Default 0: none of the presets has one.
    pub entropy_coef: f64,
    /// A minibatch whose mean ratio is above this teaches nothing. Default 10. A large number switches it off.
    pub ratio_threshold: f64,
}

impl Default for PpoLossConfig {
    fn default() -> Self {
        Self {
            clip_range_low: 0.2,
            clip_range_high: 0.2,
            dual_clip: None,
            value_clip_range: 0.2,
            vf_coef: 0.1,
            entropy_coef: 0.0,
            ratio_threshold: 10.0,
        }
    }
}

/// Losses of the policy's tokens, all `[batch, response_len]`.
pub struct PolicyLosses {
    /// The loss of each token.
    pub losses: Tensor<2>,
    /// `π_new / π_old`.
    pub ratios: Tensor<2>,
    /// 1 where the clipped ratio decided, else 0.
    pub clipped: Tensor<2>,
    /// 1 where the dual clip decided, else 0.
    pub dual_clipped: Tensor<2>,
}

/// How much better the policy should become at each token, without leaving the old one far behind.
///
/// `ρ = exp(clip(log π_new − log π_old, ±20))`, `L = max(−A ρ, −A clip(ρ, 1 − ε_low, 1 + ε_high))`;
/// with a dual clip `c`, where `A < 0`: `L = min(L, −c A)`.
///
/// Source: PPO (arXiv 1707.06347), equation 7; two ranges: DAPO (arXiv 2503.14476); dual clip: Ye et al. 2020
/// (arXiv 1912.09729). TRL 0.7.2 without the bound on the log-ratio.
///
/// # Shapes
///
/// - `log_probs` (differentiated), `old_log_probs`, `advantages`: `[batch, response_len]`
#[must_use]
pub fn policy_losses(
    log_probs: Tensor<2>,
    old_log_probs: Tensor<2>,
    advantages: Tensor<2>,
    config: &PpoLossConfig,
) -> PolicyLosses {
    let ratios = (log_probs - old_log_probs)
        .clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
        .exp();
    let clipped_ratios = ratios
        .clone()
        .clamp(1.0 - config.clip_range_low, 1.0 + config.clip_range_high);
    let free = -advantages.clone() * ratios.clone();
    let bounded = -advantages.clone() * clipped_ratios;
    let clipped = bounded.clone().greater(free.clone()).float();
    let losses = free.max_pair(bounded);
    let Some(c) = config.dual_clip else {
        let dual_clipped = clipped.zeros_like();
        return PolicyLosses {
            losses,
            ratios,
            clipped,
            dual_clipped,
        };
    };
    let ceiling = -advantages.clone() * c;
    let above = losses.clone().greater(ceiling.clone());
    let above = above.bool_and(advantages.lower_scalar(0.0));
    PolicyLosses {
        losses: losses.mask_where(above.clone(), ceiling),
        ratios,
        clipped,
        dual_clipped: above.float(),
    }
}

/// Losses of the value model's predictions, all `[batch, response_len]`.
pub struct ValueLosses {
    /// The loss of each token.
    pub losses: Tensor<2>,
    /// `(V − returns)²`, not clipped.
    pub errors: Tensor<2>,
    /// 1 where the clipped value decided, else 0.
    pub clipped: Tensor<2>,
}

/// How far the values are from the returns, without rewarding a jump away from the old values.
///
/// `L = ½ max((V − R)², (clip(V, V_old − ε, V_old + ε) − R)²)`
///
/// Source: TRL 0.7.2 `PPOTrainer.loss`, after the `baselines` repository's PPO2.
///
/// # Shapes
///
/// - `values` (differentiated), `old_values`, `returns`: `[batch, response_len]`
#[must_use]
pub fn value_losses(
    values: Tensor<2>,
    old_values: Tensor<2>,
    returns: Tensor<2>,
    config: &PpoLossConfig,
) -> ValueLosses {
    let range = config.value_clip_range;
    let clipped_values = values
        .clone()
        .max_pair(old_values.clone() - range)
        .min_pair(old_values + range);
    let errors = (values - returns.clone()).square();
    let bounded = (clipped_values - returns).square();
    let clipped = bounded.clone().greater(errors.clone()).float();
    let losses = errors.clone().max_pair(bounded) * 0.5;
    ValueLosses {
        losses,
        errors,
        clipped,
    }
}

/// What the models say now of the tokens of a rollout, all `[batch, response_len]`.
pub struct PpoPredictions {
    /// `log π_new`, differentiated.
    pub log_probs: Tensor<2>,
    /// `V_new`, differentiated.
    pub values: Tensor<2>,
    /// Entropy of the policy at each token; differentiated when there is a bonus.
    pub entropies: Tensor<2>,
}

/// What was true of them at rollout, and how much each token counts, all `[batch, response_len]`.
pub struct PpoTargets {
    /// `log π_old`.
    pub old_log_probs: Tensor<2>,
    /// `V_old`.
    pub old_values: Tensor<2>,
    /// `A`, whitened.
    pub advantages: Tensor<2>,
    /// `R`, what the values should be.
    pub returns: Tensor<2>,
    /// Weights of the policy's tokens in the step.
    pub policy_weights: Tensor<2>,
    /// Weights of the value model's tokens in the step: the same, or of one slot more (TRL 1.12).
    pub value_weights: Tensor<2>,
}

/// The loss of a minibatch; its statistics are still on the device.
pub struct PpoLoss {
    /// What to differentiate, `[1]`.
    pub total: Tensor<1>,
    /// The numbers of [`PpoStats`](crate::PpoStats) in order; those of a step's micro-batches add up.
    pub stats: Tensor<1>,
}

/// Policy and value loss of a minibatch, and what it shows.
///
/// `L = g (Σ w_π L_π + vf_coef Σ w_V L_V − entropy_coef Σ w_π H)`; `g` is 0 when the weighted mean ratio is above
/// `ratio_threshold`, else 1.
///
/// Source: TRL 0.7.2 `PPOTrainer.loss`, which has no entropy bonus.
#[must_use]
pub fn ppo_loss(predictions: PpoPredictions, targets: PpoTargets, config: &PpoLossConfig) -> PpoLoss {
    let PpoPredictions {
        log_probs,
        values,
        entropies,
    } = predictions;
    let PpoTargets {
        old_log_probs,
        policy_weights,
        value_weights,
        ..
    } = targets;
    let policy = policy_losses(
        log_probs.clone(),
        old_log_probs.clone(),
        targets.advantages,
        config,
    );
    let value = value_losses(values.clone(), targets.old_values, targets.returns, config);

    let over_policy = |x: Tensor<2>| weighted_sum(x, policy_weights.clone());
    let over_values = |x: Tensor<2>| weighted_sum(x, value_weights.clone());
    let ratio = over_policy(policy.ratios.detach());
    let mean_ratio = ratio.clone() / policy_weights.clone().sum();
    let skipped = mean_ratio.greater_scalar(config.ratio_threshold).float();
    let guard = -skipped.clone() + 1.0;

    let policy_loss = over_policy(policy.losses) * guard.clone();
    let value_loss = over_values(value.losses) * guard.clone();
    let entropy = over_policy(entropies);
    let mut total = policy_loss.clone() + value_loss.clone() * config.vf_coef;
    if config.entropy_coef != 0.0 {
        total = total - entropy.clone() * guard * config.entropy_coef;
    }
    let log_ratios = log_probs.detach() - old_log_probs;
    // In the order of `PpoStats`.
    let stats = vec![
        policy_loss.detach(),
        value_loss.detach(),
        total.clone().detach(),
        entropy.detach(),
        over_policy(log_ratios.clone().square()) * 0.5,
        over_policy(-log_ratios),
        over_policy(policy.clipped),
        over_policy(policy.dual_clipped),
        ratio,
        over_values(values.detach()),
        over_values(value.errors.detach()),
        over_values(value.clipped),
        skipped,
    ];
    PpoLoss {
        total,
        stats: Tensor::cat(stats, 0),
    }
}
