//! Normalisation of the residual stream.

use burn::module::Module;
use burn::nn::{LayerNorm, RmsNorm};
use burn::tensor::{DType, Tensor};

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
            Self::Rms(norm) => norm.forward(x),
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
