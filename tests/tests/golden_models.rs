//! Every golden model natively, on the CPU and on every GPU adapter.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::print_stdout, reason = "a test says why it skips")]

use rllr_cli::devices;
use rllr_tests::adapters::on_every_adapter;
use rllr_tests::golden::model_cases;
use rllr_tests::model_cases::{Tolerance, check_all};
use rllr_tests::stories;

#[test]
fn golden_models_on_the_cpu() -> anyhow::Result<()> {
    pollster::block_on(check_all(&model_cases()?, &devices::cpu(), Tolerance::CPU))
}

#[test]
fn the_story_is_the_same_on_the_cpu() -> anyhow::Result<()> {
    let Some((model, vocabulary)) = stories::files() else {
        println!("{}", stories::SKIPPED);
        return Ok(());
    };
    pollster::block_on(stories::check(model, vocabulary, &devices::cpu()))
}

/// One test for the GPU, because Burn opens an adapter once in a process.
#[test]
fn golden_models_on_webgpu() -> anyhow::Result<()> {
    on_every_adapter(|device| {
        pollster::block_on(check_all(&model_cases()?, device, Tolerance::GPU))?;
        match stories::files() {
            Some((model, vocabulary)) => pollster::block_on(stories::check(model, vocabulary, device))?,
            None => println!("{}", stories::SKIPPED),
        }
        Ok(())
    })
}
