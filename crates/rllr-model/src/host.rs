//! Where a tensor's numbers are.

use burn::tensor::Tensor;

/// Whether a tensor without autodiff has its numbers, f32, in the memory of the processor that runs this: then taking
/// them out and putting them back waits for nothing and copies nothing.
///
/// Never without the feature `flex`.
#[cfg(feature = "flex")]
#[must_use]
pub fn is_on_host<const D: usize>(x: &Tensor<D>) -> bool {
    use burn::tensor::{DType, Device};
    x.dtype() == DType::F32 && x.device() == Device::flex()
}

/// Without the CPU's backend no tensor has.
#[cfg(not(feature = "flex"))]
#[must_use]
pub fn is_on_host<const D: usize>(_x: &Tensor<D>) -> bool {
    false
}
