//! The language model: its tokenizer, and a Llama-style decoder with a key-value cache, on any Burn device.
//!
//! Start with [`CausalLm`]; a [`TokenBatch`] is what goes in, [`Weights`] are what it is made of.
//! A [`Tokenizer`] makes ids of texts.
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

pub mod tokenizer;
mod config;
mod token_batch;
mod causal_lm;
mod scalar_model;
mod decoder;
mod block;
mod columns;
mod attention;
mod host;
mod exponentials;
#[cfg(feature = "flex")]
mod by_hand;
mod derivative;
mod feed_forward;
mod norm;
mod rotary;
mod alibi;
mod lora;
mod precision;
mod kv_cache;
mod generate;
mod generation_config;
mod uniforms;
mod sampling;
mod logit_filters;
mod decoding_lm;
mod decoding_plan;
mod label_scores;
mod log_probs;
mod scoring;
mod tensor_shapes;
mod weights;
mod weight_reader;
mod build;
mod collector;
mod llama2c;
mod parameter_names;
mod initial_weights;

#[cfg(test)]
mod fuzz;

pub use attention::{Attention, FusedProjection, PackedProjection, Projections, SeparateProjections};
pub use block::Block;
pub use causal_lm::{AdaptedLm, CausalLm};
pub use collector::DeviceWeights;
pub use config::{Architecture, CausalLmConfig, ConfigError, LayerType, ModelHead, RopeScaling};
pub use decoder::{Decoder, Pass, Positions};
pub use decoding_lm::DecodingLm;
pub use feed_forward::{FeedForward, FusedSwiGlu, Gelu, SwiGlu};
pub use generate::{EndReason, GenerateError, GeneratedRow, Generating, Generation, GenerationTensors};
pub use generation_config::{
    Decoding, GenerationConfig, GenerationConfigError, HiddenStates, LogProbs, Sampling,
};
pub use host::is_on_host;
pub use initial_weights::initial_weights;
pub use kv_cache::{CacheFull, KvCache};
pub use label_scores::{LabelScore, LabelScoresError, Normalization};
pub use llama2c::{Llama2cError, Llama2cModel, Llama2cVocabulary};
pub use log_probs::{masked_mean, token_log_probs};
pub use lora::{
    LoraAdapter, LoraConfig, LoraError, LoraLayer, LowRank, PeftAdapter, PeftFiles, TargetModules,
    lora_parameters,
};
pub use norm::Norm;
pub use parameter_names::{ParameterLayout, ParameterName};
pub use precision::WeightStorage;
pub use rotary::RotaryTable;
pub use scalar_model::{HeadInitialization, ScalarHead, ScalarModel, last_values};
pub use scoring::{ScoredTokens, Scoring, WeightedLogProbs, log_probs_of, score_columns, weighted_log_probs};
pub use tensor_shapes::tensor_shapes;
pub use token_batch::{BatchError, DecoderInput, PaddingSide, TokenBatch};
pub use tokenizer::{SpecialTokenIds, Tokenizer, TokenizerError, TokenizerFiles, train_byte_level_bpe};
pub use uniforms::Uniforms;
pub use weight_reader::{LinearBias, WeightReader};
pub use weights::{
    ExportOptions, ExportPlan, HeaderError, HostTensor, INDEX_FILE_NAME, IndexError, MAX_HEADER_BYTES,
    PlannedFile, SafetensorsFiles, SafetensorsHeader, SafetensorsStream, ShardIndex, StoredType, TensorInfo,
    UploadedWeights, WeightSource, Weights, WeightsError,
};
