//! How probable given tokens are, and the gradients of losses on that, without the logits of a whole batch.
//!
//! Logits are computed for some rows at a time and thrown away; where their gradients are needed, they are computed
//! again, unless all rows are one such part. The largest tensor made is the largest of `[rows_per_chunk, vocab_size]`, the hidden states and the output
//! layer; the logits of a batch would be `[batch · len, vocab_size]`.

use std::ops::Range;

use burn::tensor::{IndexingUpdateOp, Int, Tensor};

use crate::exponentials::shifted_exp;
use crate::{AdaptedLm, DecoderInput};

/// How tokens are scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    /// Logits are divided by this; that of sampling, so that scores and samples belong to one distribution. Default 1.
    pub temperature: f64,
    /// How many token ids there are, when the output layer has more columns: vocabularies are padded to a multiple of
    /// 64. Columns from here on do not exist for the softmax. Default none: all columns count.
    pub vocab_size: Option<usize>,
    /// Rows whose logits are held at a time. Few enough that they stay in a processor's cache, many enough that a GPU
    /// is not launched for little. Default 256.
    pub rows_per_chunk: usize,
}

impl Default for Scoring {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            vocab_size: None,
            rows_per_chunk: 256,
        }
    }
}

/// Scores of tokens, and what their gradients are computed from.
#[derive(Clone, Debug)]
pub struct ScoredTokens {
    rows: Rows,
    /// `[batch, len]`.
    log_probs: Tensor<2>,
    /// `[batch, len]`.
    entropies: Tensor<2>,
    /// `logsumexp` of each row's logits, `[batch · len, 1]`.
    log_sum_exp: Tensor<2>,
    /// Where all rows are one chunk that gradients may be asked for: what would be computed again.
    kept: Option<Kept>,
}

/// A chunk's softmax, not yet divided.
#[derive(Clone, Debug)]
struct Kept {
    /// `exp(z − max z)`, `[rows, vocab_size]`.
    exponentials: Tensor<2>,
    /// Their sum, `[rows, 1]`.
    sum: Tensor<2>,
}

/// A sum of log-probabilities with given weights.
#[derive(Clone, Debug)]
pub struct WeightedLogProbs {
    /// `Σ coefficientᵢ · log π(tokenᵢ)`, `[1]`.
    pub value: Tensor<1>,
    /// Has the gradients of the sum, and another value: call `backward` on it, `[1]`.
    pub surrogate: Tensor<1>,
    /// `Σ coefficientᵢ · Hᵢ`, with the entropy `Hᵢ` of the distribution that `tokenᵢ` is scored by, in nats, `[1]`.
    ///
    /// It costs nothing: with `z` the logits of a row, `Σ_v z_v · ∂L/∂z_v = c · (z_t − Σ_v π_v z_v) = c · (log π(t) + H)`,
    /// and summed over all rows the left side is `Σ h · ∂L/∂h`, the surrogate's value.
    pub entropy: Tensor<1>,
    /// Of each chunk `z[t] − max z`, `[rows, 1]`.
    gaps: Vec<Tensor<2>>,
}

/// What the output layer reads, row by row, and the tokens that are scored.
#[derive(Clone, Debug)]
struct Rows {
    /// As given, perhaps with autodiff, `[rows, d_model]`.
    hidden: Tensor<2>,
    /// As given, perhaps with autodiff, `[d_model, vocab_size]`.
    weight: Tensor<2>,
    /// `[rows, 1]`.
    targets: Tensor<2, Int>,
    dims: [usize; 2],
    scoring: Scoring,
}

/// Some rows without autodiff.
struct Chunk {
    /// Divided by the temperature, `[rows, d_model]`.
    hidden: Tensor<2>,
    /// `[d_model, vocab_size]`.
    weight: Tensor<2>,
    /// `[rows, 1]`.
    targets: Tensor<2, Int>,
}

/// What backward passes leave behind, chunk by chunk.
#[derive(Default)]
struct Gradients {
    /// `∂L/∂hidden` of each chunk, `[rows, d_model]`.
    hidden: Vec<Tensor<2>>,
    /// `∂L/∂weight`, summed, `[d_model, vocab_size]`.
    weight: Option<Tensor<2>>,
}

impl AdaptedLm<'_> {
    /// Scores the tokens in `columns`, each by what is left of it; column 0 has nothing left of it.
    ///
    /// With autodiff on the model or its adapter the scores can be differentiated, [`ScoredTokens::surrogate`]. Those of
    /// padding are arbitrary.
    #[must_use]
    pub fn score(self, input: &DecoderInput, columns: Range<usize>, scoring: Scoring) -> ScoredTokens {
        let hidden = self.hidden_states(input);
        score_columns(
            hidden,
            self.base().output_weight(),
            &input.tokens,
            columns,
            scoring,
        )
    }
}

/// Scores the tokens in `columns`, given the hidden states of all columns; see [`AdaptedLm::score`].
///
/// # Shapes
///
/// - `hidden`: `[batch, seq_len, d_model]`
/// - `weight`: the output layer, `[d_model, vocab_size]`
/// - `tokens`: `[batch, seq_len]`
#[must_use]
pub fn score_columns(
    hidden: Tensor<3>,
    weight: Tensor<2>,
    tokens: &Tensor<2, Int>,
    columns: Range<usize>,
    scoring: Scoring,
) -> ScoredTokens {
    assert!(
        columns.start >= 1,
        "the token in column 0 has no distribution to be scored by"
    );
    let hidden = hidden.narrow(1, columns.start - 1, columns.len());
    let targets = tokens.clone().narrow(1, columns.start, columns.len());
    ScoredTokens::new(hidden, weight, targets, scoring)
}

/// `Σ coefficientᵢ · log π(tokenᵢ)`, with its gradients in the same pass over the logits.
///
/// For losses whose coefficients are known beforehand, such as cross-entropy; for others see [`ScoredTokens`].
///
/// # Shapes
///
/// - `hidden`: `[batch, len, d_model]`, `weight`: `[d_model, vocab_size]`; at least one of them with autodiff
/// - `targets`, `coefficients`: `[batch, len]`
#[must_use]
pub fn weighted_log_probs(
    hidden: Tensor<3>,
    weight: Tensor<2>,
    targets: Tensor<2, Int>,
    coefficients: Tensor<2>,
    scoring: Scoring,
) -> WeightedLogProbs {
    let rows = Rows::new(hidden, weight, targets, scoring);
    let coefficients = rows.column(coefficients);
    let (mut value, mut gaps) = (Vec::new(), Vec::new());
    let mut gradients = Gradients::default();
    for range in rows.chunks() {
        let chunk = rows.chunk(&range);
        let coefficients = coefficients.clone().slice([range]);
        let Softmax {
            exponentials,
            sum,
            shifted_target,
        } = chunk.softmax();
        gaps.push(shifted_target.clone());
        let log_probs = shifted_target - sum.clone().log();
        value.push((log_probs * coefficients.clone()).sum());
        let logits_gradient = exponentials * (-coefficients.clone() / sum);
        gradients.add(&rows, chunk, logits_gradient, coefficients);
    }
    let value = Tensor::cat(value, 0).sum();
    let Surrogate { sum, logit_product } = rows.surrogate(gradients);
    WeightedLogProbs {
        entropy: logit_product - value.clone(),
        value,
        surrogate: sum,
        gaps,
    }
}

/// `log π(t)` of each of `targets` by the hidden state in the same place, in nats, `[batch, len]`: less work than
/// [`ScoredTokens`], where nothing is differentiated and nobody asks for entropies.
///
/// # Shapes
///
/// As [`ScoredTokens::new`].
#[must_use]
pub fn log_probs_of(
    hidden: Tensor<3>,
    weight: Tensor<2>,
    targets: Tensor<2, Int>,
    scoring: Scoring,
) -> Tensor<2> {
    let rows = Rows::new(hidden, weight, targets, scoring);
    let of_chunk = |range| {
        let Softmax {
            sum, shifted_target, ..
        } = rows.chunk(&range).softmax();
        shifted_target - sum.log()
    };
    let chunks = rows.chunks().map(of_chunk).collect();
    Tensor::<2>::cat(chunks, 0).reshape(rows.dims)
}

impl WeightedLogProbs {
    /// Number of scored tokens that no other token is more probable than, `[1]`: those that greedy decoding writes.
    #[must_use]
    pub fn num_greedy(&self) -> Tensor<1> {
        let gaps = Tensor::cat(self.gaps.clone(), 0);
        gaps.greater_equal_elem(0.0).float().sum()
    }
}

impl ScoredTokens {
    /// Scores each of `targets` by the hidden state in the same place.
    ///
    /// `log π(t) = z[t] − logsumexp(z)` and `H = logsumexp(z) − Σ_v softmax(z)_v z_v`, where `z = h W / temperature`.
    ///
    /// # Shapes
    ///
    /// - `hidden`: `[batch, len, d_model]`
    /// - `weight`: `[d_model, vocab_size]`
    /// - `targets`: `[batch, len]`
    #[must_use]
    pub fn new(hidden: Tensor<3>, weight: Tensor<2>, targets: Tensor<2, Int>, scoring: Scoring) -> Self {
        let rows = Rows::new(hidden, weight, targets, scoring);
        let (mut log_probs, mut entropies, mut log_sum_exp) = (Vec::new(), Vec::new(), Vec::new());
        let has_gradients = rows.hidden.is_autodiff() || rows.weight.is_autodiff();
        let is_kept = has_gradients && rows.chunks().count() == 1;
        let mut kept = None;
        for range in rows.chunks() {
            let logits = rows.chunk(&range).logits();
            let targets = rows.targets.clone().slice([range]);
            let target_logits = logits.clone().gather(1, targets);
            let largest = logits.clone().max_dim(1);
            let shifted = logits - largest.clone();
            let exponentials = shifted.clone().exp();
            let sum = exponentials.clone().sum_dim(1);
            if is_kept {
                let (exponentials, sum) = (exponentials.clone(), sum.clone());
                kept = Some(Kept { exponentials, sum });
            }
            let mean_shifted = (shifted * exponentials).sum_dim(1) / sum.clone();
            let log_sum = sum.log();
            entropies.push(log_sum.clone() - mean_shifted);
            let normalizer = log_sum + largest;
            log_probs.push(target_logits - normalizer.clone());
            log_sum_exp.push(normalizer);
        }
        let dims = rows.dims;
        let whole = |chunks| Tensor::<2>::cat(chunks, 0).reshape(dims);
        Self {
            log_probs: whole(log_probs),
            entropies: whole(entropies),
            log_sum_exp: Tensor::cat(log_sum_exp, 0),
            kept,
            rows,
        }
    }

    /// `log π(token)` in nats, constants, `[batch, len]`.
    #[must_use]
    pub fn log_probs(&self) -> Tensor<2> {
        self.log_probs.clone()
    }

    /// How undecided the distribution of each token is, in nats, constants, `[batch, len]`.
    #[must_use]
    pub fn entropies(&self) -> Tensor<2> {
        self.entropies.clone()
    }

    /// A number whose gradients are those of a loss, given the loss's gradients by the scores.
    ///
    /// With `g = ∂L/∂log π(t)` and `e = ∂L/∂H` of a row, and `ℓ = log softmax(z)`,
    /// `∂L/∂z_v = g · [v = t] − softmax(z)_v · (g + e · (ℓ_v + H))`, `∂L/∂h = ∂L/∂z Wᵀ / temperature` and
    /// `∂L/∂W = hᵀ ∂L/∂z / temperature`. The two are handed to autodiff as those of
    /// `Σ h·(∂L/∂h) + Σ W·(∂L/∂W)` with the factors in brackets constant.
    ///
    /// What has no autodiff costs nothing: a frozen output layer has no gradient computed.
    ///
    /// # Shapes
    ///
    /// - `log_prob_gradients`: `[batch, len]`
    /// - `entropy_gradients`: `[batch, len]`; `None` when the loss has no entropy in it
    /// - output: `[1]`; call `backward` on it
    #[must_use]
    pub fn surrogate(self, log_prob_gradients: Tensor<2>, entropy_gradients: Option<Tensor<2>>) -> Tensor<1> {
        let Self {
            rows,
            entropies,
            log_sum_exp,
            mut kept,
            ..
        } = self;
        let entropies = rows.column(entropies);
        let log_prob_gradients = rows.column(log_prob_gradients);
        let entropy_gradients = entropy_gradients.map(|gradients| rows.column(gradients));
        let mut gradients = Gradients::default();
        for range in rows.chunks() {
            let part = |tensor: &Tensor<2>| tensor.clone().slice([range.clone()]);
            let chunk = rows.chunk(&range);
            let log_softmax = || chunk.logits() - part(&log_sum_exp);
            let g = part(&log_prob_gradients);
            let logits_gradient = match (&entropy_gradients, kept.take()) {
                (None, Some(Kept { exponentials, sum })) => exponentials * (-g.clone() / sum),
                (None, None) => log_softmax().exp() * -g.clone(),
                (Some(entropy_gradients), _) => {
                    let log_softmax = log_softmax();
                    let e = part(entropy_gradients);
                    let inner = (log_softmax.clone() + part(&entropies)) * -e - g.clone();
                    log_softmax.exp() * inner
                }
            };
            gradients.add(&rows, chunk, logits_gradient, g);
        }
        rows.surrogate(gradients).sum
    }
}

impl Rows {
    fn new(hidden: Tensor<3>, weight: Tensor<2>, targets: Tensor<2, Int>, scoring: Scoring) -> Self {
        let [batch, len, d_model] = hidden.dims();
        assert_eq!(targets.dims(), [batch, len], "one token for each hidden state");
        assert!(scoring.rows_per_chunk > 0, "a chunk has rows");
        let weight = match scoring.vocab_size {
            Some(vocab_size) => weight.narrow(1, 0, vocab_size),
            None => weight,
        };
        Self {
            hidden: hidden.reshape([batch * len, d_model]),
            weight,
            targets: targets.inner().reshape([batch * len, 1]),
            dims: [batch, len],
            scoring,
        }
    }

    /// The rows of each chunk.
    fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.dims[0] * self.dims[1];
        let step = self.scoring.rows_per_chunk;
        (0..rows)
            .step_by(step)
            .map(move |start| start..rows.min(start + step))
    }

    fn chunk(&self, range: &Range<usize>) -> Chunk {
        let hidden = self.hidden.clone().inner().slice([range.clone()]);
        Chunk {
            hidden: divided(hidden, self.scoring.temperature),
            weight: self.weight.clone().inner(),
            targets: self.targets.clone().slice([range.clone()]),
        }
    }

    /// `[batch, len]` -> `[batch · len, 1]`, without autodiff.
    fn column(&self, values: Tensor<2>) -> Tensor<2> {
        let [batch, len] = self.dims;
        assert_eq!(values.dims(), [batch, len], "one number for each scored token");
        values.inner().reshape([batch * len, 1])
    }

    fn surrogate(self, gradients: Gradients) -> Surrogate {
        let mut terms = Vec::new();
        if self.hidden.is_autodiff() {
            let gradient = divided(Tensor::cat(gradients.hidden, 0), self.scoring.temperature);
            terms.push((self.hidden * gradient).sum());
        }
        if let Some(gradient) = gradients.weight {
            terms.push((self.weight * gradient).sum());
        }
        // Each of the two is the product of logits and their gradients, summed in another order.
        let logit_product = terms.first().map(|term| term.clone().inner());
        let sum = terms.into_iter().reduce(|sum, term| sum + term);
        let missing = "hidden states or output layer are on a device with autodiff";
        Surrogate {
            sum: sum.expect(missing),
            logit_product: logit_product.expect(missing),
        }
    }
}

/// What stands for a loss on scores.
struct Surrogate {
    /// Has the loss's gradients by hidden states and output layer, `[1]`.
    sum: Tensor<1>,
    /// `Σ z · ∂L/∂z` over the logits of all rows, `[1]`.
    logit_product: Tensor<1>,
}

/// `softmax` of a chunk's logits, not yet divided.
struct Softmax {
    /// `exp(z − max z)`, `[rows, vocab_size]`.
    exponentials: Tensor<2>,
    /// Their sum, `[rows, 1]`.
    sum: Tensor<2>,
    /// `z[t] − max z` of the scored token, `[rows, 1]`.
    shifted_target: Tensor<2>,
}

impl Chunk {
    /// `[rows, vocab_size]`.
    fn logits(&self) -> Tensor<2> {
        self.hidden.clone().matmul(self.weight.clone())
    }

    fn softmax(&self) -> Softmax {
        let logits = self.logits();
        let target_logits = logits.clone().gather(1, self.targets.clone());
        let largest = logits.clone().max_dim(1);
        let exponentials = shifted_exp(logits);
        Softmax {
            sum: exponentials.clone().sum_dim(1),
            exponentials,
            shifted_target: target_logits - largest,
        }
    }
}

impl Gradients {
    /// Takes up a chunk, given `∂L/∂z` but for the part of the scored tokens, which is `target_gradient`, `[rows, 1]`.
    fn add(&mut self, rows: &Rows, chunk: Chunk, logits_gradient: Tensor<2>, target_gradient: Tensor<2>) {
        let Chunk {
            hidden,
            weight,
            targets,
        } = chunk;
        let logits_gradient = logits_gradient.scatter(1, targets, target_gradient, IndexingUpdateOp::Add);
        if rows.weight.is_autodiff() {
            let gradient = hidden.transpose().matmul(logits_gradient.clone());
            self.weight = Some(match self.weight.take() {
                Some(sum) => sum + gradient,
                None => gradient,
            });
        }
        if rows.hidden.is_autodiff() {
            self.hidden.push(logits_gradient.matmul(weight.transpose()));
        }
    }
}

/// One pass less when there is nothing to divide by.
fn divided(x: Tensor<2>, temperature: f64) -> Tensor<2> {
    if temperature == 1.0 { x } else { x / temperature }
}

#[cfg(test)]
mod tests;
