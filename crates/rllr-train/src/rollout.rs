//! Responses and everything PPO needs to learn from them, on the host.

use rllr_reward::{EmptyResponse, ScorePosition};

use crate::responses::Responses;

/// Responses with what policy, reference and value model say of them, before the policy is updated.
///
/// Arrays are row-major, `[batch, response_len]`, and 0 at slots that do not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Prompts and responses.
    pub responses: Responses,
    /// True at the tokens of the response.
    pub mask: Vec<bool>,
    /// True where there is a reward, so also a value: at the tokens of the response, and on to the slot with the score.
    pub reward_mask: Vec<bool>,
    /// `log π_old(token)`.
    pub log_probs: Vec<f32>,
    /// `log π_ref(token)`.
    pub ref_log_probs: Vec<f32>,
    /// `V(state before the slot)`.
    pub values: Vec<f32>,
    /// `KL(π_old ‖ π_ref)` over the whole vocabulary, where that is what is penalised.
    pub full_kl: Option<Vec<f32>>,
}

impl Rollout {
    /// A rollout whose numbers are still to be measured.
    pub(crate) fn unmeasured(responses: Responses, position: ScorePosition) -> Result<Self, EmptyResponse> {
        let mask = responses.mask();
        let mut reward_mask = Vec::with_capacity(mask.len());
        for row in mask.chunks(responses.response_len()) {
            reward_mask.extend(position.reward_mask(row)?);
        }
        let zeros = vec![0.0; mask.len()];
        Ok(Self {
            log_probs: zeros.clone(),
            ref_log_probs: zeros.clone(),
            values: zeros,
            full_kl: None,
            responses,
            mask,
            reward_mask,
        })
    }

    /// Number of leading slots that hold everything that counts in `rows`.
    pub(crate) fn slots(&self, rows: &[usize]) -> usize {
        let used = |&row: &usize| {
            let mask = &self.reward_mask[self.row(row)];
            mask.iter().rposition(|&counts| counts).map_or(0, |last| last + 1)
        };
        rows.iter().map(used).max().unwrap_or(0)
    }

    /// Where row `row` lies in the arrays.
    #[must_use]
    pub fn row(&self, row: usize) -> std::ops::Range<usize> {
        let len = self.responses.response_len();
        row * len..(row + 1) * len
    }

    /// The first `slots` of each of `rows` of an array, row-major, `[rows, slots]`.
    pub(crate) fn select<T: Copy>(&self, array: &[T], rows: &[usize], slots: usize) -> Vec<T> {
        let row = |&row: &usize| array[self.row(row)][..slots].iter().copied();
        rows.iter().flat_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn responses() -> Responses {
        let prompts = vec![vec![5, 6, 7], vec![8]];
        Responses::new(prompts, vec![vec![1, 2], vec![3]], vec![true, false], 3).unwrap()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn values_run_on_to_the_score() {
        let rollout = Rollout::unmeasured(responses(), ScorePosition::TokenAfterResponse).unwrap();
        assert_eq!(rollout.mask, [true, true, false, true, false, false]);
        assert_eq!(rollout.reward_mask, [true, true, true, true, true, false]);
        assert_eq!([rollout.slots(&[0]), rollout.slots(&[1])], [3, 2]);
        assert_eq!(rollout.select(&[0, 1, 2, 3, 4, 5], &[1, 0], 2), [3, 4, 0, 1]);
    }
}
