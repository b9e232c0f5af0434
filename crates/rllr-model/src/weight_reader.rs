//! From named tensors to Burn's modules.

use std::collections::BTreeSet;

use burn::module::Param;
use burn::nn::{Embedding, LayerNorm, LayerNormConfig, Linear, RmsNorm};
use burn::tensor::{Device, Tensor, TensorData};

use crate::weights::{Layout, TakenValues};
use crate::{WeightSource, WeightsError};

/// Whether a linear layer adds a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinearBias {
    /// `x W`.
    Absent,
    /// `x W + b`; the file has a tensor `bias` beside `weight`.
    Present,
}

impl LinearBias {
    /// As a configuration says it.
    #[must_use]
    pub fn when(has_bias: bool) -> Self {
        if has_bias { Self::Present } else { Self::Absent }
    }
}

/// Takes tensors out of a [`WeightSource`] by name and shape, and knows in the end which were not asked for.
///
/// Every tensor is converted and uploaded by itself. Paths are those of Hugging Face's files, without the `weight` or
/// `bias` at their end. On a device with autodiff the parameters are trainable.
#[derive(Debug)]
pub struct WeightReader<'a> {
    source: WeightSource<'a>,
    read: BTreeSet<String>,
    device: &'a Device,
}

impl<'a> WeightReader<'a> {
    /// A reader that has read nothing yet, for modules on `device`.
    #[must_use]
    pub fn new(source: WeightSource<'a>, device: &'a Device) -> Self {
        Self {
            source,
            read: BTreeSet::new(),
            device,
        }
    }

    /// The device of the modules.
    #[must_use]
    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// Whether there is a tensor of this name that was not read yet.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        !self.read.contains(name) && self.source.shape(name).is_some()
    }

    /// A linear layer, stored `[out, in]` in the file and `[in, out]` in Burn.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when a tensor is missing or has another shape.
    pub fn linear(
        &mut self,
        path: &str,
        d_in: usize,
        d_out: usize,
        bias: LinearBias,
    ) -> Result<Linear, WeightsError> {
        let transposed = Layout::Transposed {
            rows: d_out,
            columns: d_in,
        };
        let weight = self.take(format!("{path}.weight"), &[d_out, d_in], transposed)?;
        let weight = self.matrix(weight, transposed, [d_in, d_out]);
        let bias = match bias {
            LinearBias::Absent => None,
            LinearBias::Present => Some(self.tensor(&format!("{path}.bias"), [d_out])?),
        };
        Ok(Linear { weight, bias })
    }

    /// An embedding, `[rows, width]`.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the tensor is missing or has another shape.
    pub fn embedding(&mut self, path: &str, rows: usize, width: usize) -> Result<Embedding, WeightsError> {
        let weight = self.tensor(&format!("{path}.weight"), [rows, width])?;
        Ok(Embedding { weight })
    }

    /// An RMS normalisation: `weight` in the file, `gamma` in Burn.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the tensor is missing or has another shape.
    pub fn rms_norm(&mut self, path: &str, width: usize, epsilon: f64) -> Result<RmsNorm, WeightsError> {
        let gamma = self.tensor(&format!("{path}.weight"), [width])?;
        Ok(RmsNorm { gamma, epsilon })
    }

    /// A layer normalisation: `weight` and `bias` in the file, `gamma` and `beta` in Burn.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when a tensor is missing or has another shape.
    pub fn layer_norm(&mut self, path: &str, width: usize, epsilon: f64) -> Result<LayerNorm, WeightsError> {
        let gamma = self.tensor(&format!("{path}.weight"), [width])?;
        let beta = self.tensor(&format!("{path}.bias"), [width])?;
        // Burn keeps epsilon private, so the module comes from its configuration, whose own tensors are never made.
        let mut norm = LayerNormConfig::new(width)
            .with_epsilon(epsilon)
            .init(self.device);
        norm.gamma = gamma;
        norm.beta = Some(beta);
        Ok(norm)
    }

    /// One tensor as the file has it, under its whole name.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when it is missing or has another shape.
    pub fn tensor<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Result<Param<Tensor<D>>, WeightsError> {
        let values = self.take(name.to_owned(), &shape, Layout::AsStored)?;
        Ok(match values {
            TakenValues::Host(values) => Param::from_data(TensorData::new(values, shape), self.device),
            TakenValues::Device(values) => self.parameter(values.reshape(shape)),
        })
    }

    /// Reads a tensor that must be a copy of another one, if it is there: an output layer tied to the embedding.
    ///
    /// Files of PyTorch's own format always hold both, and so do safetensors files made of them. transformers 5 takes
    /// the copy for what it is when the numbers are equal; when they differ it leaves the layers untied, against the
    /// configuration, and warns. Here that is an error, so that no model is loaded that is not the configured one.
    ///
    /// To be called before the original is read.
    ///
    /// # Errors
    ///
    /// [`WeightsError::NotTied`] when the numbers differ.
    pub fn tied(&mut self, copy: &str, of: &str) -> Result<(), WeightsError> {
        let (Some(copied), Some(original)) = (self.source.shape(copy), self.source.shape(of)) else {
            return Ok(());
        };
        let same_shape = copied == original;
        if !same_shape || self.source.fingerprint(copy)? != self.source.fingerprint(of)? {
            return Err(WeightsError::NotTied {
                name: copy.to_owned(),
                of: of.to_owned(),
            });
        }
        self.read.insert(copy.to_owned());
        Ok(())
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Unexpected`] when a tensor was left unread; buffers that old files hold do not count.
    pub fn finish(self) -> Result<(), WeightsError> {
        let is_left = |name: &&str| !self.read.contains(*name) && !is_old_buffer(name);
        let names: Vec<String> = self
            .source
            .names()
            .into_iter()
            .filter(is_left)
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Unexpected { names })
    }

    /// The numbers of a tensor of the expected shape.
    fn take(
        &mut self,
        name: String,
        expected: &[usize],
        layout: Layout,
    ) -> Result<TakenValues, WeightsError> {
        let missing = |name| WeightsError::Missing {
            name,
            expected: expected.to_vec(),
        };
        match self.source.shape(&name) {
            None => return Err(missing(name)),
            Some(found) if found != expected => {
                let (found, expected) = (found.to_vec(), expected.to_vec());
                return Err(WeightsError::Shape {
                    name,
                    found,
                    expected,
                });
            }
            Some(_) => {}
        }
        match self.source.take(&name, layout)? {
            Some(values) => {
                self.read.insert(name);
                Ok(values)
            }
            None => Err(missing(name)),
        }
    }

    /// A matrix of `shape` whose numbers were taken in `layout`.
    fn matrix(&self, values: TakenValues, layout: Layout, shape: [usize; 2]) -> Param<Tensor<2>> {
        match (values, layout) {
            (TakenValues::Host(values), _) => Param::from_data(TensorData::new(values, shape), self.device),
            (TakenValues::Device(values), Layout::AsStored) => self.parameter(values.reshape(shape)),
            (TakenValues::Device(values), Layout::Transposed { rows, columns }) => {
                let view = values.reshape([rows, columns]).transpose();
                // A transposed tensor is a view on the old order. Flattened it is copied into the new order, which
                // every later pass over the weights reads without jumps.
                self.parameter(view.reshape([rows * columns]).reshape(shape))
            }
        }
    }

    /// A parameter of a tensor that is on the device already.
    fn parameter<const D: usize>(&self, values: Tensor<D>) -> Param<Tensor<D>> {
        let values = if self.device.is_autodiff() {
            values.autodiff()
        } else {
            values.without_autodiff()
        };
        Param::from_tensor(values.detach())
    }
}

/// Whether a tensor is a buffer that transformers wrote once, computes today, and ignores in files: the rotary
/// frequencies of Llama and its relatives. Source: `_adjust_missing_and_unexpected_keys` in transformers 5.23.
fn is_old_buffer(name: &str) -> bool {
    name.ends_with("rotary_emb.inv_freq")
}

#[cfg(test)]
mod tests;
