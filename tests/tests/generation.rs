//! Generation natively, on the CPU and on every GPU adapter.
#![cfg(not(target_arch = "wasm32"))]

use rllr_cli::devices;
use rllr_tests::adapters::on_every_adapter;
use rllr_tests::generation_cases::check_all;
use rllr_tests::golden::model_cases;
use rllr_tests::model_cases::Tolerance;

#[test]
fn golden_models_generate_on_the_cpu() -> anyhow::Result<()> {
    pollster::block_on(check_all(&model_cases()?, &devices::cpu(), Tolerance::CPU))
}

/// Two families are enough here: a software adapter needs a minute for the shaders of each.
#[test]
fn golden_models_generate_on_webgpu() -> anyhow::Result<()> {
    let mut cases = model_cases()?;
    cases.retain(|case| ["bloom", "llama_gqa"].contains(&case.name.as_str()));
    anyhow::ensure!(
        !cases.is_empty(),
        "neither bloom nor llama_gqa is among the golden models"
    );
    on_every_adapter(|device| pollster::block_on(check_all(&cases, device, Tolerance::GPU)))
}
