//! How much better each token was than the value model expected.
//!
//! **Host, not device.** A rollout is read back once, at its end, and advantages are computed once per rollout from a
//! few numbers per token. The recursion runs from the last token to the first, which on a device is one tiny kernel
//! after another; on slices it is a loop that looks like the equation and is tested without a device. The same holds for
//! [`masked_stats`](crate::masked_stats), group advantages, the KL controller and truncation: all are functions of
//! slices, a response is one row `[response_len]`, and sums are `f64`. What is differentiated (PPO, DPO and
//! distillation losses) is a function of tensors.

use crate::rounding::to_f32;

/// Advantages and returns of one response.
#[derive(Clone, Debug, PartialEq)]
pub struct Advantages {
    /// `A_t`, before whitening, `[response_len]`.
    pub advantages: Vec<f32>,
    /// `A_t + V_t`, what the value model learns, `[response_len]`.
    pub returns: Vec<f32>,
}

/// How far ahead a token is judged.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GaeConfig {
    /// Discount of later rewards. Default 1: RLLR, TRL and every other preset.
    pub gamma: f64,
    /// Share of the exact but noisy sum of rewards against the value model's guess. Default 0.95: RLLR, TRL; OpenRLHF
    /// has 1.
    pub lambda: f64,
}

impl Default for GaeConfig {
    fn default() -> Self {
        Self {
            gamma: 1.0,
            lambda: 0.95,
        }
    }
}

/// Generalised advantage estimation over one row.
///
/// `δ_t = r_t + γ V_(t+1) − V_t`, `A_t = δ_t + γλ A_(t+1)`, `returns_t = A_t + V_t`; nothing follows the last slot.
///
/// Rewards and values count as 0 where the mask is false, so garbage there does not leak in. The recursion passes over
/// every slot all the same: slots before a response get advantages too, and a hole in the mask costs a decay. Use
/// [`gae_skip_masked`] for masks with holes.
///
/// Source: Schulman et al. 2016 (arXiv 1506.02438), equation 16; TRL 0.7.2 `compute_advantages`.
///
/// - `rewards`, `values`: of each token, `[response_len]`; `V_t` is the value of the state before token `t`
/// - `mask`: true where a reward counts, `[response_len]`
#[must_use]
pub fn gae(rewards: &[f32], values: &[f32], mask: &[bool], config: GaeConfig) -> Advantages {
    let response_len = check_len(rewards, values, mask);
    let GaeConfig { gamma, lambda } = config;
    let masked = |x: &[f32], t: usize| if mask[t] { f64::from(x[t]) } else { 0.0 };
    let mut result = Advantages::zeros(response_len);
    let (mut next_value, mut next_advantage) = (0.0, 0.0);
    for t in (0..response_len).rev() {
        let (reward, value) = (masked(rewards, t), masked(values, t));
        let delta = reward + gamma * next_value - value;
        let advantage = delta + gamma * lambda * next_advantage;
        result.set(t, advantage, value);
        (next_value, next_advantage) = (value, advantage);
    }
    result
}

/// [`gae`] that skips masked tokens, as if they were not there: one decay per token that counts.
///
/// Advantages and returns are 0 where the mask is false. Where the mask has no hole, the others equal [`gae`]'s.
///
/// Source: verl and NeMo-RL, for responses with inserted text that the policy did not write.
///
/// - `rewards`, `values`, `mask`: `[response_len]`
#[must_use]
pub fn gae_skip_masked(rewards: &[f32], values: &[f32], mask: &[bool], config: GaeConfig) -> Advantages {
    let response_len = check_len(rewards, values, mask);
    let GaeConfig { gamma, lambda } = config;
    let mut result = Advantages::zeros(response_len);
    let (mut next_value, mut next_advantage) = (0.0, 0.0);
    for t in (0..response_len).rev().filter(|&t| mask[t]) {
        let (reward, value) = (f64::from(rewards[t]), f64::from(values[t]));
        let delta = reward + gamma * next_value - value;
        let advantage = delta + gamma * lambda * next_advantage;
        result.set(t, advantage, value);
        (next_value, next_advantage) = (value, advantage);
    }
    result
}

impl Advantages {
    fn zeros(response_len: usize) -> Self {
        Self {
            advantages: vec![0.0; response_len],
            returns: vec![0.0; response_len],
        }
    }

    fn set(&mut self, t: usize, advantage: f64, value: f64) {
        self.advantages[t] = to_f32(advantage);
        self.returns[t] = to_f32(advantage + value);
    }
}

fn check_len(rewards: &[f32], values: &[f32], mask: &[bool]) -> usize {
    let lens = [rewards.len(), values.len()];
    assert_eq!(lens, [mask.len(); 2], "a reward and a value per slot");
    mask.len()
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::masked_stats::{Variance, whiten};

    fn config(gamma: f64, lambda: f64) -> GaeConfig {
        GaeConfig { gamma, lambda }
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "length of {found:?}");
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-6, "{found:?}, expected {expected:?}");
        }
    }

    /// TRL's numbers for two responses of 4 and 3 tokens in rows of 5, then whitened over both.
    #[wasm_bindgen_test(unsupported = test)]
    fn advantages_equal_trl() {
        let mask: [[bool; 5]; 2] = [4, 3].map(|len| std::array::from_fn(|t| t < len));
        let first = gae(
            &[0.0, -0.1, 0.05, 1.0, 0.0],
            &[0.5, 0.4, 0.3, 0.2, 0.0],
            &mask[0],
            GaeConfig::default(),
        );
        assert_close(&first.advantages, &[0.350_775, 0.474_5, 0.71, 0.8, 0.0]);
        assert_close(&first.returns, &[0.850_775, 0.874_5, 1.01, 1.0, 0.0]);
        let second = gae(
            &[0.2, 0.0, 2.0, 0.0, 0.0],
            &[0.1, -0.2, 0.7, 0.0, 0.0],
            &mask[1],
            GaeConfig::default(),
        );
        assert_close(&second.advantages, &[1.928_25, 2.135, 1.3, 0.0, 0.0]);
        assert_close(&second.returns, &[2.028_25, 1.935, 2.0, 0.0, 0.0]);

        let advantages = [first.advantages, second.advantages].concat();
        let whitened = whiten(&advantages, &mask.concat(), Variance::Unbiased);
        let expected = [-1.060_697_1, -0.885_487_2, -0.551_99, -0.424_538_8];
        assert_close(&whitened[..4], &expected);
        assert_close(&whitened[5..8], &[1.173_203_1, 1.465_986_7, 0.283_523_2]);
    }

    /// torchtune: `γ = 0.9`, `λ = 0.95`, a reward and a value of 1 at the end. NeMo-RL: with `λ = 0` only one step counts.
    #[wasm_bindgen_test(unsupported = test)]
    fn discounts_equal_torchtune_and_nemo_rl() {
        let end = [0.0, 0.0, 0.0, 1.0];
        let found = gae(&end, &end, &[true; 4], config(0.9, 0.95));
        let expected = [0.9 * 0.9 * 0.9 * 0.95 * 0.95, 0.9 * 0.9 * 0.95, 0.9, 1.0];
        assert_close(&found.returns, &expected);

        let found = gae(&[0.0, 0.0, 5.0], &[1.0, 2.0, 3.0], &[true; 3], config(1.0, 0.0));
        assert_close(&found.advantages, &[1.0, 1.0, 2.0]);
    }

    /// A value of 100 in a slot that does not count (alibaba/ROLL#447 returned 5.7 and 6 here).
    #[wasm_bindgen_test(unsupported = test)]
    fn masked_values_do_not_leak() {
        let mask = [true, true, false];
        let (rewards, values) = ([0.0, 1.0, 0.0], [0.0, 0.0, 100.0]);
        for estimate in [gae, gae_skip_masked] {
            let found = estimate(&rewards, &values, &mask, config(1.0, 0.95));
            assert_close(&found.advantages, &[0.95, 1.0, 0.0]);
        }
        let found = gae(
            &[1.0, f32::NAN],
            &[0.5, f32::NAN],
            &[true, false],
            config(1.0, 0.95),
        );
        assert_close(&found.advantages, &[0.5, 0.0]);
        assert_close(&found.returns, &[1.0, 0.0]);
    }

    /// The sum that the recursion stands for: `A_t = Σ_k (γλ)^k δ_(t+k)`.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_recursion_equals_the_sum() {
        let rewards = [0.3, -0.7, 0.1, 1.5, -0.2];
        let values = [0.9, -0.4, 0.6, 0.2, 1.1];
        let (gamma, lambda) = (0.97, 0.8);
        let found = gae(&rewards, &values, &[true; 5], config(gamma, lambda));
        for t in 0..5 {
            let sum: f64 = (t..5)
                .map(|s| {
                    let next = values.get(s + 1).map_or(0.0, |v| f64::from(*v));
                    let delta = f64::from(rewards[s]) + gamma * next - f64::from(values[s]);
                    delta * (gamma * lambda).powi(i32::try_from(s - t).unwrap())
                })
                .sum();
            assert_close(&[found.advantages[t]], &[to_f32(sum)]);
        }
        assert_eq!(gae(&[], &[], &[], GaeConfig::default()), Advantages::zeros(0));
    }

    /// A hole in the middle: skipping equals estimating without it, and costs no decay.
    #[wasm_bindgen_test(unsupported = test)]
    fn skipping_equals_leaving_out() {
        let rewards = [0.3, 9.0, -9.0, 1.5];
        let values = [0.9, 50.0, -50.0, 0.2];
        let mask = [true, false, false, true];
        let skipped = gae_skip_masked(&rewards, &values, &mask, config(0.9, 0.8));
        let short = gae(&[0.3, 1.5], &[0.9, 0.2], &[true; 2], config(0.9, 0.8));
        let around = |x: &[f32]| vec![x[0], 0.0, 0.0, x[1]];
        assert_eq!(skipped.advantages, around(&short.advantages));
        assert_eq!(skipped.returns, around(&short.returns));
        let decayed = gae(&rewards, &values, &mask, config(0.9, 0.8));
        assert!((decayed.advantages[0] - skipped.advantages[0]).abs() > 0.1);
    }
}
