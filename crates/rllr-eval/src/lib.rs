//! How good is a model? Measured without any training code.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read from the CPU, which answers at once"
    )
)]

mod token_prediction;

pub use token_prediction::{TokenPrediction, evaluate_token_prediction};
