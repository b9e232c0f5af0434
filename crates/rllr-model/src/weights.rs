//! Named weights on the host: between a file and a model, and between two devices.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{Embedding, LayerNorm, LayerNormConfig, Linear, RmsNorm};
use burn::tensor::{Device, ExecutionError, Tensor, TensorData, Transaction};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::CausalLm;
use crate::ScalarModel;
use crate::config::Architecture;
use crate::tensor_shapes::file_name;

/// One tensor on the host, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub data: Vec<f32>,
}

/// Tensors by their Hugging Face names, in the layout of the files: a linear layer is `[out, in]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(pub BTreeMap<String, HostTensor>);

/// What is wrong with weights.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Not a safetensors file, or a damaged one.
    #[error("the weights are not a readable safetensors file: {0}")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// Numbers of a type that is not read.
    #[error("tensor {name} has numbers of type {found}, expected F32, F16 or BF16")]
    Dtype {
        /// Tensor name.
        name: String,
        /// Type in the file.
        found: String,
    },
    /// A finite number that would become infinite.
    #[error("tensor {name} holds {found:e}, which is too large for {stored}")]
    TooLarge {
        /// Tensor name.
        name: String,
        /// The number.
        found: f64,
        /// The type that cannot hold it.
        stored: &'static str,
    },
    /// The device has no F16.
    #[error("the device does not compute with F16; store the weights as F32")]
    NoHalfPrecision,
    /// A tensor that the model needs is not there.
    #[error("tensor {name} is missing, expected one of shape {expected:?}")]
    Missing {
        /// Tensor name.
        name: String,
        /// Shape that the configuration asks for.
        expected: Vec<usize>,
    },
    /// A tensor of another shape than the configuration says.
    #[error("tensor {name} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Tensor name.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that the configuration asks for.
        expected: Vec<usize>,
    },
    /// Tensors that the configured model does not have: loading would silently leave something out.
    #[error("the model has no tensors {names:?}; do the weights and the configuration belong together?")]
    Unexpected {
        /// Tensor names.
        names: Vec<String>,
    },
    /// The device failed while its tensors were read.
    #[error("the device failed while weights were read from it: {0:?}")]
    Device(ExecutionError),
}

impl Weights {
    /// Reads a safetensors file with numbers in F32, F16 or BF16.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the bytes are damaged or hold other types of numbers.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let file = SafeTensors::deserialize(bytes)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let bytes = view.data();
            let data = match view.dtype() {
                Dtype::F32 => bytes
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect(),
                Dtype::F16 => bytes
                    .chunks_exact(2)
                    .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
                    .collect(),
                Dtype::BF16 => bytes
                    .chunks_exact(2)
                    .map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())
                    .collect(),
                other => {
                    return Err(WeightsError::Dtype {
                        name: name.to_owned(),
                        found: format!("{other:?}"),
                    });
                }
            };
            tensors.insert(
                name.to_owned(),
                HostTensor {
                    shape: view.shape().to_vec(),
                    data,
                },
            );
        }
        Ok(Self(tensors))
    }

    /// Writes a safetensors file in F32, with the `format` entry that readers of PyTorch weights ask for.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Safetensors`] when a tensor's data do not fill its shape.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        let bytes: BTreeMap<&str, Vec<u8>> = self
            .0
            .iter()
            .map(|(name, tensor)| {
                (
                    name.as_str(),
                    tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect(),
                )
            })
            .collect();
        let views = self
            .0
            .iter()
            .map(|(name, tensor)| {
                Ok((
                    name,
                    TensorView::new(Dtype::F32, tensor.shape.clone(), &bytes[name.as_str()])?,
                ))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        Ok(safetensors::serialize(views, Some(metadata))?)
    }
}

impl CausalLm {
    /// Copies all weights to the host.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Device`] when the device cannot be read.
    pub async fn weights(&self) -> Result<Weights, WeightsError> {
        collect(self, self.architecture).await
    }
}

impl ScalarModel {
    /// Copies all weights to the host.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Device`] when the device cannot be read.
    pub async fn weights(&self) -> Result<Weights, WeightsError> {
        collect(self, self.architecture).await
    }
}

async fn collect(module: &impl Module, architecture: Architecture) -> Result<Weights, WeightsError> {
    let mut collector = Collector::default();
    module.visit(&mut collector);
    let data = collector
        .transaction
        .execute_async()
        .await
        .map_err(WeightsError::Device)?;
    let tensors = collector.names.into_iter().zip(data).map(|(path, data)| {
        let shape = data.shape().to_vec();
        (
            file_name(architecture, &path),
            HostTensor {
                shape,
                data: data.iter::<f32>().collect(),
            },
        )
    });
    Ok(Weights(tensors.collect()))
}

/// Registers every parameter for reading, under its file name and in its file layout.
#[derive(Default)]
struct Collector {
    path: Vec<String>,
    containers: Vec<String>,
    names: Vec<String>,
    transaction: Transaction,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        // Burn calls the weight of a normalisation gamma; files call every weight a weight.
        self.path.push(match name {
            "gamma" => "weight".to_owned(),
            "beta" => "bias".to_owned(),
            other => other.to_owned(),
        });
        self.containers.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let is_linear = self
            .containers
            .last()
            .is_some_and(|container| container == "Struct:Linear");
        let value = if is_linear && D == 2 {
            param.val().transpose()
        } else {
            param.val()
        };
        self.names.push(self.path.join("."));
        self.transaction = std::mem::take(&mut self.transaction).register(value);
    }
}

/// Whether a linear layer has a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bias {
    Absent,
    Present,
}

impl Bias {
    pub(crate) fn when(has_bias: bool) -> Self {
        if has_bias { Self::Present } else { Self::Absent }
    }
}

/// Takes tensors out of [`Weights`] by name and shape, and knows in the end which were not asked for.
pub(crate) struct WeightReader<'a> {
    weights: &'a Weights,
    unread: BTreeSet<&'a str>,
    device: &'a Device,
}

impl<'a> WeightReader<'a> {
    pub(crate) fn new(weights: &'a Weights, device: &'a Device) -> Self {
        Self {
            weights,
            unread: weights.0.keys().map(String::as_str).collect(),
            device,
        }
    }

    pub(crate) fn device(&self) -> &'a Device {
        self.device
    }

    /// Fails when a tensor was left unread.
    pub(crate) fn finish(self) -> Result<(), WeightsError> {
        if self.unread.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Unexpected {
            names: self.unread.into_iter().map(str::to_owned).collect(),
        })
    }

    /// A linear layer, stored `[out, in]` in the file and `[in, out]` in Burn.
    pub(crate) fn linear(
        &mut self,
        path: &str,
        d_in: usize,
        d_out: usize,
        bias: Bias,
    ) -> Result<Linear, WeightsError> {
        let tensor = self.take(format!("{path}.weight"), &[d_out, d_in])?;
        let mut data = vec![0.0; tensor.data.len()];
        for (row, values) in tensor.data.chunks_exact(d_in).enumerate() {
            for (column, &value) in values.iter().enumerate() {
                data[column * d_out + row] = value;
            }
        }
        let bias = match bias {
            Bias::Absent => None,
            Bias::Present => Some(self.vector(format!("{path}.bias"), d_out)?),
        };
        Ok(Linear {
            weight: Param::from_data(TensorData::new(data, [d_in, d_out]), self.device),
            bias,
        })
    }

    pub(crate) fn embedding(
        &mut self,
        path: &str,
        rows: usize,
        width: usize,
    ) -> Result<Embedding, WeightsError> {
        let tensor = self.take(format!("{path}.weight"), &[rows, width])?;
        let data = TensorData::new(tensor.data.clone(), [rows, width]);
        Ok(Embedding {
            weight: Param::from_data(data, self.device),
        })
    }

    pub(crate) fn rms_norm(
        &mut self,
        path: &str,
        width: usize,
        epsilon: f64,
    ) -> Result<RmsNorm, WeightsError> {
        Ok(RmsNorm {
            gamma: self.vector(format!("{path}.weight"), width)?,
            epsilon,
        })
    }

    pub(crate) fn layer_norm(
        &mut self,
        path: &str,
        width: usize,
        epsilon: f64,
    ) -> Result<LayerNorm, WeightsError> {
        let mut norm = LayerNormConfig::new(width)
            .with_epsilon(epsilon)
            .init(self.device);
        norm.gamma = self.vector(format!("{path}.weight"), width)?;
        norm.beta = Some(self.vector(format!("{path}.bias"), width)?);
        Ok(norm)
    }

    fn vector(&mut self, name: String, len: usize) -> Result<Param<Tensor<1>>, WeightsError> {
        let tensor = self.take(name, &[len])?;
        let data = TensorData::new(tensor.data.clone(), [len]);
        Ok(Param::from_data(data, self.device))
    }

    fn take(&mut self, name: String, expected: &[usize]) -> Result<&'a HostTensor, WeightsError> {
        let Some((known_name, tensor)) = self.weights.0.get_key_value(&name) else {
            return Err(WeightsError::Missing {
                name,
                expected: expected.to_vec(),
            });
        };
        if tensor.shape != expected {
            let (found, expected) = (tensor.shape.clone(), expected.to_vec());
            return Err(WeightsError::Shape {
                name,
                found,
                expected,
            });
        }
        self.unread.remove(known_name.as_str());
        Ok(tensor)
    }
}

#[cfg(test)]
mod tests;
