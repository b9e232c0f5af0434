use burn::tensor::{Device, Tolerance};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::token_batch::UNSEEN;

/// Every exponent that is asked for, in steps of 1/1024, against the exponential in f64.
#[wasm_bindgen_test(unsupported = test)]
fn exp_is_right_to_two_units_in_the_last_place() {
    for step in -89_088..=89_088i32 {
        let x = step as f32 / 1024.0;
        let expected = libm::exp(f64::from(x));
        let apart = (f64::from(exp(x)) - expected).abs() / expected;
        assert!(apart < 2.4e-7, "exp({x}) is {}, expected {expected}", exp(x));
    }
    assert_eq!([exp(0.0), exp(-0.0)], [1.0, 1.0]);
    assert!(exp(f32::NAN).is_nan());
}

fn numbers(count: usize) -> Vec<f32> {
    let number = |n: usize| (n * 7919 % 1013) as f32 / 80.0 - 6.0;
    (0..count).map(number).collect()
}

fn tensor<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let numbers = numbers(shape.iter().product());
    Tensor::from_data(TensorData::new(numbers, shape), &Device::flex())
}

/// Rows of every length around a vector's, with numbers that stand for "unseen".
#[wasm_bindgen_test(unsupported = test)]
fn numerators_are_those_of_a_plain_loop() {
    for keys in [1, 5, 15, 16, 17, 40] {
        let hidden = Tensor::<3>::full([3, 4, 1], UNSEEN, &Device::flex());
        let scores = Tensor::cat(vec![tensor([3, 4, keys]), hidden], 2);
        let numbers: Vec<f32> = scores.clone().into_data().iter().collect();
        let found: Vec<f32> = shifted_exp(scores).into_data().iter().collect();
        for (found, numbers) in found.chunks(keys + 1).zip(numbers.chunks(keys + 1)) {
            let largest = numbers.iter().copied().fold(f32::MIN, f32::max);
            for (found, number) in found.iter().zip(numbers) {
                let expected = (number - largest).max(-80.0).exp();
                let apart = (found - expected).abs();
                assert!(apart <= 1e-6 * expected, "{found}, expected {expected}");
            }
            let sum: f32 = found.iter().sum();
            assert!((sum_of_row(found) - sum).abs() <= 1e-6 * sum);
        }
    }
}

/// What is computed in place is nobody else's.
#[wasm_bindgen_test(unsupported = test)]
fn what_is_shared_is_not_changed() {
    let scores = tensor([3, 7]);
    let kept = scores.clone();
    let _ = shifted_exp(scores);
    assert_eq!(kept.into_data().iter::<f32>().collect::<Vec<f32>>(), numbers(21));
    // A part of a tensor lies in the memory of the whole.
    let whole = tensor([2, 6]);
    let part = whole.clone().narrow(1, 2, 3);
    let largest = part.clone().max_dim(1);
    shifted_exp(part.clone())
        .into_data()
        .assert_approx_eq::<f32>(&(part - largest).exp().into_data(), Tolerance::relative(1e-6));
    assert_eq!(whole.into_data().iter::<f32>().collect::<Vec<f32>>(), numbers(12));
}

/// A loss that is not finite must be seen, not smoothed over.
#[wasm_bindgen_test(unsupported = test)]
fn what_is_no_number_stays_none() {
    let row = |numbers: [f32; 3]| {
        shifted_exp(Tensor::<1>::from_data(numbers, &Device::flex()))
            .into_data()
            .iter::<f32>()
            .collect::<Vec<f32>>()
    };
    assert!(row([0.0, f32::NAN, 1.0])[1].is_nan());
    assert!(row([0.0, f32::INFINITY, 1.0])[1].is_nan());
    assert_eq!(row([UNSEEN; 3]), [1.0; 3]);
    assert!(sum_of_row(&[0.0, f32::NAN]).is_nan());
    assert!(sigmoid_of(f32::NAN).is_nan());
}

/// Against the quotient in f64, also where its exponential is not a number of f32.
#[wasm_bindgen_test(unsupported = test)]
fn sigmoid_is_the_quotient() {
    for step in -500..=500 {
        let x = step as f32 / 5.0;
        let expected = 1.0 / (1.0 + libm::exp(-f64::from(x)));
        let apart = (f64::from(sigmoid_of(x)) - expected).abs();
        assert!(apart <= 3e-7 * expected + 1e-37, "of {x}");
    }
    assert_eq!([f32::MIN, f32::MAX].map(sigmoid_of)[1], 1.0);
    assert!(sigmoid_of(f32::MIN) < 1e-37);
}
