//! All benchmarks in one program, so that it is linked once. Run it as `cargo xtask bench NAME`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    rllr_tests::bench::main()
}

/// They start processes and threads, which a browser does not have.
#[cfg(target_arch = "wasm32")]
fn main() {}
