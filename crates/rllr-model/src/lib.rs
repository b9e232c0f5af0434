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
mod decoder;
mod attention;
mod rotary;
mod kv_cache;
mod log_probs;
mod weights;
mod initial_weights;

pub use attention::Attention;
pub use config::{CausalLmConfig, ConfigError};
pub use decoder::{Block, CausalLm, Decoder, FeedForward};
pub use initial_weights::initial_weights;
pub use kv_cache::{CacheFull, KvCache};
pub use log_probs::{masked_mean, token_log_probs};
pub use rotary::RotaryTable;
pub use token_batch::{BatchError, DecoderInput, PaddingSide, TokenBatch};
pub use tokenizer::{Tokenizer, TokenizerError, TokenizerFiles, train_byte_level_bpe};
pub use weights::{HostTensor, Weights, WeightsError};
