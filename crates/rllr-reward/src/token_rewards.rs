//! From one score per response to one reward per token.

use crate::rounding::to_f32;

/// The token that gets the score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScorePosition {
    /// The last token of the response, the end-of-sequence token where there is one. RLLR on TRL 0.7.2, OpenRLHF,
    /// NeMo-RL; the default.
    #[default]
    LastResponseToken,
    /// The slot after it where the row has one, else the last token. TRL 1.12.
    TokenAfterResponse,
    /// The last slot of the row, whatever stands there. lm-human-preferences.
    LastColumn,
}

/// A response that holds no token, not even an end-of-sequence token, which could carry the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyResponse;

impl std::fmt::Display for EmptyResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a response without a token, expected at least one to carry the score"
        )
    }
}

impl std::error::Error for EmptyResponse {}

impl ScorePosition {
    /// The slot that gets the score.
    ///
    /// - `mask`: true at the tokens of the response, `[response_len]`
    ///
    /// # Errors
    ///
    /// [`EmptyResponse`] when no slot of the mask is true.
    pub fn slot(self, mask: &[bool]) -> Result<usize, EmptyResponse> {
        let last = mask.iter().rposition(|&counts| counts).ok_or(EmptyResponse)?;
        Ok(match self {
            Self::LastResponseToken => last,
            Self::TokenAfterResponse => (last + 1).min(mask.len() - 1),
            Self::LastColumn => mask.len() - 1,
        })
    }

    /// The slots over which advantages are estimated: those of the response, and on to the one with the score.
    ///
    /// - `mask`, output: `[response_len]`
    ///
    /// # Errors
    ///
    /// [`EmptyResponse`] when no slot of the mask is true.
    pub fn reward_mask(self, mask: &[bool]) -> Result<Vec<bool>, EmptyResponse> {
        let last = Self::LastResponseToken.slot(mask)?;
        let score = self.slot(mask)?;
        let slots = mask.iter().enumerate();
        Ok(slots
            .map(|(t, &counts)| counts || (last..=score).contains(&t))
            .collect())
    }
}

/// Rewards of one response: a penalty for leaving the reference at each token, and the score at one.
///
/// `r_t = −β KL_t + 1[t = score position] score`
///
/// Slots outside the response hold no penalty, whatever `kl` holds there. (TRL 0.7.2 leaves it in and multiplies by the
/// mask in its next function; TRL 1.12 makes policy and reference equal there.)
///
/// Source: Ziegler et al. 2019 (arXiv 1909.08593), equation 2; TRL 0.7.2 and 1.12.
///
/// - `score`: of the response, after normalisation
/// - `kl`: estimates of the divergence at each token, `[response_len]`
/// - `kl_coef`: `β`
/// - `mask`: true at the tokens of the response, `[response_len]`
/// - output: `[response_len]`
///
/// # Errors
///
/// [`EmptyResponse`] when no slot of the mask is true.
pub fn token_rewards(
    score: f32,
    kl: &[f32],
    kl_coef: f64,
    mask: &[bool],
    position: ScorePosition,
) -> Result<Vec<f32>, EmptyResponse> {
    assert_eq!(kl.len(), mask.len(), "one estimate per slot");
    let score_slot = position.slot(mask)?;
    let reward = |(t, (&kl, &counts)): (usize, (&f32, &bool))| {
        let penalty = if counts { -kl_coef * f64::from(kl) } else { 0.0 };
        to_f32(if t == score_slot {
            penalty + f64::from(score)
        } else {
            penalty
        })
    };
    Ok(kl.iter().zip(mask).enumerate().map(reward).collect())
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::kl::{KlClamps, KlEstimator, kl_per_token};

    /// torchtune's example: `β = 0.5`, three responses of three tokens.
    #[wasm_bindgen_test(unsupported = test)]
    fn rewards_equal_torchtune() {
        let log_probs = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.6, 0.7, 0.8]];
        let ref_log_probs = [[0.2, 0.3, 0.4], [0.6, 0.7, 0.8], [0.9, 1.0, 1.1]];
        let expected = [[0.05, 0.05, 1.05], [0.1, 0.1, 2.1], [0.15, 0.15, 3.15]];
        for (row, score) in [1.0, 2.0, 3.0].into_iter().enumerate() {
            let kl = kl_per_token(
                &log_probs[row],
                &ref_log_probs[row],
                KlEstimator::K1,
                KlClamps::default(),
            );
            let rewards = token_rewards(score, &kl, 0.5, &[true; 3], ScorePosition::default()).unwrap();
            for (found, expected) in rewards.iter().zip(expected[row]) {
                assert!((found - expected).abs() < 1e-6, "{rewards:?}");
            }
        }
    }

    /// A response of two tokens in a row of four, with garbage where it is over.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_score_stands_where_it_was_asked_for() {
        let mask = [true, true, false, false];
        let kl = [1.0, 2.0, 1e6, f32::NAN];
        let cases = [
            (
                ScorePosition::LastResponseToken,
                [-0.5, 9.0, 0.0, 0.0],
                [true, true, false, false],
            ),
            (
                ScorePosition::TokenAfterResponse,
                [-0.5, -1.0, 10.0, 0.0],
                [true, true, true, false],
            ),
            (ScorePosition::LastColumn, [-0.5, -1.0, 0.0, 10.0], [true; 4]),
        ];
        for (position, rewards, reward_mask) in cases {
            assert_eq!(token_rewards(10.0, &kl, 0.5, &mask, position).unwrap(), rewards);
            assert_eq!(position.reward_mask(&mask).unwrap(), reward_mask);
        }
    }

    /// A full row has no slot after its end.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_full_row_gets_the_score_at_its_end() {
        let positions = [
            ScorePosition::LastResponseToken,
            ScorePosition::TokenAfterResponse,
            ScorePosition::LastColumn,
        ];
        for position in positions {
            assert_eq!(position.slot(&[false, true, true]), Ok(2));
            assert_eq!(
                position.reward_mask(&[false, true, true]).unwrap(),
                [false, true, true]
            );
            assert_eq!(position.slot(&[false; 3]), Err(EmptyResponse));
            assert!(token_rewards(1.0, &[0.0], 0.1, &[false], position).is_err());
        }
        assert!(EmptyResponse.to_string().contains("expected at least one"));
    }
}
