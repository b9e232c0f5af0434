use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{CausalLmConfig, PaddingSide, initial_weights, masked_mean, token_log_probs};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn model(tie_word_embeddings: bool) -> CausalLm {
    let config = CausalLmConfig {
        vocab_size: 11,
        hidden_size: 8,
        intermediate_size: 12,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 4,
        max_position_embeddings: 256,
        norm_epsilon: 1e-6,
        rope_theta: 10_000.0,
        tie_word_embeddings,
        ..CausalLmConfig::default()
    };
    let weights = initial_weights(&config, 0.5, &mut ChaCha8Rng::seed_from_u64(5));
    CausalLm::from_weights(&config, &weights, &Device::flex().autodiff()).expect("the weights fit")
}

/// Three rows of different lengths that need more than one chunk.
fn batch() -> TokenBatch {
    let row = |len: u32, step: u32| (0..len).map(|i| (i * step + 1) % 11).collect::<Vec<u32>>();
    TokenBatch::from_rows(&[row(180, 3), row(7, 5), row(150, 7)], PaddingSide::Right, 11).expect("valid rows")
}

/// The same loss as one formula, left to autodiff.
fn plain_loss(model: &CausalLm, input: &DecoderInput, batch: &TokenBatch) -> Tensor<1> {
    let [rows, seq_len] = batch.dims();
    let mask: Vec<f32> = batch
        .mask()
        .iter()
        .map(|&counts| f32::from(u8::from(counts)))
        .collect();
    let mask = Tensor::<2>::from_data(TensorData::new(mask, [rows, seq_len]), &input.tokens.device());
    let predicted = mask.narrow(1, 1, seq_len - 1);
    -masked_mean(
        token_log_probs(model.forward(input), input.tokens.clone()),
        predicted,
    )
}

struct Flatten<'a> {
    gradients: &'a GradientsParams,
    values: Vec<f32>,
}

impl ModuleVisitor for Flatten<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self
            .gradients
            .get::<D>(param.id)
            .expect("every parameter has a gradient");
        self.values.extend(gradient.into_data().iter::<f32>());
    }
}

fn gradients(model: &CausalLm, loss: &Tensor<1>) -> Vec<f32> {
    let gradients = GradientsParams::from_grads(loss.backward(), model);
    let mut visitor = Flatten {
        gradients: &gradients,
        values: Vec::new(),
    };
    model.visit(&mut visitor);
    visitor.values
}

#[wasm_bindgen_test(unsupported = test)]
fn value_and_gradients_equal_those_of_autodiff() {
    for tied in [false, true] {
        let (model, batch) = (model(tied), batch());
        let input = batch.to_device(&Device::flex().autodiff());
        let loss = next_token_loss(&model, &input, &batch);
        let plain = plain_loss(&model, &input, &batch);

        let (value, expected) = (
            loss.value.into_scalar::<f32>(),
            plain.clone().into_scalar::<f32>(),
        );
        assert!(
            (value - expected).abs() < 1e-5,
            "loss {value}, plainly {expected}"
        );

        let (found, expected) = (gradients(&model, &loss.surrogate), gradients(&model, &plain));
        let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        assert!(
            largest > 1e-2,
            "the gradients must not vanish, or this test could not fail"
        );
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!(
                (found - expected).abs() < 1e-5 * largest.max(1.0),
                "{index}: {found}, plainly {expected}"
            );
        }
    }
}
