//! Training of language models: next-token steps, and the check that a device computes them right.
//!
//! Start with [`LmTrainer::step`]; [`self_check`] runs it on two devices and compares.
//!
//! This crate does not read files, choose devices, ask a clock or hold a random generator: all are arguments.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read from the CPU, which answers at once"
    )
)]

mod lm_trainer;
mod next_token_loss;
mod scored_loss;
mod checkpointing;
mod gradients;
mod self_check;

pub use checkpointing::{Checkpointing, DecoderPass, gradients};
pub use gradients::{clip_by_global_norm, global_norm};
pub use lm_trainer::{LmStep, LmStepMetrics, LmTrainer, LmTrainerConfig};
pub use next_token_loss::{NextTokenLoss, next_token_loss, next_token_loss_of};
pub use scored_loss::ScoreArguments;
pub use self_check::{Check, CheckName, Observation, SelfCheck, SelfCheckError, observe, self_check};
