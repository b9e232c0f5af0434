//! Peak memory of training steps and of scoring.
//!
//! Prints one JSON object a line. Run it as `cargo xtask bench memory`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    rllr_tests::bench::memory::main()
}

/// It reads `/proc`, which a browser has not.
#[cfg(target_arch = "wasm32")]
fn main() {}
