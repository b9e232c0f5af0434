//! Scores that a verifier divides into two layers, so that no wrong answer stands above a right one.

use crate::rounding::to_f32;

/// Added to the range of a layer, so that equal scores are not divided by zero.
const MIN_RANGE: f64 = 1e-6;

/// The two layers of [`stratified_scores`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stratification {
    /// Wrong answers are spread over `[−wrong_spread, wrong_spread]`; HERO's alpha. Default 0.1 (this project).
    pub wrong_spread: f64,
    /// Right answers are spread over `[1 − right_spread, 1 + right_spread]`; HERO's beta. Default 0.1 (this project).
    pub right_spread: f64,
}

/// Layers that overlap or are upside down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StratificationError {
    /// What was given.
    pub found: Stratification,
}

impl std::fmt::Display for StratificationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Stratification {
            wrong_spread,
            right_spread,
        } = self.found;
        write!(
            f,
            "wrong_spread {wrong_spread} and right_spread {right_spread}, expected two numbers from 0 whose sum is \
             below 1, or a wrong answer could stand above a right one"
        )
    }
}

impl std::error::Error for StratificationError {}

impl Default for Stratification {
    fn default() -> Self {
        Self {
            wrong_spread: 0.1,
            right_spread: 0.1,
        }
    }
}

impl Stratification {
    /// Whether the layers are apart: `wrong_spread < 1 − right_spread`.
    ///
    /// # Errors
    ///
    /// [`StratificationError`] when they are not, or a spread is negative or no number.
    pub fn check(self) -> Result<(), StratificationError> {
        let Self {
            wrong_spread,
            right_spread,
        } = self;
        let apart = wrong_spread >= 0.0 && right_spread >= 0.0 && wrong_spread + right_spread < 1.0;
        if apart {
            Ok(())
        } else {
            Err(StratificationError { found: self })
        }
    }
}

/// Scores of a reward model, rescaled apart for the right and the wrong answers of one group.
///
/// `score = low + (high − low)(r − min) / (max − min + 1e-6)`, minimum and maximum over the answers of the group that
/// share the verdict; `[low, high]` as in [`Stratification`]. A layer of equal scores, or of one, gets its `low`.
///
/// Source: HERO (arXiv 2510.07242); the small number in the denominator is this project's.
///
/// - `scores`: of a reward model, one per answer, `[group]`
/// - `right`: what the verifier says, `[group]`
/// - output: `[group]`
#[must_use]
pub fn stratified_scores(scores: &[f32], right: &[bool], layers: Stratification) -> Vec<f32> {
    assert_eq!(scores.len(), right.len(), "one verdict per score");
    let range = |verdict: bool| {
        let members = scores.iter().zip(right).filter(|(_, right)| **right == verdict);
        members.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), (score, _)| {
            (min.min(f64::from(*score)), max.max(f64::from(*score)))
        })
    };
    let (wrong_range, right_range) = (range(false), range(true));
    let stratify = |(&score, &right): (&f32, &bool)| {
        let (center, spread, (min, max)) = if right {
            (1.0, layers.right_spread, right_range)
        } else {
            (0.0, layers.wrong_spread, wrong_range)
        };
        let place = (f64::from(score) - min) / (max - min + MIN_RANGE);
        to_f32(center - spread + 2.0 * spread * place)
    };
    scores.iter().zip(right).map(stratify).collect()
}

/// How much a prompt counts: more where the reward model's scores of its answers differ.
///
/// `w = w_min + (w_max − w_min) σ(k (std − mean_std))`
///
/// Source: HERO (arXiv 2510.07242), variance-aware weighting.
///
/// - `std`: standard deviation of the scores of the prompt's answers
/// - `mean_std`: its running mean over prompts
/// - `range`: `w_min` and `w_max`
/// - `steepness`: `k`
#[must_use]
pub fn prompt_weight(std: f64, mean_std: f64, range: [f64; 2], steepness: f64) -> f64 {
    let [min, max] = range;
    min + (max - min) / (1.0 + (-steepness * (std - mean_std)).exp())
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// By hand: wrong answers 5 and 9 become −0.2 and 0.2, right ones 1, 2 and 3 become 0.7, 1 and 1.3.
    #[wasm_bindgen_test(unsupported = test)]
    fn layers_are_rescaled_apart() {
        let layers = Stratification {
            wrong_spread: 0.2,
            right_spread: 0.3,
        };
        let found = stratified_scores(
            &[5.0, 1.0, 9.0, 2.0, 3.0],
            &[false, true, false, true, true],
            layers,
        );
        for (found, expected) in found.iter().zip([-0.2, 0.7, 0.2, 1.0, 1.3]) {
            assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
        }
    }

    /// Whatever the reward model says, and also when all answers of a kind score alike.
    #[wasm_bindgen_test(unsupported = test)]
    fn no_wrong_answer_stands_above_a_right_one() {
        let layers = Stratification::default();
        let scores = [1e6, -1e6, 0.0, 3.0, 3.0, -7.5];
        for verdicts in 0..64u32 {
            let right: Vec<bool> = (0..6).map(|i| verdicts >> i & 1 == 1).collect();
            let found = stratified_scores(&scores, &right, layers);
            let of = |verdict: bool| found.iter().zip(&right).filter(move |(_, r)| **r == verdict);
            let best_wrong = of(false).map(|(s, _)| *s).fold(f32::NEG_INFINITY, f32::max);
            let worst_right = of(true).map(|(s, _)| *s).fold(f32::INFINITY, f32::min);
            assert!(best_wrong < worst_right, "{right:?}: {found:?}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn overlapping_layers_are_refused() {
        let layers = |wrong_spread, right_spread| Stratification {
            wrong_spread,
            right_spread,
        };
        assert!(layers(0.3, 0.6).check().is_ok());
        for bad in [layers(0.5, 0.5), layers(-0.1, 0.2), layers(f64::NAN, 0.1)] {
            let error = bad.check().expect_err("layers overlap").to_string();
            assert!(error.contains("below 1"), "{error}");
        }
    }

    /// `σ(0) = ½`, and far away the bounds.
    #[wasm_bindgen_test(unsupported = test)]
    fn prompts_weigh_between_the_bounds() {
        let weight = |std| prompt_weight(std, 0.5, [0.4, 3.0], 6.0);
        assert!((weight(0.5) - 1.7).abs() < 1e-12);
        assert!((weight(100.0) - 3.0).abs() < 1e-12);
        assert!((weight(-100.0) - 0.4).abs() < 1e-12);
    }
}
