//! Losses on the scores of tokens, differentiated through the output layer in chunks.

use burn::tensor::Tensor;
use rllr_model::ScoredTokens;

/// Scores of tokens as the arguments of a loss.
///
/// A loss on them is a small function of `[batch, len]` tensors and is left to autodiff. What is large, the logits
/// between the scores and the hidden states, is differentiated by hand, [`ScoredTokens::surrogate`].
pub struct ScoreArguments {
    scored: ScoredTokens,
    log_probs: Tensor<2>,
    entropies: Tensor<2>,
}

impl ScoreArguments {
    /// Makes the scores the places where differentiation ends.
    #[must_use]
    pub fn new(scored: ScoredTokens) -> Self {
        Self {
            log_probs: Tensor::from_inner(scored.log_probs()).require_grad(),
            entropies: Tensor::from_inner(scored.entropies()).require_grad(),
            scored,
        }
    }

    /// `log π(token)` in nats, `[batch, len]`.
    #[must_use]
    pub fn log_probs(&self) -> Tensor<2> {
        self.log_probs.clone()
    }

    /// How undecided the distribution of each token is, in nats, `[batch, len]`.
    #[must_use]
    pub fn entropies(&self) -> Tensor<2> {
        self.entropies.clone()
    }

    /// A number whose gradients by the model are those of `loss`, a function of the log-probabilities and perhaps the
    /// entropies, `[1]`.
    ///
    /// Call `backward` on what is returned; `loss` has been differentiated then and cannot be again.
    #[must_use]
    pub fn surrogate(self, loss: &Tensor<1>) -> Tensor<1> {
        let mut gradients = loss.backward();
        let log_prob_gradients = self
            .log_probs
            .grad_remove(&mut gradients)
            .unwrap_or_else(|| self.log_probs.zeros_like().inner());
        let entropy_gradients = self.entropies.grad_remove(&mut gradients);
        self.scored.surrogate(log_prob_gradients, entropy_gradients)
    }
}

#[cfg(test)]
mod tests;
