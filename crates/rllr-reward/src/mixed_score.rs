//! RLLR-mixed: the label first, the rationale above a threshold.

use burn::tensor::Tensor;

/// The score of RLLR-mixed: once the label is convincing, only a better rationale earns more.
///
/// `score = min(r_label, label_threshold) + r_rationale`
///
/// Source: RLLR (arXiv 2405.19763), the released code's `get_rewards`; `label_threshold` is the paper's lambda, on the
/// raw scale of the label reward model.
///
/// # Shapes
///
/// - `label_scores`, `rationale_scores`: scores of the two reward models, `[batch]`
/// - output: `[batch]`
#[must_use]
pub fn mixed_scores(label_scores: Tensor<1>, rationale_scores: Tensor<1>, label_threshold: f64) -> Tensor<1> {
    label_scores.clamp_max(label_threshold) + rationale_scores
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData, Tolerance};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// By hand: below, at and above the threshold of 3.9, and a negative label score.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_label_score_counts_up_to_the_threshold() {
        let device = Device::flex();
        let label = Tensor::from_data([2.0, 3.9, 5.5, -1.0], &device);
        let rationale = Tensor::from_data([0.5, 0.25, -0.75, 1.0], &device);
        let expected = TensorData::from([2.5, 4.15, 3.15, 0.0]);
        let scores = mixed_scores(label, rationale, 3.9).into_data();
        scores.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }
}
