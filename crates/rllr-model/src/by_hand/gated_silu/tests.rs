use burn::tensor::activation::silu;
use burn::tensor::{Device, TensorData};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::by_hand::tests::{assert_same, close, tensor_of, value_and_gradients};

/// Burn's function times `up`, in rows around the length of a vector, and in parts of a wider matrix.
#[wasm_bindgen_test(unsupported = test)]
fn gated_silu_is_the_formula_and_so_is_its_derivative() {
    let plain = |[gate, up]: [Tensor<2>; 2]| silu(gate) * up;
    for width in [1, 15, 16, 33] {
        let arguments = [tensor_of([3, width], 1) * 9.0, tensor_of([3, width], 2)];
        assert_same(&arguments, |[gate, up]| gated_silu(gate, up), plain);
    }
    let wide = tensor_of([3, 20], 3);
    let parts = [wide.clone().narrow(1, 0, 10), wide.narrow(1, 10, 10)];
    assert_same(&parts, |[gate, up]| gated_silu(gate, up), plain);
}

/// Far out `silu` is 0 or the number itself, and its slope 0 or 1.
#[wasm_bindgen_test(unsupported = test)]
fn far_out_it_is_nothing_or_all() {
    let tensor = |numbers: [f32; 4]| Tensor::<1>::from_data(numbers, &Device::flex());
    let arguments = [tensor([-1e30, -200.0, 200.0, 1e30]), tensor([2.0; 4])];
    let (value, [of_gate, of_up]) = value_and_gradients(&arguments, |[gate, up]| gated_silu(gate, up));
    let factors: Vec<f32> = tensor_of([4], 99).into_data().iter().collect();
    close(&value, &TensorData::from([0.0f32, 0.0, 400.0, 2e30]));
    let expected = [0.0, 0.0, 2.0 * factors[2], 2.0 * factors[3]];
    close(&of_gate, &TensorData::from(expected));
    let expected = [0.0, 0.0, 200.0 * factors[2], 1e30 * factors[3]];
    close(&of_up, &TensorData::from(expected));
}

/// A loss that is not finite must be seen, not smoothed over.
#[wasm_bindgen_test(unsupported = test)]
fn what_is_no_number_stays_none() {
    let tensor = |numbers: [f32; 2]| Tensor::<1>::from_data(numbers, &Device::flex());
    for arguments in [[[f32::NAN, 0.0], [1.0; 2]], [[1.0, 0.0], [f32::NAN, 1.0]]] {
        let (value, gradients) =
            value_and_gradients(&arguments.map(tensor), |[gate, up]| gated_silu(gate, up));
        let first = |data: &TensorData| data.iter::<f32>().next().expect("there are two");
        assert!(first(&value).is_nan());
        assert!(gradients.iter().any(|gradient| first(gradient).is_nan()));
    }
}
