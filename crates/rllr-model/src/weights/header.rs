//! The header of a safetensors file: which tensors it holds, and where.
//!
//! A reader of our own and not the safetensors crate's: that one keeps the last of two tensors of the same name
//! without a word, wants the whole file before it looks at the header, and says of most faults neither where they
//! are nor what was expected. It stays the oracle of the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use safetensors::Dtype;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer as _, MapAccess, Visitor};

/// Bytes in front of the header: its length, little-endian.
pub(crate) const LENGTH_BYTES: usize = 8;

/// Longest header that is read, in bytes; the limit of the safetensors crate, version 0.8.
pub const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The name under which a header keeps its metadata.
pub(crate) const METADATA: &str = "__metadata__";

/// One tensor of a file, as the header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name of the tensor.
    pub name: String,
    /// Type of its numbers.
    pub dtype: Dtype,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Where its bytes lie, counted from the end of the header.
    pub bytes: Range<usize>,
}

/// A header whose tensors fill the data without a gap, an overlap or a name that comes twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetensorsHeader {
    tensors: Vec<TensorInfo>,
    metadata: BTreeMap<String, String>,
}

/// What is wrong with the header of a safetensors file.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Not even the length of the header is there.
    #[error("a safetensors file begins with 8 bytes that say how long its header is, found {found} bytes")]
    TooShort {
        /// Bytes of the file.
        found: usize,
    },
    /// The header would be longer than any that is read.
    #[error("the header is said to have {length} bytes, expected at most {MAX_HEADER_BYTES}")]
    TooLong {
        /// Length that the file states.
        length: u64,
    },
    /// The file ends within its header.
    #[error(
        "the header is said to have {length} bytes, found {found}: a file cut short, or not a safetensors file"
    )]
    CutShort {
        /// Length that the file states.
        length: usize,
        /// Bytes behind the length.
        found: usize,
    },
    /// The header is not the JSON that was expected.
    #[error("the header cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Two tensors have one name.
    #[error("tensor {name} is in the header twice")]
    Duplicate {
        /// Tensor name.
        name: String,
    },
    /// A type of numbers that does not exist.
    #[error("tensor {name} has numbers of type {found:?}, which is none of safetensors' types")]
    UnknownType {
        /// Tensor name.
        name: String,
        /// What the header says.
        found: String,
    },
    /// A size that no computer can hold, or not a whole number of bytes.
    #[error("tensor {name} of type {dtype:?} and shape {shape:?} has no size in bytes that can be held")]
    Unsizable {
        /// Tensor name.
        name: String,
        /// Type of its numbers.
        dtype: Dtype,
        /// What the header says.
        shape: Vec<u64>,
    },
    /// The tensor's place is not as large as its shape and type say.
    #[error("tensor {name} lies at bytes {start} to {end} of the data, expected a place of {expected} bytes")]
    Size {
        /// Tensor name.
        name: String,
        /// First byte.
        start: u64,
        /// End.
        end: u64,
        /// Size of the tensor by its shape and type.
        expected: u64,
    },
    /// The tensors overlap, or leave a hole.
    #[error(
        "tensor {name} begins at byte {found} of the data, expected byte {expected}, where the one before it ends"
    )]
    Place {
        /// Tensor name.
        name: String,
        /// Where it begins.
        found: u64,
        /// Where it should begin.
        expected: u64,
    },
    /// The file is longer or shorter than its header says.
    #[error(
        "the tensors have {expected} bytes, found {found}: a file cut short, or with something behind it"
    )]
    DataLength {
        /// Bytes that the tensors need.
        expected: usize,
        /// Bytes behind the header.
        found: usize,
    },
}

impl SafetensorsHeader {
    /// Reads the header of a whole file and returns it with the data behind it.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] for damaged or hostile bytes, and for data of another length than the tensors need.
    pub fn read(file: &[u8]) -> Result<(Self, &[u8]), HeaderError> {
        let (length, rest) = file
            .split_first_chunk::<LENGTH_BYTES>()
            .ok_or(HeaderError::TooShort { found: file.len() })?;
        let length = Self::length(*length)?;
        let (json, data) = rest.split_at_checked(length).ok_or(HeaderError::CutShort {
            length,
            found: rest.len(),
        })?;
        let header = Self::parse(json)?;
        if data.len() != header.data_bytes() {
            return Err(HeaderError::DataLength {
                expected: header.data_bytes(),
                found: data.len(),
            });
        }
        Ok((header, data))
    }

    /// The length of the header, from the first bytes of a file.
    pub(crate) fn length(first_bytes: [u8; LENGTH_BYTES]) -> Result<usize, HeaderError> {
        let length = u64::from_le_bytes(first_bytes);
        usize::try_from(length)
            .ok()
            .filter(|_| length <= MAX_HEADER_BYTES)
            .ok_or(HeaderError::TooLong { length })
    }

    /// Reads the JSON of a header, without the length in front of it.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] for anything that does not describe tensors lying side by side.
    pub fn parse(json: &[u8]) -> Result<Self, HeaderError> {
        let raw: RawHeader = serde_json::from_slice(json)?;
        let mut names = BTreeSet::new();
        for (name, _) in &raw.tensors {
            if !names.insert(name.as_str()) {
                return Err(HeaderError::Duplicate { name: name.clone() });
            }
        }
        let mut entries = raw.tensors;
        entries.sort_by_key(|(_, tensor)| tensor.data_offsets);
        let mut tensors = Vec::with_capacity(entries.len());
        let mut end = 0;
        for (name, tensor) in entries {
            let info = tensor.info(name, end)?;
            end = tensor.data_offsets.1;
            tensors.push(info);
        }
        Ok(Self {
            tensors,
            metadata: raw.metadata.unwrap_or_default().into_iter().collect(),
        })
    }

    /// The tensors, in the order of their bytes.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// What the writer noted beside the tensors; `format` is `pt` for weights in PyTorch's layout.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Bytes of all tensors together.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.bytes.end)
    }
}

/// What the JSON says, before anything is checked; a list, so that a name that comes twice is seen.
struct RawHeader {
    tensors: Vec<(String, RawTensor)>,
    metadata: Option<BTreeMap<String, String>>,
}

#[derive(serde::Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl RawTensor {
    /// Checks the entry by itself and that it begins where the tensor before it ends.
    fn info(&self, name: String, previous_end: u64) -> Result<TensorInfo, HeaderError> {
        let from_name: StrDeserializer<'_, ValueError> = self.dtype.as_str().into_deserializer();
        let Ok(dtype) = Dtype::deserialize(from_name) else {
            let found = self.dtype.clone();
            return Err(HeaderError::UnknownType { name, found });
        };
        let (start, end) = self.data_offsets;
        let unsizable = |name| HeaderError::Unsizable {
            name,
            dtype,
            shape: self.shape.clone(),
        };
        let Some(expected) = size_in_bytes(&self.shape, dtype) else {
            return Err(unsizable(name));
        };
        if end.checked_sub(start) != Some(expected) {
            return Err(HeaderError::Size {
                name,
                start,
                end,
                expected,
            });
        }
        if start != previous_end {
            return Err(HeaderError::Place {
                name,
                found: start,
                expected: previous_end,
            });
        }
        let to_usize = |number: u64| usize::try_from(number).ok();
        let shape: Option<Vec<usize>> = self.shape.iter().map(|&length| to_usize(length)).collect();
        match (shape, to_usize(start), to_usize(end)) {
            (Some(shape), Some(start), Some(end)) => Ok(TensorInfo {
                name,
                dtype,
                shape,
                bytes: start..end,
            }),
            _ => Err(unsizable(name)),
        }
    }
}

/// Elements times bits, over eight; `None` when that overflows or leaves a remainder.
fn size_in_bytes(shape: &[u64], dtype: Dtype) -> Option<u64> {
    let elements = shape
        .iter()
        .try_fold(1u64, |product, &length| product.checked_mul(length))?;
    let bits = elements.checked_mul(u64::try_from(dtype.bitsize()).ok()?)?;
    bits.is_multiple_of(8).then_some(bits / 8)
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawHeaderVisitor)
    }
}

struct RawHeaderVisitor;

impl<'de> Visitor<'de> for RawHeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader {
            tensors: Vec::new(),
            metadata: None,
        };
        while let Some(name) = map.next_key::<String>()? {
            if name != METADATA {
                header.tensors.push((name, map.next_value()?));
            } else if header.metadata.replace(map.next_value()?).is_some() {
                return Err(serde::de::Error::duplicate_field(METADATA));
            }
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests;
