use burn::tensor::Device;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::by_hand::tests::{close, gradient, tensor_of};

/// Of Burn's operations.
fn plain(x: Tensor<3>, weight: Tensor<1>, epsilon: f64) -> Tensor<3> {
    let rms = (x.clone().square().mean_dim(2) + epsilon).sqrt();
    x / rms * weight.unsqueeze()
}

/// In rows around the length of a vector, and with an epsilon that counts.
#[wasm_bindgen_test(unsupported = test)]
fn the_norm_is_the_formula_and_so_is_its_derivative() {
    for (width, epsilon) in [(1, 1e-5), (7, 0.5), (16, 1e-5), (50, 1e-5)] {
        let (x, weight) = (tensor_of([2, 5, width], 1) * 3.0, tensor_of([width], 3) + 1.5);
        let results = [plain, rms_norm].map(|function| {
            let x = Tensor::from_inner(x.clone()).require_grad();
            let weight = Tensor::from_inner(weight.clone()).require_grad();
            let value = function(x.clone(), weight.clone(), epsilon);
            let factors = Tensor::from_inner(tensor_of([2, 5, width], 2));
            let gradients = (value.clone() * factors).sum().backward();
            let value = value.inner().into_data();
            [value, gradient(&x, &gradients), gradient(&weight, &gradients)]
        });
        let [expected, found] = results;
        for (found, expected) in found.iter().zip(&expected) {
            close(found, expected);
        }
        assert_eq!(rms_norm(x, weight, epsilon).into_data(), found[0]);
    }
}

/// A frozen weight has no gradient, and a row of zeros no direction.
#[wasm_bindgen_test(unsupported = test)]
fn zeros_stay_zeros() {
    let device = Device::flex().autodiff();
    let x = Tensor::<3>::zeros([1, 2, 20], &device).require_grad();
    let weight = Tensor::ones([20], &device);
    let value = rms_norm(x.clone(), weight.clone(), 1e-5);
    let gradients = value.clone().sum().backward();
    assert!(value.inner().into_data().iter::<f32>().all(|y| y == 0.0));
    assert!(gradient(&x, &gradients).iter::<f32>().all(f32::is_finite));
    assert!(weight.grad(&gradients).is_none());
}
