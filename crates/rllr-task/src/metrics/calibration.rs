//! Does a confidence of 0.8 mean right in eight of ten cases?

use std::num::NonZeroUsize;

use serde::Serialize;

use super::{MetricError, check_columns};

/// The rows whose confidence lies in one interval: one bar of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// The interval is `(above, up_to]`; the first also holds 0.
    pub above: f64,
    /// Upper end, included.
    pub up_to: f64,
    /// Rows in it.
    pub rows: usize,
    /// Mean confidence of its rows; 0 if it has none.
    pub mean_confidence: f64,
    /// Share of right rows; 0 if it has none.
    pub accuracy: f64,
}

/// Sorts rows into `n_bins` intervals of equal width by the confidence in their own prediction, `[n_bins]`.
///
/// `confidence` is the probability that the model gives to what it predicted; an invalid prediction is a wrong
/// row.
///
/// # Errors
///
/// When the lengths differ, when there are no rows, and when a confidence is not in 0 to 1.
pub fn calibration_bins(
    confidence: &[f64],
    correct: &[bool],
    n_bins: NonZeroUsize,
) -> Result<Vec<CalibrationBin>, MetricError> {
    check_columns(("confidence", confidence.len()), ("correct", correct.len()), 1)?;
    let edge = |bin: usize| bin as f64 / n_bins.get() as f64;
    let empty = |bin| CalibrationBin {
        above: edge(bin),
        up_to: edge(bin + 1),
        rows: 0,
        mean_confidence: 0.0,
        accuracy: 0.0,
    };
    let mut bins: Vec<CalibrationBin> = (0..n_bins.get()).map(empty).collect();
    for (row, (&found, &correct)) in confidence.iter().zip(correct).enumerate() {
        let in_range = (0.0..=1.0).contains(&found);
        let bin = bins.iter_mut().find(|bin| in_range && found <= bin.up_to);
        let bin = bin.ok_or(MetricError::ConfidenceOutOfRange { row, found })?;
        bin.rows += 1;
        bin.mean_confidence += found;
        bin.accuracy += f64::from(u8::from(correct));
    }
    for bin in bins.iter_mut().filter(|bin| bin.rows > 0) {
        bin.mean_confidence /= bin.rows as f64;
        bin.accuracy /= bin.rows as f64;
    }
    Ok(bins)
}

/// Expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599):
/// `Σ_b rows_b / n · |accuracy_b − mean confidence_b|` over the [`calibration_bins`].
pub fn expected_calibration_error(bins: &[CalibrationBin]) -> f64 {
    let n: usize = bins.iter().map(|bin| bin.rows).sum();
    let gap = |bin: &CalibrationBin| bin.rows as f64 * (bin.accuracy - bin.mean_confidence).abs();
    bins.iter().map(gap).sum::<f64>() / n as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn bins(confidence: &[f64], correct: &[bool], n_bins: usize) -> Result<Vec<CalibrationBin>, MetricError> {
        calibration_bins(confidence, correct, NonZeroUsize::new(n_bins).unwrap())
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bins_and_error_worked_by_hand() {
        // (0, 0.5]: 0, 0.25 and the edge 0.5, of which one is right; (0.5, 1]: 0.75 and 1, both right.
        let bins = bins(&[0.0, 0.5, 0.75, 1.0, 0.25], &[false, true, true, true, false], 2).unwrap();
        let [low, high] = bins.clone().try_into().unwrap();
        assert_eq!(
            (low.rows, low.mean_confidence, low.accuracy),
            (3, 0.25, 1.0 / 3.0)
        );
        assert_eq!((high.rows, high.mean_confidence, high.accuracy), (2, 0.875, 1.0));
        let expected = (3.0 * (1.0 / 3.0 - 0.25) + 2.0 * 0.125) / 5.0;
        assert!((expected_calibration_error(&bins) - expected).abs() < 1e-15);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_confidence_that_is_no_probability_is_named() {
        for wrong in [-0.1, 1.1, f64::NAN] {
            let error = bins(&[0.5, wrong], &[true, true], 3).unwrap_err();
            assert!(
                matches!(error, MetricError::ConfidenceOutOfRange { row: 1, .. }),
                "{error}"
            );
        }
        let error = bins(&[], &[], 3).unwrap_err();
        assert_eq!(
            error,
            MetricError::TooFewRows {
                column: "confidence",
                found: 0,
                needed: 1
            }
        );
    }

    proptest! {
        // Two identities: with one bin it is the gap of the means, and more bins only separate gaps.
        #[wasm_bindgen_test(unsupported = test)]
        fn one_bin_is_the_gap_of_the_means_and_more_bins_never_less(
            rows in prop::collection::vec((0.0..=1.0_f64, any::<bool>()), 1..50), n_bins in 1..20_usize,
        ) {
            let (confidence, correct): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
            let n = correct.len() as f64;
            let gap = confidence.iter().sum::<f64>() - correct.iter().filter(|c| **c).count() as f64;
            let one = expected_calibration_error(&bins(&confidence, &correct, 1).unwrap());
            let many = expected_calibration_error(&bins(&confidence, &correct, n_bins).unwrap());
            prop_assert!((one - gap.abs() / n).abs() < 1e-12);
            prop_assert!(many >= one - 1e-12);
        }
    }
}
