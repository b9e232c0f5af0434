//! Choosing tokens on the device.
//!
//! Nothing here reads from the device, and nothing sorts: Burn 0.22 sorts on the host, which a browser's GPU does not
//! allow.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::generation_config::{Decoding, GenerationConfig, LogProbs, Sampling};
use crate::logit_filters::{Removals, keep_top_k, keep_top_p, penalize_repetition};
use crate::uniforms::Uniforms;

/// Chooses one token for each row, step by step.
pub(crate) struct Sampler {
    decoding: Decoding,
    log_probs: LogProbs,
    repetition: Option<Repetition>,
    /// True at ids that are never chosen, `[batch, vocab_size]`.
    forbidden: Option<Removals>,
    /// One column a step, `[batch, max_new_tokens]`; `None` when nothing is random.
    uniforms: Option<Tensor<2>>,
    step: usize,
}

/// What a row has said already.
struct Repetition {
    penalty: f32,
    /// `0, 1, …`, `[1, vocab_size]`.
    ids: Tensor<2, Int>,
    /// True at ids that stand in the row, `[batch, vocab_size]`.
    seen: Removals,
}

/// The tokens of one step.
pub(crate) struct Choice {
    /// `[batch, 1]`.
    pub(crate) tokens: Tensor<2, Int>,
    /// `log π(token)` under the model at the temperature, nothing filtered, `[batch, 1]`; `None` if not asked for.
    pub(crate) log_probs: Option<Tensor<2>>,
}

impl Sampler {
    /// For rows that begin with `prompts`.
    pub(crate) fn new<R: AsRef<[u32]>>(
        config: &GenerationConfig,
        prompts: &[R],
        vocab_size: usize,
        uniforms: &Uniforms,
        device: &Device,
    ) -> Self {
        let shape = [prompts.len(), vocab_size];
        let repetition = config.penalizes_repetition().then(|| Repetition {
            penalty: config.repetition_penalty,
            ids: Tensor::arange(0..vocab_size as i64, device).reshape([1, vocab_size]),
            seen: table(shape, device, |row, id| prompts[row].as_ref().contains(&id)),
        });
        let forbidden = (!config.forbidden_token_ids.is_empty())
            .then(|| table(shape, device, |_, id| config.forbidden_token_ids.contains(&id)));
        Self {
            decoding: config.decoding,
            log_probs: config.log_probs,
            repetition,
            forbidden,
            uniforms: uniforms.to_device(device),
            step: 0,
        }
    }

    /// The next token of each row, from the model's scores, `[batch, vocab_size]`.
    pub(crate) fn choose(&mut self, logits: Tensor<2>) -> Choice {
        let scores = match self.decoding {
            Decoding::Sampling(Sampling { temperature, .. }) if (temperature - 1.0).abs() > 0.0 => {
                logits / temperature
            }
            _ => logits,
        };
        let filtered = self.filter(scores.clone());
        let (tokens, drawn_from) = match &self.uniforms {
            None => (filtered.clone().unwrap_or(scores.clone()).argmax(1), None),
            Some(uniforms) => {
                let distribution = Distribution::of(filtered.clone().unwrap_or(scores.clone()));
                let uniforms = uniforms.clone().narrow(1, self.step, 1);
                (
                    inverse_cdf(distribution.weights.clone(), uniforms),
                    Some(distribution),
                )
            }
        };
        self.step += 1;
        if let Some(Repetition { ids, seen, .. }) = &mut self.repetition {
            *seen = seen.clone().bool_or(ids.clone().equal(tokens.clone()));
        }
        let log_probs = match self.log_probs {
            LogProbs::Omitted => None,
            LogProbs::OfTokens => {
                // Unfiltered, what was drawn from is the model's distribution.
                let model = drawn_from.filter(|_| filtered.is_none());
                let model = model.unwrap_or_else(|| Distribution::of(scores.clone()));
                Some(model.log_probs(scores, tokens.clone()))
            }
        };
        Choice { tokens, log_probs }
    }

    /// Scores after everything that changes the distribution; `None` when nothing does.
    fn filter(&self, scores: Tensor<2>) -> Option<Tensor<2>> {
        let (top_k, top_p) = match self.decoding {
            // The best token stays whatever else goes.
            Decoding::Greedy => (None, 1.0),
            Decoding::Sampling(Sampling { top_k, top_p, .. }) => (top_k, top_p),
        };
        let [_, vocab_size] = scores.dims();
        let top_k = top_k.filter(|&k| k < vocab_size);
        if self.repetition.is_none() && self.forbidden.is_none() && top_k.is_none() && top_p >= 1.0 {
            return None;
        }
        let mut scores = scores;
        if let Some(Repetition { penalty, seen, .. }) = &self.repetition {
            scores = penalize_repetition(scores, seen.clone(), *penalty);
        }
        if let Some(forbidden) = &self.forbidden {
            scores = scores.mask_fill(forbidden.clone(), crate::token_batch::UNSEEN);
        }
        if let Some(k) = top_k {
            scores = keep_top_k(scores, k);
        }
        if top_p < 1.0 {
            scores = keep_top_p(scores, top_p);
        }
        Some(scores)
    }
}

/// A table of truths on the device, `[batch, vocab_size]`.
fn table([batch, vocab_size]: [usize; 2], device: &Device, holds: impl Fn(usize, u32) -> bool) -> Removals {
    let holds = &holds;
    let values: Vec<bool> = (0..batch)
        .flat_map(|row| (0u32..).take(vocab_size).map(move |id| holds(row, id)))
        .collect();
    Tensor::from_data(TensorData::new(values, [batch, vocab_size]), device)
}

/// `softmax(scores)`, not yet divided by its sum.
struct Distribution {
    /// `exp(score − largest score)`, `[batch, vocab_size]`.
    weights: Tensor<2>,
    /// The largest score, `[batch, 1]`.
    largest: Tensor<2>,
}

impl Distribution {
    fn of(scores: Tensor<2>) -> Self {
        let largest = scores.clone().max_dim(1);
        Self {
            weights: (scores - largest.clone()).exp(),
            largest,
        }
    }

    /// `score[token] − ln Σ exp(score)`, `[batch, 1]`.
    fn log_probs(self, scores: Tensor<2>, tokens: Tensor<2, Int>) -> Tensor<2> {
        scores.gather(1, tokens) - self.largest - self.weights.sum_dim(1).log()
    }
}

/// Below 1 by so much that a product with it is below the other factor, however it is rounded.
const JUST_BELOW_ONE: f32 = 1.0 - 2.0 * f32::EPSILON;

/// Draws an index from each row with probability proportional to its weight: the first index at which the sum of the
/// weights so far exceeds `uniform · (sum of all)`. An index without weight is never drawn.
///
/// In two levels, as a table of about `√vocab_size` rows: first the row, then the column. On a GPU Burn 0.22 computes
/// every element of a cumulative sum from all its predecessors, which makes one level `vocab_size²` reads.
///
/// # Shapes
///
/// - `weights`: `[batch, vocab_size]`, none negative, each row with one above 0
/// - `uniforms`: `[batch, 1]`, above 0 and below 1
/// - output: `[batch, 1]`
pub(crate) fn inverse_cdf(weights: Tensor<2>, uniforms: Tensor<2>) -> Tensor<2, Int> {
    let [batch, vocab_size] = weights.dims();
    let columns = (1..).find(|n| n * n >= vocab_size).unwrap_or(vocab_size);
    let rows = vocab_size.div_ceil(columns);
    let missing = rows * columns - vocab_size;
    let weights = if missing == 0 {
        weights
    } else {
        let padding = Tensor::zeros([batch, missing], &weights.device());
        Tensor::cat(vec![weights, padding], 1)
    };

    let table = weights.reshape([batch, rows, columns]);
    let row_sums = table.clone().sum_dim(2).reshape([batch, rows]);
    let target = row_sums.clone().sum_dim(1) * uniforms;
    let (row, target) = first_above(row_sums, target);
    let of_row = row.clone().reshape([batch, 1, 1]).expand([batch, 1, columns]);
    let (column, _) = first_above(table.gather(1, of_row).reshape([batch, columns]), target);
    row * columns as i64 + column
}

/// The first index at which the sum of the weights so far exceeds `target`, and how far `target` lies above the sum of
/// the weights before it.
///
/// # Shapes
///
/// - `weights`: `[batch, len]`; `target` and both outputs: `[batch, 1]`
fn first_above(weights: Tensor<2>, target: Tensor<2>) -> (Tensor<2, Int>, Tensor<2>) {
    let [_, len] = weights.dims();
    let sums = weights.cumsum(1);
    // A target computed by another way of summing may be as large as the last sum; then nothing would exceed it.
    let target = target.min_pair(sums.clone().narrow(1, len - 1, 1) * JUST_BELOW_ONE);
    let passed = sums.clone().lower_equal(target.clone());
    let before = sums.mask_fill(passed.clone().bool_not(), 0.0).max_dim(1);
    (passed.int().sum_dim(1), target - before)
}

#[cfg(test)]
mod tests;
