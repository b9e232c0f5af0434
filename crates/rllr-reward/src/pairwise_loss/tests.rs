use std::f32::consts::LN_2;

use burn::tensor::Device;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::finite_differences::check_gradient;

const CHOSEN: [f32; 3] = [1.2, 0.3, -0.5];
const REJECTED: [f32; 3] = [0.2, 0.9, -0.5];

fn row(values: [f32; 3]) -> Tensor<1> {
    Tensor::from_data(values, &Device::flex())
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "length of {found:?}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-6, "{found:?}, expected {expected:?}");
    }
}

/// TRL's losses for these scores, and the same from a plain loop.
#[wasm_bindgen_test(unsupported = test)]
fn bradley_terry_equals_trl_and_a_plain_loop() {
    let losses = numbers(bradley_terry_losses(row(CHOSEN), row(REJECTED)));
    assert_close(&losses, &[0.313_261_7, 1.037_488, LN_2]);
    assert_close(&[losses.iter().sum::<f32>() / 3.0], &[0.681_298_9]);
    let plain: Vec<f32> = CHOSEN
        .iter()
        .zip(REJECTED)
        .map(|(c, r)| (1.0 + (r - c).exp()).ln())
        .collect();
    assert_close(&losses, &plain);
}

/// TRL's means: 0.9451631 with a margin of 0.5, 0.6959656 with a centering coefficient of 0.01.
#[wasm_bindgen_test(unsupported = test)]
fn margin_and_centering_equal_trl() {
    let margins = row([0.5; 3]);
    let losses = bradley_terry_losses_with_margins(row(CHOSEN), row(REJECTED), margins);
    assert_close(&numbers(losses.mean()), &[0.945_163_1]);

    // By hand: (1.4² + 1.2² + 1²) / 3 = 4.4 / 3.
    let centering = centering_penalties(row(CHOSEN), row(REJECTED));
    assert_close(&numbers(centering.clone()), &[1.96, 1.44, 1.0]);
    let losses = bradley_terry_losses(row(CHOSEN), row(REJECTED)) + centering * 0.01;
    assert_close(&numbers(losses.mean()), &[0.695_965_6]);
}

#[wasm_bindgen_test(unsupported = test)]
fn gradients_equal_finite_differences() {
    check_gradient(&CHOSEN, [3], |chosen| {
        let rejected = Tensor::from_data(REJECTED, &chosen.device());
        let margins = Tensor::from_data([0.5, 0.0, 0.25], &chosen.device());
        let losses = bradley_terry_losses_with_margins(chosen.clone(), rejected.clone(), margins);
        (losses + centering_penalties(chosen, rejected) * 0.1).mean()
    });
    let compared = [
        ComparedTokens::Window(1..3),
        ComparedTokens::LastTokens {
            chosen: 2,
            rejected: 0,
        },
    ];
    let values = [0.1, 0.7, -0.4, 0.9, -0.2, 0.3];
    check_gradient(&values, [2, 3], |chosen| {
        let rejected = Tensor::from_data([[0.2, -0.5, 0.1], [0.4, 0.6, -0.3]], &chosen.device());
        token_averaged_losses(chosen, rejected, &compared, 0.5).sum()
    });
    check_gradient(&values, [2, 3], |rejected| {
        let chosen = Tensor::from_data([[0.2, -0.5, 0.1], [0.4, 0.6, -0.3]], &rejected.device());
        token_averaged_losses(chosen, rejected, &compared, 0.5).sum()
    });
}

/// The loss itself is what a model with infinitely wrong scores would overflow.
#[wasm_bindgen_test(unsupported = test)]
fn stays_finite_for_extreme_scores() {
    let losses = numbers(bradley_terry_losses(
        row([-200.0, 200.0, 0.0]),
        row([200.0, -200.0, 0.0]),
    ));
    assert_close(&losses, &[400.0, 0.0, LN_2]);
}

/// Token ids of the released code's example, and the head's values; the last value of the rejected answer lies on
/// padding.
const CHOSEN_IDS: [u32; 5] = [1, 5, 6, 9, 2];
const REJECTED_IDS: [u32; 4] = [1, 5, 7, 2];
const CHOSEN_VALUES: [f32; 5] = [0.1, 0.2, 0.5, 0.8, 1.0];
const REJECTED_VALUES: [f32; 5] = [0.1, 0.1, 0.3, 0.2, 0.4];

fn token_averaged(compared: ComparedTokens) -> f32 {
    let device = Device::flex();
    let chosen = Tensor::from_data([CHOSEN_VALUES], &device);
    let rejected = Tensor::from_data([REJECTED_VALUES], &device);
    token_averaged_losses(chosen, rejected, &[compared], 1.0).into_scalar()
}

/// `−log σ(x)` at the differences 0.2, 0.6 and 0.6 is 0.5981389, 0.4374880 and 0.4374880.
#[wasm_bindgen_test(unsupported = test)]
fn the_window_runs_from_the_first_difference_to_the_chosen_end() {
    let with_padding = compared_tokens(&CHOSEN_IDS, &REJECTED_IDS, WindowEnd::LongerAnswer);
    assert_eq!(with_padding, ComparedTokens::Window(2..5));
    assert_close(&[token_averaged(with_padding)], &[0.491_038_3]);

    let without = compared_tokens(&CHOSEN_IDS, &REJECTED_IDS, WindowEnd::ShorterAnswer);
    assert_eq!(without, ComparedTokens::Window(2..4));
    assert_close(&[token_averaged(without)], &[0.517_813_4]);
}

/// The same pair under the other loss: 1.0 at the chosen end, 0.2 at the rejected one.
#[wasm_bindgen_test(unsupported = test)]
fn the_last_token_loss_of_the_same_pair_is_another() {
    let device = Device::flex();
    let chosen = scores_at(Tensor::from_data([CHOSEN_VALUES], &device), &[4]);
    let rejected = scores_at(Tensor::from_data([REJECTED_VALUES], &device), &[3]);
    assert_close(&numbers(bradley_terry_losses(chosen, rejected)), &[0.371_100_7]);
}

#[wasm_bindgen_test(unsupported = test)]
fn identical_answers_are_compared_at_their_last_token() {
    let ids = [1, 5, 6, 2];
    for end in [WindowEnd::LongerAnswer, WindowEnd::ShorterAnswer] {
        let compared = compared_tokens(&ids, &ids, end);
        assert_eq!(compared, ComparedTokens::Window(3..4));
        assert_close(&[token_averaged(compared)], &[0.437_488]);
    }
}

/// An answer that the other one continues: nothing differs before the shorter one ends.
#[wasm_bindgen_test(unsupported = test)]
fn a_prefix_is_compared_at_the_last_tokens() {
    let (long, short) = ([1, 5, 6, 7, 2], [1, 5, 6]);
    assert_eq!(
        compared_tokens(&long, &short, WindowEnd::ShorterAnswer),
        ComparedTokens::LastTokens {
            chosen: 4,
            rejected: 2
        }
    );
    assert_eq!(
        compared_tokens(&short, &long, WindowEnd::LongerAnswer),
        ComparedTokens::Window(3..5)
    );
    let last_tokens = ComparedTokens::LastTokens {
        chosen: 4,
        rejected: 2,
    };
    // 1.0 − 0.3
    assert_close(&[token_averaged(last_tokens)], &[(1.0 + (-0.7f32).exp()).ln()]);
}

/// Pairs with windows of 3 and of 1 token: each loss is that of the pair alone. A temperature divides the differences.
#[wasm_bindgen_test(unsupported = test)]
fn pairs_do_not_mix() {
    let (device, wide, narrow) = (
        Device::flex(),
        ComparedTokens::Window(2..5),
        ComparedTokens::Window(3..4),
    );
    let chosen = || Tensor::<2>::from_data([CHOSEN_VALUES; 2], &device);
    let rejected = || Tensor::<2>::from_data([REJECTED_VALUES; 2], &device);
    let compared = [wide.clone(), narrow.clone()];
    let losses = numbers(token_averaged_losses(chosen(), rejected(), &compared, 1.0));
    assert_close(&losses, &[token_averaged(wide), token_averaged(narrow)]);

    let halved = numbers(token_averaged_losses(
        chosen() * 0.5,
        rejected() * 0.5,
        &compared,
        0.5,
    ));
    assert_close(&halved, &losses);
}

/// With the project's window, whatever stands on padding changes neither loss nor gradient.
#[wasm_bindgen_test(unsupported = test)]
fn padding_is_not_read() {
    let device = Device::flex().autodiff();
    let compared = [
        compared_tokens(&CHOSEN_IDS, &REJECTED_IDS, WindowEnd::ShorterAnswer),
        compared_tokens(&[1, 5], &[1, 5, 6, 7], WindowEnd::ShorterAnswer),
    ];
    let gradients = |padding: f32| {
        let chosen = [[0.1, 0.2, 0.5, 0.8, 1.0], [0.3, 0.4, padding, padding, padding]];
        let rejected = [[0.1, 0.1, 0.3, 0.2, padding], [0.1, 0.9, 0.2, 0.6, padding]];
        let chosen = Tensor::<2>::from_data(chosen, &device).require_grad();
        let rejected = Tensor::<2>::from_data(rejected, &device).require_grad();
        let loss = token_averaged_losses(chosen.clone(), rejected.clone(), &compared, 1.0).sum();
        let gradients = loss.backward();
        let mut found = numbers(loss);
        found.extend(numbers(chosen.grad(&gradients).expect("tracked")));
        found.extend(numbers(rejected.grad(&gradients).expect("tracked")));
        found
    };
    let found = gradients(0.0);
    assert_eq!(found, gradients(1e6));
    // Chosen row 1: only its last token, 1, is compared. Rejected row 0: padding is position 4.
    let (chosen, rejected) = (&found[1..11], &found[11..]);
    assert!(chosen[6] != 0.0, "{chosen:?}");
    assert_eq!(
        [chosen[5], chosen[7], chosen[8], chosen[9], rejected[4]],
        [0.0; 5]
    );
}
