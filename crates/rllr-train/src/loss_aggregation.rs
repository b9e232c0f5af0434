//! From one loss per token to one loss per optimiser step.
//!
//! The weights of all tokens of a *whole step* are computed first, on the host; a micro-batch then takes its rows of
//! them, and the sums of all micro-batches add up to the step's loss. So it does not matter how a step is cut into
//! micro-batches: a mean of means would weigh the tokens of short micro-batches more.

use burn::tensor::Tensor;

use crate::rounding::to_f32;

/// How the losses of tokens become one number. Rows without a token that counts are left out of means over sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum LossAggregation {
    /// Mean over all tokens of the step. RLLR, OpenRLHF, DAPO (TRL's loss `dapo`); the default.
    #[default]
    TokenMean,
    /// Mean over sequences of the sum over their tokens.
    SequenceMeanOfTokenSums,
    /// Mean over sequences of the mean over their tokens. GRPO's paper (TRL's loss `grpo`).
    SequenceMeanOfTokenMeans,
    /// Mean over sequences of the sum over their tokens, divided by a constant. Dr. GRPO (TRL's loss `dr_grpo`).
    SequenceMeanOfTokenSumsOverMaxLen {
        /// The constant: tokens that a response may have.
        max_len: usize,
    },
}

impl LossAggregation {
    /// The weight of each token in the step's loss; 0 where the mask is false.
    ///
    /// Source: OpenRLHF 0.11 `loss.py` and verl `agg_loss` for the names; TRL 1.12 `GRPOTrainer` for the losses.
    ///
    /// - `mask`: of all sequences of the step, row-major, true where a token counts, `[batch, len]`
    /// - output: `[batch, len]`
    #[must_use]
    pub fn token_weights(self, mask: &[bool], len: usize) -> Vec<f32> {
        assert!(
            len > 0 && mask.len().is_multiple_of(len),
            "{} slots are no rows of {len}",
            mask.len()
        );
        let count = |row: &[bool]| row.iter().filter(|&&counts| counts).count() as f64;
        let tokens = count(mask);
        let sequences = mask.chunks(len).filter(|row| row.contains(&true)).count() as f64;
        let mut weights = Vec::with_capacity(mask.len());
        for row in mask.chunks(len) {
            let weight = match self {
                Self::TokenMean => 1.0 / tokens,
                Self::SequenceMeanOfTokenSums => 1.0 / sequences,
                Self::SequenceMeanOfTokenMeans => 1.0 / (sequences * count(row)),
                Self::SequenceMeanOfTokenSumsOverMaxLen { max_len } => 1.0 / (sequences * max_len as f64),
            };
            weights.extend(
                row.iter()
                    .map(|&counts| if counts { to_f32(weight) } else { 0.0 }),
            );
        }
        weights
    }
}

/// `Σ w·x`, the part of a step's loss that these tokens are.
///
/// # Shapes
///
/// - `losses`, `weights`: `[batch, len]`
/// - output: `[1]`
#[must_use]
pub fn weighted_sum(losses: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    (losses * weights).sum()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// OpenRLHF's example of uneven micro-batches: one row of two tokens, two rows of five together. The mean of 28 / 7,
    /// where the mean of the two means is 3.25.
    #[wasm_bindgen_test(unsupported = test)]
    fn micro_batches_add_up_to_the_mean_of_the_step() {
        let losses = [[1.0, 2.0, 0.0], [3.0, 4.0, 5.0], [6.0, 7.0, 0.0]];
        let mask = [true, true, false, true, true, true, true, true, false];
        let weights = LossAggregation::TokenMean.token_weights(&mask, 3);
        let device = Device::flex();
        let part = |rows: std::ops::Range<usize>| -> f32 {
            let shape = [rows.len(), 3];
            let flat = |x: &[f32]| {
                let slots = x[rows.start * 3..rows.end * 3].to_vec();
                Tensor::<2>::from_data(TensorData::new(slots, shape), &device)
            };
            weighted_sum(flat(&losses.concat()), flat(&weights)).into_scalar()
        };
        assert!((part(0..3) - 4.0).abs() < 1e-6);
        assert!((part(0..1) + part(1..3) - 4.0).abs() < 1e-6);
        assert!((part(0..2) + part(2..3) - 4.0).abs() < 1e-6);
    }

    /// By hand, of rows `1 2`, `6` and one without a token: 9 / 3, (3 + 6) / 2, (1.5 + 6) / 2 and 4.5 / 10.
    #[wasm_bindgen_test(unsupported = test)]
    fn each_aggregation_has_its_denominator() {
        let mask = [true, true, true, false, false, false];
        let losses = [1.0, 2.0, 6.0, 100.0, 100.0, 100.0];
        let cases = [
            (LossAggregation::TokenMean, 3.0),
            (LossAggregation::SequenceMeanOfTokenSums, 4.5),
            (LossAggregation::SequenceMeanOfTokenMeans, 3.75),
            (
                LossAggregation::SequenceMeanOfTokenSumsOverMaxLen { max_len: 10 },
                0.45,
            ),
        ];
        for (aggregation, expected) in cases {
            let weights = aggregation.token_weights(&mask, 2);
            let sum: f32 = weights.iter().zip(losses).map(|(w, x)| w * x).sum();
            assert!((sum - expected).abs() < 1e-6, "{aggregation:?}: {sum}");
            assert_eq!(weights[3..], [0.0; 3], "{aggregation:?}");
        }
        let none = LossAggregation::TokenMean.token_weights(&[false; 4], 2);
        assert_eq!(none, [0.0; 4], "no token, no loss");
    }
}
