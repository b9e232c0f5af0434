//! Every golden adapter natively, on the CPU and on every GPU adapter.
#![cfg(not(target_arch = "wasm32"))]

use rllr_cli::devices;
use rllr_tests::adapters::on_every_adapter;
use rllr_tests::golden::lora_cases;
use rllr_tests::lora_cases::{Tolerance, check_all};

#[test]
fn golden_lora_on_the_cpu() -> anyhow::Result<()> {
    pollster::block_on(check_all(&lora_cases()?, &devices::cpu(), Tolerance::CPU))
}

#[test]
fn golden_lora_on_webgpu() -> anyhow::Result<()> {
    on_every_adapter(|device| pollster::block_on(check_all(&lora_cases()?, device, Tolerance::GPU)))
}
