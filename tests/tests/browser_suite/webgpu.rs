//! What runs on WebGPU where the page computes, in a dedicated worker, and not once more on the main thread: a software
//! adapter needs minutes for the shaders.

use rllr_tests::wasm::gpu;
use rllr_tests::{
    generation_cases, golden, lora_cases, model_cases, ppo_trace, ppo_trl112, stories, supervised_cases,
};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

#[wasm_bindgen_test]
async fn golden_models_on_webgpu() {
    let cases = golden::model_cases().unwrap();
    model_cases::check_all(&cases, &gpu().await, model_cases::Tolerance::GPU)
        .await
        .unwrap();
}

#[wasm_bindgen_test]
async fn the_story_is_the_same_on_webgpu() {
    match stories::files() {
        Some((model, vocabulary)) => stories::check(model, vocabulary, &gpu().await).await.unwrap(),
        None => console_log!("{}", stories::SKIPPED),
    }
}

#[wasm_bindgen_test]
async fn golden_lora_on_webgpu() {
    let cases = golden::lora_cases().unwrap();
    lora_cases::check_all(&cases, &gpu().await, lora_cases::Tolerance::GPU)
        .await
        .unwrap();
}

/// Two runs are enough here: a software adapter needs minutes for the shaders.
#[wasm_bindgen_test]
async fn golden_sft_and_reward_training_on_webgpu() {
    let mut cases = golden::supervised::cases().unwrap();
    cases.retain(|case| ["sft_plain", "rm_last_token"].contains(&case.name.as_str()));
    supervised_cases::check_all(&cases, &gpu().await, supervised_cases::Tolerance::GPU)
        .await
        .unwrap();
}

/// One family is enough here: a software adapter needs minutes for the shaders of each.
#[wasm_bindgen_test]
async fn a_golden_model_generates_on_webgpu() {
    let mut cases = golden::model_cases().unwrap();
    cases.retain(|case| case.name == "llama_gqa");
    generation_cases::check_all(&cases, &gpu().await, model_cases::Tolerance::GPU)
        .await
        .unwrap();
}

/// One run is enough here: a software adapter needs minutes for the shaders.
#[wasm_bindgen_test]
async fn a_golden_ppo_run_on_webgpu() {
    let mut cases = golden::ppo_cases("ppo_trl112").unwrap();
    cases.retain(|case| case.name == "dataset_end_planned");
    ppo_trl112::check_all(&cases, &gpu().await, ppo_trace::Tolerance::GPU)
        .await
        .unwrap();
}
