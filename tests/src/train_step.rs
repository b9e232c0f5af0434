//! The one body of the training test: five steps from fixed weights on fixed tokens, against PyTorch.

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use rllr_model::{CausalLm, CausalLmConfig, PaddingSide, TokenBatch, Weights};
use rllr_train::{LmTrainer, LmTrainerConfig};
use serde::Deserialize;

use crate::golden::{TrainStepFiles, train_step_cases};

/// How far a device may be from PyTorch.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Of losses and gradient norms, relative.
    pub relative: f32,
    /// Of the first batch's logits, absolute; their size is about 1 to 10.
    pub logits: f32,
    /// Of the final weights, absolute. Five steps move a weight by up to five times the learning rate, 0.015.
    pub weights: f32,
}

impl Tolerance {
    /// The CPU sums in another order than PyTorch, nothing else: PyTorch in f32 is 2e-7 from itself in f64 in the
    /// losses and 1.5e-5 in the weights, where Adam divides small gradients by their own size.
    pub const CPU: Self = Self {
        relative: 1e-4,
        logits: 1e-4,
        weights: 1e-4,
    };

    /// WGSL allows `exp` an error of `3 + 2·|x|` units in the last place, inverse square roots 2 and divisions 2.5, and
    /// drivers may fuse multiply-adds: about 1e-6 for each operation and, through the depth of the model and five
    /// steps of Adam, ten times the CPU's bound. A wrong mask, rotation or update moves the losses by 1e-2 and more.
    pub const GPU: Self = Self {
        relative: 1e-3,
        logits: 1e-3,
        weights: 1e-3,
    };
}

#[derive(Deserialize)]
struct Trace {
    config: CausalLmConfig,
    trainer: LmTrainerConfig,
    padding_side: String,
    batches: Vec<Vec<Vec<u32>>>,
    first_logits: Logits,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Logits {
    data: Vec<f32>,
}

#[derive(Deserialize)]
struct Step {
    loss: f32,
    grad_norm: f32,
}

/// Trains every golden case on `device` and compares.
///
/// # Errors
///
/// When a golden file is missing, or a number is further from PyTorch's than the tolerance.
pub async fn check_all(device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    for case in train_step_cases()? {
        check(&case, device, tolerance)
            .await
            .with_context(|| format!("golden case {}", case.name))?;
    }
    Ok(())
}

async fn check(files: &TrainStepFiles, device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    let trace: Trace = serde_json::from_str(&files.trace).context("trace.json")?;
    ensure!(
        trace.steps.len() == 5 && trace.batches.len() == 5,
        "a case has five steps"
    );
    let batches = trace
        .batches
        .iter()
        .map(|rows| batch(rows, &trace))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let initial = Weights::from_safetensors(&files.initial)?;

    let model = CausalLm::from_weights(&trace.config, &initial, device)?;
    check_logits(&model, &batches[0], &trace.first_logits.data, tolerance.logits).await?;

    let model = CausalLm::from_weights(&trace.config, &initial, &device.clone().autodiff())?;
    let mut trainer = LmTrainer::new(model, trace.trainer);
    for (number, (batch, expected)) in batches.iter().zip(&trace.steps).enumerate() {
        let found = trainer
            .step(batch)
            .read()
            .await
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        for (what, found, expected) in [
            ("loss", found.loss, expected.loss),
            ("gradient norm", found.grad_norm, expected.grad_norm),
        ] {
            let difference = (found / expected - 1.0).abs();
            ensure!(
                difference <= tolerance.relative,
                "step {number}: {what} {found}, PyTorch has {expected}: {difference:e} apart"
            );
        }
    }
    check_weights(
        &trainer,
        &Weights::from_safetensors(&files.last)?,
        tolerance.weights,
    )
    .await
}

fn batch(rows: &[Vec<u32>], trace: &Trace) -> anyhow::Result<TokenBatch> {
    let side = match trace.padding_side.as_str() {
        "left" => PaddingSide::Left,
        "right" => PaddingSide::Right,
        other => anyhow::bail!("padding_side {other:?}, expected left or right"),
    };
    Ok(TokenBatch::from_rows(rows, side, trace.config.vocab_size)?)
}

/// Logits at padding are arbitrary and are not compared.
async fn check_logits(
    model: &CausalLm,
    batch: &TokenBatch,
    expected: &[f32],
    tolerance: f32,
) -> anyhow::Result<()> {
    use burn::module::Module as _;
    let logits = model.forward(&batch.to_device(&model.devices()[0]));
    let [_, _, vocab_size] = logits.dims();
    let found = logits
        .into_data_async()
        .await
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let found: Vec<f32> = found.iter::<f32>().collect();
    ensure!(
        found.len() == expected.len(),
        "{} logits, expected {}",
        found.len(),
        expected.len()
    );
    let rows = found
        .chunks(vocab_size)
        .zip(expected.chunks(vocab_size))
        .zip(batch.mask());
    for (position, ((found, expected), _)) in rows.enumerate().filter(|(_, (_, counts))| **counts) {
        let difference = largest_difference(found, expected);
        ensure!(
            difference <= tolerance,
            "logits of position {position} are {difference:e} from PyTorch's"
        );
    }
    Ok(())
}

async fn check_weights(trainer: &LmTrainer, expected: &Weights, tolerance: f32) -> anyhow::Result<()> {
    let found = trainer.model().weights().await?;
    ensure!(
        found.0.keys().eq(expected.0.keys()),
        "the model has other tensors than PyTorch's"
    );
    for (name, tensor) in &found.0 {
        let difference = largest_difference(&tensor.data, &expected.0[name].data);
        ensure!(
            difference <= tolerance,
            "final {name} is {difference:e} from PyTorch's"
        );
    }
    Ok(())
}

/// Largest `|a − b|`; infinite when a number is not one, or the lengths differ.
fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    let differences = a.iter().zip(b).map(|(a, b)| {
        if (a - b).is_nan() {
            f32::INFINITY
        } else {
            (a - b).abs()
        }
    });
    if a.len() == b.len() {
        differences.fold(0.0, f32::max)
    } else {
        f32::INFINITY
    }
}
