//! Generation natively, on the CPU and on every GPU adapter.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::print_stdout, reason = "a test says why it skips")]

use rllr_cli::devices;
use rllr_tests::generation_cases::check_all;
use rllr_tests::golden::model_cases;
use rllr_tests::model_cases::Tolerance;

#[test]
fn golden_models_generate_on_the_cpu() -> anyhow::Result<()> {
    pollster::block_on(check_all(&model_cases()?, &devices::cpu(), Tolerance::CPU))
}

#[test]
fn golden_models_generate_on_webgpu() -> anyhow::Result<()> {
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
        pollster::block_on(check_all(&model_cases()?, &device, Tolerance::GPU))?;
    }
    Ok(())
}
