//! Models and adapters that this program wrote, read by transformers and PEFT: the same outputs. Skipped where Python
//! has no peft.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_cli::devices;
use rllr_cli::model_directory::{DirectoryWriter, Overwrite, write_weights};
use rllr_model::{
    CausalLm, CausalLmConfig, ExportOptions, HeadInitialization, LoraAdapter, LoraConfig, ModelHead,
    PaddingSide, PeftAdapter, PeftFiles, ScalarHead, ScalarModel, SpecialTokenIds, StoredType, TargetModules,
    TokenBatch, Weights, last_values,
};
use rllr_tests::golden::{ModelFiles, model_cases};
use serde::Deserialize;
use serde_json::json;

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
    let root = tempfile::tempdir()?;
    let cases = model_cases()?;
    let written: Vec<Written> = cases
        .iter()
        .map(|files| write(root.path(), files).with_context(|| files.name.clone()))
        .collect::<anyhow::Result<_>>()?;
    let expected = ask(&python, &written)?;
    ensure!(expected.len() == written.len(), "{} answers", expected.len());
    for (written, expected) in written.iter().zip(&expected) {
        compare(written, expected).with_context(|| written.name.clone())?;
    }
    Ok(())
}

/// One model with an adapter, written for PEFT, and what this program computes with them.
struct Written {
    name: String,
    is_reward: bool,
    base: PathBuf,
    adapter: PathBuf,
    found: Outputs,
}

/// Writes model and adapter with this program, and computes what PEFT is to compute.
fn write(root: &Path, files: &ModelFiles) -> anyhow::Result<Written> {
    let config = CausalLmConfig::from_hugging_face(&files.config)?;
    let weights = Weights::from_safetensors(&files.model)?;
    let is_reward = weights.0.contains_key("score.weight");
    let adapter = adapter(&config, is_reward)?;
    let directory = root.join(&files.name);
    let written = Written {
        name: files.name.clone(),
        is_reward,
        base: directory.join("base"),
        adapter: directory.join("adapter"),
        found: if is_reward {
            reward_outputs(&config, &weights, &adapter)?
        } else {
            policy_outputs(&config, &weights, &adapter)?
        },
    };
    write_base(&written, &config, &weights)?;
    fs::create_dir_all(&written.adapter)?;
    let PeftFiles {
        config: text,
        weights: bytes,
    } = pollster::block_on(adapter.to_files())?;
    fs::write(written.adapter.join("adapter_config.json"), text)?;
    fs::write(written.adapter.join("adapter_model.safetensors"), bytes)?;
    Ok(written)
}

/// The model as this program exports it: its own config, and weights read back from the device.
fn write_base(written: &Written, config: &CausalLmConfig, weights: &Weights) -> anyhow::Result<()> {
    let device = devices::cpu();
    let directory = DirectoryWriter::begin(&written.base, Overwrite::Refuse)?;
    let (head, weights) = if written.is_reward {
        let model = ScalarModel::from_weights(config, weights, &device)?;
        (ModelHead::Scalar, model.device_weights()?)
    } else {
        let model = CausalLm::from_weights(config, weights, &device)?;
        (ModelHead::CausalLm, model.device_weights()?)
    };
    let options = ExportOptions {
        stored_type: StoredType::F32,
        // Some cases in one file, some in shards.
        max_shard_bytes: 20_000,
    };
    write_weights(&directory, &weights, &options)?;
    // transformers finds the last token of a row, where a score is read, by the padding id.
    let ids = SpecialTokenIds {
        pad: Some(0),
        ..SpecialTokenIds::default()
    };
    let text = config.to_hugging_face(head, &ids, "float32");
    directory.file("config.json", |out| Ok(out.write_all(text.as_bytes())?))?;
    directory.finish()
}

fn compare(written: &Written, expected: &Outputs) -> anyhow::Result<()> {
    let Outputs { off, on, merged } = &written.found;
    for (what, found, expected) in [
        ("adapter off", off, &expected.off),
        ("adapter on", on, &expected.on),
        ("merged", merged, &expected.merged),
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

/// One Python process for all cases: loading its libraries takes longer than everything else.
fn ask(python: &str, written: &[Written]) -> anyhow::Result<Vec<Outputs>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/peft_outputs.py");
    let cases: Vec<_> = written
        .iter()
        .map(|case| {
            let kind = if case.is_reward { "reward" } else { "policy" };
            json!({ "base": case.base, "adapter": case.adapter, "kind": kind })
        })
        .collect();
    let output = Command::new(python)
        .arg(script)
        .arg(serde_json::to_string(&cases)?)
        .arg(serde_json::to_string(&ROWS)?)
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{python} failed: {errors}");
    let answer = String::from_utf8_lossy(&output.stdout);
    let answers = answer.lines().filter(|line| line.starts_with('{'));
    answers.map(|line| Ok(serde_json::from_str(line)?)).collect()
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
