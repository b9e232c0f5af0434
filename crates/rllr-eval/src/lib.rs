//! How good is a model? Measured without any training code.
//!
//! [`Answering`] lets a model answer the examples of a task, batch by batch; [`Evaluation`] says how good the answers
//! were. [`RunRecord`] is what a whole run came to, and [`compare_methods`] says which of its methods differ. The crate
//! opens no file, asks no clock and holds no random generator.
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
mod run_record;
mod comparison;

pub use answering::{AnswerMode, Answering, AnsweringConfig, AnsweringError, Prediction, Streaming};
pub use comparison::{
    AgainstBaseline, ComparedMethod, Comparison, ComparisonError, IntervalOver, compare_methods,
    student_interval,
};
pub use evaluation::{Evaluation, EvaluationError};
pub use run_record::{
    Curve, DataFile, MethodRecord, Outcome, PairCounts, RewardModelRecord, RunRecord, SamplePair,
};
pub use token_prediction::{TokenPrediction, evaluate_token_prediction};
