//! Memory that loading a model needs beside the model. Run it as `cargo xtask bench load`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    rllr_tests::bench::load::main()
}

/// It measures a process of its own, and there are none in a browser.
#[cfg(target_arch = "wasm32")]
fn main() {}
