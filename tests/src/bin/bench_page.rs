//! Training in the built page, in headless Chrome. Run it as `cargo xtask bench page`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    rllr_tests::bench::page::main()
}

/// It drives a browser, and does not run in one.
#[cfg(target_arch = "wasm32")]
fn main() {}
