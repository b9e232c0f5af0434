use burn::tensor::Device;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::finite_differences::check_gradient;
use crate::{LossAggregation, PpoStats};

fn row<const N: usize>(values: [f32; N]) -> Tensor<2> {
    Tensor::from_data([values], &Device::flex())
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "length of {found:?}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 2e-6, "{found:?}, expected {expected:?}");
    }
}

/// NeMo-RL's numbers: ratios of ½, 1 and 1.5 with advantages 1, −1 and 2.
#[wasm_bindgen_test(unsupported = test)]
fn clipped_losses_equal_nemo_rl() {
    let log_probs = row([0.5f32.ln() - 1.0, -1.0, 1.5f32.ln() - 1.0]);
    let found = policy_losses(
        log_probs,
        row([-1.0; 3]),
        row([1.0, -1.0, 2.0]),
        &PpoLossConfig::default(),
    );
    assert_close(&numbers(found.losses), &[-0.5, 1.0, -2.4]);
    assert_close(&numbers(found.ratios), &[0.5, 1.0, 1.5]);
    assert_close(&numbers(found.clipped), &[0.0, 0.0, 1.0]);
    assert_close(&numbers(found.dual_clipped), &[0.0; 3]);
}

/// By hand: with 0.28 above, the same ratio of 1.5 is cut at 1.28; with 0.1 below, a ratio of ½ at 0.9.
#[wasm_bindgen_test(unsupported = test)]
fn the_two_ranges_are_separate() {
    let config = PpoLossConfig {
        clip_range_low: 0.1,
        clip_range_high: 0.28,
        ..PpoLossConfig::default()
    };
    let log_probs = row([1.5f32.ln(), 0.5f32.ln()]);
    let found = policy_losses(log_probs, row([0.0; 2]), row([1.0, -1.0]), &config);
    assert_close(&numbers(found.losses), &[-1.28, 0.9]);
}

/// NeMo-RL's numbers: the third token's loss of 40 is cut at `3 · 4`; without a dual clip it stays.
#[wasm_bindgen_test(unsupported = test)]
fn the_dual_clip_bounds_the_loss_of_bad_tokens() {
    let losses = |dual_clip| {
        let config = PpoLossConfig {
            dual_clip,
            ..PpoLossConfig::default()
        };
        let log_probs = row([0.5f32.ln(), 0.0, 10f32.ln()]);
        let found = policy_losses(log_probs, row([0.0; 3]), row([1.0, -1.0, -4.0]), &config);
        (numbers(found.losses), numbers(found.dual_clipped))
    };
    let (bounded, dual_clipped) = losses(Some(3.0));
    assert_close(&bounded, &[-0.5, 1.0, 12.0]);
    assert_close(&dual_clipped, &[0.0, 0.0, 1.0]);
    let (free, _) = losses(None);
    assert!((free[2] - 40.0).abs() < 1e-4, "{free:?}");
}

/// By hand: values may move from 0.5 to 0.7 or 0.3, so errors 0.25, 0.04 and 0.64, halved.
#[wasm_bindgen_test(unsupported = test)]
fn value_losses_are_clipped_around_the_old_values() {
    let found = value_losses(
        row([1.0, 0.6, 0.0]),
        row([0.5; 3]),
        row([1.2, 0.4, -0.5]),
        &PpoLossConfig::default(),
    );
    let losses = numbers(found.losses);
    assert_close(&losses, &[0.125, 0.02, 0.32]);
    assert_close(&[losses.iter().sum::<f32>() / 3.0], &[0.155]);
    assert_close(&numbers(found.clipped), &[1.0, 0.0, 1.0]);
    assert_close(&numbers(found.errors), &[0.04, 0.04, 0.25]);
}

/// A value within the range is not clipped, not even by rounding.
#[wasm_bindgen_test(unsupported = test)]
fn rounding_clips_no_value() {
    let values: [f32; 64] = std::array::from_fn(|i| 0.1 + (i as f32 * 0.37).sin() * 0.19);
    let returns: [f32; 64] = std::array::from_fn(|i| (i as f32).cos() * 3.0);
    let found = value_losses(
        row(values),
        row([0.1; 64]),
        row(returns),
        &PpoLossConfig::default(),
    );
    assert_eq!(numbers(found.clipped), [0.0; 64]);
}

/// A log-ratio of 1,000 neither overflows nor turns the loss of other tokens into NaN.
#[wasm_bindgen_test(unsupported = test)]
fn ratios_do_not_overflow() {
    let found = policy_losses(
        row([0.0, -1000.0]),
        row([-1000.0, 0.0]),
        row([-1.0, -1.0]),
        &PpoLossConfig::default(),
    );
    let ratios = numbers(found.ratios);
    assert!((ratios[0] / 20f32.exp() - 1.0).abs() < 1e-5, "{ratios:?}");
    assert!(numbers(found.losses).iter().all(|loss| loss.is_finite()));
}

const LOG_PROBS: [f32; 6] = [-0.9, -1.3, -0.4, -2.0, -0.7, -1.1];
const VALUES: [f32; 6] = [0.3, -0.5, 0.9, 0.1, -0.2, 0.6];
const MASK: [bool; 6] = [true, true, true, true, true, false];

/// Rows `rows` of a step of two sequences with five tokens that count.
fn step(
    log_probs: Tensor<2>,
    values: Tensor<2>,
    rows: std::ops::Range<usize>,
    config: &PpoLossConfig,
) -> PpoLoss {
    let device = log_probs.device();
    let of_rows = |x: &[f32]| {
        let x = Tensor::<1>::from_data(x, &device).reshape([2, 3]);
        x.narrow(0, rows.start, rows.len())
    };
    let weights = of_rows(&LossAggregation::TokenMean.token_weights(&MASK, 3));
    let predictions = PpoPredictions {
        entropies: -log_probs.clone() * 0.5,
        log_probs,
        values,
    };
    let targets = PpoTargets {
        old_log_probs: of_rows(&[-1.0, -1.0, -0.5, -1.5, -0.75, 50.0]),
        old_values: of_rows(&[0.2, -0.1, 0.8, 0.0, 0.2, -70.0]),
        advantages: of_rows(&[1.0, -0.5, 2.0, -1.5, 0.75, 1e4]),
        returns: of_rows(&[1.0, 0.5, -0.5, 0.75, -1.0, 1e4]),
        policy_weights: weights.clone(),
        value_weights: weights,
    };
    ppo_loss(predictions, targets, config)
}

fn whole_step(device: &Device, config: &PpoLossConfig) -> PpoLoss {
    let all = |x: [f32; 6]| Tensor::<1>::from_data(x, device).reshape([2, 3]);
    step(all(LOG_PROBS), all(VALUES), 0..2, config)
}

fn stats(loss: PpoLoss) -> PpoStats {
    pollster::block_on(PpoStats::read(loss.stats)).expect("the CPU can be read")
}

#[wasm_bindgen_test(unsupported = test)]
fn gradients_equal_finite_differences() {
    let config = PpoLossConfig {
        entropy_coef: 0.3,
        vf_coef: 0.5,
        ..PpoLossConfig::default()
    };
    let all = |x: [f32; 6], device: &Device| Tensor::<1>::from_data(x, device).reshape([2, 3]);
    check_gradient(&LOG_PROBS, [2, 3], |log_probs| {
        let values = all(VALUES, &log_probs.device());
        step(log_probs, values, 0..2, &config).total
    });
    check_gradient(&VALUES, [2, 3], |values| {
        let log_probs = all(LOG_PROBS, &values.device());
        step(log_probs, values, 0..2, &config).total
    });
}

/// However a step is cut into micro-batches, its loss and its statistics are the same.
#[wasm_bindgen_test(unsupported = test)]
fn micro_batches_add_up() {
    let (device, config) = (Device::flex(), PpoLossConfig::default());
    let whole = stats(whole_step(&device, &config));
    let mut sum = PpoStats::default();
    for row in 0..2 {
        let of_row = |x: [f32; 6]| {
            Tensor::<1>::from_data(x, &device)
                .reshape([2, 3])
                .narrow(0, row, 1)
        };
        sum += stats(step(of_row(LOG_PROBS), of_row(VALUES), row..row + 1, &config));
    }
    for ((name, whole), (_, sum)) in whole.named().into_iter().zip(sum.named()) {
        assert!((whole - sum).abs() < 1e-5, "{name}: {whole}, summed {sum}");
    }
    assert!(
        whole.policy_loss.abs() > 0.01 && whole.value_loss > 0.01,
        "{whole:?}"
    );
}

/// A mean ratio above the threshold: no loss, no gradient, and it is counted.
#[wasm_bindgen_test(unsupported = test)]
fn the_ratio_guard_skips() {
    let device = Device::flex().autodiff();
    let mean_ratio = stats(whole_step(&device, &PpoLossConfig::default())).ratio;
    for (distance, skipped) in [(-0.01, 1.0), (0.01, 0.0)] {
        let config = PpoLossConfig {
            ratio_threshold: f64::from(mean_ratio) + distance,
            entropy_coef: 0.1,
            ..PpoLossConfig::default()
        };
        let all = |x: [f32; 6]| Tensor::<1>::from_data(x, &device).reshape([2, 3]).require_grad();
        let (log_probs, values) = (all(LOG_PROBS), all(VALUES));
        let loss = step(log_probs.clone(), values.clone(), 0..2, &config);
        let gradients = loss.total.backward();
        let mut gradient = numbers(log_probs.grad(&gradients).expect("tracked"));
        gradient.extend(numbers(values.grad(&gradients).expect("tracked")));
        let stats = stats(loss);
        assert_eq!(stats.skipped, skipped);
        assert_eq!(stats.total_loss == 0.0, skipped == 1.0, "{stats:?}");
        assert_eq!(gradient.iter().all(|g| *g == 0.0), skipped == 1.0, "{gradient:?}");
        assert!(stats.value_error > 0.1, "what was seen is told all the same");
    }
}

/// On the first minibatch nothing has moved: the ratio is 1 and nothing is clipped.
#[wasm_bindgen_test(unsupported = test)]
fn the_first_minibatch_has_ratio_1() {
    let found = policy_losses(
        row([-0.3, -2.0]),
        row([-0.3, -2.0]),
        row([1.5, -0.5]),
        &PpoLossConfig::default(),
    );
    assert_eq!(numbers(found.ratios), [1.0; 2]);
    assert_eq!(numbers(found.clipped), [0.0; 2]);
    assert_eq!(numbers(found.losses), [-1.5, 0.5]);
}
