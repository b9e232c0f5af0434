//! How rotary frequencies are stretched, so that a model reads longer texts than it was trained on.

use serde::{Deserialize, Serialize};

use super::{ConfigError, value_error};

/// What is done to the rotary frequencies, as `rope_type` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rope_type", rename_all = "lowercase", deny_unknown_fields)]
pub enum RopeScaling {
    /// Nothing.
    #[default]
    Default,
    /// All are divided by one factor; Chen et al. 2023 (arXiv 2306.15595).
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Slow ones are divided, quick ones kept, those between interpolated; Llama 3.1.
    Llama3 {
        /// The divisor of the slow ones.
        factor: f64,
        /// A wave is slow when fewer than this many fit into the original length.
        low_freq_factor: f64,
        /// A wave is quick when more than this many fit into the original length.
        high_freq_factor: f64,
        /// Longest text of the first training, in tokens.
        original_max_position_embeddings: usize,
    },
}

impl RopeScaling {
    /// The angle by which one position turns a pair, given the angle `frequency` without scaling.
    ///
    /// With wave length `λ = 2π / frequency`, original length `L`, and `low`, `high`, `factor` as named above:
    /// `frequency / factor` where `L/λ < low`, `frequency` where `L/λ > high`, and between them
    /// `(1 − s) · frequency / factor + s · frequency` with `s = (L/λ − low) / (high − low)`.
    /// Source: `_compute_llama3_parameters` in transformers 5.23, `modeling_rope_utils.py`.
    #[must_use]
    pub fn apply(self, frequency: f64) -> f64 {
        match self {
            Self::Default => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => {
                let wave_length = std::f64::consts::TAU / frequency;
                let waves = original_max_position_embeddings as f64 / wave_length;
                if waves < low_freq_factor {
                    frequency / factor
                } else if waves > high_freq_factor {
                    frequency
                } else {
                    let smooth = (waves - low_freq_factor) / (high_freq_factor - low_freq_factor);
                    (1.0 - smooth) * frequency / factor + smooth * frequency
                }
            }
        }
    }

    pub(super) fn validate(self) -> Result<(), ConfigError> {
        let check = |field, value: f64, bound: f64| {
            if value.is_finite() && value >= bound {
                return Ok(());
            }
            Err(value_error(
                field,
                value,
                format!("a finite number, at least {bound}"),
            ))
        };
        match self {
            Self::Default => Ok(()),
            Self::Linear { factor } => check("rope_scaling.factor", factor, 1.0),
            Self::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => {
                check("rope_scaling.factor", factor, 1.0)?;
                check("rope_scaling.low_freq_factor", low_freq_factor, 0.0)?;
                if original_max_position_embeddings == 0 {
                    let field = "rope_scaling.original_max_position_embeddings";
                    return Err(value_error(field, 0, "at least 1"));
                }
                if high_freq_factor.is_finite() && high_freq_factor > low_freq_factor {
                    return Ok(());
                }
                let expected = format!("above low_freq_factor, which is {low_freq_factor}");
                Err(value_error(
                    "rope_scaling.high_freq_factor",
                    high_freq_factor,
                    expected,
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// By hand, with L = 64, low 1, high 4, factor 8: 0.5 waves are slow, 8 waves quick, and 2.5 waves half-way.
    #[wasm_bindgen_test(unsupported = test)]
    fn llama3_keeps_quick_waves_and_stretches_slow_ones() {
        let scaling = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 64,
        };
        let frequency = |waves: f64| waves * std::f64::consts::TAU / 64.0;
        for (waves, expected_factor) in [(0.5, 0.125), (8.0, 1.0), (2.5, 0.5 * 0.125 + 0.5)] {
            let ratio = scaling.apply(frequency(waves)) / frequency(waves);
            assert!((ratio - expected_factor).abs() < 1e-12, "{waves} waves: {ratio}");
        }
        assert_eq!(RopeScaling::Linear { factor: 4.0 }.apply(1.0), 0.25);
    }
}
