//! Normalisation of the residual stream.

use burn::tensor::{Tensor, TensorData};
use pulp::Arch;

use super::{Derivative, Numbers, argument, differentiable, dot, floats, numbers, tensor};

#[cfg(test)]
mod tests;

/// `y = r x w` along the last axis, with `r = 1 / √(mean(x²) + ε)`.
///
/// Its derivatives, with `g` that of `y`: `r (g w − x r² mean(g w x))` by `x`, and `Σ g r x` over all rows by `w`.
///
/// Source: Zhang and Sennrich 2019 (arXiv 1910.07467), equations 4 and 9.
///
/// # Shapes
///
/// - `x` and output: `[.., width]`
/// - `weight`: `[width]`
pub(crate) fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f64) -> Tensor<D> {
    if !x.is_autodiff() && !weight.is_autodiff() {
        let (value, _) = Normalized::new(x, weight, epsilon);
        return value;
    }
    let arguments = [argument(x.clone()), argument(weight.clone())];
    let (value, normalized) = Normalized::new(x.inner(), weight.inner(), epsilon);
    differentiable(&arguments, value, normalized)
}

/// What the derivative needs.
#[derive(Clone, Debug)]
struct Normalized<const D: usize> {
    /// `[.., width]`.
    x: Numbers,
    /// `[width]`.
    weight: Numbers,
    /// `r` of each row.
    scales: Vec<f32>,
    shape: [usize; D],
}

impl<const D: usize> Normalized<D> {
    /// The value, and what it is differentiated from.
    fn new(x: Tensor<D>, weight: Tensor<1>, epsilon: f64) -> (Tensor<D>, Self) {
        let (shape, width) = (x.dims(), weight.dims()[0]);
        let (x, weight) = (numbers(x), numbers(weight));
        let mut value = vec![0.0; shape.iter().product()];
        let mut scales = vec![0.0; value.len() / width];
        let rows = floats(&x).chunks_exact(width).zip(&mut scales);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (value, (x, scale)) in value.chunks_exact_mut(width).zip(rows) {
                    let mean_square = dot(x, x) / width as f32;
                    *scale = scale_of(mean_square, epsilon);
                    for ((value, x), weight) in value.iter_mut().zip(x).zip(floats(&weight)) {
                        *value = *x * *scale * weight;
                    }
                }
            },
        );
        let value = tensor(Numbers::from_data(TensorData::new(value, shape)));
        let normalized = Self {
            x,
            weight,
            scales,
            shape,
        };
        (value, normalized)
    }
}

impl<const D: usize> Derivative<2> for Normalized<D> {
    fn gradients(self, gradient: Numbers) -> [Numbers; 2] {
        let gradient = gradient.to_contiguous();
        let (x, weight) = (floats(&self.x), floats(&self.weight));
        let width = weight.len();
        let mut of_x = vec![0.0; x.len()];
        let mut of_weight = vec![0.0; width];
        let rows = x
            .chunks_exact(width)
            .zip(floats(&gradient).chunks_exact(width))
            .zip(&self.scales);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for (of_x, ((x, gradient), &scale)) in of_x.chunks_exact_mut(width).zip(rows) {
                    // `g w` first, where its result goes.
                    for ((of_x, gradient), weight) in of_x.iter_mut().zip(gradient).zip(weight) {
                        *of_x = gradient * weight;
                    }
                    let mean = dot(of_x, x) / width as f32;
                    let along = scale * scale * mean;
                    for ((of_x, x), (gradient, of_weight)) in
                        of_x.iter_mut().zip(x).zip(gradient.iter().zip(&mut of_weight))
                    {
                        *of_x = scale * (*of_x - x * along);
                        *of_weight += gradient * scale * x;
                    }
                }
            },
        );
        [
            Numbers::from_data(TensorData::new(of_x, self.shape)),
            Numbers::from_data(TensorData::new(of_weight, [width])),
        ]
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the numbers around it are f32, too"
)]
#[inline(always)]
fn scale_of(mean_square: f32, epsilon: f64) -> f32 {
    1.0 / (mean_square + epsilon as f32).sqrt()
}
