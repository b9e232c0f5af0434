//! Every golden model computes what transformers computed: logits, gradients, greedy tokens.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use burn::module::{ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rllr_model::{
    CausalLm, CausalLmConfig, KvCache, PaddingSide, ParameterLayout, ParameterName, ScalarModel, TokenBatch,
    Weights, masked_mean, token_log_probs,
};
use serde::Deserialize;

use crate::golden::ModelFiles;
use crate::numbers::{Array, close, largest_difference, read, token_batch};

/// How far numbers may be from transformers'.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Of a logit or score: `|a − b| ≤ logits · max(1, |b|)`.
    pub logits: f32,
    /// Of a gradient, in parts of its tensor's largest entry.
    pub gradients: f32,
}

impl Tolerance {
    /// float32 differs from float64 by 2.8e-5 in the reference; wrong formulas differ by more than 4e-3.
    pub const CPU: Self = Self {
        logits: 1e-4,
        gradients: 1e-3,
    };
    /// Shading languages let a GPU round exponentials and quotients more coarsely.
    pub const GPU: Self = Self {
        logits: 1e-3,
        gradients: 5e-3,
    };
}

#[derive(Deserialize)]
struct Cases {
    right_padded: Padded,
    left_padded: Padded,
    gradient: Gradient,
    greedy: Option<Greedy>,
}

#[derive(Deserialize)]
struct Padded {
    input_ids: Array,
    attention_mask: Array,
    logits: Option<Array>,
    scores: Option<Array>,
}

#[derive(Deserialize)]
struct Gradient {
    labels: Option<Array>,
    target: Option<Array>,
    loss: f32,
    tensors: Vec<String>,
    global_norm_all_parameters: f64,
}

#[derive(Deserialize)]
struct Greedy {
    new_tokens: Array,
    last_step_logits: Array,
}

impl Padded {
    fn batch(&self, side: PaddingSide, vocab_size: usize) -> anyhow::Result<TokenBatch> {
        token_batch(&self.input_ids, &self.attention_mask, side, vocab_size)
    }
}

/// Checks every golden model on `device`.
///
/// # Errors
///
/// When a golden file is missing or damaged, or a number is further from transformers' than the tolerance.
pub async fn check_all(cases: &[ModelFiles], device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    for files in cases {
        check(files, device, tolerance)
            .await
            .with_context(|| format!("golden model {}", files.name))?;
    }
    Ok(())
}

async fn check(files: &ModelFiles, device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    let config = CausalLmConfig::from_hugging_face(&files.config)?;
    let legacy = CausalLmConfig::from_hugging_face(&files.config_legacy)?;
    ensure!(config == legacy, "the dialects differ: {config:?} and {legacy:?}");
    let weights = Weights::from_safetensors(&files.model)?;
    let cases: Cases = serde_json::from_str(&files.cases).context("cases.json")?;
    if cases.right_padded.scores.is_some() {
        return check_scalar(&config, &weights, &cases, files, device, tolerance).await;
    }
    let model = CausalLm::from_weights(&config, &weights, device)?;
    ensure!(
        model.weights().await? == weights,
        "the model gives back other weights than it was built from"
    );
    for (padded, side) in [
        (&cases.right_padded, PaddingSide::Right),
        (&cases.left_padded, PaddingSide::Left),
    ] {
        let batch = padded.batch(side, config.vocab_size)?;
        let logits = read(model.forward(&batch.to_device(device))).await?;
        let expected = padded.logits.as_ref().context("no logits")?.numbers();
        let vocab_size = config.vocab_size;
        for (position, _) in batch.mask().iter().enumerate().filter(|(_, counts)| **counts) {
            let slot = position * vocab_size..(position + 1) * vocab_size;
            close(&logits[slot.clone()], &expected[slot], tolerance.logits)
                .with_context(|| format!("logits, {side:?} padding, position {position}"))?;
        }
    }
    check_gradients(&config, &weights, &cases, files, device, tolerance).await?;
    let greedy = cases.greedy.as_ref().context("no greedy tokens")?;
    check_greedy(&model, &config, &cases.left_padded, greedy, device, tolerance).await
}

async fn check_scalar(
    config: &CausalLmConfig,
    weights: &Weights,
    cases: &Cases,
    files: &ModelFiles,
    device: &Device,
    tolerance: Tolerance,
) -> anyhow::Result<()> {
    let model = ScalarModel::from_weights(config, weights, device)?;
    ensure!(
        model.weights().await? == *weights,
        "the model gives back other weights than it was built from"
    );
    for (padded, side) in [
        (&cases.right_padded, PaddingSide::Right),
        (&cases.left_padded, PaddingSide::Left),
    ] {
        let batch = padded.batch(side, config.vocab_size)?;
        let scores = read(model.scores(&batch.to_device(device), &batch)).await?;
        let expected = padded.scores.as_ref().context("no scores")?.numbers();
        close(&scores, &expected, tolerance.logits).with_context(|| format!("scores, {side:?} padding"))?;
    }
    let device = device.clone().autodiff();
    let model = ScalarModel::from_weights(config, weights, &device)?;
    let batch = cases.right_padded.batch(PaddingSide::Right, config.vocab_size)?;
    let target = cases.gradient.target.as_ref().context("no target")?.numbers();
    let target = Tensor::<1>::from_data(TensorData::new(target.clone(), [target.len()]), &device);
    let loss = (model.scores(&batch.to_device(&device), &batch) - target)
        .square()
        .mean();
    let gradients = read_gradients(&model, &model.parameter_names(), &loss.backward()).await?;
    compare_gradients(cases, files, loss, &gradients, tolerance).await
}

async fn check_gradients(
    config: &CausalLmConfig,
    weights: &Weights,
    cases: &Cases,
    files: &ModelFiles,
    device: &Device,
    tolerance: Tolerance,
) -> anyhow::Result<()> {
    let device = device.clone().autodiff();
    let model = CausalLm::from_weights(config, weights, &device)?;
    let batch = cases.right_padded.batch(PaddingSide::Right, config.vocab_size)?;
    let input = batch.to_device(&device);
    let labels = cases.gradient.labels.as_ref().context("no labels")?;
    // Slot t predicts token t + 1, so the first label of a row is not used.
    let mask: Vec<f32> = labels
        .rows()
        .flat_map(|row| row[1..].iter().map(|&label| if label >= 0.0 { 1.0 } else { 0.0 }))
        .collect();
    let mask = TensorData::new(mask, [labels.shape[0], labels.shape[1] - 1]);
    let log_probs = token_log_probs(model.forward(&input), input.tokens.clone());
    let loss = -masked_mean(log_probs, Tensor::from_data(mask, &device));
    let gradients = read_gradients(&model, &model.parameter_names(), &loss.backward()).await?;
    compare_gradients(cases, files, loss, &gradients, tolerance).await
}

async fn compare_gradients(
    cases: &Cases,
    files: &ModelFiles,
    loss: Tensor<1>,
    gradients: &BTreeMap<String, Vec<f32>>,
    tolerance: Tolerance,
) -> anyhow::Result<()> {
    close(
        &read(loss.inner()).await?,
        &[cases.gradient.loss],
        tolerance.logits,
    )
    .context("loss")?;
    let expected = Weights::from_safetensors(&files.gradients)?;
    ensure!(
        expected.0.len() == cases.gradient.tensors.len(),
        "cases.json lists other gradients"
    );
    for (name, tensor) in &expected.0 {
        let found = gradients
            .get(name)
            .with_context(|| format!("no gradient of {name}"))?;
        let largest = tensor.data.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        let apart = largest_difference(found, &tensor.data);
        ensure!(
            apart <= tolerance.gradients * largest,
            "gradient of {name} is {apart:e} apart, its largest entry is {largest:e}"
        );
    }
    let norm = gradients
        .values()
        .flatten()
        .map(|&x| f64::from(x).powi(2))
        .sum::<f64>()
        .sqrt();
    let apart = (norm / cases.gradient.global_norm_all_parameters - 1.0).abs();
    ensure!(
        apart <= f64::from(tolerance.gradients),
        "global norm {norm}, {apart:e} apart"
    );
    Ok(())
}

/// Greedy continuation with the cache; and what the cache gives equals reading everything again.
async fn check_greedy(
    model: &CausalLm,
    config: &CausalLmConfig,
    padded: &Padded,
    greedy: &Greedy,
    device: &Device,
    tolerance: Tolerance,
) -> anyhow::Result<()> {
    let prompt = padded.batch(PaddingSide::Left, config.vocab_size)?;
    let [rows, prompt_len] = prompt.dims();
    let mut texts: Vec<Vec<u32>> = (0..rows)
        .map(|row| {
            let slots = row * prompt_len..(row + 1) * prompt_len;
            slots
                .filter(|&slot| prompt.mask()[slot])
                .map(|slot| prompt.tokens()[slot])
                .collect()
        })
        .collect();
    let steps = greedy.new_tokens.shape[1];
    let mut cache = KvCache::new(config, rows, prompt_len + steps, device);
    let mut last = Vec::new();
    for step in 0..steps {
        let batch = TokenBatch::from_rows(&texts, PaddingSide::Left, config.vocab_size)?;
        let [_, seq_len] = batch.dims();
        let start = if step == 0 { 0 } else { seq_len - 1 };
        let input = batch.columns_to_device(start..seq_len, device);
        let logits = model.forward_cached(&input, &mut cache)?;
        last = read(logits.narrow(1, seq_len - start - 1, 1)).await?;
        let all = read(model.forward(&batch.to_device(device)).narrow(1, seq_len - 1, 1)).await?;
        close(&last, &all, tolerance.logits)
            .with_context(|| format!("cache against no cache, step {step}"))?;
        for (text, logits) in texts.iter_mut().zip(last.chunks(config.vocab_size)) {
            let best = (0u32..)
                .zip(logits)
                .max_by(|a, b| a.1.total_cmp(b.1))
                .context("no logits")?;
            text.push(best.0);
        }
    }
    close(&last, &greedy.last_step_logits.numbers(), tolerance.logits).context("last logits")?;
    for (text, expected) in texts.iter().zip(greedy.new_tokens.rows()) {
        let found: Vec<f64> = text[text.len() - steps..]
            .iter()
            .map(|&id| f64::from(id))
            .collect();
        ensure!(
            found == expected,
            "greedy tokens {found:?}, transformers has {expected:?}"
        );
    }
    Ok(())
}

/// Gradients by the name and in the layout of the file.
async fn read_gradients(
    module: &impl burn::module::Module,
    names: &[ParameterName],
    gradients: &Gradients,
) -> anyhow::Result<BTreeMap<String, Vec<f32>>> {
    let mut collector = GradientCollector {
        gradients,
        names,
        found: Vec::new(),
    };
    module.visit(&mut collector);
    let mut read_back = BTreeMap::new();
    for (name, gradient) in collector.found {
        read_back.insert(name, read(gradient).await?);
    }
    ensure!(
        read_back.len() == names.len(),
        "{} of {} parameters have a gradient",
        read_back.len(),
        names.len()
    );
    Ok(read_back)
}

struct GradientCollector<'a> {
    gradients: &'a Gradients,
    names: &'a [ParameterName],
    found: Vec<(String, Tensor<1>)>,
}

impl ModuleVisitor for GradientCollector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = |id: ParamId| self.names.iter().find(|name| name.id == id);
        let (Some(gradient), Some(name)) = (param.val().grad(self.gradients), name(param.id)) else {
            return;
        };
        let gradient = match name.layout {
            ParameterLayout::AsStored => gradient,
            ParameterLayout::Transposed => gradient.swap_dims(0, 1),
        };
        let len = gradient.shape().num_elements();
        self.found.push((name.name.clone(), gradient.reshape([len])));
    }
}
