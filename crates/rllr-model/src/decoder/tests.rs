use burn::tensor::{Device, TensorData, Tolerance};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::config::{Architecture, LayerType};
use crate::lora::tests::{adapter, lora_config, model_config};
use crate::{CausalLm, CausalLmConfig, PaddingSide, TargetModules, TokenBatch, initial_weights};

fn model(config: &CausalLmConfig, device: &Device) -> CausalLm {
    let weights = initial_weights(config, 0.4, &mut ChaCha8Rng::seed_from_u64(1));
    CausalLm::from_weights(config, &weights, device).unwrap()
}

/// Two rows of six columns, the second with padding.
fn batch(side: PaddingSide) -> TokenBatch {
    let rows: [&[u32]; 2] = [&[3, 1, 4, 1, 5, 9], &[2, 6, 5]];
    TokenBatch::from_rows(&rows, side, 13).unwrap()
}

fn data(x: &Tensor<3>) -> TensorData {
    x.clone().into_data()
}

/// Every family, through an adapter and without one, with padding on either side.
#[wasm_bindgen_test(unsupported = test)]
fn some_columns_are_those_of_the_whole() {
    let device = Device::flex();
    let columns = [0..6, 2..5, 5..6, 0..1];
    for architecture in Architecture::ALL {
        let config = model_config(architecture);
        let model = model(&config, &device);
        let adapter = adapter(&lora_config(TargetModules::AllLinear), &config, 2, &device);
        for (side, adapter) in [(PaddingSide::Left, None), (PaddingSide::Right, Some(&adapter))] {
            let input = batch(side).to_device(&device);
            let all = model.decoder().forward(&input, adapter);
            for columns in columns.clone() {
                let found = model.decoder().forward_columns(&input, adapter, columns.clone());
                let expected = all.clone().narrow(1, columns.start, columns.len());
                data(&found).assert_approx_eq::<f32>(&data(&expected), Tolerance::absolute(1e-5));
            }
        }
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn some_columns_see_through_their_window() {
    let device = Device::flex();
    let config = CausalLmConfig {
        layer_types: vec![LayerType::FullAttention, LayerType::SlidingAttention],
        sliding_window: Some(2),
        ..model_config(Architecture::Qwen3)
    };
    let model = model(&config, &device);
    let input = batch(PaddingSide::Left).to_device(&device);
    let all = model.decoder().forward(&input, None).narrow(1, 3, 2);
    let found = model.decoder().forward_columns(&input, None, 3..5);
    data(&found).assert_approx_eq::<f32>(&data(&all), Tolerance::absolute(1e-5));
}

/// The last column of a prompt, and what is read after it, do not change by what was left out.
#[wasm_bindgen_test(unsupported = test)]
fn a_cache_is_filled_whole_when_the_last_column_is_read() {
    let device = Device::flex();
    for architecture in Architecture::ALL {
        let config = model_config(architecture);
        let model = model(&config, &device);
        let batch = batch(PaddingSide::Left);
        let whole = model.decoder().forward(&batch.to_device(&device), None);
        let mut cache = KvCache::of(model.decoder(), 2, 6, &device);
        let prompt = batch.columns_to_device(0..4, &device);
        let lm = model.without_adapter();
        let last = lm.last_hidden_state_cached(&prompt, &mut cache).unwrap();
        let expected = whole.clone().narrow(1, 3, 1);
        data(&last).assert_approx_eq::<f32>(&data(&expected), Tolerance::absolute(1e-5));
        let rest = batch.columns_to_device(4..6, &device);
        let rest = lm.hidden_states_cached(&rest, &mut cache).unwrap();
        data(&rest).assert_approx_eq::<f32>(&data(&whole.narrow(1, 4, 2)), Tolerance::absolute(1e-5));
    }
}
