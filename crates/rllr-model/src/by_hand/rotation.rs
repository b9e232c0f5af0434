//! Rotary position embeddings of whole rows.

use burn::tensor::{Tensor, TensorData};
use pulp::Arch;

use super::{
    Derivative, Numbers, Places, argument, differentiable, floats, numbers, primitive, rows_of, tensor,
};
use crate::config::RotaryPairs;

#[cfg(test)]
mod tests;

/// `(x₁ cos − x₂ sin, x₂ cos + x₁ sin)` for the two columns of each pair; columns behind the table's pass through.
///
/// Its derivative is the rotation by the negative angle.
///
/// Source: RoFormer (arXiv 2104.09864), equation 34.
///
/// # Shapes
///
/// - `x` and output: `[batch, heads, seq_len, head_dim]`
/// - `cos`, and `signed_sin`, negative at the first column of a pair: `[1 or batch, 1, seq_len, rotary_dim]`
pub(crate) fn rotate(x: Tensor<4>, cos: &Tensor<4>, signed_sin: &Tensor<4>, pairs: RotaryPairs) -> Tensor<4> {
    let rotated = |x: &Tensor<4>| Rotated {
        shape: x.dims(),
        angles: cos.dims()[0],
        rotary_dim: cos.dims()[3],
        cos: numbers(cos.clone()),
        signed_sin: numbers(signed_sin.clone()),
        pairs,
    };
    if !x.is_autodiff() {
        return rotated(&x).value(x);
    }
    let argument = argument(x.clone());
    let x = x.inner();
    let rotated = rotated(&x);
    differentiable(&[argument], rotated.value(x), rotated)
}

/// The rotation of every row.
#[derive(Clone, Debug)]
struct Rotated {
    /// `[batch, heads, seq_len, head_dim]`.
    shape: [usize; 4],
    /// Rows of the batch in the table: 1 where all turn alike.
    angles: usize,
    rotary_dim: usize,
    /// `[angles, 1, seq_len, rotary_dim]`.
    cos: Numbers,
    signed_sin: Numbers,
    pairs: RotaryPairs,
}

impl Rotated {
    /// Heads apart, `[batch, heads, seq_len, head_dim]` in this order.
    fn value(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, heads, seq_len, head_dim] = self.shape;
        let places = [heads * seq_len * head_dim, seq_len * head_dim, head_dim];
        let value = self.turned(primitive(x), places, 1.0);
        tensor(Numbers::from_data(TensorData::new(value, self.shape)))
    }

    /// Turns every head by its token's angle times `direction`, 1 or −1.
    ///
    /// - `places`: where rows go
    fn turned(&self, x: Numbers, places: Places, direction: f32) -> Vec<f32> {
        let [batch, heads, seq_len, head_dim] = self.shape;
        let (x, start, from) = rows_of(x);
        let x = x.storage::<f32>();
        let (cos, signed_sin) = (floats(&self.cos), floats(&self.signed_sin));
        let mut turned = vec![0.0; batch * heads * seq_len * head_dim];
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (row, head) in (0..batch).flat_map(|row| (0..heads).map(move |head| (row, head))) {
                    let angles = if self.angles == 1 { 0 } else { row };
                    for token in 0..seq_len {
                        let place = |places: Places| row * places[0] + head * places[1] + token * places[2];
                        let x = &x[start + place(from)..][..head_dim];
                        let turned = &mut turned[place(places)..][..head_dim];
                        let angle = (angles * seq_len + token) * self.rotary_dim;
                        let cos = &cos[angle..][..self.rotary_dim];
                        let signed_sin = &signed_sin[angle..][..self.rotary_dim];
                        turn(x, cos, signed_sin, direction, self.pairs, turned);
                    }
                }
            },
        );
        turned
    }
}

impl Derivative<1> for Rotated {
    fn gradients(self, gradient: Numbers) -> [Numbers; 1] {
        let [batch, heads, seq_len, head_dim] = self.shape;
        // Heads side by side: so they come out of a projection, and its gradient is made of them without a copy.
        let places = [heads * seq_len * head_dim, head_dim, heads * head_dim];
        let gradient = self.turned(gradient, places, -1.0);
        let shape = [batch, seq_len, heads, head_dim];
        [Numbers::from_data(TensorData::new(gradient, shape)).transpose(1, 2)]
    }
}

/// One row of one head.
#[inline(always)]
fn turn(x: &[f32], cos: &[f32], signed_sin: &[f32], direction: f32, pairs: RotaryPairs, turned: &mut [f32]) {
    let rotary_dim = cos.len();
    match pairs {
        RotaryPairs::HalfSplit => {
            let half = rotary_dim / 2;
            let (x_1, x_2) = x[..rotary_dim].split_at(half);
            let (cos, signed_sin) = (&cos[half..], &signed_sin[half..]);
            let (y_1, y_2) = turned[..rotary_dim].split_at_mut(half);
            let angles = cos.iter().zip(signed_sin);
            for (((y_1, y_2), (x_1, x_2)), (cos, sin)) in
                y_1.iter_mut().zip(y_2).zip(x_1.iter().zip(x_2)).zip(angles)
            {
                let sin = sin * direction;
                *y_1 = x_1 * cos - x_2 * sin;
                *y_2 = x_2 * cos + x_1 * sin;
            }
        }
        RotaryPairs::Adjacent => {
            let (x, _) = x[..rotary_dim].as_chunks::<2>();
            let (y, _) = turned[..rotary_dim].as_chunks_mut::<2>();
            let angles = cos.iter().zip(signed_sin).skip(1).step_by(2);
            for ((y, x), (cos, sin)) in y.iter_mut().zip(x).zip(angles) {
                let sin = sin * direction;
                *y = [x[0] * cos - x[1] * sin, x[1] * cos + x[0] * sin];
            }
        }
    }
    turned[rotary_dim..].copy_from_slice(&x[rotary_dim..]);
}
