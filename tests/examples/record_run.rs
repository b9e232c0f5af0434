//! Records the run that the page shows at first: `record_run FILE [name=value]...`, the settings of the page.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    rllr_tests::record_run::main()
}

/// It writes a file, and there are none in a browser.
#[cfg(target_arch = "wasm32")]
fn main() {}
