//! Supervised fine-tuning and reward-model training against every recorded run, natively, on the CPU and on every GPU
//! adapter.
#![cfg(not(target_arch = "wasm32"))]

use rllr_cli::devices;
use rllr_tests::adapters::on_every_adapter;
use rllr_tests::golden::supervised::cases;
use rllr_tests::supervised_cases::{Tolerance, check_all};

#[test]
fn golden_sft_rm_on_the_cpu() -> anyhow::Result<()> {
    pollster::block_on(check_all(&cases()?, &devices::cpu(), Tolerance::CPU))
}

#[test]
fn golden_sft_rm_on_webgpu() -> anyhow::Result<()> {
    on_every_adapter(|device| pollster::block_on(check_all(&cases()?, device, Tolerance::GPU)))
}
