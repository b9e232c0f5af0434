//! Native training against PyTorch's golden numbers, on the CPU and on every GPU adapter.
#![cfg(not(target_arch = "wasm32"))]

use rllr_cli::devices;
use rllr_tests::train_step::{Tolerance, check_all};

#[test]
fn golden_train_step_on_the_cpu() {
    pollster::block_on(check_all(&devices::cpu(), Tolerance::CPU)).unwrap();
}

#[test]
fn golden_train_step_on_webgpu() {
    let adapters = match devices::adapters() {
        Ok(adapters) if adapters.is_empty() => {
            return println!("SKIPPED: no GPU adapter, not even a software one");
        }
        Ok(adapters) => adapters,
        Err(error) => return println!("SKIPPED: {error}"),
    };
    for (number, adapter) in adapters.iter().enumerate() {
        println!("adapter {number}: {} ({})", adapter.name, adapter.backend);
        let device = devices::open_adapter(number).unwrap();
        pollster::block_on(check_all(&device, Tolerance::GPU)).unwrap();
    }
}
