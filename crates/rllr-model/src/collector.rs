//! From Burn's modules to named tensors.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, Transaction};

use crate::tensor_shapes::file_name;
use crate::{CausalLm, ExportOptions, ExportPlan, HostTensor, ScalarModel, Weights, WeightsError};

/// Most bytes that one read brings to the host, unless a single tensor has more. Large enough that a GPU is not
/// waited for often, small beside any model for which it matters.
const READ_BYTES: usize = 64 << 20;

/// The parameters of a module under their names in a file, still on the device.
///
/// Names and shapes are known at once; the numbers are read in chunks, so that an export needs one chunk of memory on
/// the host and not the whole model.
#[derive(Debug, Default)]
pub struct DeviceWeights {
    /// In the order of the module.
    tensors: Vec<DeviceTensor>,
    numbers: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct DeviceTensor {
    name: String,
    /// In the layout of the file.
    shape: Vec<usize>,
    values: DeviceValues,
}

/// The numbers as the module holds them.
#[derive(Clone, Debug)]
enum DeviceValues {
    /// In the order of the file.
    AsStored(Tensor<1>),
    /// The weight of a linear layer, `[in, out]`, while the file has `[out, in]`.
    Linear(Tensor<2>),
}

impl DeviceWeights {
    /// Lists the float parameters of a module.
    ///
    /// `file_name` maps a path inside the module to the name in the file; a path whose fields are named as in
    /// Hugging Face's files is its own name. Weights of normalisations are called `weight` and `bias` in the path, not
    /// `gamma` and `beta` as in Burn. Values are the effective ones: an attached adapter is merged.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Duplicate`] when two parameters are given one name.
    pub fn of(module: &impl Module, file_name: impl Fn(&str) -> String) -> Result<Self, WeightsError> {
        let mut collector = Collector {
            path: Vec::new(),
            containers: Vec::new(),
            file_name,
            tensors: Vec::new(),
        };
        module.visit(&mut collector);
        Self::from_list(collector.tensors)
    }

    /// Lists tensors by name and shape, their numbers in the order of the file.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Duplicate`] when two tensors have one name.
    pub fn from_flat(
        tensors: impl IntoIterator<Item = (String, Vec<usize>, Tensor<1>)>,
    ) -> Result<Self, WeightsError> {
        let tensor = |(name, shape, values)| DeviceTensor {
            name,
            shape,
            values: DeviceValues::AsStored(values),
        };
        Self::from_list(tensors.into_iter().map(tensor).collect())
    }

    fn from_list(tensors: Vec<DeviceTensor>) -> Result<Self, WeightsError> {
        let mut numbers = BTreeMap::new();
        for (number, tensor) in tensors.iter().enumerate() {
            if numbers.insert(tensor.name.clone(), number).is_some() {
                return Err(WeightsError::Duplicate {
                    name: tensor.name.clone(),
                });
            }
        }
        Ok(Self { tensors, numbers })
    }

    /// Name and shape of every tensor as the file will have them, in the order of the module.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice()))
    }

    /// Divides the tensors into files.
    ///
    /// # Errors
    ///
    /// As [`ExportPlan::new`].
    pub fn plan(&self, options: &ExportOptions) -> Result<ExportPlan, WeightsError> {
        ExportPlan::new(self.shapes(), options)
    }

    /// Divides a list of names into chunks that are read at once.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Missing`] for a name that the module has not.
    pub fn chunks<'n>(&self, names: &'n [String]) -> Result<Vec<&'n [String]>, WeightsError> {
        self.chunks_of(names, READ_BYTES)
    }

    fn chunks_of<'n>(&self, names: &'n [String], limit: usize) -> Result<Vec<&'n [String]>, WeightsError> {
        let mut chunks = Vec::new();
        let (mut first, mut bytes) = (0, 0);
        for (number, name) in names.iter().enumerate() {
            let more = 4 * self.get(name)?.shape.iter().product::<usize>();
            if number > first && bytes + more > limit {
                chunks.push(&names[first..number]);
                (first, bytes) = (number, 0);
            }
            bytes += more;
        }
        if first < names.len() {
            chunks.push(&names[first..]);
        }
        Ok(chunks)
    }

    /// Copies the named tensors to the host, in one read.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Device`] when the device cannot be read, [`WeightsError::Missing`] for a name that the module
    /// has not.
    pub async fn read(&self, names: &[String]) -> Result<Vec<HostTensor>, WeightsError> {
        let mut transaction = Transaction::default();
        let mut shapes = Vec::with_capacity(names.len());
        for name in names {
            let DeviceTensor { shape, values, .. } = self.get(name)?;
            shapes.push(shape.clone());
            transaction = match values.clone() {
                DeviceValues::AsStored(values) => transaction.register(values),
                DeviceValues::Linear(weight) => transaction.register(weight.transpose()),
            };
        }
        let data = transaction.execute_async().await.map_err(WeightsError::Device)?;
        let tensors = shapes.into_iter().zip(data).map(|(shape, data)| {
            // Without a copy where the device computes in f32.
            let data = data.try_into_vec_as::<f32>().map_err(WeightsError::Data)?;
            Ok(HostTensor { shape, data })
        });
        tensors.collect()
    }

    /// Copies all tensors to the host, chunk by chunk.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Device`] when the device cannot be read.
    pub async fn read_all(&self) -> Result<Weights, WeightsError> {
        let names: Vec<String> = self.shapes().map(|(name, _)| name.to_owned()).collect();
        let mut weights = Weights::default();
        for chunk in self.chunks(&names)? {
            let tensors = self.read(chunk).await?;
            weights.0.extend(chunk.iter().cloned().zip(tensors));
        }
        Ok(weights)
    }

    fn get(&self, name: &str) -> Result<&DeviceTensor, WeightsError> {
        let number = self.numbers.get(name).ok_or_else(|| WeightsError::Missing {
            name: name.to_owned(),
            expected: Vec::new(),
        })?;
        Ok(&self.tensors[*number])
    }
}

impl CausalLm {
    /// The weights under their Hugging Face names, still on the device.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Duplicate`] when two parameters have one name.
    pub fn device_weights(&self) -> Result<DeviceWeights, WeightsError> {
        DeviceWeights::of(self, |path| file_name(self.architecture, path))
    }

    /// Copies all weights to the host.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Device`] when the device cannot be read.
    pub async fn weights(&self) -> Result<Weights, WeightsError> {
        self.device_weights()?.read_all().await
    }
}

impl ScalarModel {
    /// The weights under their Hugging Face names, still on the device.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Duplicate`] when two parameters have one name.
    pub fn device_weights(&self) -> Result<DeviceWeights, WeightsError> {
        DeviceWeights::of(self, |path| file_name(self.architecture, path))
    }

    /// Copies all weights to the host.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Device`] when the device cannot be read.
    pub async fn weights(&self) -> Result<Weights, WeightsError> {
        self.device_weights()?.read_all().await
    }
}

/// Notes every float parameter, under its file name and with its file layout. Reads nothing.
struct Collector<F> {
    path: Vec<String>,
    containers: Vec<String>,
    file_name: F,
    tensors: Vec<DeviceTensor>,
}

impl<F: Fn(&str) -> String> ModuleVisitor for Collector<F> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        let is_norm = matches!(container_type, "Struct:RmsNorm" | "Struct:LayerNorm");
        self.path.push(match name {
            "gamma" if is_norm => "weight".to_owned(),
            "beta" if is_norm => "bias".to_owned(),
            _ => name.to_owned(),
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
        let values = param.val().without_autodiff();
        let mut shape = values.dims().to_vec();
        let elements: usize = shape.iter().product();
        // The weight of a linear layer is its one tensor with two axes; its bias has one.
        let values = if is_linear && D == 2 {
            shape.reverse();
            DeviceValues::Linear(values.reshape([shape[1], shape[0]]))
        } else {
            DeviceValues::AsStored(values.reshape([elements]))
        };
        self.tensors.push(DeviceTensor {
            name: (self.file_name)(&self.path.join(".")),
            shape,
            values,
        });
    }
}

#[cfg(test)]
mod tests;
