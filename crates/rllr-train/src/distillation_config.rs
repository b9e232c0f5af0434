//! Settings of distillation on a teacher's distributions.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use crate::optimization::SettingError;
use crate::sft_config::SftConfig;

/// Settings of [`DistillationTrainer`](crate::DistillationTrainer). Defaults of the divergence are TRL 1.12's
/// `GKDConfig` (Agarwal et al. 2024, arXiv 2306.13649).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DistillationConfig {
    /// Everything that supervised fine-tuning has too. Default as there.
    pub training: SftConfig,
    /// What is minimised.
    pub divergence: Divergence,
    /// Share of steps that learn from responses of the student itself, 0 to 1 (TRL: `lmbda`). Default 0.5.
    pub on_policy: OnPolicyShare,
}

/// The generalised Jensen-Shannon divergence; see [`generalized_jsd`](crate::generalized_jsd).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Divergence {
    /// 0: `KL(teacher ‖ student)`; 1: `KL(student ‖ teacher)`; between: of both from their mixture. Default 0.5.
    pub beta: f64,
    /// Logits of both are divided by this. Default 0.9.
    pub temperature: f64,
}

/// Share of steps that learn from responses of the student itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OnPolicyShare(pub f64);

impl Default for Divergence {
    fn default() -> Self {
        Self {
            beta: 0.5,
            temperature: 0.9,
        }
    }
}

impl Default for OnPolicyShare {
    fn default() -> Self {
        Self(0.5)
    }
}

impl DistillationConfig {
    /// Checks what a value alone cannot show.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for numbers out of range.
    pub fn check(&self) -> Result<(), SettingError> {
        self.training.check()?;
        let share = |field, found: f64| {
            if (0.0..=1.0).contains(&found) {
                return Ok(());
            }
            let found = found.to_string();
            let expected = "0 to 1";
            Err(SettingError {
                field,
                found,
                expected,
            })
        };
        share("divergence.beta", self.divergence.beta)?;
        share("on_policy", self.on_policy.0)?;
        let temperature = self.divergence.temperature;
        if temperature.is_finite() && temperature > 0.0 {
            return Ok(());
        }
        Err(SettingError {
            field: "divergence.temperature",
            found: temperature.to_string(),
            expected: "a positive number",
        })
    }

    /// Whether step `step`, from 0, learns from responses that the student wrote: a pure function of seed and step.
    #[must_use]
    pub fn is_on_policy(&self, step: usize) -> bool {
        let mut rng = ChaCha8Rng::seed_from_u64(self.training.seed ^ ON_POLICY);
        rng.set_stream(step as u64);
        let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        uniform < self.on_policy.0
    }
}

/// Keeps these random numbers apart from those of order and dropout.
const ON_POLICY: u64 = 0x6f6e_706f_6c69_6379;
