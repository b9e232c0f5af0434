use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::initial_weights::standard_normal;

const BATCH: usize = 2;
const LEN: usize = 5;
const WIDTH: usize = 4;
/// Columns of the output layer; the last two are padding where a test says so.
const COLUMNS: usize = 9;
const VOCABULARY: usize = 7;

/// Numbers for one problem, all drawn with a standard deviation of 1.
struct Problem {
    hidden: Vec<f32>,
    weight: Vec<f32>,
    targets: Vec<i32>,
    log_prob_gradients: Vec<f32>,
    entropy_gradients: Vec<f32>,
}

#[expect(clippy::cast_possible_truncation, reason = "drawn in f64, used in f32")]
fn problem() -> Problem {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut draw = |len| {
        (0..len)
            .map(|_| standard_normal(&mut rng) as f32)
            .collect::<Vec<_>>()
    };
    Problem {
        hidden: draw(BATCH * LEN * WIDTH),
        weight: draw(WIDTH * COLUMNS),
        targets: vec![0, 6, 3, 3, 2, 5, 1, 4, 6, 0],
        log_prob_gradients: draw(BATCH * LEN),
        entropy_gradients: draw(BATCH * LEN),
    }
}

impl Problem {
    fn hidden(&self, device: &Device) -> Tensor<3> {
        Tensor::from_data(TensorData::new(self.hidden.clone(), [BATCH, LEN, WIDTH]), device)
    }

    fn weight(&self, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.weight.clone(), [WIDTH, COLUMNS]), device)
    }

    fn targets(&self, device: &Device) -> Tensor<2, Int> {
        Tensor::from_data(TensorData::new(self.targets.clone(), [BATCH, LEN]), device)
    }

    fn per_token(&self, values: &[f32], device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [BATCH, LEN]), device)
    }

    /// `Σ g log π + Σ e H` in f64, with one number of the hidden states or the output layer moved.
    fn loss(&self, scoring: Scoring, moved: Moved, by: f64) -> f64 {
        let vocabulary = scoring.vocab_size.unwrap_or(COLUMNS);
        let at = |values: &[f32], index: usize, is_moved: bool| {
            f64::from(values[index]) + if is_moved { by } else { 0.0 }
        };
        (0..BATCH * LEN)
            .map(|row| {
                let logits: Vec<f64> = (0..vocabulary)
                    .map(|column| {
                        let term = |k: usize| {
                            let (h, w) = (row * WIDTH + k, k * COLUMNS + column);
                            at(&self.hidden, h, moved == Moved::Hidden(h))
                                * at(&self.weight, w, moved == Moved::Weight(w))
                        };
                        (0..WIDTH).map(term).sum::<f64>() / scoring.temperature
                    })
                    .collect();
                let log_sum = logits.iter().map(|z| z.exp()).sum::<f64>().ln();
                let entropy: f64 = logits.iter().map(|z| -(z - log_sum).exp() * (z - log_sum)).sum();
                let target = usize::try_from(self.targets[row]).unwrap();
                f64::from(self.log_prob_gradients[row]) * (logits[target] - log_sum)
                    + f64::from(self.entropy_gradients[row]) * entropy
            })
            .sum()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Moved {
    Hidden(usize),
    Weight(usize),
}

/// Whole batch at once, one row at a time, an uneven rest; with and without temperature and padded columns.
fn scorings() -> Vec<Scoring> {
    let mut list = Vec::new();
    for rows_per_chunk in [1, 3, 256] {
        for (temperature, vocab_size) in [(1.0, None), (0.7, Some(VOCABULARY))] {
            list.push(Scoring {
                temperature,
                vocab_size,
                rows_per_chunk,
            });
        }
    }
    list
}

/// The same by full logits: log-probabilities and entropies, `[batch, len]`.
fn plainly(
    hidden: Tensor<3>,
    weight: Tensor<2>,
    targets: Tensor<2, Int>,
    scoring: Scoring,
) -> [Tensor<2>; 2] {
    let logits = hidden.matmul(weight.unsqueeze::<3>()) / scoring.temperature;
    let logits = logits.narrow(2, 0, scoring.vocab_size.unwrap_or(COLUMNS));
    let log_probs = log_softmax(logits, 2);
    let entropies = -(log_probs.clone().exp() * log_probs.clone()).sum_dim(2);
    [
        log_probs.gather(2, targets.unsqueeze_dim(2)).squeeze_dim(2),
        entropies.squeeze_dim(2),
    ]
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance,
            "{what}, number {index}: {found}, expected {expected}"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn scores_equal_those_of_full_logits() {
    let (problem, device) = (problem(), Device::flex());
    for scoring in scorings() {
        let (hidden, weight, targets) = (
            problem.hidden(&device),
            problem.weight(&device),
            problem.targets(&device),
        );
        let [log_probs, entropies] = plainly(hidden.clone(), weight.clone(), targets.clone(), scoring);
        let alone = log_probs_of(hidden.clone(), weight.clone(), targets.clone(), scoring);
        assert_close(&numbers(alone), &numbers(log_probs.clone()), 1e-5, "nothing else");
        let scored = ScoredTokens::new(hidden, weight, targets, scoring);
        assert_close(
            &numbers(scored.log_probs()),
            &numbers(log_probs),
            1e-5,
            "log-probabilities",
        );
        assert_close(
            &numbers(scored.entropies()),
            &numbers(entropies),
            1e-5,
            "entropies",
        );
    }
}

/// Gradients by the hidden states and the output layer, `[rows · width]` and `[width · columns]`.
fn gradients_of(loss: &Tensor<1>, hidden: &Tensor<3>, weight: &Tensor<2>) -> [Vec<f32>; 2] {
    let gradients = loss.backward();
    [
        numbers(hidden.grad(&gradients).unwrap()),
        numbers(weight.grad(&gradients).unwrap()),
    ]
}

#[wasm_bindgen_test(unsupported = test)]
fn gradients_equal_those_of_full_logits() {
    let (problem, device) = (problem(), Device::flex().autodiff());
    for scoring in scorings() {
        let hidden = problem.hidden(&device).require_grad();
        let weight = problem.weight(&device).require_grad();
        let targets = problem.targets(&device);
        let g = problem.per_token(&problem.log_prob_gradients, &device);
        let e = problem.per_token(&problem.entropy_gradients, &device);

        let scored = || ScoredTokens::new(hidden.clone(), weight.clone(), targets.clone(), scoring);
        let plain = || plainly(hidden.clone(), weight.clone(), targets.clone(), scoring);
        let gradients = |loss: Tensor<1>| gradients_of(&loss, &hidden, &weight);

        let [log_probs, entropies] = plain();
        let expected = gradients((log_probs * g.clone()).sum() + (entropies * e.clone()).sum());
        let found = gradients(scored().surrogate(g.clone(), Some(e)));
        assert_close(&found[0], &expected[0], 2e-5, "hidden states");
        assert_close(&found[1], &expected[1], 5e-5, "output layer");

        let [log_probs, _] = plain();
        let value = (log_probs * g.clone()).sum();
        let expected_value = numbers(value.clone());
        let expected = gradients(value);
        let found = gradients(scored().surrogate(g.clone(), None));
        assert_close(&found[0], &expected[0], 2e-5, "hidden states, no entropy");
        assert_close(&found[1], &expected[1], 5e-5, "output layer, no entropy");

        let weighted = weighted_log_probs(hidden.clone(), weight.clone(), targets.clone(), g, scoring);
        assert_close(&numbers(weighted.value), &expected_value, 2e-5, "weighted sum");
        let found = gradients(weighted.surrogate);
        assert_close(&found[0], &expected[0], 2e-5, "hidden states, one pass");
        assert_close(&found[1], &expected[1], 5e-5, "output layer, one pass");
    }
}

/// `Σ g H` comes out of the backward pass, whichever of hidden states and output layer is differentiated.
#[wasm_bindgen_test(unsupported = test)]
fn the_entropy_beside_a_weighted_sum_is_that_of_full_logits() {
    let (problem, plain, device) = (problem(), Device::flex(), Device::flex().autodiff());
    for scoring in scorings() {
        let targets = problem.targets(&plain);
        let g = problem.per_token(&problem.log_prob_gradients, &plain);
        let [_, entropies] = plainly(
            problem.hidden(&plain),
            problem.weight(&plain),
            targets.clone(),
            scoring,
        );
        let expected = numbers((entropies * g.clone()).sum());
        let (hidden, weight) = (
            problem.hidden(&device).require_grad(),
            problem.weight(&device).require_grad(),
        );
        for (hidden, weight) in [
            (hidden.clone(), weight.clone()),
            (hidden, problem.weight(&plain)),
            (problem.hidden(&plain), weight),
        ] {
            let found = weighted_log_probs(hidden, weight, targets.clone(), g.clone(), scoring);
            assert_close(&numbers(found.entropy), &expected, 2e-5, "weighted entropy");
        }
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn gradients_equal_finite_differences() {
    let (problem, device) = (problem(), Device::flex().autodiff());
    let scoring = Scoring {
        temperature: 0.7,
        vocab_size: Some(VOCABULARY),
        rows_per_chunk: 4,
    };
    let hidden = problem.hidden(&device).require_grad();
    let weight = problem.weight(&device).require_grad();
    let scored = ScoredTokens::new(hidden.clone(), weight.clone(), problem.targets(&device), scoring);
    let surrogate = scored.surrogate(
        problem.per_token(&problem.log_prob_gradients, &device),
        Some(problem.per_token(&problem.entropy_gradients, &device)),
    );
    let [by_hidden, by_weight] = gradients_of(&surrogate, &hidden, &weight);
    let difference = |moved| {
        let step = 1e-5;
        (problem.loss(scoring, moved, step) - problem.loss(scoring, moved, -step)) / (2.0 * step)
    };
    for (index, found) in by_hidden.iter().enumerate() {
        let expected = difference(Moved::Hidden(index));
        assert!(
            (f64::from(*found) - expected).abs() < 1e-4,
            "{index}: {found} {expected}"
        );
    }
    for (index, found) in by_weight.iter().enumerate() {
        let expected = difference(Moved::Weight(index));
        assert!(
            (f64::from(*found) - expected).abs() < 1e-4,
            "{index}: {found} {expected}"
        );
    }
    // Padded columns have no gradient, the others have one.
    assert!(
        by_weight
            .chunks(COLUMNS)
            .all(|row| row[VOCABULARY..] == [0.0, 0.0])
    );
    assert!(
        by_weight
            .chunks(COLUMNS)
            .all(|row| row[..VOCABULARY].iter().all(|x| *x != 0.0))
    );
}

/// A frozen output layer, below which an adapter learns; and hidden states of a frozen model, on which a head learns.
#[wasm_bindgen_test(unsupported = test)]
fn what_is_frozen_has_no_gradient() {
    let (problem, plain) = (problem(), Device::flex());
    let training = plain.clone().autodiff();
    let scored = |hidden: &Tensor<3>, weight: &Tensor<2>| {
        let targets = problem.targets(&plain);
        let scored = ScoredTokens::new(hidden.clone(), weight.clone(), targets, Scoring::default());
        scored.surrogate(problem.per_token(&problem.log_prob_gradients, &plain), None)
    };
    let hidden = problem.hidden(&training).require_grad();
    let weight = problem.weight(&training).require_grad();
    let [by_hidden, by_weight] = gradients_of(&scored(&hidden, &weight), &hidden, &weight);

    let gradients = scored(&hidden, &problem.weight(&plain)).backward();
    assert_eq!(numbers(hidden.grad(&gradients).unwrap()), by_hidden);
    assert!(weight.grad(&gradients).is_none());
    let gradients = scored(&problem.hidden(&plain), &weight).backward();
    assert_eq!(numbers(weight.grad(&gradients).unwrap()), by_weight);
    assert!(hidden.grad(&gradients).is_none());
}

/// By hand: equal logits over three tokens give `−ln 3` and `ln 3`; logits 0 and 80 give 0 and 0, and nothing is NaN.
#[wasm_bindgen_test(unsupported = test)]
fn certain_and_undecided_distributions_are_finite() {
    let device = Device::flex();
    let hidden = Tensor::<3>::from_data([[[0.0f32], [80.0]]], &device);
    let weight = Tensor::<2>::from_data([[1.0f32, 0.0, -1.0]], &device);
    let targets = Tensor::<2, Int>::from_data([[2, 0]], &device);
    let scored = ScoredTokens::new(hidden, weight, targets, Scoring::default());
    let third = 3f32.ln();
    assert_close(
        &numbers(scored.log_probs()),
        &[-third, 0.0],
        1e-6,
        "log-probabilities",
    );
    assert_close(&numbers(scored.entropies()), &[third, 0.0], 1e-6, "entropies");
}

/// No chunk has more rows than was asked for, and every row is in one: so no tensor over the vocabulary is larger.
#[wasm_bindgen_test(unsupported = test)]
fn chunks_cover_every_row_once() {
    let (problem, device) = (problem(), Device::flex());
    for rows_per_chunk in [1, 3, 5, 10, 256] {
        let scoring = Scoring {
            rows_per_chunk,
            ..Scoring::default()
        };
        let rows = Rows::new(
            problem.hidden(&device),
            problem.weight(&device),
            problem.targets(&device),
            scoring,
        );
        let mut next = 0;
        for range in rows.chunks() {
            assert_eq!(range.start, next);
            assert!(range.len() <= rows_per_chunk);
            assert_eq!(rows.chunk(&range).logits().dims(), [range.len(), COLUMNS]);
            next = range.end;
        }
        assert_eq!(next, BATCH * LEN);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn a_token_is_scored_by_the_column_before_it() {
    use crate::{CausalLm, CausalLmConfig, PaddingSide, TokenBatch, initial_weights, token_log_probs};
    let device = Device::flex();
    let config = CausalLmConfig {
        vocab_size: 11,
        hidden_size: 8,
        intermediate_size: 12,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 4,
        max_position_embeddings: 8,
        ..CausalLmConfig::default()
    };
    let weights = initial_weights(&config, 0.5, &mut ChaCha8Rng::seed_from_u64(5));
    let model = CausalLm::from_weights(&config, &weights, &device).unwrap();
    let rows: [&[u32]; 2] = [&[1, 2, 3, 4, 5, 6], &[7, 8, 9, 10, 0, 1]];
    let batch = TokenBatch::from_rows(&rows, PaddingSide::Left, 11).unwrap();
    let input = batch.to_device(&device);
    let all = token_log_probs(model.forward(&input), input.tokens.clone());
    // Columns 2 to 5 are slots 1 to 4 of all that is predicted.
    let expected = numbers(all.narrow(1, 1, 4));
    let scored = model.without_adapter().score(&input, 2..6, Scoring::default());
    assert_close(&numbers(scored.log_probs()), &expected, 1e-5, "columns 2 to 5");
}
