//! Log-probabilities of tokens.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// Log-probability of the token that follows each position.
///
/// `log π(tokenₜ₊₁ | tokens ≤ t) = logitsₜ[tokenₜ₊₁] − logsumexp(logitsₜ)`
///
/// # Shapes
///
/// - `logits`: `[batch, seq_len, vocab_size]`
/// - `tokens`: `[batch, seq_len]`
/// - output: `[batch, seq_len − 1]`; slot `t` scores token `t + 1`
#[must_use]
pub fn token_log_probs(logits: Tensor<3>, tokens: Tensor<2, Int>) -> Tensor<2> {
    let [_, seq_len, _] = logits.dims();
    log_probs_of(logits.narrow(1, 0, seq_len - 1), tokens.narrow(1, 1, seq_len - 1))
}

/// Log-probability of one token in each distribution.
///
/// `log π(token) = logits[token] − logsumexp(logits)`
///
/// # Shapes
///
/// - `logits`: `[batch, len, vocab_size]`, already divided by the temperature
/// - `tokens`: `[batch, len]`
/// - output: `[batch, len]`
#[must_use]
#[allow(
    unreachable_pub,
    reason = "not exported yet: lib.rs is being changed elsewhere"
)]
pub fn log_probs_of(logits: Tensor<3>, tokens: Tensor<2, Int>) -> Tensor<2> {
    log_softmax(logits, 2)
        .gather(2, tokens.unsqueeze_dim(2))
        .squeeze_dim(2)
}

/// How undecided each distribution is, in nats.
///
/// `H = logsumexp(z) − Σ_v softmax(z)_v z_v`, computed as `−Σ_v π_v log π_v`
///
/// Source: TRL, `entropy_from_logits`. A banned token has a very negative logit, not `−∞`, whose term would be NaN.
///
/// # Shapes
///
/// - `logits`: `[batch, len, vocab_size]`, already divided by the temperature
/// - output: `[batch, len]`
#[must_use]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "not exported yet: lib.rs is being changed elsewhere"
)]
pub fn token_entropies(logits: Tensor<3>) -> Tensor<2> {
    let log_probs = log_softmax(logits, 2);
    -(log_probs.clone().exp() * log_probs).sum_dim(2).squeeze_dim(2)
}

/// `Σ mask·x / Σ mask`, the mean over the positions that count; NaN when none does.
///
/// # Shapes
///
/// - `values`: `[batch, len]`
/// - `mask`: `[batch, len]`, 1 where the position counts, else 0
/// - output: `[1]`
#[must_use]
pub fn masked_mean(values: Tensor<2>, mask: Tensor<2>) -> Tensor<1> {
    (values * mask.clone()).sum() / mask.sum()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData, Tolerance};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Uniform logits give `−ln 3`; logits `1, 2, 3` give token 2 `3 − ln(e¹ + e² + e³) = −0.4076059`.
    #[wasm_bindgen_test(unsupported = test)]
    fn slot_t_scores_token_t_plus_1() {
        let device = Device::flex();
        let logits = [[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [9.0, 9.0, 0.0]]];
        let logits = Tensor::<3>::from_data(logits, &device);
        let tokens = Tensor::<2, Int>::from_data([[0, 2, 1]], &device);
        let log_probs = token_log_probs(logits, tokens).to_data();
        let expected = TensorData::from([[-0.407_605_9, -1.098_612_3]]);
        log_probs.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }

    /// TRL's numbers, which are also `ln 3` for equal logits.
    #[wasm_bindgen_test(unsupported = test)]
    fn log_probs_and_entropies_equal_trl() {
        let device = Device::flex();
        let logits = Tensor::<3>::from_data([[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]], &device);
        let tokens = Tensor::<2, Int>::from_data([[2, 1]], &device);
        let log_probs = log_probs_of(logits.clone(), tokens).into_data();
        let expected = TensorData::from([[-0.407_605_9, -1.098_612_3]]);
        log_probs.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
        let entropies = token_entropies(logits).into_data();
        let expected = TensorData::from([[0.832_395_6, 1.098_612_3]]);
        entropies.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }

    /// A certain policy has no entropy, and tokens that are banned add none.
    #[wasm_bindgen_test(unsupported = test)]
    fn entropies_stay_finite() {
        let device = Device::flex();
        let logits = [[[80.0, 0.0, -80.0], [1.0, 1.0, -1e9]]];
        let entropies = token_entropies(Tensor::<3>::from_data(logits, &device)).into_data();
        let expected = TensorData::from([[0.0, std::f32::consts::LN_2]]);
        entropies.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn masked_positions_do_not_count() {
        let device = Device::flex();
        let values = Tensor::<2>::from_data([[1.0, 2.0, 3.0, 4.0]], &device);
        let mask = Tensor::<2>::from_data([[0.0, 1.0, 1.0, 0.0]], &device);
        assert_eq!(masked_mean(values, mask).into_scalar::<f32>(), 2.5);
    }
}
