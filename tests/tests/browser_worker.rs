//! The browser suite in a dedicated worker, where the page computes.
#![cfg(target_arch = "wasm32")]

mod browser_suite;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
