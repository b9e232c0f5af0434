//! What a policy says of the tokens that were written.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use rllr_model::AdaptedLm;

/// Log-probabilities of tokens, and how undecided the policy was at each, `[batch, slots]`.
pub(crate) struct TokenScores {
    /// `log π(token)`.
    pub(crate) log_probs: Tensor<2>,
    /// Entropy in nats; carries no gradient unless asked for.
    pub(crate) entropies: Tensor<2>,
}

/// Whether gradients flow through entropies. Without, their graph is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntropyGradient {
    Cut,
    Kept,
}

/// Scores tokens by the hidden states that predict them.
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
    gradient: EntropyGradient,
) -> TokenScores {
    let all = vocabulary_log_probs(lm, hidden, temperature);
    let log_probs = all.clone().gather(2, tokens.unsqueeze_dim(2)).squeeze_dim(2);
    let all = match gradient {
        EntropyGradient::Cut => all.inner(),
        EntropyGradient::Kept => all,
    };
    TokenScores {
        log_probs,
        entropies: -(all.clone().exp() * all).sum_dim(2).squeeze_dim(2),
    }
}

/// Log-probabilities of all tokens, `[batch, slots, vocab_size]`.
pub(crate) fn vocabulary_log_probs(lm: AdaptedLm<'_>, hidden: Tensor<3>, temperature: f64) -> Tensor<3> {
    let logits = lm.logits(hidden);
    let logits = if temperature == 1.0 {
        logits
    } else {
        logits / temperature
    };
    log_softmax(logits, 2)
}
