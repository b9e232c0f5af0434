//! Where a model's tensors come from when it is built.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher as _};

use burn::tensor::Tensor;
use safetensors::Dtype;

use super::stored_type::{Layout, is_read};
use super::{SafetensorsFiles, Weights, WeightsError};

/// Where a model's tensors come from. Each is taken once, by name.
#[derive(Debug)]
pub enum WeightSource<'a> {
    /// Numbers on the host.
    Host(&'a Weights),
    /// The bytes of safetensors files, decoded one tensor at a time.
    Files(&'a SafetensorsFiles<'a>),
    /// Tensors that are on the device already.
    Uploaded(UploadedWeights),
}

impl<'a> From<&'a Weights> for WeightSource<'a> {
    fn from(weights: &'a Weights) -> Self {
        Self::Host(weights)
    }
}

impl<'a> From<&'a SafetensorsFiles<'a>> for WeightSource<'a> {
    fn from(files: &'a SafetensorsFiles<'a>) -> Self {
        Self::Files(files)
    }
}

impl From<UploadedWeights> for WeightSource<'_> {
    fn from(uploaded: UploadedWeights) -> Self {
        Self::Uploaded(uploaded)
    }
}

/// Tensors on a device, from a [`SafetensorsStream`](crate::SafetensorsStream).
#[derive(Clone, Debug, Default)]
pub struct UploadedWeights {
    pub(crate) tensors: BTreeMap<String, UploadedTensor>,
}

/// One tensor of a file on the device.
#[derive(Clone, Debug)]
pub(crate) struct UploadedTensor {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// The numbers in the order of the file; `None` when there are none, or of a type that is not read.
    pub(crate) values: Option<Tensor<1>>,
    /// [`fingerprint`] of the numbers.
    pub(crate) fingerprint: u64,
}

impl UploadedWeights {
    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Adds the tensors of another shard.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Duplicate`] when one is there already.
    pub fn add(&mut self, other: Self) -> Result<(), WeightsError> {
        for (name, tensor) in other.tensors {
            if self.tensors.insert(name.clone(), tensor).is_some() {
                return Err(WeightsError::Duplicate { name });
            }
        }
        Ok(())
    }
}

/// The numbers of a tensor that was taken from its source.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, for a moment")]
pub(crate) enum TakenValues {
    /// In the layout that was asked for.
    Host(Vec<f32>),
    /// In the layout of the file.
    Device(Tensor<1>),
}

impl WeightSource<'_> {
    /// The shape of a tensor, if it is there.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        match self {
            Self::Host(weights) => Some(&weights.0.get(name)?.shape),
            Self::Files(files) => files.shape(name),
            Self::Uploaded(uploaded) => Some(&uploaded.tensors.get(name)?.shape),
        }
    }

    /// The names of all tensors.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Host(weights) => weights.0.keys().map(String::as_str).collect(),
            Self::Files(files) => files.names().collect(),
            Self::Uploaded(uploaded) => uploaded.names().collect(),
        }
    }

    /// The numbers of a tensor, `None` if it is not there. The caller has checked its shape.
    pub(crate) fn take(&mut self, name: &str, layout: Layout) -> Result<Option<TakenValues>, WeightsError> {
        match self {
            Self::Host(weights) => {
                let Some(tensor) = weights.0.get(name) else {
                    return Ok(None);
                };
                tensor.check(name)?;
                Ok(Some(TakenValues::Host(layout.arrange(&tensor.data, |x| x))))
            }
            Self::Files(files) => {
                let values = files.get(name).map(|tensor| tensor.decode(name, layout));
                Ok(values.transpose()?.map(TakenValues::Host))
            }
            Self::Uploaded(uploaded) => match uploaded.tensors.remove(name) {
                None => Ok(None),
                Some(UploadedTensor {
                    values: Some(values), ..
                }) => Ok(Some(TakenValues::Device(values))),
                // An empty tensor is not uploaded: not every device has buffers of no bytes.
                Some(UploadedTensor { dtype, .. }) if is_read(dtype) => {
                    Ok(Some(TakenValues::Host(Vec::new())))
                }
                Some(UploadedTensor { dtype, .. }) => Err(WeightsError::Dtype {
                    name: name.to_owned(),
                    found: format!("{dtype:?}"),
                }),
            },
        }
    }

    /// The [`fingerprint`] of a tensor's numbers, `None` if it is not there.
    pub(crate) fn fingerprint(&self, name: &str) -> Result<Option<u64>, WeightsError> {
        match self {
            Self::Host(weights) => Ok(weights.0.get(name).map(|tensor| fingerprint(&tensor.data))),
            Self::Files(files) => {
                let values = files
                    .get(name)
                    .map(|tensor| tensor.decode(name, Layout::AsStored));
                Ok(values.transpose()?.map(|values| fingerprint(&values)))
            }
            Self::Uploaded(uploaded) => Ok(uploaded.tensors.get(name).map(|tensor| tensor.fingerprint)),
        }
    }
}

/// A number that two tensors share when all their numbers are equal bit for bit, and practically never else.
pub(crate) fn fingerprint(values: &[f32]) -> u64 {
    // Started without a random key, so that it may be compared between two tensors.
    let mut hasher = DefaultHasher::new();
    for value in values {
        hasher.write_u32(value.to_bits());
    }
    hasher.finish()
}
