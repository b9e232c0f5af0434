//! Is a device to be trusted? A forward pass, a training step and cached decoding, against another device.
//!
//! GPU drivers exist that run without an error and compute wrong numbers, or never change a parameter. So no
//! device is used before this check has passed on it.

use burn::tensor::{Device, ExecutionError, Tensor};
use rllr_model::{
    BatchError, CacheFull, CausalLm, CausalLmConfig, HostTensor, KvCache, PaddingSide, TokenBatch, Weights,
    WeightsError, initial_weights,
};

use crate::{LmTrainer, LmTrainerConfig};

/// Largest difference that rounding alone explains, relative to the largest number of the compared array.
///
/// Devices sum in different orders, and GPUs may contract or approximate `exp` and `sin` to some units in the
/// last place (WGSL allows `exp` an error of `3 + 2·|x|` such units). Software adapters were seen at 1e-6; a
/// wrong kernel was never seen below 1e-2.
const TOLERANCE: f32 = 1e-3;

/// Tokens in the cache before the decoding steps.
const PREFILL_TOKENS: usize = 3;

/// What the self-check found, one entry per thing compared.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfCheck {
    /// In the order in which a training step needs them.
    pub checks: Vec<Check>,
}

/// One comparison between a device and the reference device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Check {
    /// What was compared.
    pub name: CheckName,
    /// Largest absolute difference, divided by the largest absolute number on the reference device.
    /// For [`CheckName::Update`] the share of the expected movement that is missing.
    /// Not a number when the device gave one.
    pub largest_difference: f32,
    /// Largest difference that passes.
    pub tolerance: f32,
}

/// What the self-check compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckName {
    /// Logits of a whole batch.
    Forward,
    /// Loss of a training step.
    Loss,
    /// Global gradient norm of a training step.
    GradientNorm,
    /// How far the training step moved the parameters: catches an optimiser that changes nothing.
    Update,
    /// Parameters after the training step.
    Parameters,
    /// Logits of decoding with a cache against the forward pass of the same device.
    CachedDecoding,
}

/// Why the self-check could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum SelfCheckError {
    /// A device failed while it was read.
    #[error("the device failed during the self-check: {0:?}")]
    Device(ExecutionError),
    /// The device failed while its weights were read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// What one device computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    logits: Vec<f32>,
    loss: f32,
    grad_norm: f32,
    parameters_before: Weights,
    parameters_after: Weights,
    decoded_logits: Vec<f32>,
}

impl SelfCheck {
    /// Whether every comparison is within its tolerance.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(Check::passed)
    }
}

impl Check {
    /// Whether the difference is within the tolerance; what is not a number is not.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.largest_difference <= self.tolerance
    }
}

impl CheckName {
    /// A few words for people.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Forward => "forward pass",
            Self::Loss => "training loss",
            Self::GradientNorm => "gradient norm",
            Self::Update => "optimiser step moves the weights",
            Self::Parameters => "weights after the step",
            Self::CachedDecoding => "decoding with a cache",
        }
    }
}

/// Runs a tiny model on `device` and on `reference` (the CPU) and compares what they computed.
///
/// Both devices are given without autodiff.
///
/// # Errors
///
/// [`SelfCheckError`] when a device fails outright; a device that computes wrong numbers is no error but a
/// [`SelfCheck`] that has not passed.
pub async fn self_check(device: &Device, reference: &Device) -> Result<SelfCheck, SelfCheckError> {
    let expected = observe(reference).await?;
    let found = observe(device).await?;
    Ok(compare(&found, &expected))
}

/// Runs the tiny model on one device.
///
/// # Errors
///
/// [`SelfCheckError`] when the device fails outright.
pub async fn observe(device: &Device) -> Result<Observation, SelfCheckError> {
    let config = tiny_config();
    let weights = tiny_weights(&config);
    let batch = tiny_batch(config.vocab_size).expect("the batch is a constant of this file");

    let model = CausalLm::from_weights(&config, &weights, device)?;
    let logits = read(model.forward(&batch.to_device(device))).await?;
    let decoded_logits = decode_with_cache(&model, &config, &batch, device).await?;

    let model = CausalLm::from_weights(&config, &weights, &device.clone().autodiff())?;
    let settings = LmTrainerConfig {
        learning_rate: 1e-2,
        ..LmTrainerConfig::default()
    };
    let mut trainer = LmTrainer::new(model, settings);
    let parameters_before = trainer.model().weights().await?;
    let metrics = trainer
        .step(&batch)
        .read()
        .await
        .map_err(SelfCheckError::Device)?;
    let parameters_after = trainer.model().weights().await?;

    let (loss, grad_norm) = (metrics.loss, metrics.grad_norm);
    Ok(Observation {
        logits,
        loss,
        grad_norm,
        parameters_before,
        parameters_after,
        decoded_logits,
    })
}

/// Compares what a device computed with what the reference computed.
fn compare(found: &Observation, expected: &Observation) -> SelfCheck {
    let check = |name, largest_difference| Check {
        name,
        largest_difference,
        tolerance: TOLERANCE,
    };
    let parameters = |weights: &Weights| {
        weights
            .0
            .values()
            .flat_map(|t| t.data.clone())
            .collect::<Vec<_>>()
    };
    let checks = vec![
        check(
            CheckName::Forward,
            relative_difference(&found.logits, &expected.logits),
        ),
        check(
            CheckName::Loss,
            relative_difference(&[found.loss], &[expected.loss]),
        ),
        check(
            CheckName::GradientNorm,
            relative_difference(&[found.grad_norm], &[expected.grad_norm]),
        ),
        // Adam's first step moves nearly every weight by the learning rate, so half of it is far below what a
        // working optimiser does and far above what rounding could fake.
        Check {
            name: CheckName::Update,
            largest_difference: missing_movement(found, expected),
            tolerance: 0.5,
        },
        check(
            CheckName::Parameters,
            relative_difference(
                &parameters(&found.parameters_after),
                &parameters(&expected.parameters_after),
            ),
        ),
        check(
            CheckName::CachedDecoding,
            relative_difference(&found.decoded_logits, &found.logits),
        ),
    ];
    SelfCheck { checks }
}

/// Largest `|found − expected|` over largest `|expected|`; not a number when any difference is not one.
fn relative_difference(found: &[f32], expected: &[f32]) -> f32 {
    if found.len() != expected.len() {
        return f32::NAN;
    }
    let mut largest = 0.0f32;
    for (a, b) in found.iter().zip(expected) {
        let difference = (a - b).abs();
        if difference.is_nan() {
            return f32::NAN;
        }
        largest = largest.max(difference);
    }
    let scale = expected.iter().fold(0.0f32, |scale, x| scale.max(x.abs()));
    largest / scale
}

/// Largest share, over all tensors, of the reference's mean movement that the device's tensor did not make.
fn missing_movement(found: &Observation, expected: &Observation) -> f32 {
    let mut worst = 0.0f32;
    for (name, before) in &expected.parameters_before.0 {
        let wanted = mean_movement(Some(before), expected.parameters_after.0.get(name));
        let made = mean_movement(
            found.parameters_before.0.get(name),
            found.parameters_after.0.get(name),
        );
        let missing = 1.0 - made / wanted;
        if missing.is_nan() {
            return f32::NAN;
        }
        worst = worst.max(missing);
    }
    worst
}

fn mean_movement(before: Option<&HostTensor>, after: Option<&HostTensor>) -> f32 {
    let (Some(before), Some(after)) = (before, after) else {
        return f32::NAN;
    };
    let sum: f32 = before
        .data
        .iter()
        .zip(&after.data)
        .map(|(a, b)| (a - b).abs())
        .sum();
    sum / before.data.len() as f32
}

/// Logits of all columns, the first ones read at once and the others one by one, `[batch, seq_len, vocab]`.
async fn decode_with_cache(
    model: &CausalLm,
    config: &CausalLmConfig,
    batch: &TokenBatch,
    device: &Device,
) -> Result<Vec<f32>, SelfCheckError> {
    let [rows, seq_len] = batch.dims();
    let mut cache = KvCache::new(config, rows, seq_len, device);
    let mut logits = vec![decode(model, batch, 0..PREFILL_TOKENS, &mut cache, device)];
    for column in PREFILL_TOKENS..seq_len {
        logits.push(decode(model, batch, column..column + 1, &mut cache, device));
    }
    read(Tensor::cat(logits, 1)).await
}

fn decode(
    model: &CausalLm,
    batch: &TokenBatch,
    columns: std::ops::Range<usize>,
    cache: &mut KvCache,
    device: &Device,
) -> Tensor<3> {
    let fits: Result<_, CacheFull> = model.forward_cached(&batch.columns_to_device(columns, device), cache);
    fits.expect("the cache is as long as the batch")
}

async fn read(tensor: Tensor<3>) -> Result<Vec<f32>, SelfCheckError> {
    let data = tensor.into_data_async().await.map_err(SelfCheckError::Device)?;
    Ok(data.iter::<f32>().collect())
}

/// One block with grouped-query attention: every kind of kernel that the real models use, few dispatches.
fn tiny_config() -> CausalLmConfig {
    CausalLmConfig {
        vocab_size: 64,
        hidden_size: 32,
        intermediate_size: 64,
        num_hidden_layers: 1,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 8,
        max_position_embeddings: 32,
        norm_epsilon: 1e-6,
        rope_theta: 10_000.0,
        tie_word_embeddings: false,
        ..CausalLmConfig::default()
    }
}

/// Large weights, so that a wrong rotation or mask moves the logits far above the tolerance.
fn tiny_weights(config: &CausalLmConfig) -> Weights {
    use rand_chacha::rand_core::SeedableRng as _;
    initial_weights(
        config,
        0.3,
        &mut rand_chacha::ChaCha8Rng::seed_from_u64(20_240_601),
    )
}

/// Two rows without padding: logits at padding are arbitrary and must not be compared.
fn tiny_batch(vocab_size: usize) -> Result<TokenBatch, BatchError> {
    let rows: [Vec<u32>; 2] = [
        (0..8).map(|i| (i * 7 + 3) % 64).collect(),
        (0..8).map(|i| (i * 11 + 5) % 64).collect(),
    ];
    TokenBatch::from_rows(&rows, PaddingSide::Right, vocab_size)
}

#[cfg(test)]
mod tests;
