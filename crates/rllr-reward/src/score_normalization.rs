//! Scores of reward models on one scale, so that a KL coefficient means the same for each of them.

use crate::rounding::to_f32;

#[cfg(test)]
#[path = "score_normalization/tests.rs"]
mod tests;

/// Mean and standard deviation (unbiased) of scores; NaN without a score, the deviation also with one.
#[must_use]
pub fn mean_and_std(scores: &[f32]) -> (f64, f64) {
    let count = scores.len() as f64;
    let mean = scores.iter().map(|&score| f64::from(score)).sum::<f64>() / count;
    let squares: f64 = scores
        .iter()
        .map(|&score| (f64::from(score) - mean).powi(2))
        .sum();
    (mean, (squares / (count - 1.0)).sqrt())
}

/// Mean and variance of all scores seen so far. Part of a checkpoint.
///
/// Source: TRL 0.7.2 `RunningMoments`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunningMoments {
    /// Mean of all scores. At first 0.
    pub mean: f64,
    /// Biased variance of all scores. At first 1, which `count` makes weightless.
    pub variance: f64,
    /// Number of scores. At first 1e-24, as in TRL.
    pub count: f64,
}

impl Default for RunningMoments {
    fn default() -> Self {
        Self {
            mean: 0.0,
            variance: 1.0,
            count: 1e-24,
        }
    }
}

impl RunningMoments {
    /// Adds a batch of scores, `[batch]`.
    ///
    /// With batch moments `μ_b, σ²_b, n_b`, `δ = μ_b − μ` and `N = n + n_b`:
    /// `μ ← μ + δ n_b / N`, `σ² ← (σ² n + σ²_b n_b + δ² n n_b / N) / N`.
    ///
    /// Source: Chan et al. 1979, as in TRL 0.7.2.
    pub fn update(&mut self, scores: &[f32]) {
        if scores.is_empty() {
            return;
        }
        let batch_count = scores.len() as f64;
        let batch_mean = scores.iter().map(|&score| f64::from(score)).sum::<f64>() / batch_count;
        let squares = |&score: &f32| (f64::from(score) - batch_mean).powi(2);
        let batch_variance = scores.iter().map(squares).sum::<f64>() / batch_count;

        let Self {
            mean,
            variance,
            count,
        } = *self;
        let delta = batch_mean - mean;
        let total = count + batch_count;
        let within = variance * count + batch_variance * batch_count;
        let between = delta.powi(2) * count * batch_count / total;
        *self = Self {
            mean: mean + delta * batch_count / total,
            variance: (within + between) / total,
            count: total,
        };
    }

    /// Unbiased standard deviation: `√(σ² n / (n − 1))`. Infinite after a single score, as in TRL, so that its
    /// normalised score is 0.
    #[must_use]
    pub fn std(&self) -> f64 {
        (self.variance * self.count / (self.count - 1.0)).sqrt()
    }

    /// `(score − μ) / (σ + ε)` with `ε = 1.1920929e-7`, the precision of `f32`.
    #[must_use]
    pub fn normalize(&self, score: f32) -> f32 {
        to_f32((f64::from(score) - self.mean) / (self.std() + f64::from(f32::EPSILON)))
    }

    /// `score / (σ + ε)`: the same scale, and the mean stays.
    #[must_use]
    pub fn scale(&self, score: f32) -> f32 {
        to_f32(f64::from(score) / (self.std() + f64::from(f32::EPSILON)))
    }
}

/// Makes the scores of reference answers have mean 0 and standard deviation 1, once, before training.
///
/// `score' = gain · score + bias` with `gain = 1 / std` and `bias = −gain · mean` of the reference answers' scores.
///
/// Source: Ziegler et al. 2019 (arXiv 1909.08593), section 2.1; lm-human-preference-details, with its unbiased
/// deviation.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceScale {
    /// Factor.
    pub gain: f64,
    /// Summand.
    pub bias: f64,
}

/// Reference scores that fix no scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReferenceError {
    /// Number of scores given.
    pub count: usize,
    /// Their standard deviation.
    pub std: f64,
}

impl std::fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, std } = self;
        write!(
            f,
            "{count} reference scores with standard deviation {std}, expected at least 2 different, finite scores"
        )
    }
}

impl std::error::Error for ReferenceError {}

impl ReferenceScale {
    /// The scale on which these scores, `[samples]`, have mean 0 and standard deviation 1.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`] when fewer than two scores are given, all are equal, or one is not finite.
    pub fn new(reference_scores: &[f32]) -> Result<Self, ReferenceError> {
        let (mean, std) = mean_and_std(reference_scores);
        if !(std.is_finite() && std > 0.0) {
            let count = reference_scores.len();
            return Err(ReferenceError { count, std });
        }
        Ok(Self {
            gain: 1.0 / std,
            bias: -mean / std,
        })
    }

    /// `gain · score + bias`.
    #[must_use]
    pub fn normalize(&self, score: f32) -> f32 {
        to_f32(self.gain * f64::from(score) + self.bias)
    }
}

/// How final scores are normalised. The running forms change with every batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreNormalization {
    /// Scores as they are.
    #[default]
    None,
    /// Running mean and deviation (TRL 0.7.2: `use_score_scaling` and `use_score_norm`). All RLLR scripts.
    RunningMeanAndStd(RunningMoments),
    /// Running deviation, the mean stays (TRL 0.7.2: `use_score_scaling` alone).
    RunningStd(RunningMoments),
    /// A fixed scale from reference answers.
    Reference(ReferenceScale),
}

impl ScoreNormalization {
    /// Normalised scores, `[batch]` to `[batch]`. The running moments take the batch in first, then normalise it.
    ///
    /// Source: RLLR's method with TRL 0.7.2 (`PPOTrainer.step`).
    pub fn normalize(&mut self, scores: &[f32]) -> Vec<f32> {
        if let Self::RunningMeanAndStd(moments) | Self::RunningStd(moments) = self {
            moments.update(scores);
        }
        let normalize = |&score: &f32| match self {
            Self::None => score,
            Self::RunningMeanAndStd(moments) => moments.normalize(score),
            Self::RunningStd(moments) => moments.scale(score),
            Self::Reference(scale) => scale.normalize(score),
        };
        scores.iter().map(normalize).collect()
    }
}

/// Scores within `[−limit, limit]` (TRL 0.7.2: `score_clip`), after normalisation, `[batch]` to `[batch]`.
#[must_use]
pub fn clip_scores(scores: &[f32], limit: f32) -> Vec<f32> {
    assert!(limit >= 0.0, "scores are clipped to ±{limit}");
    scores.iter().map(|score| score.clamp(-limit, limit)).collect()
}
