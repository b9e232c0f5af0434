//! How well a language model predicts a text, token by token.

use burn::module::Module as _;
use burn::tensor::{ExecutionError, TensorData, Transaction};
use rllr_model::{CausalLm, TokenBatch, token_log_probs};

/// Predictions of the tokens of a batch, summed so that batches can be added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TokenPrediction {
    /// Tokens that were predicted: all that count but the first of each row.
    pub tokens: usize,
    /// Tokens whose most probable prediction was right.
    pub correct: usize,
    /// Sum of `log π(token | tokens before it)` in nats.
    pub log_likelihood: f64,
}

impl TokenPrediction {
    /// Share of right predictions, 0 to 1; not a number when nothing was predicted.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.tokens as f64
    }

    /// `exp(−log-likelihood / tokens)`: among how many equally probable tokens the model hesitates.
    #[must_use]
    pub fn perplexity(&self) -> f64 {
        (-self.log_likelihood / self.tokens as f64).exp()
    }
}

impl std::ops::AddAssign for TokenPrediction {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.correct += other.correct;
        self.log_likelihood += other.log_likelihood;
    }
}

/// Predicts every token of a batch from those before it. One read from the device.
///
/// # Errors
///
/// The device's error when it cannot be read.
pub async fn evaluate_token_prediction(
    model: &CausalLm,
    batch: &TokenBatch,
) -> Result<TokenPrediction, ExecutionError> {
    let devices = model.devices();
    let input = batch.to_device(&devices[0]);
    let logits = model.forward(&input);
    let most_probable = logits.clone().argmax(2);
    let log_probs = token_log_probs(logits, input.tokens);
    let read = Transaction::default()
        .register(log_probs)
        .register(most_probable)
        .execute_async()
        .await?;
    Ok(sum_up(batch, &read[0], &read[1]))
}

/// - `log_probs`: `[batch, seq_len − 1]`; slot `t` scores token `t + 1`
/// - `most_probable`: `[batch, seq_len, 1]`; slot `t` predicts token `t + 1`
fn sum_up(batch: &TokenBatch, log_probs: &TensorData, most_probable: &TensorData) -> TokenPrediction {
    let [_, seq_len] = batch.dims();
    let log_probs: Vec<f32> = log_probs.iter::<f32>().collect();
    let most_probable: Vec<i64> = most_probable.iter::<i64>().collect();
    let mut result = TokenPrediction::default();
    for (row, mask) in batch.mask().chunks(seq_len).enumerate() {
        for slot in (0..seq_len - 1).filter(|&slot| mask[slot] && mask[slot + 1]) {
            let token = batch.tokens()[row * seq_len + slot + 1];
            result.tokens += 1;
            result.correct += usize::from(most_probable[row * seq_len + slot] == i64::from(token));
            result.log_likelihood += f64::from(log_probs[row * (seq_len - 1) + slot]);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;
    use rllr_model::{CausalLmConfig, PaddingSide, initial_weights};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn model(standard_deviation: f64) -> CausalLm {
        let config = CausalLmConfig {
            vocab_size: 5,
            hidden_size: 4,
            intermediate_size: 8,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            num_key_value_heads: 1,
            head_dim: 2,
            max_position_embeddings: 8,
            norm_epsilon: 1e-6,
            rope_theta: 10_000.0,
            tie_word_embeddings: true,
            ..CausalLmConfig::default()
        };
        let weights = initial_weights(&config, standard_deviation, &mut ChaCha8Rng::seed_from_u64(3));
        CausalLm::from_weights(&config, &weights, &Device::flex()).expect("the weights fit")
    }

    fn evaluate(model: &CausalLm, rows: &[&[u32]]) -> TokenPrediction {
        let batch = TokenBatch::from_rows(rows, PaddingSide::Right, 5).expect("valid rows");
        pollster::block_on(evaluate_token_prediction(model, &batch)).expect("the CPU works")
    }

    /// Weights of zero give equal logits: every token has probability 1/5.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_model_that_knows_nothing_hesitates_among_all_tokens() {
        let found = evaluate(&model(0.0), &[&[1, 2, 3, 4], &[0, 1]]);
        assert_eq!(found.tokens, 4);
        assert!(
            (found.perplexity() - 5.0).abs() < 1e-5,
            "perplexity {}",
            found.perplexity()
        );
    }

    /// Padding must change nothing, and rows must add up.
    #[wasm_bindgen_test(unsupported = test)]
    fn rows_add_up_whatever_their_padding() {
        let model = model(1.0);
        let together = evaluate(&model, &[&[1, 2, 3, 4, 0, 2], &[4, 1]]);
        let mut apart = evaluate(&model, &[&[1, 2, 3, 4, 0, 2]]);
        apart += evaluate(&model, &[&[4, 1]]);
        assert_eq!((together.tokens, together.correct), (apart.tokens, apart.correct));
        assert!((together.log_likelihood - apart.log_likelihood).abs() < 1e-5);
    }

    /// The most probable continuation of a row, followed, is predicted right.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_right_prediction_counts_and_a_wrong_one_does_not() {
        let model = model(1.0);
        let correct: Vec<usize> = (0..5)
            .map(|token| evaluate(&model, &[&[2, token]]).correct)
            .collect();
        assert_eq!(
            correct.iter().sum::<usize>(),
            1,
            "exactly one token is the most probable one: {correct:?}"
        );
    }
}
