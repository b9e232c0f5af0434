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
    let predicted = log_softmax(logits.narrow(1, 0, seq_len - 1), 2);
    let targets = tokens.narrow(1, 1, seq_len - 1);
    predicted.gather(2, targets.unsqueeze_dim(2)).squeeze_dim(2)
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

    #[wasm_bindgen_test(unsupported = test)]
    fn masked_positions_do_not_count() {
        let device = Device::flex();
        let values = Tensor::<2>::from_data([[1.0, 2.0, 3.0, 4.0]], &device);
        let mask = Tensor::<2>::from_data([[0.0, 1.0, 1.0, 0.0]], &device);
        assert_eq!(masked_mean(values, mask).into_scalar::<f32>(), 2.5);
    }
}
