//! Exponential functions of many numbers at once.
//!
//! Burn's CPU backend computes one exponential at a time, and each operation around it is a pass over memory of its own.
//! Beside matrix products that is most of the time of a small model. Here numbers that lie in the processor's own memory
//! are worked through where they lie, row by row, in loops that the compiler turns into vector instructions, and `pulp`
//! picks the widest ones that the processor has. On other devices the same is made of Burn's operations.
//!
//! Nothing here is differentiated; see `derivative.rs` for that.

use burn::tensor::{Tensor, TensorData};
use pulp::Arch;

use crate::host::is_on_host;

#[cfg(test)]
mod tests;

/// Exponents are at least this. `exp(−80)` is 2e-35: in a sum that has a term `exp(0) = 1` it is less than a rounding
/// error, and unlike the exponential of the number that stands for "unseen" it takes no slow path.
const LOWEST_EXPONENT: f32 = -80.0;

/// `exp` of this, and of its negative, are ordinary numbers of f32.
#[cfg(any(test, feature = "flex"))]
const LARGEST_EXPONENT: f32 = 87.0;

/// Numbers whose largest, or whose sum, is looked for side by side: as many as the widest vector holds.
pub(crate) const LANES: usize = 16;

/// `exp(max(x − max x, −80))` along the last axis: the numerators of a softmax.
pub(crate) fn shifted_exp<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let keys = x.dims()[D - 1];
    if is_on_host(&x) {
        return on_host(x, |numbers| rows(numbers, keys));
    }
    let largest = x.clone().max_dim(D - 1);
    (x - largest).clamp_min(LOWEST_EXPONENT).exp()
}

/// The tensor after `work` on its numbers, which are not copied unless somebody else has them, too.
fn on_host<const D: usize>(x: Tensor<D>, work: impl FnOnce(&mut [f32])) -> Tensor<D> {
    let device = x.device();
    let mut data = numbers_of(x);
    work(data.as_mut_slice().expect("the numbers are f32"));
    Tensor::from_data(data, &device)
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing is waited for: the numbers lie in this processor's memory"
)]
fn numbers_of<const D: usize>(x: Tensor<D>) -> TensorData {
    x.into_data()
}

fn rows(numbers: &mut [f32], len: usize) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for row in numbers.chunks_exact_mut(len) {
                exponentiate_row(row);
            }
        },
    );
}

/// `exp(max(x − max x, −80))`. NaN stays NaN.
#[inline(always)]
pub(crate) fn exponentiate_row(row: &mut [f32]) {
    let largest = largest(row);
    for x in row {
        let shifted = *x - largest;
        // Not `f32::max`, which would make a number of NaN.
        *x = exp(if shifted < LOWEST_EXPONENT {
            LOWEST_EXPONENT
        } else {
            shifted
        });
    }
}

/// The sum of numbers, in lanes that are added up last.
#[cfg(any(test, feature = "flex"))]
#[inline(always)]
pub(crate) fn sum_of_row(row: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *x);
        }
    }
    let all = lanes.iter().chain(rest);
    all.fold(f32::NEG_INFINITY, |largest, x| larger(largest, *x))
}

/// `1 / (1 + exp(−x))`; beyond ±87 as at ±87. NaN stays NaN.
#[cfg(any(test, feature = "flex"))]
#[inline(always)]
pub(crate) fn sigmoid_of(x: f32) -> f32 {
    let x = if x < -LARGEST_EXPONENT {
        -LARGEST_EXPONENT
    } else {
        x
    };
    let x = if x > LARGEST_EXPONENT { LARGEST_EXPONENT } else { x };
    1.0 / (1.0 + exp(-x))
}

/// `exp(x)` for −87 ≤ x ≤ 87 to 2 units in the last place, without a branch. NaN stays NaN.
///
/// `exp(x) = 2ⁿ exp(r)` with `n` the integer next to `x / ln 2`, so `|r| ≤ ln 2 / 2`; `exp(r)` is a polynomial, and `2ⁿ` is
/// `n` in the bits of the exponent. Only additions and products that every processor rounds alike, so the result is the
/// same everywhere.
///
/// Source: `expf` of the Cephes library (Moshier 1992), whose polynomial and parts of `ln 2` these are.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2²³ leaves no bits for a fraction: the sum is rounded to an integer, in its lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first of which has so few bits that its product with `n` is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let polynomial = [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let mut sum = 1.987_569_1e-4;
    for coefficient in polynomial {
        sum = sum * r + coefficient;
    }
    let of_r = sum * r * r + r + 1.0;
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits());
    of_r * f32::from_bits(n.wrapping_add(127) << 23)
}
