//! What a policy is rewarded for: pairwise losses of reward models, and rewards made of their scores.
//!
//! This crate does not generate, train or read data. A score is one number per response, a reward one per token.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read from the CPU, which answers at once"
    )
)]

mod pairwise_loss;
mod mixed_score;

pub use mixed_score::mixed_scores;
pub use pairwise_loss::bradley_terry_loss;
