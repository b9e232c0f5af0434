//! Native GPU adapters, for tests that run on all of them.

use burn::tensor::Device;
use rllr_cli::devices;

/// Runs a check on every GPU adapter of the machine; where there is none, says that it skips.
///
/// Burn opens an adapter once in a process, so a test binary calls this in one test.
///
/// # Errors
///
/// The check's error.
pub fn on_every_adapter(check: impl Fn(&Device) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let adapters = match devices::adapters() {
        Ok(adapters) if adapters.is_empty() => {
            println!("SKIPPED: no GPU adapter, not even a software one");
            return Ok(());
        }
        Ok(adapters) => adapters,
        Err(error) => {
            println!("SKIPPED: {error}");
            return Ok(());
        }
    };
    for (number, adapter) in adapters.iter().enumerate() {
        println!("adapter {number}: {} ({})", adapter.name, adapter.backend);
        check(&devices::open_adapter(number)?)?;
    }
    Ok(())
}
