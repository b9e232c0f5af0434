use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, TensorData};
use rllr_model::Scoring;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

const ROWS: usize = 6;
const WIDTH: usize = 3;
const VOCABULARY: usize = 5;

/// Numbers without a pattern, between −1 and 1.
fn numbers<const D: usize>(shape: [usize; D], step: f32, device: &Device) -> Tensor<D> {
    let len: usize = shape.iter().product();
    let data: Vec<f32> = (0..len).map(|i| (i as f32 * step + 0.3).sin()).collect();
    Tensor::from_data(TensorData::new(data, shape), device)
}

/// The clipped objective of PPO minus a bonus for entropy: not linear in the log-probabilities.
fn objective(log_probs: Tensor<2>, entropies: Tensor<2>, bonus: f64) -> Tensor<1> {
    let device = log_probs.device();
    let old = numbers([2, ROWS / 2], 0.9, &device) * 0.2 - 1.6;
    let advantages = numbers([2, ROWS / 2], 2.3, &device);
    let ratio = (log_probs - old).exp();
    let clipped = ratio.clone().clamp(0.8, 1.2);
    let surrogate = (ratio * advantages.clone()).min_pair(clipped * advantages);
    -(surrogate.mean() + (entropies * bonus).mean())
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[wasm_bindgen_test(unsupported = test)]
fn any_loss_has_the_gradients_of_full_logits() {
    let device = Device::flex().autodiff();
    let hidden = numbers([2, ROWS / 2, WIDTH], 1.7, &device).require_grad();
    let weight = numbers([WIDTH, VOCABULARY], 0.7, &device).require_grad();
    let targets = Tensor::<2, Int>::from_data([[0, 3, 4], [1, 2, 0]], &device);
    let scoring = Scoring {
        temperature: 1.3,
        rows_per_chunk: 4,
        ..Scoring::default()
    };
    for bonus in [0.0, 0.1] {
        let logits = hidden.clone().matmul(weight.clone().unsqueeze::<3>()) / scoring.temperature;
        let all = log_softmax(logits, 2);
        let entropies = -(all.clone().exp() * all.clone()).sum_dim(2).squeeze_dim::<2>(2);
        let log_probs = all
            .gather(2, targets.clone().unsqueeze_dim(2))
            .squeeze_dim::<2>(2);
        let plain = objective(log_probs, entropies, bonus);

        let scored = ScoredTokens::new(hidden.clone(), weight.clone(), targets.clone(), scoring);
        let arguments = ScoreArguments::new(scored);
        let loss = objective(arguments.log_probs(), arguments.entropies(), bonus);
        let (value, expected) = (
            loss.clone().into_scalar::<f32>(),
            plain.clone().into_scalar::<f32>(),
        );
        assert!((value - expected).abs() < 1e-6, "{value} {expected}");

        let (found, expected) = (arguments.surrogate(&loss).backward(), plain.backward());
        compare(hidden.grad(&found), hidden.grad(&expected));
        compare(weight.grad(&found), weight.grad(&expected));
    }
}

fn compare<const D: usize>(found: Option<Tensor<D>>, expected: Option<Tensor<D>>) {
    let found = read(found.expect("there is a gradient"));
    let expected = read(expected.expect("there is a gradient"));
    assert!(expected.iter().any(|x| x.abs() > 1e-2));
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}

/// A loss that looks at the entropies alone leaves the log-probabilities without a gradient.
#[wasm_bindgen_test(unsupported = test)]
fn a_loss_may_leave_an_argument_out() {
    let device = Device::flex().autodiff();
    let hidden = numbers([1, 2, WIDTH], 1.7, &device).require_grad();
    let weight = numbers([WIDTH, VOCABULARY], 0.7, &device);
    let targets = Tensor::<2, Int>::from_data([[0, 3]], &device);
    let arguments = ScoreArguments::new(ScoredTokens::new(
        hidden.clone(),
        weight.clone(),
        targets,
        Scoring::default(),
    ));
    let loss = arguments.entropies().sum();
    let found = arguments.surrogate(&loss).backward();
    let all = log_softmax(hidden.clone().matmul(weight.unsqueeze::<3>()), 2);
    let expected = (-(all.clone().exp() * all).sum()).backward();
    compare(hidden.grad(&found), hidden.grad(&expected));
}
