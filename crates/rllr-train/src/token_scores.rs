//! What a policy says of the tokens that were written.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use rllr_model::{AdaptedLm, ScoredTokens, Scoring, log_probs_of};

/// Scores tokens by the hidden states that predict them, some rows of logits at a time.
///
/// `log π = log_softmax(logits / temperature)`, `H = −Σ_v π_v log π_v`
///
/// # Shapes
///
/// - `hidden`: `[batch, slots, d_model]`
/// - `tokens`: `[batch, slots]`
pub(crate) fn score_tokens(
    lm: AdaptedLm<'_>,
    hidden: Tensor<3>,
    tokens: Tensor<2, Int>,
    temperature: f64,
) -> ScoredTokens {
    ScoredTokens::new(hidden, lm.base().output_weight(), tokens, scoring(temperature))
}

/// The log-probabilities of [`score_tokens`] alone, without autodiff, `[batch, slots]`.
pub(crate) fn token_log_probs(
    lm: AdaptedLm<'_>,
    hidden: Tensor<3>,
    tokens: Tensor<2, Int>,
    temperature: f64,
) -> Tensor<2> {
    log_probs_of(hidden, lm.base().output_weight(), tokens, scoring(temperature))
}

fn scoring(temperature: f64) -> Scoring {
    Scoring {
        temperature,
        ..Scoring::default()
    }
}

/// Log-probabilities of all tokens, `[batch, slots, vocab_size]`; for divergences over the whole vocabulary.
pub(crate) fn vocabulary_log_probs(lm: AdaptedLm<'_>, hidden: Tensor<3>, temperature: f64) -> Tensor<3> {
    let logits = lm.logits(hidden);
    let logits = if temperature == 1.0 {
        logits
    } else {
        logits / temperature
    };
    log_softmax(logits, 2)
}
