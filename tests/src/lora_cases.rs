//! Every golden adapter computes, learns and merges as PEFT's did.

mod step;

use anyhow::{Context as _, ensure};
use burn::tensor::{Device, Tensor};
use rllr_model::{
    CausalLm, CausalLmConfig, Decoder, LoraAdapter, PaddingSide, PeftAdapter, ScalarHead, ScalarModel,
    TokenBatch, WeightStorage, Weights, last_values,
};
use rllr_train::Checkpointing;
use serde::Deserialize;

use crate::golden::LoraFiles;
use crate::numbers::{Array, close, largest_difference, read, token_batch};
use step::Run;

/// How far numbers may be from PEFT's.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Of a logit, score or loss: `|a − b| ≤ logits · max(1, |b|)`.
    pub logits: f32,
    /// Of a gradient, in parts of its tensor's largest entry.
    pub gradients: f32,
    /// Of a weight after the step, absolute; the step moves it by about 0.01.
    pub weights: f32,
}

impl Tolerance {
    /// float32 differs from float64 by 2e-4 in the reference's gradients and by 1.2e-7 in its weights.
    pub const CPU: Self = Self {
        logits: 1e-4,
        gradients: 1e-3,
        weights: 1e-5,
    };
    /// Shading languages let a GPU round exponentials and quotients more coarsely.
    pub const GPU: Self = Self {
        logits: 1e-3,
        gradients: 5e-3,
        weights: 5e-4,
    };
}

#[derive(Deserialize)]
struct Case {
    scaling: f64,
    input_ids: Array,
    attention_mask: Array,
    labels: Option<Array>,
    target: Option<Array>,
    #[serde(alias = "scores_adapter_off")]
    logits_adapter_off: Array,
    #[serde(alias = "scores")]
    logits: Array,
    optimizer: Optimizer,
    loss_before_step: f32,
    loss_after_step: f32,
    grad_global_norm: f64,
    trainable_parameters: usize,
}

#[derive(Deserialize)]
struct Optimizer {
    betas: [f32; 2],
    eps: f32,
    lr: f64,
    weight_decay: f32,
}

/// The frozen model.
enum Base {
    Policy(CausalLm),
    Reward(ScalarModel),
}

/// What is trained: an adapter, and for a reward model its head.
type Trained = (LoraAdapter, Option<ScalarHead>);

/// Checks every golden adapter on `device`.
///
/// # Errors
///
/// When a golden file is missing or damaged, or a number is further from PEFT's than the tolerance.
pub async fn check_all(cases: &[LoraFiles], device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    for files in cases {
        check(files, device, tolerance)
            .await
            .with_context(|| format!("golden adapter {}", files.name))?;
    }
    Ok(())
}

async fn check(files: &LoraFiles, device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    let case: Case = serde_json::from_str(&files.cases).context("cases.json")?;
    let config = CausalLmConfig::from_hugging_face(&files.base_config)?;
    let base = Base::load(&config, &files.base_model, device)?;
    let training = device.clone().autodiff();
    let peft = PeftAdapter::from_files(&files.config, &files.adapter, &config, &training)?;
    ensure!(
        (peft.adapter.config().scale() / case.scaling - 1.0).abs() < 1e-12,
        "scale {}",
        peft.adapter.config().scale()
    );
    check_files(&peft, files).await?;

    let batch = token_batch(
        &case.input_ids,
        &case.attention_mask,
        PaddingSide::Right,
        config.vocab_size,
    )?;
    let PeftAdapter { adapter, head, .. } = peft;
    let numbers = adapter.num_parameters() + head.iter().map(|_| config.hidden_size).sum::<usize>();
    ensure!(numbers == case.trainable_parameters, "{numbers} trained numbers");
    let trained = (adapter, head);

    let outputs = [
        (
            "adapter off",
            base.outputs(None, &batch, device),
            &case.logits_adapter_off,
        ),
        (
            "adapter on",
            base.outputs(Some(&trained), &batch, device),
            &case.logits,
        ),
        (
            "merged",
            base.merged(&trained).outputs(None, &batch, device),
            &case.logits,
        ),
    ];
    for (what, found, expected) in outputs {
        compare_outputs(found, expected, &batch, tolerance.logits)
            .await
            .context(what)?;
    }
    check_merged(&base.merged(&trained), files).await?;
    for checkpointing in [Checkpointing::None, Checkpointing::PerBlock] {
        let run = Run {
            base: &base,
            case: &case,
            batch: &batch,
            device,
            checkpointing,
        };
        run.check_step(&trained, files, tolerance)
            .await
            .with_context(|| format!("{checkpointing:?}"))?;
    }
    Ok(())
}

/// What is written is what was read: the same tensors, the same targets.
async fn check_files(peft: &PeftAdapter, files: &LoraFiles) -> anyhow::Result<()> {
    #[derive(Deserialize, PartialEq, Debug)]
    struct Keys {
        r: usize,
        lora_alpha: i64,
        use_rslora: bool,
        task_type: String,
        modules_to_save: Option<Vec<String>>,
        target_modules: std::collections::BTreeSet<String>,
    }
    let written = peft.to_files().await?;
    ensure!(
        Weights::from_safetensors(&written.weights)? == Weights::from_safetensors(&files.adapter)?,
        "the adapter gives back other tensors than it was built from"
    );
    let (found, expected): (Keys, Keys) = (
        serde_json::from_str(&written.config)?,
        serde_json::from_str(&files.config)?,
    );
    ensure!(found == expected, "{found:?}, PEFT has {expected:?}");
    Ok(())
}

impl Base {
    fn load(config: &CausalLmConfig, model: &[u8], device: &Device) -> anyhow::Result<Self> {
        let weights = Weights::from_safetensors(model)?;
        let storage = WeightStorage::F32;
        Ok(if weights.0.contains_key("score.weight") {
            Self::Reward(ScalarModel::frozen_from_weights(
                config, &weights, storage, device,
            )?)
        } else {
            Self::Policy(CausalLm::frozen_from_weights(config, &weights, storage, device)?)
        })
    }

    fn decoder(&self) -> &Decoder {
        match self {
            Self::Policy(model) => model.decoder(),
            Self::Reward(model) => model.decoder(),
        }
    }

    fn merged(&self, (adapter, head): &Trained) -> Self {
        match (self, head) {
            (Self::Policy(model), _) => Self::Policy(model.merged(adapter)),
            (Self::Reward(model), None) => Self::Reward(model.merged(adapter)),
            (Self::Reward(model), Some(head)) => Self::Reward(model.merged(adapter).with_head(head.clone())),
        }
    }

    /// Logits `[batch · seq_len, vocab_size]`, or scores `[batch, 1]`.
    fn outputs(&self, trained: Option<&Trained>, batch: &TokenBatch, device: &Device) -> Tensor<2> {
        let input = batch.to_device(device);
        let hidden = self
            .decoder()
            .forward(&input, trained.map(|(adapter, _)| adapter));
        match self {
            Self::Policy(model) => model.without_adapter().logits(hidden).flatten(0, 1),
            Self::Reward(model) => {
                let own_head = trained.and_then(|(_, head)| head.as_ref());
                let values = own_head.unwrap_or(model.head()).values(hidden);
                last_values(values, batch).unsqueeze_dim(1)
            }
        }
    }
}

/// Logits at padding are arbitrary and are not compared.
async fn compare_outputs(
    found: Tensor<2>,
    expected: &Array,
    batch: &TokenBatch,
    tolerance: f32,
) -> anyhow::Result<()> {
    let (found, expected) = (read(found.inner()).await?, expected.numbers());
    let rows = batch.mask().len();
    if !expected.len().is_multiple_of(rows) {
        return close(&found, &expected, tolerance);
    }
    let width = expected.len() / rows;
    for (position, _) in batch.mask().iter().enumerate().filter(|(_, counts)| **counts) {
        let slot = position * width..(position + 1) * width;
        close(&found[slot.clone()], &expected[slot], tolerance)
            .with_context(|| format!("position {position}"))?;
    }
    Ok(())
}

async fn check_merged(merged: &Base, files: &LoraFiles) -> anyhow::Result<()> {
    let found = match merged {
        Base::Policy(model) => model.weights().await?,
        Base::Reward(model) => model.weights().await?,
    };
    let expected = Weights::from_safetensors(&files.merged)?;
    let before = Weights::from_safetensors(&files.base_model)?;
    for (name, tensor) in &found.0 {
        let expected = expected.0.get(name).or(before.0.get(name));
        let expected = expected.with_context(|| format!("{name} is not a tensor of the model"))?;
        let apart = largest_difference(&tensor.data, &expected.data);
        ensure!(apart <= 1e-6, "merged {name} is {apart:e} apart");
    }
    Ok(())
}
