//! How far the policy is from the reference, token by token.
//!
//! The same estimators twice: [`kl_per_token`] on the host, for the penalty in the rewards, and [`kl_in_loss`] on
//! tensors, for a penalty that is differentiated.

use burn::tensor::Tensor;

use crate::rounding::to_f32;

/// An estimate of `KL(π ‖ π_ref)` at a token that was sampled from `π`, by `d = log π − log π_ref` of that token.
///
/// Source: Schulman 2020, "Approximating KL divergence", for the numbered ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlEstimator {
    /// `d`: unbiased, may be negative (TRL 0.7.2: `kl`). The default everywhere. In a loss its gradient is 0 on
    /// average, so there it penalises nothing.
    #[default]
    K1,
    /// `d² / 2`: biased, never negative, low variance (TRL 0.7.2: `mse`).
    K2,
    /// `e^(−d) − 1 + d`: unbiased, never negative, low variance; GRPO's.
    K3,
    /// `|d|` (TRL 0.7.2: `abs`).
    Abs,
}

/// Bounds that keep one token from ruling a batch. None by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KlClamps {
    /// `d` stays within ± this (NeMo-RL: 20).
    pub log_ratio: Option<f64>,
    /// The estimate stays within ± this (NeMo-RL and OpenRLHF: 10).
    pub estimate: Option<f64>,
}

/// Estimates of the KL divergence at each token, on the host.
///
/// # Shapes
///
/// - `log_probs`, `ref_log_probs`: of the sampled tokens, any number of them
/// - output: as many
#[must_use]
pub fn kl_per_token(
    log_probs: &[f32],
    ref_log_probs: &[f32],
    estimator: KlEstimator,
    clamps: KlClamps,
) -> Vec<f32> {
    assert_eq!(
        log_probs.len(),
        ref_log_probs.len(),
        "policy and reference score the same tokens"
    );
    let bound = |x: f64, limit: Option<f64>| limit.map_or(x, |limit| x.clamp(-limit, limit));
    let estimate = |(&log_prob, &ref_log_prob): (&f32, &f32)| {
        let d = bound(f64::from(log_prob) - f64::from(ref_log_prob), clamps.log_ratio);
        let estimate = match estimator {
            KlEstimator::K1 => d,
            KlEstimator::K2 => d * d / 2.0,
            KlEstimator::K3 => (-d).exp() - 1.0 + d,
            KlEstimator::Abs => d.abs(),
        };
        to_f32(bound(estimate, clamps.estimate))
    };
    log_probs.iter().zip(ref_log_probs).map(estimate).collect()
}

/// [`kl_per_token`] on tensors, differentiable with respect to the policy.
///
/// # Shapes
///
/// - `log_probs`, `ref_log_probs`: of the sampled tokens, `[batch, response_len]`
/// - output: `[batch, response_len]`
#[must_use]
pub fn kl_in_loss(
    log_probs: Tensor<2>,
    ref_log_probs: Tensor<2>,
    estimator: KlEstimator,
    clamps: KlClamps,
) -> Tensor<2> {
    let bound = |x: Tensor<2>, limit: Option<f64>| match limit {
        Some(limit) => x.clamp(-limit, limit),
        None => x,
    };
    let d = bound(log_probs - ref_log_probs, clamps.log_ratio);
    let estimate = match estimator {
        KlEstimator::K1 => d,
        KlEstimator::K2 => d.square() / 2.0,
        KlEstimator::K3 => d.clone().neg().exp() - 1.0 + d,
        KlEstimator::Abs => d.abs(),
    };
    bound(estimate, clamps.estimate)
}

/// The KL divergence itself, where the whole distributions are at hand.
///
/// `KL = Σ_v π(v) (log π(v) − log π_ref(v))`
///
/// Source: TRL 0.7.2, `kl_penalty = "full"`.
///
/// # Shapes
///
/// - `log_probs`, `ref_log_probs`: log-probabilities of all tokens, all finite, `[batch, response_len, vocab_size]`
/// - output: `[batch, response_len]`
#[must_use]
pub fn full_kl(log_probs: Tensor<3>, ref_log_probs: Tensor<3>) -> Tensor<2> {
    let log_ratios = log_probs.clone() - ref_log_probs;
    (log_probs.exp() * log_ratios).sum_dim(2).squeeze_dim(2)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::finite_differences::check_gradient;

    const ALL: [KlEstimator; 4] = [
        KlEstimator::K1,
        KlEstimator::K2,
        KlEstimator::K3,
        KlEstimator::Abs,
    ];

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "length of {found:?}");
        for (f, e) in found.iter().zip(expected) {
            let close = (f - e).abs() < 1e-6 * (1.0 + e.abs());
            assert!(close, "{found:?}, expected {expected:?}");
        }
    }

    /// NeMo-RL's numbers: log-ratios −1, 14 and 29, without bounds and with 20 and 10. Host and tensors agree.
    #[wasm_bindgen_test(unsupported = test)]
    fn estimators_equal_nemo_rl() {
        let log_probs = [-1.0; 3];
        let ref_log_probs = [0.0, -15.0, -30.0];
        let bounds = KlClamps {
            log_ratio: Some(20.0),
            estimate: Some(10.0),
        };
        let e = std::f32::consts::E;
        let cases = [
            (KlEstimator::K1, [-1.0, 14.0, 29.0], [-1.0, 10.0, 10.0]),
            (KlEstimator::K2, [0.5, 98.0, 420.5], [0.5, 10.0, 10.0]),
            (
                KlEstimator::K3,
                [e - 2.0, 13.000_001, 28.0],
                [e - 2.0, 10.0, 10.0],
            ),
            (KlEstimator::Abs, [1.0, 14.0, 29.0], [1.0, 10.0, 10.0]),
        ];
        for (estimator, free, bounded) in cases {
            for (clamps, expected) in [(KlClamps::default(), free), (bounds, bounded)] {
                let found = kl_per_token(&log_probs, &ref_log_probs, estimator, clamps);
                assert_close(&found, &expected);
                let device = Device::flex();
                let tensor = kl_in_loss(
                    Tensor::from_data([log_probs], &device),
                    Tensor::from_data([ref_log_probs], &device),
                    estimator,
                    clamps,
                );
                assert_close(&tensor.into_data().iter::<f32>().collect::<Vec<_>>(), &expected);
            }
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn gradients_equal_finite_differences() {
        for estimator in ALL {
            check_gradient(&[-0.5, -1.0, -2.0, -0.25], [2, 2], |log_probs| {
                let ref_log_probs = Tensor::from_data([[-0.75, -0.5], [-1.0, -1.25]], &log_probs.device());
                kl_in_loss(log_probs, ref_log_probs, estimator, KlClamps::default()).sum()
            });
        }
    }

    /// By hand: `½ ln(½ / ¼) + ½ ln(½ / ¾) = ½ ln(4/3)`; and 0 between equal distributions.
    #[wasm_bindgen_test(unsupported = test)]
    fn full_kl_sums_over_the_vocabulary() {
        let device = Device::flex();
        let policy = Tensor::<3>::from_data([[[0.5, 0.5], [0.25, 0.75]]], &device).log();
        let reference = Tensor::<3>::from_data([[[0.25, 0.75], [0.25, 0.75]]], &device).log();
        let kl: Vec<f32> = full_kl(policy, reference).into_data().iter().collect();
        assert_close(&kl, &[0.5 * (4.0f32 / 3.0).ln(), 0.0]);
    }

    /// The average of each estimate over the policy's own samples: k1 and k3 give the divergence exactly.
    #[wasm_bindgen_test(unsupported = test)]
    fn unbiased_estimators_average_to_the_divergence() {
        let (policy, reference) = ([0.7f32, 0.2, 0.1], [0.1f32, 0.2, 0.7]);
        let divergence: f32 = policy.iter().zip(reference).map(|(p, q)| p * (p / q).ln()).sum();
        let average = |estimator| -> f32 {
            let estimates = kl_per_token(
                &policy.map(f32::ln),
                &reference.map(f32::ln),
                estimator,
                KlClamps::default(),
            );
            estimates.iter().zip(policy).map(|(e, p)| e * p).sum()
        };
        assert!((average(KlEstimator::K1) - divergence).abs() < 1e-6);
        assert!((average(KlEstimator::K3) - divergence).abs() < 1e-6);
        assert!(
            (average(KlEstimator::K2) - divergence).abs() > 0.01,
            "k2 is biased"
        );
    }
}
