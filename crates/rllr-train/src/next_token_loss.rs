//! The loss of next-token training.

use burn::tensor::{Device, Tensor, TensorData};
use rllr_model::{CausalLm, DecoderInput, Scoring, TokenBatch, WeightedLogProbs, weighted_log_probs};

/// A loss, and what to differentiate for its gradients.
pub struct NextTokenLoss {
    /// Mean of `−log π(tokenₜ₊₁ | tokens ≤ t)` over the predicted tokens that count, in nats, `[1]`.
    pub value: Tensor<1>,
    /// Has the gradients of the loss, and another value: call `backward` on it, `[1]`.
    pub surrogate: Tensor<1>,
}

/// Mean surprise at each next token. The first token of a row is not predicted, so `n` tokens give `n − 1` terms.
///
/// The model must be on a device with autodiff.
#[must_use]
pub fn next_token_loss(model: &CausalLm, input: &DecoderInput, batch: &TokenBatch) -> NextTokenLoss {
    next_token_loss_of(model.hidden_states(input), model.output_weight(), input, batch)
}

/// [`next_token_loss`], given what the output layer reads and the output layer.
///
/// `L = Σ cₜ log π(tokenₜ₊₁ | tokens ≤ t)` with `cₜ = −maskₜ / Σ mask`. Autodiff would pass over the logits some 25
/// times, most of the time of a small model's step; here their gradients are worked out by hand, some rows at a time.
///
/// # Shapes
///
/// - `hidden`: `[batch, seq_len, d_model]`
/// - `weight`: `[d_model, vocab_size]`
#[must_use]
pub fn next_token_loss_of(
    hidden: Tensor<3>,
    weight: Tensor<2>,
    input: &DecoderInput,
    batch: &TokenBatch,
) -> NextTokenLoss {
    next_token_loss_part(hidden, weight, input, batch, num_predicted(batch))
}

/// The part of a step's [`next_token_loss`] that some of its rows have; the parts of a step add up to its loss.
///
/// - `step_tokens`: predicted tokens of the whole step, [`num_predicted`]
///
/// # Shapes
///
/// As [`next_token_loss_of`].
pub(crate) fn next_token_loss_part(
    hidden: Tensor<3>,
    weight: Tensor<2>,
    input: &DecoderInput,
    batch: &TokenBatch,
    step_tokens: usize,
) -> NextTokenLoss {
    let [_, seq_len] = batch.dims();
    let targets = input.tokens.clone().inner().narrow(1, 1, seq_len - 1);
    let coefficients = coefficients(batch, step_tokens, &targets.device());
    let hidden = hidden.narrow(1, 0, seq_len - 1);
    let WeightedLogProbs { value, surrogate, .. } =
        weighted_log_probs(hidden, weight, targets, coefficients, Scoring::default());
    NextTokenLoss { value, surrogate }
}

/// Whether each slot predicts a token that counts from one that counts, `[batch, seq_len − 1]`.
fn predicted(batch: &TokenBatch) -> impl Iterator<Item = bool> {
    let [_, seq_len] = batch.dims();
    let rows = batch.mask().chunks(seq_len);
    rows.flat_map(|row| row.windows(2).map(|pair| pair[0] && pair[1]))
}

/// Number of tokens that are predicted.
pub(crate) fn num_predicted(batch: &TokenBatch) -> usize {
    predicted(batch).filter(|&counts| counts).count()
}

/// `−1 / step_tokens` where a token is predicted, else 0, `[batch, seq_len − 1]`.
fn coefficients(batch: &TokenBatch, step_tokens: usize, device: &Device) -> Tensor<2> {
    let [rows, seq_len] = batch.dims();
    let coefficient = |counts: bool| if counts { -1.0 / step_tokens as f32 } else { 0.0 };
    let coefficients: Vec<f32> = predicted(batch).map(coefficient).collect();
    Tensor::from_data(TensorData::new(coefficients, [rows, seq_len - 1]), device)
}

#[cfg(test)]
mod tests;
