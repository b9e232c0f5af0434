//! Adapters that this program wrote, read by PEFT: the same outputs. Skipped where Python has no peft.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_cli::devices;
use rllr_model::{
    CausalLm, CausalLmConfig, HeadInitialization, LoraAdapter, LoraConfig, PaddingSide, PeftAdapter,
    PeftFiles, ScalarHead, ScalarModel, TargetModules, TokenBatch, Weights, last_values,
};
use rllr_tests::golden::{ModelFiles, model_cases};
use serde::Deserialize;

/// What both programs compute for the rows below.
#[derive(Deserialize)]
struct Outputs {
    off: Vec<f32>,
    on: Vec<f32>,
    merged: Vec<f32>,
}

/// Rows of one length, so that there is no padding, which the two programs mark differently.
const ROWS: [[u32; 6]; 2] = [[3, 14, 15, 9, 26, 5], [31, 41, 59, 2, 6, 53]];

fn python() -> String {
    std::env::var("RLLR_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

#[test]
fn peft_computes_the_same_with_our_adapters() -> anyhow::Result<()> {
    let python = python();
    let found = Command::new(&python)
        .args(["-c", "import peft, transformers"])
        .output();
    if !found.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: {python} has no peft; RLLR_PYTHON names another Python");
        return Ok(());
    }
    for files in model_cases()? {
        check(&python, &files).with_context(|| files.name.clone())?;
    }
    Ok(())
}

fn check(python: &str, files: &ModelFiles) -> anyhow::Result<()> {
    let config = CausalLmConfig::from_hugging_face(&files.config)?;
    let weights = Weights::from_safetensors(&files.model)?;
    let is_reward = weights.0.contains_key("score.weight");
    let adapter = adapter(&config, is_reward)?;

    let directory = tempfile::tempdir()?;
    let (base, written) = (directory.path().join("base"), directory.path().join("adapter"));
    fs::create_dir(&base)?;
    fs::create_dir(&written)?;
    fs::write(base.join("config.json"), &files.config)?;
    fs::write(base.join("model.safetensors"), &files.model)?;
    let PeftFiles {
        config: text,
        weights: bytes,
    } = pollster::block_on(adapter.to_files())?;
    fs::write(written.join("adapter_config.json"), text)?;
    fs::write(written.join("adapter_model.safetensors"), bytes)?;

    let expected = ask(python, &base, &written, is_reward)?;
    let found = if is_reward {
        reward_outputs(&config, &weights, &adapter)?
    } else {
        policy_outputs(&config, &weights, &adapter)?
    };
    for (what, found, expected) in [
        ("adapter off", found.off, &expected.off),
        ("adapter on", found.on, &expected.on),
        ("merged", found.merged, &expected.merged),
    ] {
        ensure!(found.len() == expected.len(), "{what}: {} numbers", found.len());
        for (found, expected) in found.iter().zip(expected) {
            let apart = (found - expected).abs() / expected.abs().max(1.0);
            ensure!(apart <= 1e-4, "{what}: {found}, PEFT has {expected}");
        }
    }
    let moved = expected.on.iter().zip(&expected.off);
    let moved = moved.map(|(on, off)| (on - off).abs()).fold(0.0, f32::max);
    ensure!(moved > 1e-2, "the adapter moves the outputs by {moved} only");
    Ok(())
}

/// An adapter of every linear layer whose B is not zero, and a head of its own for a reward model.
fn adapter(config: &CausalLmConfig, is_reward: bool) -> anyhow::Result<PeftAdapter> {
    let device = devices::cpu();
    let lora = LoraConfig {
        r: 3,
        use_rslora: true,
        lora_alpha: 2.0,
        target_modules: TargetModules::AllLinear,
        ..LoraConfig::default()
    };
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let new = PeftAdapter {
        adapter: LoraAdapter::new(&lora, config, rng, &device)?,
        head: is_reward
            .then(|| ScalarHead::new(config.hidden_size, HeadInitialization::Normal, rng, &device)),
        base_model: Some("base".to_owned()),
    };
    let files = pollster::block_on(new.to_files())?;
    let mut weights = Weights::from_safetensors(&files.weights)?;
    for (name, tensor) in &mut weights.0 {
        if name.contains("lora_B") {
            for (index, x) in tensor.data.iter_mut().enumerate() {
                *x = ((index * 7 % 11) as f32 - 5.0) * 0.05;
            }
        }
    }
    Ok(PeftAdapter::from_files(
        &files.config,
        &weights.to_safetensors()?,
        config,
        &device,
    )?)
}

fn ask(python: &str, base: &Path, adapter: &Path, is_reward: bool) -> anyhow::Result<Outputs> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/peft_outputs.py");
    let output = Command::new(python)
        .arg(script)
        .args([base, adapter])
        .arg(if is_reward { "reward" } else { "policy" })
        .arg(serde_json::to_string(&ROWS)?)
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{python} failed: {errors}");
    let answer = String::from_utf8_lossy(&output.stdout);
    let line = answer.lines().last().context("no answer")?;
    Ok(serde_json::from_str(line)?)
}

fn policy_outputs(
    config: &CausalLmConfig,
    weights: &Weights,
    adapter: &PeftAdapter,
) -> anyhow::Result<Outputs> {
    let device = devices::cpu();
    let model = CausalLm::from_weights(config, weights, &device)?;
    let input = TokenBatch::from_rows(&ROWS, PaddingSide::Right, config.vocab_size)?.to_device(&device);
    Ok(Outputs {
        off: numbers(model.forward(&input)),
        on: numbers(model.with_adapter(&adapter.adapter).forward(&input)),
        merged: numbers(model.merged(&adapter.adapter).forward(&input)),
    })
}

fn reward_outputs(
    config: &CausalLmConfig,
    weights: &Weights,
    adapter: &PeftAdapter,
) -> anyhow::Result<Outputs> {
    let device = devices::cpu();
    let model = ScalarModel::from_weights(config, weights, &device)?;
    let batch = TokenBatch::from_rows(&ROWS, PaddingSide::Right, config.vocab_size)?;
    let input = batch.to_device(&device);
    let head = adapter.head.clone().context("the adapter has a head")?;
    let values = head.adapted_values(model.decoder(), Some(&adapter.adapter), &input);
    let merged = model.merged(&adapter.adapter).with_head(head);
    Ok(Outputs {
        off: numbers(model.scores(&input, &batch)),
        on: numbers(last_values(values, &batch)),
        merged: numbers(merged.scores(&input, &batch)),
    })
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
