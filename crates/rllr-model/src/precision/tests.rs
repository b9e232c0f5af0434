use burn::module::{Module, ModuleVisitor};
use half::f16;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{
    Architecture, CausalLm, CausalLmConfig, DecoderInput, LoraAdapter, LoraConfig, PaddingSide, ScalarModel,
    TargetModules, TokenBatch, initial_weights,
};

fn config(architecture: Architecture, tie_word_embeddings: bool) -> CausalLmConfig {
    CausalLmConfig {
        architecture,
        vocab_size: 13,
        hidden_size: 8,
        intermediate_size: 20,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 2,
        head_dim: 4,
        max_position_embeddings: 16,
        attention_bias: true,
        tie_word_embeddings,
        ..CausalLmConfig::default()
    }
}

fn weights(config: &CausalLmConfig) -> Weights {
    initial_weights(config, 0.4, &mut ChaCha8Rng::seed_from_u64(1))
}

/// The matrices rounded to F16, as numbers of F32.
fn rounded(weights: &Weights) -> Weights {
    let mut rounded = weights.clone();
    for tensor in rounded.0.values_mut().filter(|tensor| tensor.shape.len() == 2) {
        for x in &mut tensor.data {
            *x = f16::from_f32(*x).to_f32();
        }
    }
    rounded
}

fn input(device: &Device) -> DecoderInput {
    let rows: [&[u32]; 2] = [&[3, 1, 4, 1, 5, 9], &[2, 6, 5]];
    TokenBatch::from_rows(&rows, PaddingSide::Left, 13)
        .unwrap()
        .to_device(device)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    assert_eq!(tensor.dtype(), DType::F32);
    tensor.into_data().iter::<f32>().collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Types of all parameters, matrices first.
#[derive(Default)]
struct Types {
    matrices: Vec<DType>,
    vectors: Vec<DType>,
}

impl ModuleVisitor for Types {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let list = if D == 2 {
            &mut self.matrices
        } else {
            &mut self.vectors
        };
        list.push(param.val().dtype());
    }
}

/// Only the storage is F16: the logits are exactly those of an F32 model with rounded matrices.
#[wasm_bindgen_test(unsupported = test)]
fn a_half_base_computes_in_full_precision() {
    let device = Device::flex();
    for architecture in Architecture::ALL {
        let config = config(architecture, architecture == Architecture::Bloom);
        let weights = weights(&config);
        let half = CausalLm::frozen_from_weights(&config, &weights, WeightStorage::F16, &device).unwrap();
        let mut types = Types::default();
        half.visit(&mut types);
        assert!(types.matrices.iter().all(|dtype| *dtype == DType::F16));
        assert!(types.vectors.iter().all(|dtype| *dtype == DType::F32));

        let full = |weights: &Weights| CausalLm::from_weights(&config, weights, &device).unwrap();
        let (input, exact) = (input(&device), rounded(&weights));
        let found = numbers(half.forward(&input));
        assert_eq!(
            found,
            numbers(full(&exact).forward(&input)),
            "{architecture:?}: rounded matrices"
        );
        let apart = largest_difference(&found, &numbers(full(&weights).forward(&input)));
        // Numbers are rounded by at most 2⁻¹¹ of their size, 0.0005; logits are sums of a few dozen products.
        assert!(apart > 0.0 && apart < 0.02, "{architecture:?}: {apart}");
        assert_eq!(pollster::block_on(half.weights()).unwrap(), exact);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn adapters_of_a_half_base_are_full() {
    let device = Device::flex();
    let config = config(Architecture::Llama, true);
    let weights = weights(&config);
    let lora = LoraConfig {
        r: 2,
        target_modules: TargetModules::AllLinear,
        ..LoraConfig::default()
    };
    let training = device.clone().autodiff();
    let adapter = LoraAdapter::new(&lora, &config, &mut ChaCha8Rng::seed_from_u64(2), &training).unwrap();
    let gradients = |model: &CausalLm| {
        let logits = model.with_adapter(&adapter).forward(&input(&device));
        let gradients = logits.square().mean().backward();
        // A is behind B, which is zero, so B's gradients are looked at.
        let pairs = adapter.layers.iter().flat_map(|layer| &layer.pairs);
        pairs
            .flat_map(|pair| numbers(pair.lora_b.val().grad(&gradients).unwrap()))
            .collect::<Vec<f32>>()
    };
    let half = CausalLm::frozen_from_weights(&config, &weights, WeightStorage::F16, &device).unwrap();
    let full =
        CausalLm::frozen_from_weights(&config, &rounded(&weights), WeightStorage::F32, &device).unwrap();
    let found = gradients(&half);
    assert_eq!(found, gradients(&full));
    assert!(found.iter().any(|x| x.abs() > 1e-4), "the gradients vanish");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_frozen_model_takes_no_autodiff_from_its_device() {
    let device = Device::flex().autodiff();
    let config = config(Architecture::Llama, false);
    let model =
        CausalLm::frozen_from_weights(&config, &weights(&config), WeightStorage::F32, &device).unwrap();
    assert!(model.devices().iter().all(|device| !device.is_autodiff()));

    let mut weights = weights(&config);
    let lm_head = weights.0.remove("lm_head.weight").unwrap();
    let head = crate::HostTensor {
        shape: vec![1, 8],
        data: lm_head.data[..8].to_vec(),
    };
    weights.0.insert("score.weight".to_owned(), head);
    let judge = ScalarModel::frozen_from_weights(&config, &weights, WeightStorage::F16, &device).unwrap();
    let mut types = Types::default();
    judge.visit(&mut types);
    assert_eq!(types.matrices.last(), Some(&DType::F32), "the head stays F32");
    assert!(
        types
            .matrices
            .iter()
            .rev()
            .skip(1)
            .all(|dtype| *dtype == DType::F16)
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_number_that_would_become_infinite_is_named() {
    let config = config(Architecture::Llama, false);
    let mut weights = weights(&config);
    weights.0.get_mut("lm_head.weight").unwrap().data[3] = -70_000.0;
    let load = |storage| CausalLm::frozen_from_weights(&config, &weights, storage, &Device::flex());
    assert_eq!(
        load(WeightStorage::F16).unwrap_err().to_string(),
        "tensor lm_head.weight holds -7e4, which is too large for F16"
    );
    assert!(load(WeightStorage::F32).is_ok());
}
