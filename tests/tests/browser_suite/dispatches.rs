//! How many GPU dispatches a decoded token costs: on a fast GPU they decide the speed, and unlike times they can be
//! tested.

use rllr_model::{CausalLm, CausalLmConfig, Decoding, GenerationConfig, LogProbs, Uniforms, Weights};
use rllr_tests::golden;
use rllr_tests::wasm::gpu;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

/// Counts the dispatches of everything that is computed from now on.
const COUNT: &str = r#"
(() => {
  const scope = globalThis;
  if (scope.rllrDispatches === undefined) {
    scope.rllrDispatches = 0;
    for (const name of ["dispatchWorkgroups", "dispatchWorkgroupsIndirect"]) {
      const original = GPUComputePassEncoder.prototype[name];
      GPUComputePassEncoder.prototype[name] = function (...args) {
        scope.rllrDispatches += 1;
        return original.apply(this, args);
      };
    }
  }
  return scope.rllrDispatches;
})()
"#;

fn dispatches() -> f64 {
    js_sys::eval(COUNT).unwrap().as_f64().unwrap()
}

/// Dispatches of a greedy generation of so many tokens, read back at its end.
async fn generation(model: &CausalLm, prompt: &[u32], tokens: usize) -> f64 {
    let config = GenerationConfig {
        max_new_tokens: tokens,
        decoding: Decoding::Greedy,
        log_probs: LogProbs::Omitted,
        // No look at whether all rows have ended: it is not part of a token.
        steps_between_looks: 1000,
        ..GenerationConfig::default()
    };
    let decoding = model.without_adapter().for_decoding();
    let before = dispatches();
    let mut generating = decoding
        .as_lm()
        .start_generation(&[prompt], &config, &Uniforms::none(1))
        .unwrap();
    generating.run().await.unwrap();
    generating.finish().await.unwrap();
    dispatches() - before
}

/// What a generation of twelve tokens costs more than one of four, by token.
#[wasm_bindgen_test]
async fn a_decoded_token_costs_few_dispatches() {
    let cases = golden::model_cases().unwrap();
    let files = cases.iter().find(|case| case.name == "llama_gqa").unwrap();
    let config = CausalLmConfig::from_hugging_face(&files.config).unwrap();
    let weights = Weights::from_safetensors(&files.model).unwrap();
    let model = CausalLm::from_weights(&config, &weights, &gpu().await).unwrap();
    let prompt = [3, 14, 15, 9];
    // Shaders are compiled and tuned the first time.
    generation(&model, &prompt, 12).await;
    let by_token = (generation(&model, &prompt, 12).await - generation(&model, &prompt, 4).await) / 8.0;
    let layers = config.num_hidden_layers;
    console_log!("{by_token} dispatches a decoded token, {layers} layers");
    assert!(by_token > 0.0, "nothing was counted");
    // 104 with two layers on 2026-11-23: a tenth more is a regression.
    let most = 57.0 * layers as f64;
    assert!(by_token <= most, "{by_token} dispatches, expected at most {most}");
}
