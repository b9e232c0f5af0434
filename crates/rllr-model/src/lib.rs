//! The language model: a Llama-style decoder with a key-value cache, on any Burn device.
//!
//! Start with [`CausalLm`]; a [`TokenBatch`] is what goes in, a [`WeightSource`] is what it is made of.
//!
//! This crate does not read files, choose devices or hold a random generator: all three are arguments.
//! It knows nothing about rewards and trains nothing.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read from the CPU, which answers at once"
    )
)]

mod config;
mod token_batch;
mod decoder;
mod attention;
mod rotary;
mod kv_cache;
mod log_probs;
mod weights;
mod weight_reader;
mod collector;
mod llama2c;
mod initial_weights;

#[cfg(test)]
mod fuzz;

pub use attention::Attention;
pub use collector::DeviceWeights;
pub use config::{CausalLmConfig, ConfigError};
pub use decoder::{Block, CausalLm, Decoder, FeedForward};
pub use initial_weights::initial_weights;
pub use kv_cache::{CacheFull, KvCache};
pub use llama2c::{Llama2cError, Llama2cModel, Llama2cVocabulary};
pub use log_probs::{masked_mean, token_log_probs};
pub use rotary::RotaryTable;
pub use token_batch::{BatchError, DecoderInput, PaddingSide, TokenBatch};
pub use weight_reader::{LinearBias, WeightReader};
pub use weights::{
    ExportOptions, ExportPlan, HeaderError, HostTensor, INDEX_FILE_NAME, IndexError, MAX_HEADER_BYTES,
    PlannedFile, SafetensorsFiles, SafetensorsHeader, SafetensorsStream, ShardIndex, StoredType, TensorInfo,
    UploadedWeights, WeightSource, Weights, WeightsError,
};
