//! Normalisation of the residual stream.

use burn::module::Module;
use burn::nn::{LayerNorm, RmsNorm};
use burn::tensor::{DType, Tensor};

#[cfg(feature = "flex")]
use crate::by_hand;

/// The normalisation of a family.
#[derive(Module, Debug)]
pub enum Norm {
    /// `x / √(mean(x²) + ε) · w`; Zhang and Sennrich 2019 (arXiv 1910.07467).
    Rms(RmsNorm),
    /// `(x − mean(x)) / √(var(x) + ε) · w + b`; Ba et al. 2016 (arXiv 1607.06450).
    Layer(LayerNorm),
}

impl Norm {
    /// Over the last axis; the shape stays.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Rms(norm) => rms_norm(norm, x),
            Self::Layer(norm) => norm.forward(x),
        }
    }

    /// The type of numbers that the decoder computes in: matrices may be stored in another one, normalisations not.
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Self::Rms(norm) => norm.gamma.dtype(),
            Self::Layer(norm) => norm.gamma.dtype(),
        }
    }
}

/// `x / √(mean(x²) + ε) · w` over the last axis.
pub(crate) fn rms_norm<const D: usize>(norm: &RmsNorm, x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if by_hand::is_at_hand(&x) {
        return by_hand::rms_norm(x, norm.gamma.val(), norm.epsilon);
    }
    norm.forward(x)
}
