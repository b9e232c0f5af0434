//! Safetensors files as bytes: one file or the shards of one checkpoint, read tensor by tensor.

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::stored_type::{Layout, decode};
use super::{SafetensorsHeader, ShardIndex, WeightsError};

/// The tensors of one or several safetensors files whose bytes somebody else holds, such as a memory map.
///
/// Only the headers are read at first; a tensor's numbers are decoded when they are asked for, so that loading needs
/// the model and one tensor, not the model twice.
#[derive(Clone, Debug, Default)]
pub struct SafetensorsFiles<'a> {
    tensors: BTreeMap<String, StoredTensor<'a>>,
}

/// One tensor as its file holds it.
#[derive(Clone, Debug)]
pub(crate) struct StoredTensor<'a> {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: &'a [u8],
}

impl StoredTensor<'_> {
    /// The numbers; `name` is for messages.
    pub(crate) fn decode(&self, name: &str, layout: Layout) -> Result<Vec<f32>, WeightsError> {
        decode(name, self.dtype, self.bytes, layout)
    }
}

impl<'a> SafetensorsFiles<'a> {
    /// The tensors of one file.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Header`] for damaged or hostile bytes.
    pub fn single(bytes: &'a [u8]) -> Result<Self, WeightsError> {
        let (header, data) = SafetensorsHeader::read(bytes)?;
        let mut files = Self::default();
        files.add(&header, data);
        Ok(files)
    }

    /// The tensors of a sharded checkpoint; `shards` are the bytes of [`ShardIndex::files`] by name.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when a shard is missing or damaged or does not hold what the index says; see
    /// [`ShardIndex::check_shard`].
    pub fn sharded(index: &ShardIndex, shards: &BTreeMap<&str, &'a [u8]>) -> Result<Self, WeightsError> {
        let mut files = Self::default();
        let mut places: BTreeMap<String, &str> = BTreeMap::new();
        for file in index.files() {
            let Some(bytes) = shards.get(file) else {
                return Err(WeightsError::MissingShard {
                    file: file.to_owned(),
                });
            };
            let (header, data) =
                SafetensorsHeader::read(bytes).map_err(|error| WeightsError::from(error).in_file(file))?;
            index.check_shard(file, &header)?;
            // Tensors that the index does not name may still be in two files.
            for tensor in header.tensors() {
                if let Some(first) = places.insert(tensor.name.clone(), file) {
                    return Err(WeightsError::InTwoShards {
                        name: tensor.name.clone(),
                        first: first.to_owned(),
                        second: file.to_owned(),
                    });
                }
            }
            files.add(&header, data);
        }
        Ok(files)
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.tensors.get(name)?.shape)
    }

    /// The size of the largest tensor in f32, in bytes: what loading needs beside the model.
    #[must_use]
    pub fn largest_tensor_bytes(&self) -> usize {
        let bytes = |tensor: &StoredTensor<'_>| 4 * tensor.shape.iter().product::<usize>();
        self.tensors.values().map(bytes).max().unwrap_or(0)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&StoredTensor<'a>> {
        self.tensors.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &StoredTensor<'a>)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    fn add(&mut self, header: &SafetensorsHeader, data: &'a [u8]) {
        for tensor in header.tensors() {
            let stored = StoredTensor {
                dtype: tensor.dtype,
                shape: tensor.shape.clone(),
                bytes: &data[tensor.bytes.clone()],
            };
            self.tensors.insert(tensor.name.clone(), stored);
        }
    }
}

#[cfg(test)]
mod tests;
