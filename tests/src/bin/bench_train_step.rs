//! Milliseconds of one training step, for three sizes of model; with `--torch` PyTorch's beside it.
//!
//! Prints one JSON object a line. Run it as `cargo xtask bench train-step`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    rllr_tests::bench::train_step::main()
}

/// The browser's benchmark is `bench_page`.
#[cfg(target_arch = "wasm32")]
fn main() {}
