//! `model.safetensors.index.json`: which file of a sharded checkpoint holds which tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::json;

use super::{SafetensorsHeader, WeightsError};

/// The name of the index in a model's directory.
pub const INDEX_FILE_NAME: &str = "model.safetensors.index.json";

/// Which shard holds which tensor. All file names are plain: they name a file beside the index and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// What is wrong with the index of a sharded checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Not the JSON that was expected.
    #[error("the index cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// No tensor at all.
    #[error("the index names no tensor, expected at least one in weight_map")]
    Empty,
    /// One tensor in two places.
    #[error("the index puts tensor {name} into {first:?} and into {second:?}, expected one place")]
    Duplicate {
        /// Tensor name.
        name: String,
        /// The first place.
        first: String,
        /// The second place.
        second: String,
    },
    /// A name that could lead out of the model's directory.
    #[error("the index puts tensor {name} into {file:?}, expected the name of a file beside the index")]
    FileName {
        /// Tensor name.
        name: String,
        /// What the index says.
        file: String,
    },
}

impl ShardIndex {
    /// Reads an index. Its metadata are not needed and not trusted.
    ///
    /// # Errors
    ///
    /// [`IndexError`] for text that is not an index, for a tensor in two places, and for file names that are more
    /// than a name.
    pub fn parse(json: &str) -> Result<Self, IndexError> {
        let file: IndexFile = serde_json::from_str(json)?;
        let mut weight_map = BTreeMap::new();
        for (name, file) in file.weight_map.0 {
            if !is_plain_file_name(&file) {
                return Err(IndexError::FileName { name, file });
            }
            if let Some(first) = weight_map.insert(name.clone(), file.clone()) {
                let second = file;
                return Err(IndexError::Duplicate { name, first, second });
            }
        }
        if weight_map.is_empty() {
            return Err(IndexError::Empty);
        }
        Ok(Self { weight_map })
    }

    /// An index of planned files.
    pub(crate) fn new(weight_map: BTreeMap<String, String>) -> Self {
        Self { weight_map }
    }

    /// The names of the shards, sorted.
    #[must_use]
    pub fn files(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }

    /// The shard that holds a tensor.
    #[must_use]
    pub fn file_of(&self, tensor: &str) -> Option<&str> {
        self.weight_map.get(tensor).map(String::as_str)
    }

    /// Checks a shard against the index: every tensor that the index puts there is there, and none that it puts
    /// elsewhere.
    ///
    /// A tensor of the shard that the index does not name is no error here, as in transformers 5, which reads every
    /// tensor of the shards; whether the model has a place for it is asked when the model is built.
    ///
    /// # Errors
    ///
    /// [`WeightsError::NotInShard`] and [`WeightsError::InTwoShards`].
    pub fn check_shard(&self, file: &str, header: &SafetensorsHeader) -> Result<(), WeightsError> {
        let found: BTreeSet<&str> = header
            .tensors()
            .iter()
            .map(|tensor| tensor.name.as_str())
            .collect();
        for (name, place) in &self.weight_map {
            match (place == file, found.contains(name.as_str())) {
                (true, false) => {
                    return Err(WeightsError::NotInShard {
                        name: name.clone(),
                        file: file.to_owned(),
                    });
                }
                (false, true) => {
                    return Err(WeightsError::InTwoShards {
                        name: name.clone(),
                        first: place.clone(),
                        second: file.to_owned(),
                    });
                }
                (true, true) | (false, false) => {}
            }
        }
        Ok(())
    }

    /// The text of the file, with the totals that transformers 5 writes.
    pub(crate) fn to_json(&self, total_parameters: u64, total_size: u64) -> String {
        let index = json!({
            "metadata": {"total_parameters": total_parameters, "total_size": total_size},
            "weight_map": self.weight_map,
        });
        format!("{index:#}\n")
    }
}

/// Whether a name stays in its directory on every system: no separators, drives, parents, or control characters.
fn is_plain_file_name(name: &str) -> bool {
    let is_special = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    !name.is_empty() && name != "." && name != ".." && !name.contains(is_special)
}

#[derive(Deserialize)]
struct IndexFile {
    weight_map: Entries<String>,
}

/// A JSON object as a list, in the order of the text, so that a name that comes twice is seen.
struct Entries<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for EntriesVisitor<V> {
    type Value = Entries<V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests;
