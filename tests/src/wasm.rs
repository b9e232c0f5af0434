//! The browser side of the tests: constructors, the GPU, and what both browser suites run.

use std::cell::OnceCell;
use std::sync::Once;

use burn::tensor::Device;

/// Runs the module's constructors once, as the worker does: see `crates/rllr-web/src/worker/constructors.rs`.
/// Without this call in the module every test is 30 times slower; and before it Burn has no kernels.
#[allow(
    unsafe_code,
    reason = "the linker makes this function; there is no safe name for it"
)]
fn run_constructors() {
    static CONSTRUCTORS: Once = Once::new();
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: the linker defines it, it takes and returns nothing, and `Once` makes this its only run.
    CONSTRUCTORS.call_once(|| unsafe { __wasm_call_ctors() });
}

/// The browser's CPU backend.
#[must_use]
pub fn cpu() -> Device {
    run_constructors();
    Device::flex()
}

/// The browser's GPU; opened once, because Burn refuses a second start.
///
/// # Panics
///
/// When there is none: the suite starts Chrome with a software adapter, so none means a broken setup.
pub async fn gpu() -> Device {
    thread_local! {
        static GPU: OnceCell<Device> = const { OnceCell::new() };
    }
    run_constructors();
    if let Some(gpu) = GPU.with(|gpu| gpu.get().cloned()) {
        return gpu;
    }
    let gpu = Device::wgpu_options()
        .init_async()
        .await
        .expect("Chrome was started with a WebGPU adapter");
    GPU.with(|cell| cell.get_or_init(|| gpu).clone())
}
