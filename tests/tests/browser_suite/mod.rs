//! The tests that run in a browser's page and, once more, in its dedicated worker.
//!
//! Of WebGPU only what shows that it works in both places; the rest is in `webgpu.rs`.

use rllr_tests::train_step::{Tolerance, check_all};
use rllr_tests::wasm::{cpu, gpu};
use rllr_tests::{generation_cases, golden, lora_cases, model_cases, ppo_trace, ppo_trl072, ppo_trl112};
use rllr_tests::{stories, supervised_cases, tokenizers};
use rllr_train::self_check;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

#[wasm_bindgen_test]
async fn golden_train_step_on_the_cpu() {
    check_all(&cpu(), Tolerance::CPU).await.unwrap();
}

#[wasm_bindgen_test]
async fn golden_train_step_on_webgpu() {
    check_all(&gpu().await, Tolerance::GPU).await.unwrap();
}

#[wasm_bindgen_test]
async fn the_self_check_passes_on_webgpu() {
    let check = self_check(&gpu().await, &cpu()).await.unwrap();
    assert!(check.passed(), "{check:?}");
}

#[wasm_bindgen_test]
async fn golden_models_on_the_cpu() {
    let cases = golden::model_cases().unwrap();
    model_cases::check_all(&cases, &cpu(), model_cases::Tolerance::CPU)
        .await
        .unwrap();
}

#[wasm_bindgen_test]
fn golden_tokenizers() {
    tokenizers::check_all().unwrap();
}

#[wasm_bindgen_test]
async fn the_story_is_the_same_on_the_cpu() {
    match stories::files() {
        Some((model, vocabulary)) => stories::check(model, vocabulary, &cpu()).await.unwrap(),
        None => console_log!("{}", stories::SKIPPED),
    }
}

#[wasm_bindgen_test]
async fn golden_lora_on_the_cpu() {
    let cases = golden::lora_cases().unwrap();
    lora_cases::check_all(&cases, &cpu(), lora_cases::Tolerance::CPU)
        .await
        .unwrap();
}

#[wasm_bindgen_test]
async fn golden_sft_and_reward_training_on_the_cpu() {
    let cases = golden::supervised::cases().unwrap();
    supervised_cases::check_all(&cases, &cpu(), supervised_cases::Tolerance::CPU)
        .await
        .unwrap();
}

#[wasm_bindgen_test]
async fn golden_models_generate_on_the_cpu() {
    let cases = golden::model_cases().unwrap();
    generation_cases::check_all(&cases, &cpu(), model_cases::Tolerance::CPU)
        .await
        .unwrap();
}

#[wasm_bindgen_test]
async fn golden_ppo_trl072_on_the_cpu() {
    let cases = golden::ppo_cases("ppo_trl072").unwrap();
    ppo_trl072::check_all(&cases, &cpu(), ppo_trace::Tolerance::CPU)
        .await
        .unwrap();
}

#[wasm_bindgen_test]
async fn golden_ppo_trl112_on_the_cpu() {
    let cases = golden::ppo_cases("ppo_trl112").unwrap();
    ppo_trl112::check_all(&cases, &cpu(), ppo_trace::Tolerance::CPU)
        .await
        .unwrap();
}
