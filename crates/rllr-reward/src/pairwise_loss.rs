//! Losses that teach a reward model to prefer the chosen answer of a pair.

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;

/// How improbable the observed preferences are under the scores.
///
/// `L = mean(−log σ(score_chosen − score_rejected))`
///
/// Source: Bradley and Terry 1952, as used by TRL 1.12's `RewardTrainer` and OpenRLHF 0.11.
///
/// # Shapes
///
/// - `chosen`, `rejected`: scores of the two answers of each pair, `[batch]`
/// - output: `[1]`
#[must_use]
pub fn bradley_terry_loss(chosen: Tensor<1>, rejected: Tensor<1>) -> Tensor<1> {
    -log_sigmoid(chosen - rejected).mean()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const CHOSEN: [f32; 3] = [1.2, 0.3, -0.5];
    const REJECTED: [f32; 3] = [0.2, 0.9, -0.5];

    fn loss(chosen: [f32; 3], rejected: [f32; 3]) -> f32 {
        let device = Device::flex();
        bradley_terry_loss(
            Tensor::from_data(chosen, &device),
            Tensor::from_data(rejected, &device),
        )
        .into_scalar()
    }

    /// TRL's value for these scores, and the same from a plain loop.
    #[wasm_bindgen_test(unsupported = test)]
    fn equals_trl_and_a_plain_loop() {
        let plain = CHOSEN
            .iter()
            .zip(REJECTED)
            .map(|(c, r)| (1.0 + (r - c).exp()).ln())
            .sum::<f32>()
            / 3.0;
        assert!((loss(CHOSEN, REJECTED) - 0.681_298_9).abs() < 1e-6);
        assert!((loss(CHOSEN, REJECTED) - plain).abs() < 1e-6);
    }

    /// `∂L/∂score_chosen = −σ(−margin) / batch`, by finite differences.
    #[wasm_bindgen_test(unsupported = test)]
    fn gradient_equals_finite_differences() {
        let device = Device::flex().autodiff();
        let chosen = Tensor::<1>::from_data(CHOSEN, &device).require_grad();
        let gradients = bradley_terry_loss(chosen.clone(), Tensor::from_data(REJECTED, &device)).backward();
        let gradient: Vec<f32> = chosen
            .grad(&gradients)
            .expect("tracked")
            .into_data()
            .iter::<f32>()
            .collect();
        for (index, gradient) in gradient.into_iter().enumerate() {
            let at = |step: f32| {
                let mut moved = CHOSEN;
                moved[index] += step;
                loss(moved, REJECTED)
            };
            let difference = (at(0.01) - at(-0.01)) / 0.02;
            assert!(
                (gradient - difference).abs() < 1e-4,
                "score {index}: {gradient} against {difference}"
            );
        }
    }

    /// The loss itself is what a model with infinitely wrong scores would overflow.
    #[wasm_bindgen_test(unsupported = test)]
    fn stays_finite_for_extreme_scores() {
        assert!((loss([-200.0; 3], [200.0; 3]) - 400.0).abs() < 1e-3);
        assert_eq!(loss([200.0; 3], [-200.0; 3]), 0.0);
    }
}
