//! Direct preference optimisation: a policy learns from pairs without a reward model.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, relu};
use serde::{Deserialize, Serialize};

/// How the preference of a policy becomes a loss. `d` is how much more than the reference it prefers the chosen answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum DpoLoss {
    /// `−(1 − s) log σ(βd) − s log σ(−βd)`. DPO (arXiv 2305.18290), with cDPO's label smoothing. The default, with 0.
    Sigmoid {
        /// `s`: probability that a pair is labelled the wrong way round, 0 to ½.
        label_smoothing: f64,
    },
    /// `(d − 1 / (2β))²`. IPO (arXiv 2310.12036), on sums of log-probabilities.
    Ipo,
    /// `max(0, 1 − βd)`. `SLiC` (arXiv 2305.10425).
    Hinge,
}

impl Default for DpoLoss {
    fn default() -> Self {
        Self::Sigmoid { label_smoothing: 0.0 }
    }
}

/// Log-probabilities of the answers of each pair, summed over the tokens of an answer, `[batch]` each.
#[derive(Clone)]
pub struct PairLogProbs {
    /// Of the chosen answers.
    pub chosen: Tensor<1>,
    /// Of the rejected answers.
    pub rejected: Tensor<1>,
}

/// How much the policy should prefer each chosen answer more than the reference does.
///
/// `d = (log π_c − log π_r) − (log π_ref,c − log π_ref,r)`, then as in [`DpoLoss`].
///
/// Source: Rafailov et al. 2023 (arXiv 2305.18290), equation 7; TRL 1.12 `DPOTrainer`.
///
/// # Shapes
///
/// - `policy` (differentiated), `reference`: `[batch]`
/// - `beta`: how closely the policy is held to the reference; TRL 0.1
/// - output: `[batch]`
#[must_use]
pub fn dpo_losses(policy: PairLogProbs, reference: PairLogProbs, beta: f64, loss: DpoLoss) -> Tensor<1> {
    let d = (policy.chosen - policy.rejected) - (reference.chosen - reference.rejected);
    match loss {
        DpoLoss::Sigmoid { label_smoothing: s } => {
            let preferred = log_sigmoid(d.clone() * beta);
            let reversed = log_sigmoid(d * -beta);
            -(preferred * (1.0 - s) + reversed * s)
        }
        DpoLoss::Ipo => (d - 0.5 / beta).square(),
        DpoLoss::Hinge => relu(-d * beta + 1.0),
    }
}

/// The reward that the policy is optimal for, up to a term that depends on the prompt alone: `β (log π − log π_ref)`.
///
/// Source: Rafailov et al. 2023, equation 5. Of both answers of a pair it gives TRL's `rewards/{chosen,rejected}`.
///
/// # Shapes
///
/// - `log_probs`, `ref_log_probs`: summed over the tokens of each answer, `[batch]`
/// - output: `[batch]`, detached
#[must_use]
pub fn implicit_rewards(log_probs: Tensor<1>, ref_log_probs: Tensor<1>, beta: f64) -> Tensor<1> {
    (log_probs - ref_log_probs).detach() * beta
}

#[cfg(test)]
mod tests {
    use std::f32::consts::LN_2;

    use burn::tensor::Device;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::finite_differences::check_gradient;

    fn pair(chosen: &[f32], rejected: &[f32]) -> PairLogProbs {
        let device = Device::flex();
        PairLogProbs {
            chosen: Tensor::from_data(chosen, &device),
            rejected: Tensor::from_data(rejected, &device),
        }
    }

    fn assert_close(found: Tensor<1>, expected: &[f32]) {
        let found: Vec<f32> = found.into_data().iter().collect();
        assert_eq!(found.len(), expected.len(), "length of {found:?}");
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-5, "{found:?}, expected {expected:?}");
        }
    }

    /// NeMo-RL's numbers: `d` of 0, 10 and 20 with `β = 0.1`.
    #[wasm_bindgen_test(unsupported = test)]
    fn losses_equal_nemo_rl() {
        let policy = pair(&[-0.5, -10.0, -1.0], &[-0.1, -30.0, -21.0]);
        let reference = pair(&[-0.5, -10.1, -0.1], &[-0.1, -20.1, -0.1]);
        let losses = |loss| dpo_losses(policy.clone(), reference.clone(), 0.1, loss);
        assert_close(losses(DpoLoss::default()), &[LN_2, 0.313_261_7, 0.126_928]);
        // By hand: d = 0, 10, 20 less 5, squared; 1 less 0, 1, 2, not below 0.
        assert_close(losses(DpoLoss::Ipo), &[25.0, 25.0, 225.0]);
        assert_close(losses(DpoLoss::Hinge), &[1.0, 0.0, 0.0]);
        // By hand: log σ(−x) = log σ(x) − x, so smoothing adds 0.1 · 0, 1 and 2.
        let smoothed = DpoLoss::Sigmoid { label_smoothing: 0.1 };
        assert_close(losses(smoothed), &[LN_2, 0.413_261_7, 0.326_928]);
        let rewards = implicit_rewards(policy.chosen.clone(), reference.chosen.clone(), 0.1);
        assert_close(rewards, &[0.0, 0.01, -0.09]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn gradients_equal_finite_differences() {
        let losses = [
            DpoLoss::Sigmoid { label_smoothing: 0.2 },
            DpoLoss::Ipo,
            DpoLoss::Hinge,
        ];
        for loss in losses {
            check_gradient(&[-1.0, -0.5, -2.0, -1.5], [4], |log_probs| {
                let policy = PairLogProbs {
                    chosen: log_probs.clone().narrow(0, 0, 2),
                    rejected: log_probs.narrow(0, 2, 2),
                };
                let reference = pair(&[-1.2, -0.3], &[-1.0, -1.1]);
                let to_device = |x: Tensor<1>| Tensor::from_data(x.into_data(), &policy.chosen.device());
                let reference = PairLogProbs {
                    chosen: to_device(reference.chosen),
                    rejected: to_device(reference.rejected),
                };
                dpo_losses(policy, reference, 0.5, loss).sum()
            });
        }
    }
}
