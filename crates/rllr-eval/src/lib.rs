//! How good is a model? Measured without any training code.
//!
//! [`Answering`] lets a model answer the examples of a task, batch by batch; [`Evaluation`] says how good the answers
//! were. The crate opens no file, asks no clock and holds no random generator.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read from the CPU, which answers at once"
    )
)]

mod answering;
mod evaluation;
mod token_prediction;

pub use answering::{AnswerMode, Answering, AnsweringConfig, AnsweringError, Prediction, Streaming};
pub use evaluation::{Evaluation, EvaluationError};
pub use token_prediction::{TokenPrediction, evaluate_token_prediction};
