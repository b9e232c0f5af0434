//! The loss of next-token training, with the gradient of its output layer worked out by hand.

use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};
use rllr_model::{CausalLm, DecoderInput, TokenBatch};

/// Rows whose logits are held at a time. Few enough that they stay in a processor's cache, many enough that a GPU is
/// not launched for little; full-vocabulary logits of a whole batch are never held.
const ROWS_PER_CHUNK: usize = 256;

/// A loss, and what to differentiate for its gradients.
pub struct NextTokenLoss {
    /// Mean of `−log π(tokenₜ₊₁ | tokens ≤ t)` over the predicted tokens that count, in nats, `[1]`.
    pub value: Tensor<1>,
    /// Has the gradients of the loss, and another value: call `backward` on it, `[1]`.
    pub surrogate: Tensor<1>,
}

/// One chunk's part of the loss and its gradients.
struct Chunk {
    /// Sum over rows, `[1]`.
    loss: Tensor<1>,
    /// `∂L/∂hidden`, `[rows, d_model]`.
    hidden_gradient: Tensor<2>,
    /// `∂L/∂weight`, `[d_model, vocab_size]`.
    weight_gradient: Tensor<2>,
}

/// Mean surprise at each next token. The first token of a row is not predicted, so `n` tokens give `n − 1` terms.
///
/// `L = Σ cᵢ (logsumexp(zᵢ) − zᵢ[tᵢ])` with logits `zᵢ = hᵢ W` and `cᵢ = maskᵢ / Σ mask`, so
/// `∂L/∂zᵢ = cᵢ (softmax(zᵢ) − onehot(tᵢ))`, `∂L/∂h = ∂L/∂z Wᵀ` and `∂L/∂W = hᵀ ∂L/∂z`.
///
/// Autodiff would pass over the logits some 25 times, most of the time of a small model's step. Here the two
/// gradients are computed at once, chunk by chunk, and handed to autodiff as those of
/// `surrogate = Σ h·(∂L/∂h) + Σ W·(∂L/∂W)` with the factors in brackets constant.
///
/// The model must be on a device with autodiff.
#[must_use]
pub fn next_token_loss(model: &CausalLm, input: &DecoderInput, batch: &TokenBatch) -> NextTokenLoss {
    let [rows, seq_len] = batch.dims();
    let predicted = rows * (seq_len - 1);
    let hidden = model.hidden_states(input).narrow(1, 0, seq_len - 1);
    let [_, _, d_model] = hidden.dims();
    let hidden = hidden.reshape([predicted, d_model]);
    let weight = model.output_weight();

    let constant_hidden = hidden.clone().inner();
    let constant_weight = weight.clone().inner();
    let targets = input
        .tokens
        .clone()
        .inner()
        .narrow(1, 1, seq_len - 1)
        .reshape([predicted, 1]);
    let coefficients = coefficients(batch, &constant_hidden.device());

    let mut loss = Vec::new();
    let mut hidden_gradient = Vec::new();
    let mut weight_gradient: Option<Tensor<2>> = None;
    for start in (0..predicted).step_by(ROWS_PER_CHUNK) {
        let len = ROWS_PER_CHUNK.min(predicted - start);
        let chunk = chunk(
            constant_hidden.clone().narrow(0, start, len),
            constant_weight.clone(),
            targets.clone().narrow(0, start, len),
            coefficients.clone().narrow(0, start, len),
        );
        loss.push(chunk.loss);
        hidden_gradient.push(chunk.hidden_gradient);
        weight_gradient = Some(match weight_gradient {
            Some(sum) => sum + chunk.weight_gradient,
            None => chunk.weight_gradient,
        });
    }
    let hidden_gradient = Tensor::from_inner(Tensor::cat(hidden_gradient, 0));
    let weight_gradient = Tensor::from_inner(weight_gradient.expect("a batch predicts at least one token"));
    NextTokenLoss {
        value: Tensor::cat(loss, 0).sum(),
        surrogate: (hidden * hidden_gradient).sum() + (weight * weight_gradient).sum(),
    }
}

/// # Shapes
///
/// - `hidden`: `[rows, d_model]`, `weight`: `[d_model, vocab_size]`
/// - `targets`, `coefficients`: `[rows, 1]`
fn chunk(hidden: Tensor<2>, weight: Tensor<2>, targets: Tensor<2, Int>, coefficients: Tensor<2>) -> Chunk {
    let logits = hidden.clone().matmul(weight.clone());
    let target_logits = logits.clone().gather(1, targets.clone());
    let largest = logits.clone().max_dim(1);
    let exponentials = (logits - largest.clone()).exp();
    let sum = exponentials.clone().sum_dim(1);
    let log_sum_exp = sum.clone().log() + largest;
    let loss = ((log_sum_exp - target_logits) * coefficients.clone()).sum();

    let softmax_part = exponentials * (coefficients.clone() / sum);
    let logits_gradient = softmax_part.scatter(1, targets, -coefficients, IndexingUpdateOp::Add);
    Chunk {
        loss,
        hidden_gradient: logits_gradient.clone().matmul(weight.transpose()),
        weight_gradient: hidden.transpose().matmul(logits_gradient),
    }
}

/// `mask / Σ mask`, where slot `t` counts when it predicts a token that counts from one that counts,
/// `[batch · (seq_len − 1), 1]`.
fn coefficients(batch: &TokenBatch, device: &burn::tensor::Device) -> Tensor<2> {
    let [_, seq_len] = batch.dims();
    let mask: Vec<f32> = batch
        .mask()
        .chunks(seq_len)
        .flat_map(|row| row.windows(2).map(|pair| f32::from(u8::from(pair[0] && pair[1]))))
        .collect();
    let counted: f32 = mask.iter().sum();
    let shape = [mask.len(), 1];
    Tensor::from_data(
        TensorData::new(mask.iter().map(|x| x / counted).collect::<Vec<_>>(), shape),
        device,
    )
}

#[cfg(test)]
mod tests;
