//! The random numbers of a generation.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;

use crate::generation_config::{Decoding, GenerationConfig};

/// Numbers above 0 and below 1, one for each row and step, drawn on the host before a generation begins.
///
/// So the same seed samples the same tokens natively and in a page, and a row the same alone and among others.
#[derive(Clone, Debug, PartialEq)]
pub struct Uniforms {
    /// Row-major, `[batch, max_new_tokens]`; empty when nothing is random.
    values: Vec<f32>,
    batch: usize,
    steps: usize,
}

impl Uniforms {
    /// Draws what a generation of `batch` rows needs: nothing when it is greedy.
    #[must_use]
    pub fn draw(config: &GenerationConfig, batch: usize, rng: &mut impl Rng) -> Self {
        let steps = Self::steps(config);
        // The middle of one of 2²³ equal parts: 24 bits, which is what f32 holds, and never 0 or 1.
        let part = |bits: u32| ((bits >> 9) as f32 + 0.5) / (1u32 << 23) as f32;
        Self {
            values: (0..batch * steps).map(|_| part(rng.next_u32())).collect(),
            batch,
            steps,
        }
    }

    /// For a generation that draws nothing: greedy decoding.
    #[must_use]
    pub fn none(batch: usize) -> Self {
        Self {
            values: Vec::new(),
            batch,
            steps: 0,
        }
    }

    /// How many numbers a row needs.
    pub(crate) fn steps(config: &GenerationConfig) -> usize {
        match config.decoding {
            Decoding::Greedy => 0,
            Decoding::Sampling(_) => config.max_new_tokens,
        }
    }

    /// The numbers of some rows.
    ///
    /// # Panics
    ///
    /// When there are no such rows.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> Self {
        assert!(
            rows.start <= rows.end && rows.end <= self.batch,
            "rows {rows:?} of {}",
            self.batch
        );
        Self {
            batch: rows.len(),
            values: self.values[rows.start * self.steps..rows.end * self.steps].to_vec(),
            steps: self.steps,
        }
    }

    /// The numbers, row-major, `[batch, max_new_tokens]`.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// `[batch, max_new_tokens]`; no steps when nothing is random.
    #[must_use]
    pub fn dims(&self) -> [usize; 2] {
        [self.batch, self.steps]
    }

    /// `[batch, max_new_tokens]`.
    pub(crate) fn to_device(&self, device: &Device) -> Option<Tensor<2>> {
        let data = TensorData::new(self.values.clone(), self.dims());
        (self.steps > 0).then(|| Tensor::from_data(data, device))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn numbers_lie_inside_and_rows_keep_theirs() {
        let config = GenerationConfig {
            max_new_tokens: 1_000,
            ..GenerationConfig::default()
        };
        let uniforms = Uniforms::draw(&config, 3, &mut ChaCha8Rng::seed_from_u64(5));
        assert_eq!(uniforms.dims(), [3, 1_000]);
        assert!(uniforms.values.iter().all(|u| *u > 0.0 && *u < 1.0));
        // The standard error of the mean is 1 / √(12 · 3000) = 0.005; four of them.
        let mean: f32 = uniforms.values.iter().sum::<f32>() / 3_000.0;
        assert!((mean - 0.5).abs() < 0.02, "mean {mean}");
        assert_eq!(uniforms.rows(1..2).values, uniforms.values[1_000..2_000]);
        let greedy = GenerationConfig {
            decoding: Decoding::Greedy,
            ..config
        };
        assert_eq!(
            Uniforms::draw(&greedy, 3, &mut ChaCha8Rng::seed_from_u64(5)).dims(),
            [3, 0]
        );
    }
}
