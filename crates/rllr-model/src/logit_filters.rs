//! What changes the distribution that tokens are drawn from. Everything stays on the device.

use burn::tensor::{Bool, Tensor};

use crate::token_batch::UNSEEN;

/// True at ids that something is done to, `[batch, vocab_size]`.
pub(crate) type Removals = Tensor<2, Bool>;

/// Halvings of the range of scores in the search for a threshold: scores that differ by less than `2⁻²⁸` of the range
/// count as equal, which is below what f32 tells apart near the ends of the range.
const HALVINGS: usize = 28;

/// Scores of tokens that stand in the row already, divided by `penalty` when positive and multiplied when negative.
///
/// Source: `RepetitionPenaltyLogitsProcessor` in transformers 5.23.
pub(crate) fn penalize_repetition(scores: Tensor<2>, seen: Removals, penalty: f32) -> Tensor<2> {
    let negative = scores.clone().lower_elem(0.0);
    let penalized = (scores.clone() / penalty).mask_where(negative, scores.clone() * penalty);
    scores.mask_where(seen, penalized)
}

/// Removes every score below the `k`-th largest; scores equal to it stay.
///
/// Source: `TopKLogitsWarper` in transformers 5.23. The threshold is searched and not sorted for, see [`threshold`].
pub(crate) fn keep_top_k(scores: Tensor<2>, k: usize) -> Tensor<2> {
    let counts = not_removed(&scores);
    let wanted = counts.clone().sum_dim(1).clamp_max(k as f64);
    let threshold = threshold(&scores, &counts, &wanted);
    remove_below(scores, threshold)
}

/// Removes every score whose token is not among the most probable ones that sum to at least `p`.
///
/// A token stays when those more probable than it sum to less than `p`. Source: `TopPLogitsWarper` in transformers
/// 5.23, which among equally probable tokens at the border keeps the ones that its sort puts last; here all stay.
pub(crate) fn keep_top_p(scores: Tensor<2>, p: f32) -> Tensor<2> {
    let weights = (scores.clone() - scores.clone().max_dim(1)).exp();
    let wanted = weights.clone().sum_dim(1) * p;
    let threshold = threshold(&scores, &weights, &wanted);
    remove_below(scores, threshold)
}

fn remove_below(scores: Tensor<2>, threshold: Tensor<2>) -> Tensor<2> {
    let below = scores.clone().lower(threshold);
    scores.mask_fill(below, UNSEEN)
}

/// 1 at scores that were not removed before, else 0.
fn not_removed(scores: &Tensor<2>) -> Tensor<2> {
    scores.clone().greater_elem(UNSEEN / 2.0).float()
}

/// The largest `t` for which `Σ weight[score ≥ t] ≥ wanted`, by halving the range of the scores.
///
/// # Shapes
///
/// - `scores`, `weights`: `[batch, vocab_size]`
/// - `wanted`, output: `[batch, 1]`
fn threshold(scores: &Tensor<2>, weights: &Tensor<2>, wanted: &Tensor<2>) -> Tensor<2> {
    let highest = scores.clone().max_dim(1);
    let removed = scores.clone().lower_elem(UNSEEN / 2.0);
    let lowest = scores
        .clone()
        .mask_where(removed, highest.clone().expand(scores.dims()))
        .min_dim(1);
    let mut width = highest - lowest.clone();
    // Always a value that was found to be low enough.
    let mut found = lowest;
    for _ in 0..HALVINGS {
        width = width * 0.5;
        let candidate = found.clone() + width.clone();
        let below = scores.clone().lower(candidate.clone());
        let sum = weights.clone().mask_fill(below, 0.0).sum_dim(1);
        found = found.mask_where(sum.greater_equal(wanted.clone()), candidate);
    }
    found
}

#[cfg(test)]
mod tests;
