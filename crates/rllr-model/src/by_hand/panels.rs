//! Matrix products with one matrix cut into panels.
//!
//! A step of decoding reads every matrix of the model for a handful of rows. Burn's product is made for many rows: for few
//! it reads the matrix by columns that lie far apart in memory, and waits for them. Here the matrix is cut into panels of
//! as many columns as two vectors of the processor hold, each of which lies in memory as it is read.

mod kernel;

use burn::tensor::{Tensor, TensorData};
use pulp::{Arch, Simd, WithSimd};

use super::{Numbers, floats, numbers, tensor};
use kernel::Product;

#[cfg(test)]
mod tests;

/// Rows up to which panels are used. Of many rows Burn makes as quick a product, which threads may share.
const MOST_ROWS: usize = 64;

/// Numbers of the largest matrix that is cut. Burn shares the products of larger ones between threads, even of few rows.
const LARGEST: usize = 1 << 21;

/// `W` and `b` of a linear layer, in panels.
#[derive(Clone, Debug)]
pub(crate) struct Panels {
    /// Panel by panel, in each row by row, `[panels, d_in, width]`; zero behind the last column.
    numbers: Vec<f32>,
    d_in: usize,
    d_out: usize,
    /// `[d_out]`.
    bias: Option<Vec<f32>>,
}

impl Panels {
    /// The panels of `weight`, `[d_in, d_out]`, and `bias`, `[d_out]`.
    pub(crate) fn new(weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        let [d_in, d_out] = weight.dims();
        Self {
            numbers: cut(floats(&numbers(weight)), d_out, 2 * lanes()),
            d_in,
            d_out,
            bias: bias.map(|bias| floats(&numbers(bias)).to_vec()),
        }
    }

    /// Whether panels are as quick for so many rows as the matrix itself.
    pub(crate) fn suit(&self, x: &Tensor<3>) -> bool {
        let [batch, seq_len, _] = x.dims();
        batch * seq_len <= MOST_ROWS
    }

    /// `x W + b`.
    ///
    /// Every number of the result is summed in the same order, whatever other rows there are.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, seq_len, d_in]`
    /// - output: `[batch, seq_len, d_out]`
    pub(crate) fn product(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, seq_len, d_in] = x.dims();
        assert_eq!(d_in, self.d_in, "rows of another width than the matrix has");
        let mut out = vec![0.0; batch * seq_len * self.d_out];
        let x = numbers(x);
        Arch::new().dispatch(Product {
            panels: &self.numbers,
            d_in: self.d_in,
            columns: self.d_out,
            x: floats(&x),
            out: &mut out,
        });
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(self.d_out) {
                for (sum, bias) in row.iter_mut().zip(bias) {
                    *sum += bias;
                }
            }
        }
        tensor(Numbers::from_data(TensorData::new(
            out,
            [batch, seq_len, self.d_out],
        )))
    }
}

/// `weight`, `[d_in, d_out]`, as `[panels, d_in, width]`.
fn cut(weight: &[f32], d_out: usize, width: usize) -> Vec<f32> {
    let mut panels = Vec::with_capacity(weight.len().div_ceil(d_out) * d_out.next_multiple_of(width));
    for first in (0..d_out).step_by(width) {
        for row in weight.chunks_exact(d_out) {
            let part = &row[first..d_out.min(first + width)];
            panels.extend_from_slice(part);
            panels.extend(std::iter::repeat_n(0.0, width - part.len()));
        }
    }
    panels
}

/// Whether it helps to cut a matrix: it is not too large, and this processor has vectors.
pub(crate) fn are_quick(weight: &Tensor<2>) -> bool {
    weight.shape().num_elements() <= LARGEST && lanes() > 1
}

/// How many numbers a vector of this processor holds.
fn lanes() -> usize {
    Arch::new().dispatch(Lanes)
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> usize {
        S::F32_LANES
    }
}
