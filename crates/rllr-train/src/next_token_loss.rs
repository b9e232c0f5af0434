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
/// `L = −Σ cₜ log π(tokenₜ₊₁ | tokens ≤ t)` with `cₜ = maskₜ / Σ mask`. Autodiff would pass over the logits some 25
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
    let [_, seq_len] = batch.dims();
    let targets = input.tokens.clone().inner().narrow(1, 1, seq_len - 1);
    let coefficients = coefficients(batch, &targets.device());
    let hidden = hidden.narrow(1, 0, seq_len - 1);
    let WeightedLogProbs { value, surrogate, .. } =
        weighted_log_probs(hidden, weight, targets, coefficients, Scoring::default());
    NextTokenLoss { value, surrogate }
}

/// `−mask / Σ mask`, where slot `t` counts when it predicts a token that counts from one that counts,
/// `[batch, seq_len − 1]`.
fn coefficients(batch: &TokenBatch, device: &Device) -> Tensor<2> {
    let [rows, seq_len] = batch.dims();
    let mask: Vec<f32> = batch
        .mask()
        .chunks(seq_len)
        .flat_map(|row| row.windows(2).map(|pair| f32::from(u8::from(pair[0] && pair[1]))))
        .collect();
    let counted: f32 = mask.iter().sum();
    let coefficients: Vec<f32> = mask.iter().map(|x| -x / counted).collect();
    Tensor::from_data(TensorData::new(coefficients, [rows, seq_len - 1]), device)
}

#[cfg(test)]
mod tests;
