//! In which type of numbers a model's matrices are stored.

use burn::module::Param;
use burn::nn::{Embedding, Linear};
use burn::tensor::{DType, Device, FloatDType, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Weights, WeightsError};

/// How the matrices of a frozen model are stored on the device. All computation is in F32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightStorage {
    /// Four bytes a number.
    #[default]
    F32,
    /// Two bytes a number; a matrix is converted each time it is used.
    ///
    /// In training the conversions of a block live until its backward pass, so this saves memory only together with
    /// checkpointing by block.
    F16,
}

/// Largest number of an F16.
const LARGEST_F16: f32 = 65_504.0;

impl WeightStorage {
    /// Checks that the device knows the type, and that it holds every matrix.
    pub(crate) fn check(self, weights: &Weights, device: &Device) -> Result<(), WeightsError> {
        if self == Self::F32 {
            return Ok(());
        }
        if !device.supports_dtype(DType::F16) {
            return Err(WeightsError::NoHalfPrecision);
        }
        for (name, tensor) in &weights.0 {
            let too_large = tensor
                .data
                .iter()
                .find(|x| x.is_finite() && x.abs() > LARGEST_F16);
            if let (2, Some(&found)) = (tensor.shape.len(), too_large) {
                return Err(WeightsError::TooLarge {
                    name: name.clone(),
                    found: f64::from(found),
                    stored: "F16",
                });
            }
        }
        Ok(())
    }

    pub(crate) fn linear(self, layer: Linear) -> Linear {
        Linear {
            weight: self.matrix(layer.weight),
            bias: layer.bias,
        }
    }

    pub(crate) fn embedding(self, layer: Embedding) -> Embedding {
        Embedding {
            weight: self.matrix(layer.weight),
        }
    }

    fn matrix(self, weight: Param<Tensor<2>>) -> Param<Tensor<2>> {
        match self {
            Self::F32 => weight,
            Self::F16 => weight.map(|weight| weight.cast(FloatDType::F16)),
        }
    }
}

/// A matrix in the type of numbers that it is multiplied with; nothing is done when it has it.
pub(crate) fn in_type_of<const D: usize>(weight: Tensor<2>, x: &Tensor<D>) -> Tensor<2> {
    weight.cast(FloatDType::from(x.dtype()))
}

#[cfg(test)]
mod tests;
