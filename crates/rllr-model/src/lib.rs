//! The language model: a Llama-style decoder with a key-value cache, on any Burn device.
//!
//! Start with [`CausalLm`]; a [`TokenBatch`] is what goes in, [`Weights`] are what it is made of.
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
mod causal_lm;
mod scalar_model;
mod decoder;
mod block;
mod attention;
mod feed_forward;
mod norm;
mod rotary;
mod alibi;
mod lora;
mod precision;
mod kv_cache;
mod log_probs;
mod scoring;
mod tensor_shapes;
mod weights;
mod build;
mod parameter_names;
mod initial_weights;

pub use attention::{Attention, FusedProjection, Projections, SeparateProjections};
pub use block::Block;
pub use causal_lm::{AdaptedLm, CausalLm};
pub use config::{
    Architecture, CausalLmConfig, ConfigError, LayerType, ModelHead, RopeScaling, SpecialTokenIds,
};
pub use decoder::{Decoder, Pass, Positions};
pub use feed_forward::{FeedForward, FusedSwiGlu, Gelu, SwiGlu};
pub use initial_weights::initial_weights;
pub use kv_cache::{CacheFull, KvCache};
pub use log_probs::{masked_mean, token_log_probs};
pub use lora::{
    LoraAdapter, LoraConfig, LoraError, LoraLayer, LowRank, PeftAdapter, PeftFiles, TargetModules,
};
pub use norm::Norm;
pub use parameter_names::{ParameterLayout, ParameterName};
pub use precision::WeightStorage;
pub use rotary::RotaryTable;
pub use scalar_model::{HeadInitialization, ScalarHead, ScalarModel, last_values};
pub use scoring::{ScoredTokens, Scoring, WeightedLogProbs, score_columns, weighted_log_probs};
pub use tensor_shapes::tensor_shapes;
pub use token_batch::{BatchError, DecoderInput, PaddingSide, TokenBatch};
pub use weights::{HostTensor, Weights, WeightsError};
