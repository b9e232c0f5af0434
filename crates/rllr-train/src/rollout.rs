//! One batch of responses and everything PPO needs to learn from them, on the host.

use std::fmt;

use rllr_model::{BatchError, DecoderInput, TokenBatch};
use rllr_reward::{EmptyResponse, ScorePosition};

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Prompts with the responses that a policy wrote, as token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responses {
    prompts: Vec<Vec<u32>>,
    responses: Vec<Vec<u32>>,
    ended: Vec<bool>,
    response_len: usize,
}

/// Why rows are not responses to prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponsesError {
    /// There is nothing to learn from.
    #[error("a batch without a response, expected at least one")]
    Empty,
    /// Lists of different length.
    #[error("{prompts} prompts, {responses} responses and {ended} ends, expected as many of each")]
    Counts {
        /// Number of prompts.
        prompts: usize,
        /// Number of responses.
        responses: usize,
        /// Number of entries that say whether a response ended.
        ended: usize,
    },
    /// A prompt without a token: nothing predicts the first token of its response.
    #[error("prompt {row} has no token, expected at least one (such as the one that begins a sequence)")]
    EmptyPrompt {
        /// Index of the prompt, from 0.
        row: usize,
    },
    /// A response without a token: nothing carries its score.
    #[error("response {row} has no token, expected at least one (such as the one that ends a sequence)")]
    EmptyResponse {
        /// Index of the response, from 0.
        row: usize,
    },
    /// A response that is longer than responses may be.
    #[error("response {row} has {found} tokens, expected at most {response_len}")]
    TooLong {
        /// Index of the response, from 0.
        row: usize,
        /// Number of its tokens.
        found: usize,
        /// Number of tokens that a response may have.
        response_len: usize,
    },
}

/// A prompt with its response, to be shown where something is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Index in the batch, from 0.
    pub row: usize,
    /// Token ids of the prompt.
    pub prompt: Vec<u32>,
    /// Token ids of the response.
    pub response: Vec<u32>,
    /// The response's score, as it was given.
    pub score: f32,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            row,
            prompt,
            response,
            score,
        } = self;
        write!(
            f,
            "row {row} with prompt {prompt:?}, response {response:?} and score {score}"
        )
    }
}

impl Responses {
    /// Prompts with one response each.
    ///
    /// - `prompts`: token ids, without padding
    /// - `responses`: token ids, with the token that ended them, if one did
    /// - `ended`: whether a stop token ended the response
    /// - `response_len`: tokens that a response may have, the number of slots of every row
    ///
    /// # Errors
    ///
    /// [`ResponsesError`] when there is none, the counts differ, a row is empty, or a response is too long.
    pub fn new(
        prompts: Vec<Vec<u32>>,
        responses: Vec<Vec<u32>>,
        ended: Vec<bool>,
        response_len: usize,
    ) -> Result<Self, ResponsesError> {
        if prompts.len() != responses.len() || prompts.len() != ended.len() {
            return Err(ResponsesError::Counts {
                prompts: prompts.len(),
                responses: responses.len(),
                ended: ended.len(),
            });
        }
        if prompts.is_empty() {
            return Err(ResponsesError::Empty);
        }
        for (row, (prompt, response)) in prompts.iter().zip(&responses).enumerate() {
            if prompt.is_empty() {
                return Err(ResponsesError::EmptyPrompt { row });
            }
            if response.is_empty() {
                return Err(ResponsesError::EmptyResponse { row });
            }
            if response.len() > response_len {
                return Err(ResponsesError::TooLong {
                    row,
                    found: response.len(),
                    response_len,
                });
            }
        }
        Ok(Self {
            prompts,
            responses,
            ended,
            response_len,
        })
    }

    /// Number of responses.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.responses.len()
    }

    /// Slots of every row.
    #[must_use]
    pub fn response_len(&self) -> usize {
        self.response_len
    }

    /// Token ids of each prompt.
    #[must_use]
    pub fn prompts(&self) -> &[Vec<u32>] {
        &self.prompts
    }

    /// Token ids of each response.
    #[must_use]
    pub fn responses(&self) -> &[Vec<u32>] {
        &self.responses
    }

    /// Whether a stop token ended each response.
    #[must_use]
    pub fn ended(&self) -> &[bool] {
        &self.ended
    }

    /// True where a slot holds a token of its response, `[batch, response_len]`.
    #[must_use]
    pub fn mask(&self) -> Vec<bool> {
        let row = |response: &Vec<u32>| {
            let len = response.len();
            (0..self.response_len).map(move |t| t < len)
        };
        self.responses.iter().flat_map(row).collect()
    }

    /// Row `row`, to be shown.
    #[must_use]
    pub fn sample(&self, row: usize, score: f32) -> Sample {
        Sample {
            row,
            prompt: self.prompts[row].clone(),
            response: self.responses[row].clone(),
            score,
        }
    }

    /// Rows `rows` on a device, with the first `slots` of their slots.
    pub(crate) fn to_device(
        &self,
        rows: &[usize],
        slots: usize,
        vocab_size: usize,
        device: &Device,
    ) -> Result<ResponseBatch, BatchError> {
        let prompts: Vec<&[u32]> = rows.iter().map(|&row| &self.prompts[row][..]).collect();
        let responses: Vec<&[u32]> = rows.iter().map(|&row| &self.responses[row][..]).collect();
        // The last slot is predicted by the column before it.
        let batch = TokenBatch::from_prompts_and_responses(&prompts, &responses, slots - 1, vocab_size)?;
        let [_, columns] = batch.dims();
        let tokens: Vec<i32> = responses
            .iter()
            .flat_map(|response| (0..slots).map(|t| response.get(t).map_or(0, |id| id.cast_signed())))
            .collect();
        Ok(ResponseBatch {
            input: batch.to_device(device),
            tokens: Tensor::from_data(TensorData::new(tokens, [rows.len(), slots]), device),
            first_column: columns - slots,
            slots,
        })
    }
}

/// A few responses on the device.
pub(crate) struct ResponseBatch {
    /// Prompts and responses, as far as they are read to predict every slot.
    pub(crate) input: DecoderInput,
    /// The token of each slot, 0 where there is none, `[batch, slots]`.
    pub(crate) tokens: Tensor<2, Int>,
    /// The column that predicts slot 0: that of the prompts' last tokens.
    first_column: usize,
    slots: usize,
}

impl ResponseBatch {
    /// Of each column the part that predicts slots: `[batch, seq_len, d]` -> `[batch, slots, d]`.
    pub(crate) fn predicting(&self, columns: Tensor<3>) -> Tensor<3> {
        columns.narrow(1, self.first_column, self.slots)
    }
}

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
        for row in mask.chunks(responses.response_len) {
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
        let len = self.responses.response_len;
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
    fn slots_are_predicted_by_the_columns_before_them() {
        let device = Device::flex();
        let batch = responses().to_device(&[1, 0], 2, 10, &device).unwrap();
        let tokens: Vec<i32> = batch.input.tokens.clone().into_data().iter().collect();
        // Prompts end together in column 2; the last token of a full row is not read.
        assert_eq!(tokens, [0, 0, 8, 3, 5, 6, 7, 1]);
        assert_eq!(
            batch.tokens.clone().into_data().iter::<i32>().collect::<Vec<_>>(),
            [3, 0, 1, 2]
        );
        let columns = Tensor::<3>::from_data([[[0.0], [1.0], [2.0], [3.0]]], &device);
        let predicting: Vec<f32> = batch.predicting(columns).into_data().iter().collect();
        assert_eq!(predicting, [2.0, 3.0]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn values_run_on_to_the_score() {
        let rollout = Rollout::unmeasured(responses(), ScorePosition::TokenAfterResponse).unwrap();
        assert_eq!(rollout.mask, [true, true, false, true, false, false]);
        assert_eq!(rollout.reward_mask, [true, true, true, true, true, false]);
        assert_eq!([rollout.slots(&[0]), rollout.slots(&[1])], [3, 2]);
        assert_eq!(rollout.select(&[0, 1, 2, 3, 4, 5], &[1, 0], 2), [3, 4, 0, 1]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bad_rows_are_named() {
        let new = |prompts: &[&[u32]], responses: &[&[u32]], ended: &[bool]| {
            let rows = |rows: &[&[u32]]| rows.iter().map(|row| row.to_vec()).collect();
            Responses::new(rows(prompts), rows(responses), ended.to_vec(), 2).unwrap_err()
        };
        assert_eq!(new(&[], &[], &[]), ResponsesError::Empty);
        let (prompts, responses, ended) = (1, 2, 1);
        let counts = ResponsesError::Counts {
            prompts,
            responses,
            ended,
        };
        assert_eq!(new(&[&[1]], &[&[1], &[2]], &[true]), counts);
        let row = 1;
        let rows: [&[u32]; 2] = [&[1], &[2]];
        assert_eq!(
            new(&[&[1], &[]], &rows, &[true; 2]),
            ResponsesError::EmptyPrompt { row }
        );
        assert_eq!(
            new(&rows, &[&[1], &[]], &[true; 2]),
            ResponsesError::EmptyResponse { row }
        );
        let error = new(&rows, &[&[1], &[1, 2, 3]], &[true; 2]);
        assert_eq!(error.to_string(), "response 1 has 3 tokens, expected at most 2");
    }
}
