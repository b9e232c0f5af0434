//! Named weights: between a file and a model, and between two devices.

mod header;
mod stored_type;
mod index;
mod files;
mod stream;
mod source;
mod export;

use std::collections::BTreeMap;

use burn::tensor::{DataError, ExecutionError};

pub use export::{ExportOptions, ExportPlan, PlannedFile};
pub use files::SafetensorsFiles;
pub use header::{HeaderError, MAX_HEADER_BYTES, SafetensorsHeader, TensorInfo};
pub use index::{INDEX_FILE_NAME, IndexError, ShardIndex};
pub use source::{UploadedWeights, WeightSource};
pub use stored_type::StoredType;
pub use stream::SafetensorsStream;

pub(crate) use source::TakenValues;
pub(crate) use stored_type::Layout;

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
    /// A damaged safetensors file, or none.
    #[error("the weights are not a readable safetensors file: {0}")]
    Header(#[from] HeaderError),
    /// Something is wrong with one file of several.
    #[error("{file}: {source}")]
    InFile {
        /// Name of the file.
        file: String,
        /// What is wrong.
        #[source]
        source: Box<Self>,
    },
    /// Numbers of a type that is not read.
    #[error("tensor {name} has numbers of type {found}, expected F32, F16, BF16 or F64")]
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
    /// A tensor on the host whose numbers do not fill its shape.
    #[error("tensor {name} of shape {shape:?} has {found} numbers")]
    Length {
        /// Tensor name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// How many numbers it has.
        found: usize,
    },
    /// Tensors that the configured model does not have: loading would silently leave something out.
    #[error("the model has no tensors {names:?}; do the weights and the configuration belong together?")]
    Unexpected {
        /// Tensor names.
        names: Vec<String>,
    },
    /// A tensor that the configuration calls a copy of another one is none.
    #[error(
        "tensor {name} differs from {of}, but tie_word_embeddings says that they are one; if they are not, set it to false"
    )]
    NotTied {
        /// The tensor that should be a copy.
        name: String,
        /// The tensor that it should be a copy of.
        of: String,
    },
    /// Two tensors have one name.
    #[error("there are two tensors {name}")]
    Duplicate {
        /// Tensor name.
        name: String,
    },
    /// A shard of the index was not given.
    #[error("the index names the file {file}, which is missing")]
    MissingShard {
        /// Name of the shard.
        file: String,
    },
    /// The index puts a tensor where it is not.
    #[error("the index puts tensor {name} into {file}, which does not hold it")]
    NotInShard {
        /// Tensor name.
        name: String,
        /// Name of the shard.
        file: String,
    },
    /// Two shards hold one tensor.
    #[error("tensor {name} is in {first} and in {second}, expected it in one of them")]
    InTwoShards {
        /// Tensor name.
        name: String,
        /// One shard, the one of the index if it names the tensor.
        first: String,
        /// Another shard.
        second: String,
    },
    /// A stream ended before its file was whole.
    #[error("the weights ended while {waiting_for} was arriving: found {found} of {expected} bytes of it")]
    StreamEnded {
        /// The part that did not arrive.
        waiting_for: String,
        /// Bytes of it that arrived.
        found: usize,
        /// Its size.
        expected: usize,
    },
    /// A stream went on after its last tensor.
    #[error("the weights go on after the last tensor, by {found} bytes or more")]
    StreamTooLong {
        /// Bytes too many in the piece that was refused.
        found: usize,
    },
    /// A stream was used after it had failed.
    #[error("these weights were refused before; begin again with a new stream")]
    StreamFailed,
    /// A part of the file does not fit into memory.
    #[error("there is no memory for {bytes} bytes of weights")]
    OutOfMemory {
        /// Size of the part.
        bytes: usize,
    },
    /// The device failed while its tensors were read.
    #[error("the device failed while weights were read from it: {0:?}")]
    Device(ExecutionError),
    /// What the device gave are no numbers that f32 can hold.
    #[error("the device gave weights that cannot be read as F32: {0:?}")]
    Data(DataError),
}

impl WeightsError {
    /// The same, with the name of the file that it is about.
    #[must_use]
    pub fn in_file(self, file: &str) -> Self {
        Self::InFile {
            file: file.to_owned(),
            source: Box::new(self),
        }
    }
}

impl HostTensor {
    /// Checks that the numbers fill the shape.
    pub(crate) fn check(&self, name: &str) -> Result<(), WeightsError> {
        let elements = self
            .shape
            .iter()
            .try_fold(1usize, |n, &length| n.checked_mul(length));
        if elements == Some(self.data.len()) {
            return Ok(());
        }
        Err(WeightsError::Length {
            name: name.to_owned(),
            shape: self.shape.clone(),
            found: self.data.len(),
        })
    }
}

impl Weights {
    /// Reads a safetensors file with numbers in F32, F16, BF16 or F64.
    ///
    /// All numbers are then on the host; [`SafetensorsFiles`] reads them one tensor at a time.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the bytes are damaged or hold other types of numbers.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        Self::from_files(&SafetensorsFiles::single(bytes)?)
    }

    /// Reads all tensors of safetensors files.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Dtype`] for types of numbers that are not read.
    pub fn from_files(files: &SafetensorsFiles<'_>) -> Result<Self, WeightsError> {
        let mut tensors = BTreeMap::new();
        for (name, tensor) in files.iter() {
            let shape = tensor.shape.clone();
            let data = tensor.decode(name, Layout::AsStored)?;
            tensors.insert(name.to_owned(), HostTensor { shape, data });
        }
        Ok(Self(tensors))
    }

    /// Writes a safetensors file in F32, with the `format` entry that readers of PyTorch weights ask for.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Length`] when a tensor's data do not fill its shape.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, WeightsError> {
        let options = ExportOptions {
            stored_type: StoredType::F32,
            max_shard_bytes: u64::MAX,
        };
        let mut bytes = Vec::new();
        for file in self.plan(&options)?.files {
            bytes.extend(self.file(&file, options.stored_type)?);
        }
        Ok(bytes)
    }

    /// Divides the tensors into files.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Length`] when a tensor's data do not fill its shape.
    pub fn plan(&self, options: &ExportOptions) -> Result<ExportPlan, WeightsError> {
        for (name, tensor) in &self.0 {
            tensor.check(name)?;
        }
        let shapes = self
            .0
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.shape.as_slice()));
        ExportPlan::new(shapes, options)
    }

    /// The bytes of one planned file.
    ///
    /// # Errors
    ///
    /// [`WeightsError::TooLarge`] when a number does not fit the stored type, [`WeightsError::Missing`] when the plan
    /// is not of these weights.
    pub fn file(&self, file: &PlannedFile, stored_type: StoredType) -> Result<Vec<u8>, WeightsError> {
        let mut bytes = file.header.clone();
        for name in &file.tensors {
            let tensor = self.0.get(name).ok_or_else(|| WeightsError::Missing {
                name: name.clone(),
                expected: Vec::new(),
            })?;
            bytes.extend(stored_type.encode(name, &tensor.data)?);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
