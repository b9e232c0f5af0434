//! Tokens a second of prefill and decoding, for two sizes of model and three batches; with `--torch` PyTorch's beside.
//!
//! Prints one JSON object a line. Run it as `cargo xtask bench model`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    rllr_tests::bench::decode::main()
}

/// It starts processes and threads, which a browser does not have.
#[cfg(target_arch = "wasm32")]
fn main() {}
