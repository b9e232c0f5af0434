//! What recorded PPO runs have in common: tensors in JSON, and comparing with them.

use anyhow::ensure;
use rllr_model::Weights;
use serde::{Deserialize, Deserializer};

/// How far numbers may be from the recorded ones: `|a − b| ≤ tolerance · max(1, |b|)`.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Of log-probabilities and values.
    pub log_probs: f64,
    /// Of rewards, advantages, returns and losses.
    pub losses: f64,
    /// Of weights; a step moves them by the learning rate, 1e-3 to 3e-3.
    pub weights: f64,
    /// Of what is computed from scores alone: KL coefficient, running moments.
    pub scalars: f64,
    /// Of numbers that divide by small ones, relative.
    pub relative: f64,
}

impl Tolerance {
    /// float32 differs from float64 in the reference by 3e-5 in log-probabilities, 1.2e-5 in losses, 9e-6 in weights.
    pub const CPU: Self = Self {
        log_probs: 1e-4,
        losses: 5e-5,
        weights: 5e-5,
        scalars: 1e-6,
        relative: 1e-3,
    };
    /// Shading languages let a GPU round exponentials and quotients more coarsely.
    pub const GPU: Self = Self {
        log_probs: 1e-3,
        losses: 5e-4,
        weights: 5e-4,
        scalars: 1e-5,
        relative: 1e-2,
    };
}

/// A tensor in JSON.
#[derive(Clone, Debug, Deserialize)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    #[serde(deserialize_with = "numbers")]
    pub data: Vec<f64>,
}

/// A number or a tensor.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Statistic {
    /// A number.
    Number(f64),
    /// `"nan"`, `"inf"` or `"-inf"`.
    NotFinite(String),
    /// A tensor.
    Array(Array),
}

impl Array {
    /// Row `row` of a matrix.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        let len = self.shape[1];
        &self.data[row * len..(row + 1) * len]
    }
}

/// JSON has no NaN or infinity: they are strings.
fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let values = Vec::<serde_json::Value>::deserialize(deserializer)?;
    let number = |value: serde_json::Value| match &value {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    values
        .into_iter()
        .map(|value| {
            number(value.clone()).ok_or_else(|| serde::de::Error::custom(format!("{value} is no number")))
        })
        .collect()
}

/// Fails when a number is too far from the recorded one.
///
/// # Errors
///
/// Says what was found and expected, and where.
pub fn close(what: &str, found: f64, expected: f64, tolerance: f64) -> anyhow::Result<()> {
    if found.is_nan() && expected.is_nan() {
        return Ok(());
    }
    let difference = (found - expected).abs();
    ensure!(
        difference <= tolerance * expected.abs().max(1.0),
        "{what}: {found}, recorded {expected}: {difference:e} apart"
    );
    Ok(())
}

/// Fails when a tensor is missing, too many, or too far from the recorded one.
///
/// # Errors
///
/// Names the tensor.
pub fn check_weights(what: &str, found: &Weights, expected: &Weights, tolerance: f64) -> anyhow::Result<()> {
    let names = |weights: &Weights| weights.0.keys().cloned().collect::<Vec<_>>();
    ensure!(
        names(found) == names(expected),
        "{what}: tensors {:?}, recorded {:?}",
        names(found),
        names(expected)
    );
    for (name, tensor) in &found.0 {
        let recorded = &expected.0[name];
        ensure!(tensor.shape == recorded.shape, "{what}: shape of {name}");
        for (place, (found, expected)) in tensor.data.iter().zip(&recorded.data).enumerate() {
            close(
                &format!("{what}: {name}[{place}]"),
                f64::from(*found),
                f64::from(*expected),
                tolerance,
            )?;
        }
    }
    Ok(())
}
