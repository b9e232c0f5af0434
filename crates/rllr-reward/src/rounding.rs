//! From the precision of sums to that of tensors.

/// The nearest `f32`. Results are computed in `f64` and rounded once, here.
#[expect(clippy::cast_possible_truncation, reason = "rounding is what it is for")]
pub(super) fn to_f32(value: f64) -> f32 {
    value as f32
}
