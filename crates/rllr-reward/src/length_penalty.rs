//! What a response loses that did not end, or ran too long.

use crate::rounding::to_f32;

/// What happens to the score of a response that ended without the end-of-sequence token.
///
/// Applied to raw scores, before KL penalties and whitening.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingEos {
    /// Nothing. The RLLR scripts, OpenRLHF and TRL by default.
    #[default]
    Keep,
    /// `score − penalty` (TRL 1.12: `missing_eos_penalty`, by default off).
    Subtract(f32),
    /// This number (lm-human-preference-details −1, torchtune −3).
    Replace(f32),
    /// `score · coefficient` (NeMo-RL and OpenRLHF: stop-properly, by default off). A score below 0 becomes a *better*
    /// one, so it is for rewards that are not negative.
    Scale(f32),
}

impl MissingEos {
    /// Scores after the penalty.
    ///
    /// - `scores`, `ended`: of each response, its score and whether it holds the end-of-sequence token, `[batch]`
    /// - output: `[batch]`
    #[must_use]
    pub fn apply(self, scores: &[f32], ended: &[bool]) -> Vec<f32> {
        assert_eq!(scores.len(), ended.len(), "one end per score");
        let penalized = |score: f32| match self {
            Self::Keep => score,
            Self::Subtract(penalty) => score - penalty,
            Self::Replace(constant) => constant,
            Self::Scale(coefficient) => score * coefficient,
        };
        let scores = scores.iter().zip(ended);
        scores
            .map(|(&score, &ended)| if ended { score } else { penalized(score) })
            .collect()
    }
}

/// What is added to the score of a long response: nothing, then a slope, then −1.
///
/// With `n` tokens, at most `N` of them and a buffer of `b`: `0` for `n ≤ N − b`, `(N − b − n) / b` up to `N`, `−1`
/// above.
///
/// Source: DAPO (arXiv 2503.14476), equation 13, "soft overlong punishment".
///
/// - `response_tokens`: `n`
/// - `max_response_tokens`: `N`
/// - `buffer_tokens`: `b`, DAPO's cache; with 0 there is no slope
#[must_use]
pub fn overlong_penalty(response_tokens: usize, max_response_tokens: usize, buffer_tokens: usize) -> f32 {
    let (n, max) = (response_tokens as f64, max_response_tokens as f64);
    let buffer = buffer_tokens as f64;
    if n <= max - buffer {
        0.0
    } else if n <= max {
        to_f32((max - buffer - n) / buffer)
    } else {
        -1.0
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// `Scale` with NeMo-RL's numbers, the others by hand.
    #[wasm_bindgen_test(unsupported = test)]
    fn only_responses_without_an_end_are_penalized() {
        let (scores, ended) = ([1.0, 0.8, 0.6, 0.4], [true, false, true, false]);
        let apply = |rule: MissingEos| rule.apply(&scores, &ended);
        assert_eq!(apply(MissingEos::Scale(0.5)), [1.0, 0.4, 0.6, 0.2]);
        assert_eq!(apply(MissingEos::Keep), scores);
        assert_eq!(apply(MissingEos::Replace(-1.0)), [1.0, -1.0, 0.6, -1.0]);
        let subtracted = apply(MissingEos::Subtract(1.0));
        for (found, expected) in subtracted.iter().zip([1.0, -0.2, 0.6, -0.6]) {
            assert!((found - expected).abs() < 1e-6, "{subtracted:?}");
        }
    }

    /// By hand, 20 tokens with a buffer of 4: free up to 16, then a quarter per token.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_overlong_penalty_is_a_slope() {
        let penalties = [0, 16, 17, 18, 20, 21, 99].map(|tokens| overlong_penalty(tokens, 20, 4));
        assert_eq!(penalties, [0.0, 0.0, -0.25, -0.5, -1.0, -1.0, -1.0]);
        assert_eq!(
            [20, 21].map(|tokens| overlong_penalty(tokens, 20, 0)),
            [0.0, -1.0]
        );
    }
}
