//! The middle of a feed-forward network.

use burn::tensor::{Tensor, TensorData};
use pulp::Arch;

use super::{Derivative, Numbers, argument, differentiable, floats, primitive, tensor};
use crate::exponentials::sigmoid_of;

#[cfg(test)]
mod tests;

/// `silu(gate) · up` with `silu(x) = x σ(x)`.
///
/// Its derivatives, times `g`: `g · up · σ(x) (1 + x − silu(x))` by the gate, and `g · silu(x)` by `up`.
///
/// Source: Shazeer 2020 (arXiv 2002.05202); Elfwing et al. 2017 (arXiv 1702.03118).
///
/// # Shapes
///
/// - `gate`, `up` and output: any, but the same
pub(crate) fn gated_silu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    if !gate.is_autodiff() && !up.is_autodiff() {
        return Gated::<D>::new(gate, up).value();
    }
    let arguments = [gate.clone(), up.clone()].map(argument);
    let gated = Gated::new(gate.inner(), up.inner());
    differentiable(&arguments, gated.value(), gated)
}

/// The two arguments.
#[derive(Clone, Debug)]
struct Gated<const D: usize> {
    gate: Rows,
    up: Rows,
    shape: [usize; D],
}

impl<const D: usize> Gated<D> {
    fn new(gate: Tensor<D>, up: Tensor<D>) -> Self {
        Self {
            shape: gate.dims(),
            gate: Rows::of(gate),
            up: Rows::of(up),
        }
    }

    fn value(&self) -> Tensor<D> {
        let mut value = vec![0.0; self.shape.iter().product()];
        let rows = self.gate.rows().zip(self.up.rows());
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (value, (gate, up)) in value.chunks_exact_mut(self.gate.width).zip(rows) {
                    for (value, (&gate, up)) in value.iter_mut().zip(gate.iter().zip(up)) {
                        *value = gate * sigmoid_of(gate) * up;
                    }
                }
            },
        );
        tensor(Numbers::from_data(TensorData::new(value, self.shape)))
    }
}

impl<const D: usize> Derivative<2> for Gated<D> {
    fn gradients(self, gradient: Numbers) -> [Numbers; 2] {
        let gradient = gradient.to_contiguous();
        let width = self.gate.width;
        let rows = self.gate.rows().zip(self.up.rows());
        let arguments = rows.zip(floats(&gradient).chunks_exact(width));
        let mut of_gate = vec![0.0; self.shape.iter().product()];
        let mut of_up = vec![0.0; of_gate.len()];
        let results = of_gate.chunks_exact_mut(width).zip(of_up.chunks_exact_mut(width));
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for ((of_gate, of_up), ((gate, up), gradient)) in results.zip(arguments) {
                    let arguments = gate.iter().zip(up).zip(gradient);
                    for ((of_gate, of_up), ((&gate, up), gradient)) in
                        of_gate.iter_mut().zip(of_up).zip(arguments)
                    {
                        let sigmoid = sigmoid_of(gate);
                        let silu = gate * sigmoid;
                        *of_gate = gradient * up * ((gate - silu + 1.0) * sigmoid);
                        *of_up = gradient * silu;
                    }
                }
            },
        );
        [of_gate, of_up].map(|numbers| Numbers::from_data(TensorData::new(numbers, self.shape)))
    }
}

/// A matrix, or columns of a wider one, which are not copied.
#[derive(Clone, Debug)]
struct Rows {
    numbers: Numbers,
    start: usize,
    /// From a row to the next.
    stride: usize,
    width: usize,
    count: usize,
}

impl Rows {
    fn of<const D: usize>(x: Tensor<D>) -> Self {
        let (shape, x) = (x.dims(), primitive(x));
        let width = shape[D - 1];
        let count = shape.iter().product::<usize>() / width;
        let strides = x.layout().strides();
        let stride = strides[D.saturating_sub(2)].unsigned_abs();
        // Rows of rows follow one another, too.
        let mut expected = stride;
        let is_even = (0..D.saturating_sub(1)).rev().all(|axis| {
            let is_expected = shape[axis] == 1 || strides[axis] == expected.cast_signed();
            expected *= shape[axis];
            is_expected
        });
        if D > 1 && is_even && stride >= width && strides[D - 1] == 1 {
            let start = x.layout().start_offset();
            return Self {
                numbers: x,
                start,
                stride,
                width,
                count,
            };
        }
        Self {
            numbers: x.to_contiguous(),
            start: 0,
            stride: width,
            width,
            count,
        }
    }

    fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        let numbers = &self.numbers.storage::<f32>()[self.start..];
        (0..self.count).map(move |row| &numbers[row * self.stride..][..self.width])
    }
}
