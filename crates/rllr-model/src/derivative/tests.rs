use burn::tensor::activation::{self, softmax};
use burn::tensor::{Device, TensorData, Tolerance};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::token_batch::UNSEEN;

fn tensor<const N: usize>(rows: [[f32; N]; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(rows, device)
}

const ROWS: [[f32; 4]; 2] = [[0.3, -1.5, 2.0, 0.0], [-30.0, 4.0, 3.5, 0.25]];

fn close(found: &TensorData, expected: &TensorData) {
    found.assert_approx_eq::<f32>(expected, Tolerance::relative(1e-5).set_absolute(1e-6));
}

/// Of rows that are the queries of one head.
fn numerators(x: Tensor<2>) -> Tensor<2> {
    let [queries, keys] = x.dims();
    let scores = x.reshape([1, 1, queries, keys]);
    shifted_exp(scores).reshape([queries, keys])
}

/// The value is that of Burn's function, and so is the derivative.
#[wasm_bindgen_test(unsupported = test)]
fn silu_has_the_value_and_the_derivative_of_the_plain_formula() {
    let device = Device::flex().autodiff();
    let factors = Tensor::from_inner(tensor(
        [[1.0, -2.0, 0.5, 3.0], [7.0, 1.0, 1.5, -1.0]],
        &Device::flex(),
    ));
    let results = [silu::<2>, activation::silu::<2>].map(|function| {
        let x = tensor(ROWS, &device).require_grad();
        let y = function(x.clone());
        let gradients = (y.clone() * factors.clone()).sum().backward();
        let gradient = x.grad(&gradients).expect("x is differentiated").to_data();
        (y.inner().to_data(), gradient)
    });
    let [(value, gradient), (plain_value, plain_gradient)] = results;
    close(&value, &plain_value);
    close(&gradient, &plain_gradient);
}

/// Far out it is 0 or the number itself, and its slope 0 or 1.
#[wasm_bindgen_test(unsupported = test)]
fn silu_far_out_is_nothing_or_all() {
    let numbers = [-1e30, -200.0, 200.0, 1e30];
    let x = Tensor::<1>::from_data(numbers, &Device::flex().autodiff()).require_grad();
    let y = silu(x.clone());
    let gradients = y.clone().sum().backward();
    let slopes = x.grad(&gradients).unwrap().to_data();
    close(
        &y.inner().to_data(),
        &TensorData::from([0.0f32, 0.0, 200.0, 1e30]),
    );
    close(&slopes, &TensorData::from([0.0f32, 0.0, 1.0, 1.0]));
}

/// Central differences of a function of one number, at the numbers of [`ROWS`] that are not far out.
#[wasm_bindgen_test(unsupported = test)]
fn slopes_are_those_of_finite_differences() {
    let (plain, device) = (Device::flex(), Device::flex().autodiff());
    for x in [0.3f32, -1.5, 2.0, 0.0, 3.5] {
        let step = 1e-2;
        let at = |x: f32| silu(Tensor::<1>::from_data([x], &plain)).into_scalar::<f32>();
        let difference = (at(x + step) - at(x - step)) / (2.0 * step);
        let argument = Tensor::<1>::from_data([x], &device).require_grad();
        let gradients = silu(argument.clone()).backward();
        let slope = argument.grad(&gradients).unwrap().into_scalar::<f32>();
        assert!((slope - difference).abs() < 1e-3, "at {x}: {slope}, {difference}");
    }
}

/// `exp(x − max x) / Σ` is the softmax, with and without autodiff; what is not seen has no weight to speak of.
#[wasm_bindgen_test(unsupported = test)]
fn shifted_exponentials_are_the_numerators_of_a_softmax() {
    let plain = Device::flex();
    let mut rows = ROWS;
    rows[1][0] = UNSEEN;
    for device in [plain.clone(), plain.clone().autodiff()] {
        let x = tensor(rows, &device);
        let numerators = numerators(x.clone());
        let weights = (numerators.clone() / numerators.sum_dim(1)).inner().to_data();
        close(&weights, &softmax(x.inner(), 1).to_data());
        assert!(weights.iter::<f32>().nth(4).unwrap() < 1e-34);
    }
}

/// `Σ fᵢ exp(xᵢ − m) / Σ exp(xᵢ − m)` has the softmax's gradient, in which the maximum plays no part.
#[wasm_bindgen_test(unsupported = test)]
fn a_quotient_of_shifted_exponentials_has_the_gradient_of_the_softmax() {
    let device = Device::flex().autodiff();
    let factors = Tensor::from_inner(tensor(
        [[1.0, -2.0, 0.5, 3.0], [7.0, 1.0, 1.5, -1.0]],
        &Device::flex(),
    ));
    let weights: [fn(Tensor<2>) -> Tensor<2>; 2] = [
        |x| {
            let numerators = numerators(x);
            numerators.clone() / numerators.sum_dim(1)
        },
        |x| softmax(x, 1),
    ];
    let [found, expected] = weights.map(|weights| {
        let x = tensor(ROWS, &device).require_grad();
        let gradients = (weights(x.clone()) * factors.clone()).sum().backward();
        x.grad(&gradients).expect("x is differentiated").to_data()
    });
    close(&found, &expected);
}
