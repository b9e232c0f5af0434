use burn::tensor::Device;
use pollster::block_on;
use rllr_model::{CausalLmConfig, initial_weights};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

pub(crate) fn stage(seed: u64, change: impl FnOnce(&mut NextTokenConfig)) -> NextTokenStage {
    let config = CausalLmConfig {
        vocab_size: 12,
        hidden_size: 8,
        intermediate_size: 16,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 2,
        head_dim: 4,
        max_position_embeddings: 16,
        ..CausalLmConfig::default()
    };
    let weights = initial_weights(&config, 0.3, &mut ChaCha8Rng::seed_from_u64(seed));
    let model = CausalLm::from_weights(&config, &weights, &Device::flex().autodiff()).expect("they fit");
    let tokens = (0..200u32).map(|place| place * place % 12).collect();
    let mut settings = NextTokenConfig {
        steps: 6,
        batch_size: 3,
        seq_len: 8,
        warmup_steps: 2,
        eval_share: 0.2,
        trainer: LmTrainerConfig {
            learning_rate: 1e-2,
            weight_decay: 0.1,
            ..LmTrainerConfig::default()
        },
        ..NextTokenConfig::default()
    };
    change(&mut settings);
    NextTokenStage::new(model, tokens, settings).expect("good settings")
}

#[wasm_bindgen_test(unsupported = test)]
fn it_learns_and_measures() {
    let mut stage = stage(1, |config| {
        config.steps = 40;
        config.warmup_steps = 0;
    });
    let before = block_on(stage.evaluate()).expect("the CPU works")["eval_loss"];
    let mut last = f64::NAN;
    while stage.steps_done() < stage.total_steps() {
        last = block_on(stage.step()).expect("the CPU works").metrics["loss"];
    }
    let after = block_on(stage.evaluate()).expect("the CPU works")["eval_loss"];
    assert!(after < before - 0.1 && last < before, "{before} {after} {last}");
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_settings_are_named() {
    let model = stage(1, |_| {}).model().clone();
    let error = |tokens: Vec<u32>, config| {
        NextTokenStage::new(model.clone(), tokens, config)
            .err()
            .expect("refused")
            .to_string()
    };
    let config = NextTokenConfig {
        seq_len: 8,
        eval_share: 0.0,
        ..NextTokenConfig::default()
    };
    assert_eq!(
        error(vec![1; 7], config.clone()),
        "the text has 7 tokens to train on, expected at least 8, one piece"
    );
    assert_eq!(
        error(vec![12; 9], config.clone()),
        "row 0, token 0: id 12, expected an id below 12"
    );
    let config = NextTokenConfig { seq_len: 1, ..config };
    assert_eq!(error(vec![1; 9], config), "seq_len is 1, expected at least 2");
}
