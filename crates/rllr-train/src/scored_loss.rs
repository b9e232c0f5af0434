//! Losses on the scores of tokens, differentiated through the output layer in chunks.

use burn::tensor::{Gradients, Tensor};
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
            log_probs: argument(scored.log_probs()),
            entropies: argument(scored.entropies()),
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
        self.surrogate_of(&mut loss.backward())
    }

    /// [`ScoreArguments::surrogate`] of a loss that has been differentiated, because it has other arguments too.
    #[must_use]
    pub fn surrogate_of(self, gradients: &mut Gradients) -> Tensor<1> {
        let log_prob_gradients = self
            .log_probs
            .grad_remove(gradients)
            .unwrap_or_else(|| self.log_probs.zeros_like().inner());
        let entropy_gradients = self.entropies.grad_remove(gradients);
        self.scored.surrogate(log_prob_gradients, entropy_gradients)
    }
}

/// The same numbers as an argument of a loss: a place where differentiation ends.
///
/// What the numbers were computed from gets its gradients by the `backward` of `Σ numbers · gradients`.
#[must_use]
pub fn argument(numbers: Tensor<2>) -> Tensor<2> {
    Tensor::from_inner(numbers.inner()).require_grad()
}

#[cfg(test)]
mod tests;
