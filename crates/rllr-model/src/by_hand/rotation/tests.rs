use burn::tensor::Device;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::by_hand::tests::{close, tensor_of, value_and_gradients};

const SHAPE: [usize; 4] = [2, 3, 5, 8];

/// The angles of a batch.
struct Angles {
    /// `[rows, seq_len, rotary_dim / 2]`.
    angles: Vec<f32>,
    rows: usize,
    rotary_dim: usize,
    pairs: RotaryPairs,
}

impl Angles {
    /// Row by row and pair by pair, heads apart.
    fn turned(&self, x: Tensor<4>, direction: f32) -> TensorData {
        let [_, heads, seq_len, head_dim] = SHAPE;
        let x: Vec<f32> = x.into_data().iter().collect();
        let mut turned = x.clone();
        for (row, x) in x.chunks(head_dim).enumerate() {
            let (token, of_batch) = (row % seq_len, row / seq_len / heads);
            for pair in 0..self.rotary_dim / 2 {
                let (first, second) = match self.pairs {
                    RotaryPairs::HalfSplit => (pair, pair + self.rotary_dim / 2),
                    RotaryPairs::Adjacent => (2 * pair, 2 * pair + 1),
                };
                let of_token = (of_batch % self.rows) * seq_len + token;
                let angle = self.angles[of_token * self.rotary_dim / 2 + pair];
                let (sin, cos) = (angle * direction).sin_cos();
                turned[row * head_dim + first] = x[first] * cos - x[second] * sin;
                turned[row * head_dim + second] = x[second] * cos + x[first] * sin;
            }
        }
        TensorData::new(turned, SHAPE)
    }

    /// Cosines, or sines with the sign of their column.
    fn table(&self, function: fn(f32) -> f32, sign: f32) -> Tensor<4> {
        let mut numbers = Vec::new();
        for angles in self.angles.chunks(self.rotary_dim / 2) {
            let first = angles.iter().map(|angle| sign * function(*angle));
            let second = angles.iter().map(|angle| function(*angle));
            match self.pairs {
                RotaryPairs::HalfSplit => numbers.extend(first.chain(second)),
                RotaryPairs::Adjacent => numbers.extend(first.zip(second).flat_map(|(a, b)| [a, b])),
            }
        }
        let shape = [self.rows, 1, SHAPE[2], self.rotary_dim];
        Tensor::from_data(TensorData::new(numbers, shape), &Device::flex())
    }
}

/// Whole heads and parts of them, in both orders, each row with its own positions or all with the same.
#[wasm_bindgen_test(unsupported = test)]
fn rows_are_turned_by_their_angles_and_gradients_back() {
    for pairs in [RotaryPairs::HalfSplit, RotaryPairs::Adjacent] {
        for (rows, rotary_dim) in [(1, 8), (2, 8), (2, 4)] {
            let numbers = tensor_of([rows * SHAPE[2] * rotary_dim / 2], 7) * 4.0;
            let angles = numbers.into_data().iter().collect();
            let angles = Angles {
                angles,
                rows,
                rotary_dim,
                pairs,
            };
            let (cos, signed_sin) = (angles.table(f32::cos, 1.0), angles.table(f32::sin, -1.0));
            let rotated = |x: Tensor<4>| rotate(x, &cos, &signed_sin, pairs);

            let argument = [tensor_of(SHAPE, 1)];
            let (value, [gradient]) = value_and_gradients(&argument, |[x]| rotated(x));
            let [x] = argument;
            close(&value, &angles.turned(x, 1.0));
            close(&gradient, &angles.turned(tensor_of(SHAPE, 99), -1.0));

            // As they come out of a projection: heads side by side.
            let side_by_side = tensor_of([2, 5, 3, 8], 4).swap_dims(1, 2);
            let value = rotated(side_by_side.clone()).into_data();
            close(&value, &angles.turned(side_by_side, 1.0));
        }
    }
}
