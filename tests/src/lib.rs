//! What the cross-crate tests share: golden files, and test bodies that run on every target and device.
#![allow(
    clippy::print_stdout,
    reason = "benchmarks print their results, tests why they skip"
)]

pub mod generation_cases;
pub mod golden;
mod numbers;
pub mod model_cases;
pub mod stories;
pub mod lora_cases;
pub mod supervised_cases;
pub mod ppo_trace;
pub mod ppo_trl072;
pub mod ppo_trl112;
pub mod train_step;
pub mod tokenizers;

#[cfg(not(target_arch = "wasm32"))]
pub mod adapters;
#[cfg(not(target_arch = "wasm32"))]
pub mod bench;
#[cfg(not(target_arch = "wasm32"))]
pub mod browser;
#[cfg(not(target_arch = "wasm32"))]
pub mod math_cases;
#[cfg(not(target_arch = "wasm32"))]
pub mod small_models;

#[cfg(target_arch = "wasm32")]
pub mod wasm;
