//! Gradients without calculus: the second way to prove a loss.

use burn::tensor::{Device, Tensor, TensorData};

/// Compares autodiff's gradient of `loss` at `point` with central differences, entry by entry.
///
/// The loss must be smooth within `STEP` of the point. The gradients must not all vanish, or nothing would be tested.
pub(crate) fn check_gradient<const D: usize>(
    point: &[f32],
    shape: [usize; D],
    loss: impl Fn(Tensor<D>) -> Tensor<1>,
) {
    /// Rounding of a loss near 1 costs 1e-7 / STEP, curvature STEP².
    const STEP: f32 = 0.01;
    const TOLERANCE: f32 = 1e-3;

    let device = Device::flex().autodiff();
    let at = |point: &[f32]| Tensor::<D>::from_data(TensorData::new(point.to_vec(), shape), &device);
    let input = at(point).require_grad();
    let gradients = loss(input.clone()).backward();
    let gradient: Vec<f32> = input
        .grad(&gradients)
        .expect("the loss depends on its input")
        .into_data()
        .iter::<f32>()
        .collect();
    assert!(
        gradient.iter().any(|g| g.abs() > 10.0 * TOLERANCE),
        "gradients that vanish would prove nothing: {gradient:?}"
    );
    for (index, gradient) in gradient.into_iter().enumerate() {
        let moved = |step: f32| {
            let mut point = point.to_vec();
            point[index] += step;
            loss(at(&point)).into_scalar::<f32>()
        };
        let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        assert!(
            (gradient - difference).abs() < TOLERANCE,
            "entry {index}: gradient {gradient}, by differences {difference}"
        );
    }
}
