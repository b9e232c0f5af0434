//! The loss of supervised fine-tuning: how surprised a model is by responses.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rllr_model::{BatchError, DecoderInput, PaddingSide, Scoring, TokenBatch, weighted_log_probs};

use crate::prompt_and_response::PromptAndResponse;

/// Some examples on the device, and where their responses are predicted.
pub(crate) struct ResponseTokens {
    /// Every token but the last of each example: nothing is predicted from that one.
    pub(crate) input: DecoderInput,
    /// The columns that predict a token of any response.
    pub(crate) columns: Range<usize>,
    /// Slots, row-major over those columns, that predict a token of a response, `[tokens]`.
    places: Tensor<1, Int>,
    /// The tokens that they predict, `[tokens]`.
    targets: Tensor<1, Int>,
}

/// A part of a step's loss.
pub(crate) struct ResponseLoss {
    /// `[1]`.
    pub(crate) value: Tensor<1>,
    /// Has the gradients of the loss, and another value, `[1]`.
    pub(crate) surrogate: Tensor<1>,
    /// Number of response tokens that the model thinks most probable, `[1]`.
    pub(crate) num_right: Tensor<1>,
    /// `(1/N) Σ H` over the distributions of the response tokens, in nats; TRL 1.12 `SFTTrainer`, `[1]`.
    pub(crate) entropy: Tensor<1>,
}

impl ResponseTokens {
    /// # Errors
    ///
    /// [`BatchError`] for an id that is not below `vocab_size`.
    pub(crate) fn new(
        examples: &[&PromptAndResponse],
        vocab_size: usize,
        device: &Device,
    ) -> Result<Self, BatchError> {
        let rows: Vec<Vec<u32>> = examples.iter().map(|example| example.tokens()).collect();
        // The whole rows are checked; what is read is one token less.
        TokenBatch::from_rows(&rows, PaddingSide::Right, vocab_size)?;
        let read: Vec<&[u32]> = rows.iter().map(|row| &row[..row.len() - 1]).collect();
        let batch = TokenBatch::from_rows(&read, PaddingSide::Right, vocab_size)?;
        let [_, seq_len] = batch.dims();
        let first_columns = examples.iter().map(|example| example.prompt().len() - 1);
        let columns = first_columns.min().unwrap_or(0)..seq_len;
        let (mut places, mut targets) = (Vec::new(), Vec::new());
        for (row, example) in examples.iter().enumerate() {
            let first = row * columns.len() + example.prompt().len() - 1 - columns.start;
            for (slot, &target) in (first..).zip(example.response()) {
                places.push(i32::try_from(slot).expect("a batch has fewer than 2³¹ slots"));
                targets.push(target.cast_signed());
            }
        }
        Ok(Self {
            input: batch.to_device(device),
            columns,
            places: Tensor::from_data(places.as_slice(), device),
            targets: Tensor::from_data(targets.as_slice(), device),
        })
    }

    /// Of each slot the part that predicts a token of a response: `[batch, columns, d_model]` -> `[1, tokens, d_model]`.
    ///
    /// So the output layer, the dearest one, sees neither prompts nor padding.
    pub(crate) fn predicting(&self, hidden: Tensor<3>) -> Tensor<3> {
        let [batch, columns, d_model] = hidden.dims();
        let rows = hidden.reshape([batch * columns, d_model]);
        rows.select(0, self.places.clone()).unsqueeze_dim(0)
    }

    /// The predicted tokens, `[1, tokens]`.
    pub(crate) fn targets(&self) -> Tensor<2, Int> {
        self.targets.clone().unsqueeze_dim(0)
    }
}

/// `L = −(1/N) Σ log π(responseₜ | prompt, response before t)`, the sum over some of a step's tokens.
///
/// `N` counts the response tokens of the whole optimiser step, so that the parts of a step add up to its mean.
/// Source: transformers 5.23 `ForCausalLMLoss` with `num_items_in_batch`; TRL's `completion_only_loss`.
///
/// # Shapes
///
/// - `hidden`: of the columns of `tokens`, `[batch, columns, d_model]`
/// - `weight`: the output layer, `[d_model, vocab_size]`
pub(crate) fn response_loss(
    hidden: Tensor<3>,
    weight: Tensor<2>,
    tokens: &ResponseTokens,
    step_tokens: usize,
) -> ResponseLoss {
    let hidden = tokens.predicting(hidden);
    let [_, len, _] = hidden.dims();
    let coefficients = vec![-1.0 / step_tokens as f32; len];
    let coefficients = Tensor::from_data(TensorData::new(coefficients, [1, len]), &tokens.targets.device());
    let scored = weighted_log_probs(hidden, weight, tokens.targets(), coefficients, Scoring::default());
    ResponseLoss {
        num_right: scored.num_greedy(),
        // Every coefficient is −1/N.
        entropy: -scored.entropy,
        value: scored.value,
        surrogate: scored.surrogate,
    }
}
