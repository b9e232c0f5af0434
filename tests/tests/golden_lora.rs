//! Every golden adapter natively, on the CPU and on every GPU adapter.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::print_stdout, reason = "a test says why it skips")]

use rllr_cli::devices;
use rllr_tests::golden::lora_cases;
use rllr_tests::lora_cases::{Tolerance, check_all};

#[test]
fn golden_lora_on_the_cpu() -> anyhow::Result<()> {
    pollster::block_on(check_all(&lora_cases()?, &devices::cpu(), Tolerance::CPU))
}

#[test]
fn golden_lora_on_webgpu() -> anyhow::Result<()> {
    let adapters = match devices::adapters() {
        Ok(adapters) if adapters.is_empty() => {
            println!("SKIPPED: no GPU adapter, not even a software one");
            return Ok(());
        }
        Ok(adapters) => adapters,
        Err(error) => {
            println!("SKIPPED: {error}");
            return Ok(());
        }
    };
    for (number, adapter) in adapters.iter().enumerate() {
        println!("adapter {number}: {} ({})", adapter.name, adapter.backend);
        let device = devices::open_adapter(number)?;
        pollster::block_on(check_all(&lora_cases()?, &device, Tolerance::GPU))?;
    }
    Ok(())
}
