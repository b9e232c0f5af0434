use burn::module::Module as _;
use burn::tensor::Device;
use half::{bf16, f16};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use safetensors::tensor::{Dtype, TensorView};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{CausalLm, CausalLmConfig, initial_weights};

fn config() -> CausalLmConfig {
    CausalLmConfig {
        vocab_size: 7,
        hidden_size: 4,
        intermediate_size: 6,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 2,
        max_position_embeddings: 8,
        norm_epsilon: 1e-6,
        rope_theta: 10_000.0,
        tie_word_embeddings: false,
        ..CausalLmConfig::default()
    }
}

fn weights() -> Weights {
    initial_weights(&config(), 0.02, &mut ChaCha8Rng::seed_from_u64(1))
}

fn load(weights: &Weights) -> Result<CausalLm, WeightsError> {
    CausalLm::from_weights(&config(), weights, &Device::flex())
}

#[wasm_bindgen_test(unsupported = test)]
fn a_file_holds_the_weights_bit_for_bit() {
    let bytes = weights().to_safetensors().unwrap();
    assert_eq!(Weights::from_safetensors(&bytes).unwrap(), weights());
}

#[wasm_bindgen_test(unsupported = test)]
fn a_model_gives_back_what_it_was_built_from() {
    let model = load(&weights()).unwrap();
    assert_eq!(model.num_params() as u64, config().num_parameters());
    // The CPU answers at once, so that blocking is fine here, in a browser too.
    assert_eq!(pollster::block_on(model.weights()).unwrap(), weights());
}

#[wasm_bindgen_test(unsupported = test)]
fn half_precision_is_read() {
    let numbers = [1.0f32, -0.5, 65_504.0];
    for (dtype, bytes) in [
        (Dtype::F16, numbers.map(|x| f16::from_f32(x).to_le_bytes())),
        (Dtype::BF16, numbers.map(|x| bf16::from_f32(x).to_le_bytes())),
    ] {
        let bytes = bytes.concat();
        let view = TensorView::new(dtype, vec![3], &bytes).unwrap();
        let file = safetensors::serialize([("x", view)], None).unwrap();
        let read = Weights::from_safetensors(&file).unwrap().0["x"].data.clone();
        assert_eq!(read[..2], numbers[..2]);
        assert!(
            (read[2] / numbers[2] - 1.0).abs() < 1.0 / 256.0,
            "8 bits of BF16 mantissa"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn weights_that_do_not_fit_are_named() {
    let mut missing = weights();
    missing.0.remove("model.norm.weight");
    assert_eq!(
        load(&missing).unwrap_err().to_string(),
        "tensor model.norm.weight is missing, expected one of shape [4]"
    );

    let mut wrong_shape = weights();
    wrong_shape.0.get_mut("lm_head.weight").unwrap().shape = vec![4, 7];
    assert_eq!(
        load(&wrong_shape).unwrap_err().to_string(),
        "tensor lm_head.weight has shape [4, 7], expected [7, 4]"
    );

    let mut unexpected = weights();
    let bias = HostTensor {
        shape: vec![4],
        data: vec![0.0; 4],
    };
    unexpected
        .0
        .insert("model.layers.0.self_attn.q_proj.bias".to_owned(), bias);
    let message = load(&unexpected).unwrap_err().to_string();
    assert!(message.contains("q_proj.bias"), "{message}");

    assert!(Weights::from_safetensors(b"not a file").is_err());
    let bytes = weights().to_safetensors().unwrap();
    assert!(Weights::from_safetensors(&bytes[..bytes.len() - 1]).is_err());
}
