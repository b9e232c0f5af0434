#![allow(clippy::cast_possible_truncation, reason = "random numbers of any precision")]

use burn::tensor::{Device, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

/// Numbers between −`range` and `range`.
fn random_scores(batch: usize, vocab_size: usize, range: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let number = |bits: u32| (f64::from(bits) / f64::from(u32::MAX) * 2.0 - 1.0) as f32 * range;
    (0..batch * vocab_size).map(|_| number(rng.next_u32())).collect()
}

fn tensor(scores: &[f32], vocab_size: usize) -> Tensor<2> {
    let shape = [scores.len() / vocab_size, vocab_size];
    Tensor::from_data(TensorData::new(scores.to_vec(), shape), &Device::flex())
}

/// Which scores are left.
fn kept(scores: Tensor<2>) -> Vec<bool> {
    let scores = scores.into_data();
    scores.iter::<f32>().map(|score| score > UNSEEN / 2.0).collect()
}

/// Transformers' `TopKLogitsWarper` as a loop: what is below the k-th largest goes.
fn top_k_by_sorting(scores: &[f32], k: usize) -> Vec<bool> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    scores.iter().map(|&score| score >= sorted[k - 1]).collect()
}

/// Transformers' `TopPLogitsWarper` as a loop: in ascending order, what the probabilities up to and including it sum
/// to at most `1 − p` for goes; the largest stays.
fn top_p_by_sorting(scores: &[f32], p: f64) -> Vec<bool> {
    let largest = f64::from(scores.iter().copied().fold(f32::MIN, f32::max));
    let weights: Vec<f64> = scores
        .iter()
        .map(|&score| (f64::from(score) - largest).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut kept, mut sum) = (vec![true; scores.len()], 0.0);
    for &index in &order[..order.len() - 1] {
        sum += weights[index] / total;
        kept[index] = sum > 1.0 - p;
    }
    kept
}

#[wasm_bindgen_test(unsupported = test)]
fn top_k_is_that_of_transformers() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for vocab_size in [1, 2, 61, 500] {
        let scores = random_scores(8, vocab_size, 20.0, &mut rng);
        for k in [1, 2, 7, 50, 499] {
            if k > vocab_size {
                continue;
            }
            let expected: Vec<bool> = scores
                .chunks(vocab_size)
                .flat_map(|row| top_k_by_sorting(row, k))
                .collect();
            assert_eq!(
                kept(keep_top_k(tensor(&scores, vocab_size), k)),
                expected,
                "{k} of {vocab_size}"
            );
        }
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn top_p_is_that_of_transformers() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (vocab_size, range) in [(1, 1.0), (3, 2.0), (61, 0.1), (61, 8.0), (500, 3.0)] {
        let scores = random_scores(8, vocab_size, range, &mut rng);
        for p in [0.05f32, 0.5, 0.9, 0.99, 0.9999] {
            let expected: Vec<bool> = scores
                .chunks(vocab_size)
                .flat_map(|row| top_p_by_sorting(row, f64::from(p)))
                .collect();
            assert_eq!(
                kept(keep_top_p(tensor(&scores, vocab_size), p)),
                expected,
                "{p} of {vocab_size}"
            );
        }
    }
}

/// By hand: of 4, 3, 3, 1 the best two are three, because 3 stands twice; of probabilities 1/2, 1/4, 1/4 half is the
/// first alone, and any more needs both of the others.
#[wasm_bindgen_test(unsupported = test)]
fn equal_scores_stay_or_go_together() {
    assert_eq!(
        kept(keep_top_k(tensor(&[3.0, 4.0, 1.0, 3.0], 4), 2)),
        [true, true, false, true]
    );
    let scores = [0.5f32.ln(), 0.25f32.ln(), 0.25f32.ln()];
    assert_eq!(kept(keep_top_p(tensor(&scores, 3), 0.5)), [true, false, false]);
    assert_eq!(kept(keep_top_p(tensor(&scores, 3), 0.51)), [true, true, true]);
}

/// What was removed before is not among the best, even if fewer than k are left, and does not stretch the search.
#[wasm_bindgen_test(unsupported = test)]
fn removed_scores_do_not_come_back() {
    let scores = [UNSEEN, 2.0, UNSEEN, 1.999_99, -3.0];
    assert_eq!(
        kept(keep_top_k(tensor(&scores, 5), 1)),
        [false, true, false, false, false]
    );
    assert_eq!(
        kept(keep_top_k(tensor(&scores, 5), 4)),
        [false, true, false, true, true]
    );
    assert_eq!(
        kept(keep_top_p(tensor(&scores, 5), 0.6)),
        [false, true, false, true, false]
    );
}

/// By hand, penalty 2: 3 becomes 1.5, −3 becomes −6, 0 stays; what was not seen stays.
#[wasm_bindgen_test(unsupported = test)]
fn repetition_is_penalized_on_both_sides_of_zero() {
    let scores = tensor(&[3.0, -3.0, 0.0, 3.0, -3.0], 5);
    let seen = TensorData::new(vec![true, true, true, false, false], [1, 5]);
    let penalized = penalize_repetition(scores, Tensor::from_data(seen, &Device::flex()), 2.0);
    let expected = TensorData::from([[1.5f32, -6.0, 0.0, 3.0, -3.0]]);
    penalized.into_data().assert_eq(&expected, true);
}
