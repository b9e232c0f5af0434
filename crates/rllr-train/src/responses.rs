//! Prompts with the responses that a policy wrote, as token ids.

use std::fmt;
use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rllr_model::{BatchError, DecoderInput, EndReason, Generation, TokenBatch};

/// Prompts with the responses that a policy wrote, as token ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Responses {
    prompts: Vec<Vec<u32>>,
    responses: Vec<Vec<u32>>,
    ended: Vec<bool>,
    response_len: usize,
    sampled: Option<Sampled>,
}

/// What the policy said of the tokens when it wrote them.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// What logits were divided by.
    pub temperature: f64,
    /// `log π(token)` of every token of every response, in nats.
    pub log_probs: Vec<Vec<f32>>,
    /// `V(state before the token)` of every token of every response, where the value model is a head on the policy.
    pub values: Option<Vec<Vec<f32>>>,
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
    /// The policy said something of other tokens when it wrote.
    #[error("response {row} has {found} {what}, expected one for each of {expected} tokens")]
    Sampled {
        /// Index of the response, from 0.
        row: usize,
        /// Log-probabilities or values.
        what: &'static str,
        /// How many of them.
        found: usize,
        /// Number of tokens.
        expected: usize,
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

impl Sampled {
    /// Of some rows, in the given order.
    fn select(&self, rows: &[usize]) -> Self {
        let numbers = |all: &[Vec<f32>]| rows.iter().map(|&row| all[row].clone()).collect();
        Self {
            temperature: self.temperature,
            log_probs: numbers(&self.log_probs),
            values: self.values.as_deref().map(numbers),
        }
    }

    /// Of these rows and then those of `other`.
    fn followed_by(mut self, other: Self) -> Self {
        self.log_probs.extend(other.log_probs);
        self.values = self.values.zip(other.values).map(|(mut mine, theirs)| {
            mine.extend(theirs);
            mine
        });
        self
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
            sampled: None,
        })
    }

    /// Prompts with what was generated for them, the sampler's log-probabilities kept.
    ///
    /// - `prompts`: token ids, as they were generated from
    /// - `values`: of every token of every response, where they are known; see [`Sampled::values`]
    /// - `temperature`: what logits were divided by
    /// - `response_len`: tokens that a response may have, the number of slots of every row
    ///
    /// # Errors
    ///
    /// As [`Responses::new`]; [`ResponsesError::Sampled`] when log-probabilities or values are missing.
    pub fn from_generation(
        prompts: Vec<Vec<u32>>,
        generation: Generation,
        values: Option<Vec<Vec<f32>>>,
        temperature: f64,
        response_len: usize,
    ) -> Result<Self, ResponsesError> {
        let rows = generation.rows.into_iter();
        let ended = rows.clone().map(|row| matches!(row.end, EndReason::StopToken(_)));
        let ended = ended.collect();
        let (responses, log_probs) = rows.map(|row| (row.tokens, row.log_probs)).unzip();
        let responses = Self::new(prompts, responses, ended, response_len)?;
        responses.with_sampled(Sampled {
            temperature,
            log_probs,
            values,
        })
    }

    /// The same, with what the policy said of the tokens when it wrote them.
    ///
    /// # Errors
    ///
    /// [`ResponsesError::Sampled`] when a response has not one number of each kind for each token.
    pub fn with_sampled(mut self, sampled: Sampled) -> Result<Self, ResponsesError> {
        let log_probs = ("log-probabilities", &sampled.log_probs);
        let values = sampled.values.iter().map(|values| ("values", values));
        for (what, numbers) in std::iter::once(log_probs).chain(values) {
            for (row, response) in self.responses.iter().enumerate() {
                let (found, expected) = (numbers.get(row).map_or(0, Vec::len), response.len());
                if found != expected {
                    return Err(ResponsesError::Sampled {
                        row,
                        what,
                        found,
                        expected,
                    });
                }
            }
        }
        self.sampled = Some(sampled);
        Ok(self)
    }

    /// What the policy said of the tokens when it wrote them, where it is known.
    #[must_use]
    pub fn sampled(&self) -> Option<&Sampled> {
        self.sampled.as_ref()
    }

    /// Some rows, in the given order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let tokens = |all: &[Vec<u32>]| rows.iter().map(|&row| all[row].clone()).collect();
        Self {
            prompts: tokens(&self.prompts),
            responses: tokens(&self.responses),
            ended: rows.iter().map(|&row| self.ended[row]).collect(),
            response_len: self.response_len,
            sampled: self.sampled.as_ref().map(|sampled| sampled.select(rows)),
        }
    }

    /// These rows and then those of `other`. What the policy said is kept where both know it, of one temperature.
    #[must_use]
    pub fn followed_by(mut self, other: Self) -> Self {
        self.sampled = match (self.sampled, other.sampled) {
            (Some(mine), Some(theirs)) if mine.temperature == theirs.temperature => {
                Some(mine.followed_by(theirs))
            }
            _ => None,
        };
        self.prompts.extend(other.prompts);
        self.responses.extend(other.responses);
        self.ended.extend(other.ended);
        self.response_len = self.response_len.max(other.response_len);
        self
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
            predicting: columns - slots..columns,
        })
    }
}

/// A few responses on the device.
pub(crate) struct ResponseBatch {
    /// Prompts and responses, as far as they are read to predict every slot.
    pub(crate) input: DecoderInput,
    /// The token of each slot, 0 where there is none, `[batch, slots]`.
    pub(crate) tokens: Tensor<2, Int>,
    /// The columns that predict the slots, from that of the prompts' last tokens on.
    pub(crate) predicting: Range<usize>,
}

#[cfg(test)]
mod tests;
