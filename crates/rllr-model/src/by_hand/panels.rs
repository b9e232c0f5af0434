//! Matrix products with one matrix cut into panels.
//!
//! A step of decoding reads every matrix of the model for a handful of rows. Burn's product is made for many rows: for few
//! it reads the matrix by columns that lie far apart in memory, and waits for them. Here the matrix is cut into panels of
//! as many columns as two vectors of the processor hold, each of which lies in memory as it is read.

mod kernel;

#[cfg(feature = "rayon")]
mod in_parts;

use burn::tensor::{Tensor, TensorData};
use pulp::{Arch, Simd, WithSimd};

use super::{Numbers, floats, numbers, tensor};
use kernel::Product;

#[cfg(test)]
mod tests;

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
            numbers: cut(floats(&numbers(weight)), d_out, width()),
            d_in,
            d_out,
            bias: bias.map(|bias| floats(&numbers(bias)).to_vec()),
        }
    }

    /// `x W + b`.
    ///
    /// Every number of the result is summed in the same order, whatever other rows there are and however many threads.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch, seq_len, d_in]`
    /// - output: `[batch, seq_len, d_out]`
    pub(crate) fn product(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, seq_len, d_in] = x.dims();
        assert_eq!(d_in, self.d_in, "rows of another width than the matrix has");
        let mut out = vec![0.0; batch * seq_len * self.d_out];
        self.multiply(floats(&numbers(x)), &mut out);
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

    /// `x W`: `[rows, d_in]` -> `[rows, d_out]`.
    fn multiply(&self, x: &[f32], out: &mut [f32]) {
        #[cfg(feature = "rayon")]
        if in_parts::are_worth_it(x.len(), self.d_out) {
            return in_parts::multiply(self, x, out);
        }
        self.columns(&self.numbers, self.d_out, x, out);
    }

    /// The product with some neighbouring panels, which have `columns` columns: `[rows, d_in]` -> `[rows, columns]`.
    fn columns(&self, panels: &[f32], columns: usize, x: &[f32], out: &mut [f32]) {
        Arch::new().dispatch(Product {
            panels,
            d_in: self.d_in,
            columns,
            x,
            out,
        });
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

/// Whether this processor has vectors; without them panels would be of no use.
pub(crate) fn are_quick() -> bool {
    lanes() > 1
}

/// Columns of a panel: two vectors of this processor.
fn width() -> usize {
    2 * lanes()
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
