//! How well a reward model tells chosen from rejected answers, and what it looks at.

use crate::score_normalization::mean_and_std;

/// Scores of held-out pairs, summed up. Report label-sensitive and rationale-sensitive pairs separately.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PreferenceMetrics {
    /// Share of pairs whose chosen answer scores higher; equal scores are not right (TRL: `accuracy`).
    pub accuracy: f64,
    /// Mean of `r_chosen − r_rejected` (TRL: `margin`).
    pub margin: f64,
    /// Lowest score of either side (TRL: `min_reward`).
    pub min_reward: f64,
    /// Mean score of both sides (TRL: `mean_reward`).
    pub mean_reward: f64,
    /// Highest score of either side (TRL: `max_reward`).
    pub max_reward: f64,
}

impl PreferenceMetrics {
    /// Metrics of pairs with these scores, `[pairs]` each. Without a pair all are NaN.
    ///
    /// Source: RLLR's evaluation of reward models and TRL 1.12's `RewardTrainer`.
    #[must_use]
    pub fn new(chosen: &[f32], rejected: &[f32]) -> Self {
        assert_eq!(
            chosen.len(),
            rejected.len(),
            "a chosen and a rejected score per pair"
        );
        let pairs = || chosen.iter().zip(rejected);
        let right = pairs().filter(|(c, r)| c > r).count();
        let margin: f64 = pairs().map(|(c, r)| f64::from(*c) - f64::from(*r)).sum();
        let both = || chosen.iter().chain(rejected).map(|&score| f64::from(score));
        let count = chosen.len() as f64;
        Self {
            accuracy: right as f64 / count,
            margin: margin / count,
            min_reward: both().fold(f64::NAN, f64::min),
            mean_reward: both().sum::<f64>() / (2.0 * count),
            max_reward: both().fold(f64::NAN, f64::max),
        }
    }
}

/// Whether a reward model looks at the label or at the wording.
///
/// `S = mean |Δ score when only the label is flipped| / mean |Δ score when only the rationale is swapped|`
///
/// Above 1 the label matters more. Infinite when no swapped rationale changes a score, NaN without examples.
///
/// - `label_changes`, `rationale_changes`: differences of scores, one per example
#[must_use]
pub fn label_sensitivity(label_changes: &[f32], rationale_changes: &[f32]) -> f64 {
    let mean_size = |changes: &[f32]| {
        let sizes: Vec<f32> = changes.iter().map(|change| change.abs()).collect();
        mean_and_std(&sizes).0
    };
    mean_size(label_changes) / mean_size(rationale_changes)
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// By hand: 1 of 3 is right, one tie; margins 1, −0.6, 0.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_tie_is_not_right() {
        let metrics = PreferenceMetrics::new(&[1.2, 0.3, -0.5], &[0.2, 0.9, -0.5]);
        assert!((metrics.accuracy - 1.0 / 3.0).abs() < 1e-9);
        assert!((metrics.margin - 0.4 / 3.0).abs() < 1e-7);
        assert!((metrics.mean_reward - 1.6 / 6.0).abs() < 1e-7);
        assert_eq!(
            (metrics.min_reward, metrics.max_reward),
            (-0.5, f64::from(1.2f32))
        );
        assert!(PreferenceMetrics::new(&[], &[]).accuracy.is_nan());
    }

    /// By hand: mean sizes 3 and 0.5.
    #[wasm_bindgen_test(unsupported = test)]
    fn sensitivity_compares_sizes_of_changes() {
        assert_eq!(label_sensitivity(&[4.0, -2.0], &[-0.5, 0.5, 0.5]), 6.0);
        assert_eq!(label_sensitivity(&[1.0], &[0.0]), f64::INFINITY);
        assert!(label_sensitivity(&[], &[1.0]).is_nan());
    }
}
