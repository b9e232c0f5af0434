//! Rotary position embeddings.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::CausalLmConfig;
#[cfg(feature = "flex")]
use crate::by_hand;
use crate::columns::columns_of;
use crate::config::RotaryPairs;

/// Cosines and sines of every position's rotation.
///
/// Burn's own rotary encoding turns neighbouring pairs of a whole head; most published weights are stored for pairs
/// `(xᵢ, xᵢ₊d/2)`. Here both orders are known, so that no weight is permuted at import and export.
#[derive(Module, Debug)]
pub struct RotaryTable {
    /// Cosine of each pair's angle, `[max_positions, rotary_dim / 2]`.
    cos: Tensor<2>,
    /// Sine of each pair's angle, `[max_positions, rotary_dim / 2]`.
    sin: Tensor<2>,
    #[module(skip)]
    pairs: RotaryPairs,
}

/// The rotations of one batch, ready to be applied.
#[allow(clippy::large_enum_variant, reason = "a pass has one, and it is borrowed")]
pub(crate) enum Rotation {
    /// Of any number of tokens a row.
    Columns(ColumnRotation),
    /// Of one token a row: the matrix that its heads are multiplied with, `[1 or batch, 1, head_dim, head_dim]`.
    Matrix(Tensor<4>),
}

/// A rotation, column by column of a head.
pub(crate) struct ColumnRotation {
    /// `[batch, 1, seq_len, rotary_dim]`.
    cos: Tensor<4>,
    /// Negative at the first column of a pair: the sign of `rotate_half`, `[batch, 1, seq_len, rotary_dim]`.
    signed_sin: Tensor<4>,
    pairs: RotaryPairs,
}

/// The rotations of every step of decoding, where each row reads one token.
///
/// Then the rotation of all heads is one product with a small matrix, in place of six passes over few numbers.
pub(crate) struct StepRotations {
    /// `[1 or batch, 1, columns, head_dim]`; 1 at columns that are not turned.
    cos: Tensor<4>,
    /// `[1 or batch, 1, columns, head_dim]`; 0 at columns that are not turned.
    signed_sin: Tensor<4>,
    /// `[1, 1, head_dim, head_dim]`.
    identity: Tensor<4>,
    /// Swaps the two columns of each pair, `[1, 1, head_dim, head_dim]`.
    swap: Tensor<4>,
}

impl RotaryTable {
    /// Angles `position · scaled(theta^(−2i / rotary_dim))`; RoFormer (arXiv 2104.09864), section 3.4.2.
    pub(crate) fn new(config: &CausalLmConfig, pairs: RotaryPairs, device: &Device) -> Self {
        let rotary_dim = config.rotary_dim();
        // libm, not the platform's functions, so that native and page start from the same bits.
        let frequency = |pair| libm::pow(config.rope_theta, -2.0 * pair as f64 / rotary_dim as f64);
        let frequencies: Vec<f64> = (0..rotary_dim / 2)
            .map(|pair| config.rope_scaling.apply(frequency(pair)))
            .collect();
        let max_positions = config.max_position_embeddings;
        let table = |function: fn(f64) -> f64| {
            let angles = (0..max_positions).flat_map(|position| {
                frequencies
                    .iter()
                    .map(move |frequency| position as f64 * frequency)
            });
            let values: Vec<f32> = angles.map(|angle| narrow(function(angle))).collect();
            Tensor::from_data(TensorData::new(values, [max_positions, rotary_dim / 2]), device)
        };
        Self {
            cos: table(libm::cos),
            sin: table(libm::sin),
            pairs,
        }
    }

    /// Looks up the rotations of `positions`, `[batch, seq_len]`.
    pub(crate) fn at(&self, positions: Tensor<2, Int>) -> Rotation {
        let [batch, seq_len] = positions.dims();
        let [_, num_pairs] = self.cos.dims();
        let positions = positions.reshape([batch * seq_len]);
        let cos = self.cos.clone().select(0, positions.clone());
        let sin = self.sin.clone().select(0, positions);
        let both = |first: Tensor<2>, second: Tensor<2>| {
            let columns = match self.pairs {
                RotaryPairs::HalfSplit => Tensor::cat(vec![first, second], 1),
                RotaryPairs::Adjacent => Tensor::stack::<3>(vec![first, second], 2).flatten(1, 2),
            };
            columns.reshape([batch, 1, seq_len, 2 * num_pairs])
        };
        Rotation::Columns(ColumnRotation {
            cos: both(cos.clone(), cos),
            signed_sin: both(-sin.clone(), sin),
            pairs: self.pairs,
        })
    }

    /// Number of positions in the table.
    pub(crate) fn max_positions(&self) -> usize {
        self.cos.dims()[0]
    }

    /// The rotations of every column of some rows, `positions` being `[1 or batch, columns]`.
    pub(crate) fn steps(&self, positions: Tensor<2, Int>, head_dim: usize) -> StepRotations {
        let device = positions.device();
        let Rotation::Columns(ColumnRotation {
            cos,
            signed_sin,
            pairs,
        }) = self.at(positions)
        else {
            unreachable!("a table looks up columns");
        };
        let rotary_dim = cos.dims()[3];
        // Columns that are not turned: cosine 1, sine 0.
        let widened = |x: Tensor<4>, fill: f32| {
            let [rows, _, columns, _] = x.dims();
            if rotary_dim == head_dim {
                return x;
            }
            let rest = Tensor::full([rows, 1, columns, head_dim - rotary_dim], fill, &device);
            Tensor::cat(vec![x, rest], 3)
        };
        let partner = |column: usize| match pairs {
            _ if column >= rotary_dim => column,
            RotaryPairs::HalfSplit => (column + rotary_dim / 2) % rotary_dim,
            RotaryPairs::Adjacent => column ^ 1,
        };
        let permutation = |target: &dyn Fn(usize) -> usize| {
            let ones = (0..head_dim * head_dim).map(|slot| {
                let (row, column) = (slot / head_dim, slot % head_dim);
                f32::from(u8::from(row == target(column)))
            });
            let shape = [1, 1, head_dim, head_dim];
            Tensor::from_data(TensorData::new(ones.collect::<Vec<_>>(), shape), &device)
        };
        StepRotations {
            cos: widened(cos, 1.0),
            signed_sin: widened(signed_sin, 0.0),
            identity: permutation(&|column| column),
            swap: permutation(&partner),
        }
    }
}

impl StepRotations {
    /// `I · diag(cos) + swap · diag(± sin)` of one column: what [`ColumnRotation`] does, as a matrix.
    pub(crate) fn at(&self, column: usize) -> Rotation {
        let of_column = |x: &Tensor<4>| x.clone().narrow(2, column, 1);
        let turned = self.swap.clone() * of_column(&self.signed_sin);
        Rotation::Matrix(self.identity.clone() * of_column(&self.cos) + turned)
    }
}

impl Rotation {
    /// Turns every head by its token's position, `[batch, heads, columns, head_dim]`.
    ///
    /// - `columns`: the tokens of the pass that `x` belongs to
    pub(crate) fn apply(&self, x: Tensor<4>, columns: &Range<usize>) -> Tensor<4> {
        match self {
            Self::Columns(rotation) => rotation.of(columns).apply(x),
            Self::Matrix(matrix) => {
                let shape = x.dims();
                x.swap_dims(1, 2).matmul(matrix.clone()).reshape(shape)
            }
        }
    }
}

impl ColumnRotation {
    /// The rotations of some tokens.
    fn of(&self, columns: &Range<usize>) -> Self {
        Self {
            cos: columns_of(self.cos.clone(), 2, columns),
            signed_sin: columns_of(self.signed_sin.clone(), 2, columns),
            pairs: self.pairs,
        }
    }

    /// `x · cos + rotate_half(x) · sin` on the first `rotary_dim` columns, where `rotate_half((x₁, x₂)) = (−x₂, x₁)`
    /// for the two columns of each pair.
    ///
    /// Source: `apply_rotary_pos_emb` in transformers 5.23, `modeling_llama.py` and `modeling_glm.py`.
    ///
    /// # Shapes
    ///
    /// - `x` and output: `[batch, heads, seq_len, head_dim]`
    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        #[cfg(feature = "flex")]
        if by_hand::is_at_hand(&x) {
            return by_hand::rotate(x, &self.cos, &self.signed_sin, self.pairs);
        }
        let [_, _, _, head_dim] = x.dims();
        let [_, _, _, rotary_dim] = self.cos.dims();
        if rotary_dim == head_dim {
            return self.turn(x);
        }
        let turned = self.turn(x.clone().narrow(3, 0, rotary_dim));
        Tensor::cat(vec![turned, x.narrow(3, rotary_dim, head_dim - rotary_dim)], 3)
    }

    fn turn(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, heads, seq_len, columns] = x.dims();
        let half = columns / 2;
        let swapped = match self.pairs {
            RotaryPairs::HalfSplit => Tensor::cat(
                vec![x.clone().narrow(3, half, half), x.clone().narrow(3, 0, half)],
                3,
            ),
            RotaryPairs::Adjacent => x
                .clone()
                .reshape([batch, heads, seq_len, half, 2])
                .flip([4])
                .reshape([batch, heads, seq_len, columns]),
        };
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

    fn table(max_positions: usize, head_dim: usize, theta: f64, pairs: RotaryPairs) -> RotaryTable {
        let config = CausalLmConfig {
            max_position_embeddings: max_positions,
            head_dim,
            rope_theta: theta,
            ..CausalLmConfig::default()
        };
        RotaryTable::new(&config, pairs, &Device::flex())
    }

    /// Position 1 with theta 1 turns both pairs by one radian: (1, 0) -> (cos, sin); (0, 2) -> (−2 sin, 2 cos).
    #[wasm_bindgen_test(unsupported = test)]
    fn a_rotation_turns_the_pairs_of_its_order() {
        let device = Device::flex();
        let (sin, cos) = 1f32.sin_cos();
        let cases = [
            (
                RotaryPairs::HalfSplit,
                [1.0, 0.0, 0.0, 2.0],
                [cos, -2.0 * sin, sin, 2.0 * cos],
            ),
            (
                RotaryPairs::Adjacent,
                [1.0, 0.0, 0.0, 2.0],
                [cos, sin, -2.0 * sin, 2.0 * cos],
            ),
        ];
        for (pairs, row, turned) in cases {
            let x = Tensor::<4>::from_data([[[row, row]]], &device);
            let positions = Tensor::<2, Int>::from_data([[0, 1]], &device);
            let rotated = table(2, 4, 1.0, pairs).at(positions).apply(x, &(0..2));
            rotated
                .to_data()
                .assert_approx_eq::<f32>(&TensorData::from([[[row, turned]]]), Tolerance::absolute(1e-6));
        }
    }

    /// With half of a head turned, the other half passes through.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_partial_rotation_leaves_the_rest() {
        let device = Device::flex();
        let config = CausalLmConfig {
            max_position_embeddings: 2,
            head_dim: 4,
            rope_theta: 1.0,
            partial_rotary_factor: 0.5,
            ..CausalLmConfig::default()
        };
        let table = RotaryTable::new(&config, RotaryPairs::Adjacent, &device);
        let x = Tensor::<4>::from_data([[[[1.0, 0.0, 5.0, 6.0]]]], &device);
        let (sin, cos) = 1f32.sin_cos();
        let rotated = table
            .at(Tensor::from_data([[1]], &device))
            .apply(x, &(0..1))
            .to_data();
        rotated.assert_approx_eq::<f32>(
            &TensorData::from([[[[cos, sin, 5.0, 6.0]]]]),
            Tolerance::absolute(1e-6),
        );
    }

    /// The matrix of a step turns as the columns do, whole heads and half ones, in both orders.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_step_turns_as_the_columns_do() {
        let device = Device::flex();
        for (pairs, partial_rotary_factor) in [
            (RotaryPairs::HalfSplit, 1.0),
            (RotaryPairs::Adjacent, 1.0),
            (RotaryPairs::HalfSplit, 0.5),
            (RotaryPairs::Adjacent, 0.5),
        ] {
            let config = CausalLmConfig {
                max_position_embeddings: 16,
                head_dim: 8,
                rope_theta: 100.0,
                partial_rotary_factor,
                ..CausalLmConfig::default()
            };
            let table = RotaryTable::new(&config, pairs, &device);
            // Two rows of three heads; the second row is three positions behind.
            let numbers: Vec<f32> = (0..48u16).map(|n| f32::from(n * 37 % 23) / 7.0 - 1.5).collect();
            let x = Tensor::<4>::from_data(TensorData::new(numbers, [2, 3, 1, 8]), &device);
            let positions = Tensor::<2, Int>::from_data([[0, 5, 11], [0, 2, 8]], &device);
            for column in 0..3 {
                let of_column = table.at(positions.clone().narrow(1, column, 1));
                let expected = of_column.apply(x.clone(), &(0..1));
                let step = table.steps(positions.clone(), 8).at(column);
                let found = step.apply(x.clone(), &(0..1));
                let expected = expected.to_data();
                found
                    .to_data()
                    .assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
            }
        }
    }

    /// What makes the embedding relative: `⟨R(m)q, R(n)k⟩` depends on `m − n` only.
    #[wasm_bindgen_test(unsupported = test)]
    fn scores_depend_on_the_distance_only() {
        let device = Device::flex();
        for pairs in [RotaryPairs::HalfSplit, RotaryPairs::Adjacent] {
            let table = table(16, 8, 10_000.0, pairs);
            let q = Tensor::<4>::from_data([[[[0.3, -1.0, 0.5, 2.0, 0.1, 0.7, -0.2, 1.1]]]], &device);
            let k = Tensor::<4>::from_data([[[[1.2, 0.4, -0.6, 0.3, 0.9, -1.5, 0.8, 0.2]]]], &device);
            let score = |m: i32, n: i32| {
                let turn = |x: &Tensor<4>, p| {
                    let rotation = table.at(Tensor::from_data([[p]], &device));
                    rotation.apply(x.clone(), &(0..1))
                };
                (turn(&q, m) * turn(&k, n)).sum().into_scalar::<f32>()
            };
            assert!((score(3, 1) - score(12, 10)).abs() < 1e-5);
            assert!(
                (score(3, 1) - score(3, 2)).abs() > 1e-2,
                "another distance must give another score"
            );
        }
    }
}
