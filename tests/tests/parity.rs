//! Native training against PyTorch's golden numbers, on the CPU and on every GPU adapter.
#![cfg(not(target_arch = "wasm32"))]

use rllr_cli::devices;
use rllr_tests::adapters::on_every_adapter;
use rllr_tests::train_step::{Tolerance, check_all};

#[test]
fn golden_train_step_on_the_cpu() {
    pollster::block_on(check_all(&devices::cpu(), Tolerance::CPU)).unwrap();
}

#[test]
fn golden_train_step_on_webgpu() -> anyhow::Result<()> {
    on_every_adapter(|device| pollster::block_on(check_all(device, Tolerance::GPU)))
}
