//! Functions whose derivative is given with their value.
//!
//! Burn's autodiff keeps the argument of an exponential function and computes the function again to differentiate it.
//! Where exponentials are most of the work, that is twice the work; here the derivative comes from the forward pass.

use burn::tensor::Tensor;

use crate::exponentials;

#[cfg(test)]
mod tests;

/// A tensor that is `value`, and whose derivative by `x` is `slope`: `value + slope · (x − x̄)`, where `x̄` has the value of
/// `x` and is constant. All three have one shape.
///
/// - `value`, `slope`: without autodiff
fn with_slope<const D: usize>(x: Tensor<D>, value: Tensor<D>, slope: Tensor<D>) -> Tensor<D> {
    let constant = Tensor::from_inner(x.clone().inner());
    (x - constant) * Tensor::from_inner(slope) + Tensor::from_inner(value)
}

/// `exp(max(x − max x, −80))` along the last axis, the numerators of attention's softmax, with `max x` constant in the
/// derivative, so that it is the value itself.
pub(crate) fn shifted_exp(scores: Tensor<4>) -> Tensor<4> {
    if !scores.is_autodiff() {
        return exponentials::shifted_exp(scores);
    }
    let numerators = exponentials::shifted_exp(scores.clone().inner());
    with_slope(scores, numerators.clone(), numerators)
}

/// `x σ(x)` with the derivative `σ(x) (1 + x − x σ(x))`; Elfwing et al. 2017 (arXiv 1702.03118).
pub(crate) fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if !x.is_autodiff() {
        return x.clone() * sigmoid(x);
    }
    let plain = x.clone().inner();
    let gate = sigmoid(plain.clone());
    let value = plain.clone() * gate.clone();
    let slope = (plain - value.clone() + 1.0) * gate;
    with_slope(x, value, slope)
}

/// `1 / (1 + exp(−x))` in plain passes, which a GPU and a processor's vectors take; Burn's own asks for the sign of
/// every number. Where `exp(−x)` is infinite, it is 0 as it should be.
fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    ((-x).exp() + 1.0).recip()
}
