//! Whether a model is still what it was, without a copy of it.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{ExecutionError, Int, Tensor, TensorData};

/// Numbers that are looked at in each tensor.
const SAMPLES: usize = 16;

/// Some numbers of every tensor of a module, bit for bit.
///
/// An optimiser that reaches a tensor changes nearly all of its numbers, so a few of them, evenly spread, show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(Vec<u32>);

impl Fingerprint {
    /// Looks at a module; one read.
    pub(crate) async fn of<M: Module>(module: &M) -> Result<Self, ExecutionError> {
        let mut samples = Samples(Vec::new());
        module.visit(&mut samples);
        if samples.0.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let data = Tensor::cat(samples.0, 0).into_data_async().await?;
        Ok(Self(data.iter::<f32>().map(f32::to_bits).collect()))
    }

    /// How many numbers differ.
    pub(crate) fn differences(&self, other: &Self) -> usize {
        assert_eq!(self.0.len(), other.0.len(), "fingerprints of one module");
        self.0.iter().zip(&other.0).filter(|(a, b)| a != b).count()
    }
}

struct Samples(Vec<Tensor<1>>);

impl ModuleVisitor for Samples {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "places of a tensor"
    )]
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().inner();
        let len = value.shape().num_elements();
        let samples = len.min(SAMPLES);
        let places: Vec<i32> = (0..samples).map(|i| (i * len / samples) as i32).collect();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [samples]), &value.device());
        let numbers = value.reshape([len]).select(0, places);
        self.0.push(numbers.cast(burn::tensor::DType::F32));
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;
    use pollster::block_on;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// The smallest change that a number can have is seen; a copy is the same.
    #[wasm_bindgen_test(unsupported = test)]
    fn a_changed_tensor_is_seen() {
        let layer: Linear = LinearConfig::new(10, 10).init(&Device::flex());
        let before = block_on(Fingerprint::of(&layer)).unwrap();
        assert_eq!(before.0.len(), SAMPLES + 10);
        assert_eq!(block_on(Fingerprint::of(&layer.clone())).unwrap(), before);
        let changed = Linear {
            weight: layer.weight.map(|weight| weight * (1.0 + f32::EPSILON)),
            bias: layer.bias,
        };
        let after = block_on(Fingerprint::of(&changed)).unwrap();
        assert!(before.differences(&after) > SAMPLES / 2);
    }
}
