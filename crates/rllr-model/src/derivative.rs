//! Functions whose derivative is given with their value.
//!
//! Burn's autodiff keeps the argument of an exponential function and computes the function again to differentiate it.
//! Where exponentials are most of the work, that is twice the work; here the derivative comes from the forward pass.

use burn::tensor::Tensor;

#[cfg(test)]
mod tests;

/// Exponents are at least this. `exp(−80)` is 2e-35: in a sum that has a term `exp(0) = 1` it is less than a rounding
/// error, and unlike the exponential of the number that stands for "unseen" it takes no slow path.
const LOWEST_EXPONENT: f32 = -80.0;

/// A tensor that is `value`, and whose derivative by `x` is `slope`: `value + slope · (x − x̄)`, where `x̄` has the value of
/// `x` and is constant. All three have one shape.
///
/// - `value`, `slope`: without autodiff
fn with_slope<const D: usize>(x: Tensor<D>, value: Tensor<D>, slope: Tensor<D>) -> Tensor<D> {
    let constant = Tensor::from_inner(x.clone().inner());
    (x - constant) * Tensor::from_inner(slope) + Tensor::from_inner(value)
}

/// `exp(max(x − max x, −80))` along the last axis, with `max x` constant: the numerators of a softmax.
pub(crate) fn shifted_exp<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let values = |x: Tensor<D>| {
        let largest = x.clone().max_dim(D - 1);
        (x - largest).clamp_min(LOWEST_EXPONENT).exp()
    };
    if !x.is_autodiff() {
        return values(x);
    }
    let exponentials = values(x.clone().inner());
    with_slope(x, exponentials.clone(), exponentials)
}

/// `x σ(x)` with the derivative `σ(x) (1 + x − x σ(x))`; Elfwing et al. 2017 (arXiv 1702.03118).
///
/// `σ(x) = 1 / (1 + exp(−x))` in plain passes, which a processor's vectors take; Burn's own asks for the sign of every
/// number. Where `exp(−x)` is infinite, `σ(x)` is 0 as it should be.
pub(crate) fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let plain = x.clone().inner();
    let gate = ((-plain.clone()).exp() + 1.0).recip();
    if !x.is_autodiff() {
        return plain * gate;
    }
    let value = plain.clone() * gate.clone();
    let slope = (plain - value.clone() + 1.0) * gate;
    with_slope(x, value, slope)
}
