//! The browser suite on a page's main thread.
#![cfg(target_arch = "wasm32")]

mod browser_suite;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
