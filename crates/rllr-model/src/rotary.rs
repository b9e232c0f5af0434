//! Rotary position embeddings in the half-split order of Hugging Face's Llama.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Cosines and sines of every position's rotation.
///
/// Burn's own rotary encoding turns neighbouring pairs `(x₀, x₁)`; published Llama weights are stored for pairs
/// `(xᵢ, xᵢ₊d/2)`, so this crate turns those and needs no permutation at import and export.
#[derive(Module, Debug)]
pub struct RotaryTable {
    /// `[max_positions, head_dim]`, both halves equal.
    cos: Tensor<2>,
    /// `[max_positions, head_dim]`, first half negated: the sign of `rotate_half`, folded in once.
    signed_sin: Tensor<2>,
}

/// The rotations of one batch, ready to be applied.
pub(crate) struct Rotation {
    /// `[batch, 1, seq_len, head_dim]`.
    cos: Tensor<4>,
    /// `[batch, 1, seq_len, head_dim]`.
    signed_sin: Tensor<4>,
}

impl RotaryTable {
    /// Angles `position · theta^(−2i / head_dim)`; RoFormer (arXiv 2104.09864), section 3.4.2.
    pub(crate) fn new(max_positions: usize, head_dim: usize, theta: f64, device: &Device) -> Self {
        let half = head_dim / 2;
        let mut cos = Vec::with_capacity(max_positions * head_dim);
        let mut signed_sin = Vec::with_capacity(max_positions * head_dim);
        for position in 0..max_positions {
            for column in 0..head_dim {
                // libm, not the platform's functions, so that native and page start from the same bits.
                let frequency = libm::pow(theta, -2.0 * (column % half) as f64 / head_dim as f64);
                let angle = position as f64 * frequency;
                let sign = if column < half { -1.0 } else { 1.0 };
                cos.push(narrow(libm::cos(angle)));
                signed_sin.push(narrow(sign * libm::sin(angle)));
            }
        }
        Self {
            cos: Tensor::from_data(TensorData::new(cos, [max_positions, head_dim]), device),
            signed_sin: Tensor::from_data(TensorData::new(signed_sin, [max_positions, head_dim]), device),
        }
    }

    /// Looks up the rotations of `positions`, `[batch, seq_len]`.
    pub(crate) fn at(&self, positions: Tensor<2, Int>) -> Rotation {
        let [batch, seq_len] = positions.dims();
        let [_, head_dim] = self.cos.dims();
        let positions = positions.reshape([batch * seq_len]);
        let look_up = |table: &Tensor<2>| {
            table
                .clone()
                .select(0, positions.clone())
                .reshape([batch, 1, seq_len, head_dim])
        };
        Rotation {
            cos: look_up(&self.cos),
            signed_sin: look_up(&self.signed_sin),
        }
    }
}

impl Rotation {
    /// `x · cos + rotate_half(x) · sin`, where `rotate_half((x₁, x₂)) = (−x₂, x₁)` on the two halves of a head.
    ///
    /// Source: `apply_rotary_pos_emb` in transformers 5.23, `models/llama/modeling_llama.py`.
    ///
    /// # Shapes
    ///
    /// - `x` and output: `[batch, heads, seq_len, head_dim]`
    pub(crate) fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, _, head_dim] = x.dims();
        let half = head_dim / 2;
        let swapped = Tensor::cat(
            vec![x.clone().narrow(3, half, half), x.clone().narrow(3, 0, half)],
            3,
        );
        x * self.cos.clone() + swapped * self.signed_sin.clone()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "tables are stored in f32 on purpose"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Position 1 with theta 1 turns both pairs `(x₀, x₂)` and `(x₁, x₃)` by one radian.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_rotation_turns_the_pairs_of_the_two_halves() {
        let device = Device::flex();
        let table = RotaryTable::new(2, 4, 1.0, &device);
        let x = Tensor::<4>::from_data([[[[1.0, 0.0, 0.0, 2.0], [1.0, 0.0, 0.0, 2.0]]]], &device);
        let positions = Tensor::<2, Int>::from_data([[0, 1]], &device);
        let (sin, cos) = 1f32.sin_cos();
        // (x₀, x₂) = (1, 0) -> (cos, sin); (x₁, x₃) = (0, 2) -> (−2 sin, 2 cos).
        let expected = [[[[1.0, 0.0, 0.0, 2.0], [cos, -2.0 * sin, sin, 2.0 * cos]]]];
        let rotated = table.at(positions).apply(x);
        rotated
            .to_data()
            .assert_approx_eq::<f32>(&TensorData::from(expected), Tolerance::absolute(1e-6));
    }

    /// What makes the embedding relative: `⟨R(m)q, R(n)k⟩` depends on `m − n` only.
    #[wasm_bindgen_test(unsupported = test)]
    fn scores_depend_on_the_distance_only() {
        let device = Device::flex();
        let table = RotaryTable::new(16, 8, 10_000.0, &device);
        let q = Tensor::<4>::from_data([[[[0.3, -1.0, 0.5, 2.0, 0.1, 0.7, -0.2, 1.1]]]], &device);
        let k = Tensor::<4>::from_data([[[[1.2, 0.4, -0.6, 0.3, 0.9, -1.5, 0.8, 0.2]]]], &device);
        let score = |m: i32, n: i32| {
            let turn = |x: &Tensor<4>, p| table.at(Tensor::from_data([[p]], &device)).apply(x.clone());
            (turn(&q, m) * turn(&k, n)).sum().into_scalar::<f32>()
        };
        assert!((score(3, 1) - score(12, 10)).abs() < 1e-5);
        assert!(
            (score(3, 1) - score(3, 2)).abs() > 1e-2,
            "another distance must give another score"
        );
    }
}
