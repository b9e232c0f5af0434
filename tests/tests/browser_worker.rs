//! The browser suite in a dedicated worker, where the page computes.
#![cfg(target_arch = "wasm32")]

mod browser_suite;
#[path = "browser_suite/webgpu.rs"]
mod webgpu;
#[path = "browser_suite/dispatches.rs"]
mod dispatches;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
