use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, AdamWConfig};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn gradients(layer: &Linear, scale: f64) -> GradientsParams {
    let bias = layer.bias.as_ref().expect("the layer has a bias");
    let loss = (layer.weight.val().square() * scale).sum() + (bias.val().exp() * scale).sum();
    GradientsParams::from_grads(loss.backward(), layer)
}

fn numbers(layer: &Linear) -> Vec<u32> {
    let bias = layer.bias.as_ref().expect("the layer has a bias");
    let tensors = [layer.weight.val().reshape([6]), bias.val()];
    let bits = |tensor: Tensor<1>| {
        tensor
            .into_data()
            .iter::<f32>()
            .map(f32::to_bits)
            .collect::<Vec<_>>()
    };
    tensors.into_iter().flat_map(bits).collect()
}

/// With and without the wrapper, bit for bit, for both optimisers.
#[wasm_bindgen_test(unsupported = test)]
fn it_computes_what_burn_computes() {
    let device = Device::flex().autodiff();
    let layer = LinearConfig::new(2, 3).init(&device);
    let adam = AdamConfig::new().with_epsilon(1e-8);
    let adamw = AdamWConfig::new().with_weight_decay(0.1).with_amsgrad(true);
    let pairs = [
        (adam.init(), resumable(adam.build())),
        (adamw.init(), resumable(adamw.build())),
    ];
    for (mut burn, mut ours) in pairs {
        let (mut a, mut b) = (layer.clone(), layer.clone());
        for scale in [1.0, -0.3, 0.01] {
            a = burn.step(0.1, a.clone(), gradients(&a, scale));
            b = ours.step(0.1, b.clone(), gradients(&b, scale));
        }
        assert_eq!(numbers(&a), numbers(&b));
    }
}

/// Moments that were taken fit another module; only with them the next step is the same.
#[wasm_bindgen_test(unsupported = test)]
fn moments_move_to_another_module() {
    let device = Device::flex().autodiff();
    let config = AdamWConfig::new().with_amsgrad(true);
    let mut layer = LinearConfig::new(2, 3).init(&device);
    let mut optimizer = resumable(config.build());
    for scale in [1.0, 0.1] {
        layer = optimizer.step(0.1, layer.clone(), gradients(&layer, scale));
    }
    let taken = take_moments(&optimizer).expect("ours");
    assert_eq!(
        taken.values().map(|moments| moments.step).collect::<Vec<_>>(),
        [2, 2]
    );

    let id = |layer: &Linear| {
        [
            layer.weight.id.val(),
            layer.bias.as_ref().expect("a bias").id.val(),
        ]
    };
    let copy = Linear {
        weight: Param::from_tensor(layer.weight.val().detach()),
        bias: layer
            .bias
            .as_ref()
            .map(|bias| Param::from_tensor(bias.val().detach())),
    };
    assert_ne!(id(&layer), id(&copy));
    let renamed = id(&layer)
        .into_iter()
        .zip(id(&copy))
        .map(|(old, new)| (new, taken[&old].clone()))
        .collect();
    let mut moved = put_moments(resumable(config.build()), &copy, renamed).expect("ours");
    let mut forgetful = resumable(config.build());

    let expected = optimizer.step(0.1, layer.clone(), gradients(&layer, -0.5));
    let found = moved.step(0.1, copy.clone(), gradients(&copy, -0.5));
    assert_eq!(numbers(&expected), numbers(&found));
    let without = forgetful.step(0.1, copy.clone(), gradients(&copy, -0.5));
    assert_ne!(numbers(&expected), numbers(&without));
}

#[wasm_bindgen_test(unsupported = test)]
fn burn_s_own_optimiser_is_refused() {
    let device = Device::flex().autodiff();
    let layer = LinearConfig::new(2, 3).init(&device);
    let mut optimizer = AdamWConfig::new().init();
    let _ = optimizer.step(0.1, layer.clone(), gradients(&layer, 1.0));
    assert!(take_moments(&optimizer).is_err());
    assert!(
        take_moments(&AdamWConfig::new().init()).is_ok(),
        "it knows nothing"
    );
}

/// Asked by Burn itself, the state is Burn's record, and it can be read back.
///
/// Natively only: Burn puts its records on the default device, which in a browser is a GPU that nobody has opened. Our
/// own checkpoints do not go this way.
#[test]
fn burn_s_own_records_still_work() {
    let device = Device::flex().autodiff();
    let layer = LinearConfig::new(2, 3).init(&device);
    let config = AdamWConfig::new();
    let mut optimizer = resumable(config.build());
    let layer = optimizer.step(0.1, layer.clone(), gradients(&layer, 1.0));
    let mut read = resumable(config.build()).load_record(optimizer.to_record());
    let expected = optimizer.step(0.1, layer.clone(), gradients(&layer, 0.2));
    let found = read.step(0.1, layer.clone(), gradients(&layer, 0.2));
    assert_eq!(numbers(&expected), numbers(&found));
}
