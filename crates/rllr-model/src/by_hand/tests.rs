//! What the tests of the operations share.

use burn::tensor::{Device, Gradients, Tensor, TensorData, Tolerance};

/// Numbers between −1 and 1 without a pattern.
pub(super) fn tensor_of<const D: usize>(shape: [usize; D], seed: usize) -> Tensor<D> {
    let number = |n: usize| ((n + 1) * (7919 + 2 * seed) % 2003) as f32 / 1001.5 - 1.0;
    let numbers: Vec<f32> = (0..shape.iter().product()).map(number).collect();
    Tensor::from_data(TensorData::new(numbers, shape), &Device::flex())
}

/// The value of `operation`, and its derivatives by the arguments, each output counting as `factors` say.
pub(super) fn value_and_gradients<const N: usize, const D: usize>(
    arguments: &[Tensor<D>; N],
    operation: impl FnOnce([Tensor<D>; N]) -> Tensor<D>,
) -> (TensorData, [TensorData; N]) {
    let arguments = arguments
        .each_ref()
        .map(|argument| Tensor::from_inner(argument.clone()).require_grad());
    let value = operation(arguments.clone());
    let factors = Tensor::from_inner(tensor_of(value.dims(), 99));
    let gradients = (value.clone() * factors).sum().backward();
    (
        value.inner().into_data(),
        arguments.map(|argument| gradient(&argument, &gradients)),
    )
}

pub(super) fn gradient<const D: usize>(argument: &Tensor<D>, gradients: &Gradients) -> TensorData {
    argument
        .grad(gradients)
        .expect("it is differentiated")
        .into_data()
}

pub(super) fn close(found: &TensorData, expected: &TensorData) {
    found.assert_approx_eq::<f32>(expected, Tolerance::relative(5e-5).set_absolute(5e-6));
}

/// Both are the same in value and derivatives, and the value is the same without autodiff.
pub(super) fn assert_same<const N: usize, const D: usize>(
    arguments: &[Tensor<D>; N],
    operation: impl Fn([Tensor<D>; N]) -> Tensor<D>,
    expected: impl Fn([Tensor<D>; N]) -> Tensor<D>,
) {
    let (value, gradients) = value_and_gradients(arguments, &operation);
    let (expected_value, expected_gradients) = value_and_gradients(arguments, expected);
    close(&value, &expected_value);
    for (found, expected) in gradients.iter().zip(&expected_gradients) {
        close(found, expected);
    }
    let plain = operation(arguments.clone()).into_data();
    assert_eq!(plain, value);
}

/// `x` on the graph that `other` is on, as a constant.
pub(super) fn like<const D: usize>(x: &Tensor<D>, other: &Tensor<D>) -> Tensor<D> {
    if other.is_autodiff() {
        Tensor::from_inner(x.clone())
    } else {
        x.clone()
    }
}
