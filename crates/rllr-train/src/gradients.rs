//! What happens to gradients between backward and optimiser.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;

/// The gradients of one optimiser step, ready for the optimiser.
pub struct StepGradients {
    /// Of every parameter that has one.
    pub gradients: GradientsParams,
    /// Their global norm before clipping, `[1]`.
    pub norm: Tensor<1>,
}

/// The one way from backward to optimiser: adds up the micro-batches' gradients, and scales them down.
///
/// Each micro-batch is asked for when the ones before it are added up, so only one graph is held at a time.
///
/// - `micro_batches`: gradients of the parts of the step's loss, which add up to the step's
/// - `max_grad_norm`: the largest global norm, if there is one
#[must_use]
pub fn gather_gradients<M: Module>(
    module: &M,
    micro_batches: impl IntoIterator<Item = GradientsParams>,
    max_grad_norm: Option<f64>,
) -> StepGradients {
    let mut sum = GradientsAccumulator::new();
    for gradients in micro_batches {
        sum.accumulate(module, gradients);
    }
    let gradients = sum.grads();
    let norm = global_norm(module, &gradients).expect("something is trained, and there is a micro-batch");
    let gradients = match max_grad_norm {
        Some(max_norm) => clip_by_global_norm(module, gradients, norm.clone(), max_norm),
        None => gradients,
    };
    StepGradients { gradients, norm }
}

/// `√ Σ g²` over the gradients of all parameters, on the device, `[1]`.
///
/// Parameters without a gradient do not count. `None` when no parameter has one.
#[must_use]
pub fn global_norm<M: Module>(module: &M, gradients: &GradientsParams) -> Option<Tensor<1>> {
    let mut visitor = SumOfSquares {
        gradients,
        sums: Vec::new(),
    };
    module.visit(&mut visitor);
    if visitor.sums.is_empty() {
        return None;
    }
    Some(Tensor::cat(visitor.sums, 0).sum().sqrt())
}

/// Scales all gradients by `min(1, max_norm / (norm + 1e-6))`, so that their global norm is at most `max_norm`.
///
/// Source: `torch.nn.utils.clip_grad_norm_` (torch 2.15). Burn's own clipping by norm works on each parameter
/// alone, which changes the direction of the step. The norm never leaves the device.
///
/// - `norm`: what [`global_norm`] returned for the same gradients
#[must_use]
pub fn clip_by_global_norm<M: Module>(
    module: &M,
    gradients: GradientsParams,
    norm: Tensor<1>,
    max_norm: f64,
) -> GradientsParams {
    let factor = (norm + 1e-6).recip() * max_norm;
    let mut visitor = Scale {
        gradients,
        factor: factor.clamp_max(1.0),
    };
    module.visit(&mut visitor);
    visitor.gradients
}

struct SumOfSquares<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sums.push(gradient.square().sum());
        }
    }
}

struct Scale {
    gradients: GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let factor = self.factor.clone().reshape([1; D]);
            self.gradients.register::<D>(param.id, gradient * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// A linear layer whose weight has the gradients 2 and bias 1: `∂/∂w Σ 2w + b`.
    fn layer_with_gradients() -> (Linear, GradientsParams) {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(2, 2).init(&device);
        let bias = layer.bias.as_ref().expect("the layer has a bias");
        let loss = (layer.weight.val() * 2.0).sum() + bias.val().sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &layer);
        (layer, gradients)
    }

    /// Four gradients of 2 and two of 1: `√(4·4 + 2·1) = √18`.
    #[wasm_bindgen_test(unsupported = test)]
    fn the_norm_runs_over_all_parameters_together() {
        let (layer, gradients) = layer_with_gradients();
        let norm = global_norm(&layer, &gradients)
            .expect("there are gradients")
            .into_scalar::<f32>();
        assert!((norm - 18f32.sqrt()).abs() < 1e-6, "norm {norm}");
        assert!(global_norm(&layer, &GradientsParams::new()).is_none());
    }

    /// Twice the gradients have twice the norm, and are clipped together.
    #[wasm_bindgen_test(unsupported = test)]
    fn micro_batches_are_added_up_before_they_are_clipped() {
        for (max_grad_norm, expected) in [(None, 4.0), (Some(1.0), 2.0 / 18f32.sqrt())] {
            let (layer, first) = layer_with_gradients();
            let loss = (layer.weight.val() * 2.0).sum() + layer.bias.as_ref().expect("a bias").val().sum();
            let second = GradientsParams::from_grads(loss.backward(), &layer);
            let StepGradients { gradients, norm } = gather_gradients(&layer, [first, second], max_grad_norm);
            let norm = norm.into_scalar::<f32>();
            assert!((norm - 2.0 * 18f32.sqrt()).abs() < 1e-5, "norm {norm}");
            let weight = gradients.get::<2>(layer.weight.id).expect("kept").max();
            let weight = weight.into_scalar::<f32>();
            assert!((weight - expected).abs() < 1e-5, "weight gradient {weight}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn clipping_keeps_the_direction_and_leaves_small_gradients_alone() {
        for (max_norm, expected) in [(1.0, 2.0 / 18f32.sqrt()), (100.0, 2.0)] {
            let (layer, gradients) = layer_with_gradients();
            let norm = global_norm(&layer, &gradients).expect("there are gradients");
            let clipped = clip_by_global_norm(&layer, gradients, norm, max_norm);
            let weight = clipped
                .get::<2>(layer.weight.id)
                .expect("kept")
                .max()
                .into_scalar::<f32>();
            let bias = layer.bias.as_ref().expect("the layer has a bias");
            let bias = clipped
                .get::<1>(bias.id)
                .expect("kept")
                .max()
                .into_scalar::<f32>();
            assert!(
                (weight - expected).abs() < 1e-5,
                "weight gradient {weight}, expected {expected}"
            );
            assert!((bias - expected / 2.0).abs() < 1e-5, "bias gradient {bias}");
        }
    }
}
