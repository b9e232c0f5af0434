//! RLLR-mixed: the label first, the rationale above a threshold; and how the threshold is found.

/// The score of RLLR-mixed: once the label is convincing, only a better rationale earns more.
///
/// `score = min(r_label, label_threshold) + r_rationale`
///
/// Source: RLLR (arXiv 2405.19763), the released code's `get_rewards`; `label_threshold` is the paper's lambda, on the
/// raw scale of the label reward model. Both scores are raw: normalisation comes after.
#[must_use]
pub fn mixed_score(label_score: f32, rationale_score: f32, label_threshold: f32) -> f32 {
    label_score.min(label_threshold) + rationale_score
}

/// Share of scores above the threshold: the responses whose label earns nothing more. NaN without scores.
#[must_use]
pub fn share_above(scores: &[f32], threshold: f32) -> f64 {
    let above = scores.iter().filter(|score| **score > threshold).count();
    above as f64 / scores.len() as f64
}

/// Why a quantile is not a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QuantileError {
    /// The order of the quantile lies outside its range.
    Order {
        /// What was given.
        found: f64,
    },
    /// There is nothing to take a quantile of.
    NoScores,
    /// A score that has no place in an order.
    NotFinite {
        /// Its index.
        index: usize,
        /// The score.
        found: f32,
    },
}

impl std::fmt::Display for QuantileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Order { found } => write!(f, "quantile {found}, expected a number from 0 to 1"),
            Self::NoScores => write!(
                f,
                "no score, expected those of at least one held-out chosen answer"
            ),
            Self::NotFinite { index, found } => {
                write!(f, "score {index} is {found}, expected a finite number")
            }
        }
    }
}

impl std::error::Error for QuantileError {}

/// The threshold that a share `quantile` of held-out *chosen* answers stays below.
///
/// Sorted scores `s_0 ≤ .. ≤ s_(n−1)`, `h = quantile · (n − 1)`: `s_⌊h⌋ + (h − ⌊h⌋)(s_⌊h⌋+1 − s_⌊h⌋)`.
///
/// A threshold means something only on the scale of its own reward model, so it is found anew for each. No source says
/// which quantile is best.
///
/// Source: this project; the interpolation is numpy's default.
///
/// - `chosen_scores`: label scores of chosen answers that the reward model was not trained on
///
/// # Errors
///
/// [`QuantileError`] for a quantile outside 0 to 1, no score, or a score that is not finite.
pub fn label_threshold_at_quantile(chosen_scores: &[f32], quantile: f64) -> Result<f32, QuantileError> {
    if !(0.0..=1.0).contains(&quantile) {
        return Err(QuantileError::Order { found: quantile });
    }
    if let Some(index) = chosen_scores.iter().position(|score| !score.is_finite()) {
        let found = chosen_scores[index];
        return Err(QuantileError::NotFinite { index, found });
    }
    let mut sorted: Vec<f64> = chosen_scores.iter().map(|&score| f64::from(score)).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return Err(QuantileError::NoScores);
    };
    let place = quantile * last as f64;
    #[expect(clippy::cast_possible_truncation, reason = "the whole part is wanted")]
    let below = place as usize;
    let above = (below + 1).min(last);
    let fraction = place - below as f64;
    Ok(crate::rounding::to_f32(
        sorted[below] + fraction * (sorted[above] - sorted[below]),
    ))
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// By hand: below, at and above the threshold of 3.9, and a negative label score.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_label_score_counts_up_to_the_threshold() {
        let label = [2.0, 3.9, 5.5, -1.0];
        let rationale = [0.5, 0.25, -0.75, 1.0];
        for (i, expected) in [2.5, 4.15, 3.15, 0.0].into_iter().enumerate() {
            let found = mixed_score(label[i], rationale[i], 3.9);
            assert!(
                (found - expected).abs() < 1e-6,
                "response {i}: {found}, expected {expected}"
            );
        }
        assert_eq!(share_above(&label, 3.9), 0.25);
    }

    /// By hand, and numpy's: of `0, 1, 3, 7` the median is 2, and 0.9 lies at place 2.7, so `3 + 0.7 · 4`.
    #[wasm_bindgen_test(unsupported = test)]
    fn quantiles_lie_between_scores() {
        let scores = [3.0, 0.0, 7.0, 1.0];
        for (quantile, expected) in [(0.0, 0.0), (0.5, 2.0), (0.9, 5.8), (1.0, 7.0)] {
            let found = label_threshold_at_quantile(&scores, quantile).unwrap();
            assert!((found - expected).abs() < 1e-6, "{quantile}: {found}");
        }
        assert_eq!(label_threshold_at_quantile(&[4.5], 0.3), Ok(4.5));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bad_quantiles_are_named() {
        let error = label_threshold_at_quantile(&[1.0], 1.5).unwrap_err();
        assert_eq!(error.to_string(), "quantile 1.5, expected a number from 0 to 1");
        assert_eq!(
            label_threshold_at_quantile(&[], 0.5),
            Err(QuantileError::NoScores)
        );
        let error = label_threshold_at_quantile(&[1.0, f32::NAN], 0.5).unwrap_err();
        assert_eq!(error.to_string(), "score 1 is NaN, expected a finite number");
    }
}
