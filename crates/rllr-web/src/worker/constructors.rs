//! Running the module's constructors exactly once.
//!
//! Burn's kernel registry registers itself in constructors. When nobody calls `__wasm_call_ctors`, the linker takes
//! the module for a command and wraps every exported function so that each call from JavaScript runs all
//! constructors again: a training step then takes 30 times as long. One call of our own, and the wrappers are gone.
//! `tests/tests/constructors.rs` looks for them in the built modules.

use std::sync::atomic::{AtomicBool, Ordering};

static DONE: AtomicBool = AtomicBool::new(false);

/// Runs all constructors; before any call of Burn, and once.
#[allow(
    unsafe_code,
    reason = "the linker makes this function; there is no safe name for it"
)]
pub(crate) fn run_once() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    assert!(!DONE.swap(true, Ordering::Relaxed), "the constructors run once");
    // SAFETY: the linker defines it, it takes and returns nothing, and this is its only call.
    unsafe { __wasm_call_ctors() }
}
