//! Writing safetensors: how tensors are divided into files, and the bytes in front of each file's numbers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::header::{LENGTH_BYTES, METADATA};
use super::{ShardIndex, StoredType, WeightsError};

/// How weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// How numbers are stored.
    pub stored_type: StoredType,
    /// Most bytes of numbers in one file. A tensor that is larger than that has a file of its own.
    pub max_shard_bytes: u64,
}

impl Default for ExportOptions {
    /// F32, in files of at most 5 GB: what `save_pretrained` of transformers 4 takes by default.
    fn default() -> Self {
        Self {
            stored_type: StoredType::F32,
            max_shard_bytes: 5_000_000_000,
        }
    }
}

/// Which files an export consists of. Sizes are known before a number is read from the device.
///
/// Each file is its header and then, for every tensor in the order of [`PlannedFile::tensors`], what
/// [`StoredType::encode`] makes of its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPlan {
    /// How numbers are stored.
    pub stored_type: StoredType,
    /// The files, in order.
    pub files: Vec<PlannedFile>,
    /// The text of [`INDEX_FILE_NAME`](crate::INDEX_FILE_NAME), when there are several files.
    pub index: Option<String>,
}

/// One file of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    /// `model.safetensors`, or `model-00001-of-00002.safetensors`.
    pub name: String,
    /// The bytes in front of the numbers.
    pub header: Vec<u8>,
    /// The tensors, in the order of their bytes.
    pub tensors: Vec<String>,
    /// Bytes of numbers behind the header.
    pub data_bytes: u64,
}

/// Tensors that share a file, and their sizes.
#[derive(Default)]
struct Shard<'a> {
    tensors: Vec<(&'a str, &'a [usize], u64)>,
    bytes: u64,
}

impl ExportPlan {
    /// Divides tensors, given by name and shape, into files.
    ///
    /// A file is filled in the order of the tensors until the next one would make it too large, as
    /// `split_torch_state_dict_into_shards` of `huggingface_hub` does; within a file, tensors are sorted by name, as
    /// the safetensors crate writes them.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Duplicate`] for a name that comes twice or is that of the metadata.
    pub fn new<'a>(
        tensors: impl IntoIterator<Item = (&'a str, &'a [usize])>,
        options: &ExportOptions,
    ) -> Result<Self, WeightsError> {
        let ExportOptions {
            stored_type,
            max_shard_bytes,
        } = *options;
        let mut shards = vec![Shard::default()];
        for (name, shape) in tensors {
            let elements: u64 = shape.iter().map(|&length| length as u64).product();
            let bytes = elements * stored_type.bytes() as u64;
            let is_full = |shard: &Shard<'_>| {
                !shard.tensors.is_empty() && shard.bytes.saturating_add(bytes) > max_shard_bytes
            };
            if shards.last().is_none_or(is_full) {
                shards.push(Shard::default());
            }
            if let Some(shard) = shards.last_mut() {
                shard.tensors.push((name, shape, bytes));
                shard.bytes += bytes;
            }
        }
        let count = shards.len();
        let mut weight_map = BTreeMap::new();
        let mut files = Vec::with_capacity(count);
        for (shard, number) in shards.into_iter().zip(1..) {
            let name = file_name(number, count);
            for (tensor, ..) in &shard.tensors {
                let is_taken = *tensor == METADATA || weight_map.contains_key(*tensor);
                weight_map.insert((*tensor).to_owned(), name.clone());
                if is_taken {
                    return Err(WeightsError::Duplicate {
                        name: (*tensor).to_owned(),
                    });
                }
            }
            files.push(PlannedFile::new(name, shard, stored_type));
        }
        let total_size: u64 = files.iter().map(|file| file.data_bytes).sum();
        let total_parameters = total_size / stored_type.bytes() as u64;
        let index = (count > 1).then(|| ShardIndex::new(weight_map).to_json(total_parameters, total_size));
        Ok(Self {
            stored_type,
            files,
            index,
        })
    }

    /// Bytes of numbers in all files.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.data_bytes).sum()
    }
}

impl PlannedFile {
    fn new(name: String, mut shard: Shard<'_>, stored_type: StoredType) -> Self {
        shard.tensors.sort_by_key(|(name, ..)| *name);
        let mut entries = Map::new();
        // Readers of PyTorch weights before transformers 5 refuse files without it.
        entries.insert(METADATA.to_owned(), json!({"format": "pt"}));
        let mut end = 0;
        for (tensor, shape, bytes) in &shard.tensors {
            let entry = json!({
                "dtype": stored_type.safetensors_name(), "shape": shape, "data_offsets": [end, end + bytes],
            });
            entries.insert((*tensor).to_owned(), entry);
            end += bytes;
        }
        let mut json = Value::Object(entries).to_string().into_bytes();
        // So that the numbers begin at a multiple of 8.
        json.resize(json.len().next_multiple_of(LENGTH_BYTES), b' ');
        let mut header = (json.len() as u64).to_le_bytes().to_vec();
        header.extend(json);
        Self {
            name,
            header,
            tensors: shard
                .tensors
                .iter()
                .map(|(name, ..)| (*name).to_owned())
                .collect(),
            data_bytes: end,
        }
    }
}

/// The names that transformers writes and looks for.
fn file_name(number: usize, count: usize) -> String {
    match count {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{number:05}-of-{count:05}.safetensors"),
    }
}

#[cfg(test)]
mod tests;
