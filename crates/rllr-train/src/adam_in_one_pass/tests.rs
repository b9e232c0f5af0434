use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, AdamWConfig, Optimizer};
use burn::tensor::Device;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn tensor(seed: usize) -> Tensor<2> {
    let number = |n: usize| ((n + 1) * (7919 + 2 * seed) % 2003) as f32 / 1001.5 - 1.0;
    let numbers: Vec<f32> = (0..7 * 19).map(number).collect();
    Tensor::from_data(TensorData::new(numbers, [7, 19]), &Device::flex())
}

/// Steps of Burn's optimiser, and from the second on of ours: parameters and moments of both, as bits.
fn both<O: Optimizer>(
    burn: &O,
    ours: AdamInOnePass,
    moments: fn(O::State<2>) -> AdaptiveMomentumState<2>,
    state_of: fn(AdaptiveMomentumState<2>) -> O::State<2>,
) -> [Vec<u32>; 2] {
    let (first, state) = burn.step(0.01, tensor(1), tensor(2), None);
    let state = moments(state.expect("it remembers"));
    let [mut theirs, mut found] = [(first.clone(), state.clone()), (first, state)];
    for (seed, rate) in [(3, 0.01), (4, 1e-4), (5, 0.0)] {
        let (parameter, state) = burn.step(rate, theirs.0, tensor(seed), Some(state_of(theirs.1)));
        theirs = (parameter, moments(state.expect("it remembers")));
        found = ours.step(rate, found.0, tensor(seed), found.1);
    }
    [theirs, found].map(|(parameter, moments)| {
        assert_eq!(moments.time, 4);
        let tensors = [parameter, moments.moment_1, moments.moment_2];
        let numbers = tensors.map(|tensor| tensor.into_data().iter::<f32>().collect::<Vec<f32>>());
        numbers.concat().into_iter().map(f32::to_bits).collect()
    })
}

/// Bit for bit, with and without weight decay.
#[wasm_bindgen_test(unsupported = test)]
fn it_computes_what_burn_computes() {
    for weight_decay in [0.0, 0.1] {
        let settings = AdamSettings {
            weight_decay,
            ..AdamSettings::default()
        };
        let adam = AdamConfig::new().with_epsilon(settings.epsilon);
        let penalty = WeightDecayConfig {
            penalty: weight_decay,
        };
        let adam = adam
            .with_weight_decay((weight_decay > 0.0).then_some(penalty))
            .build();
        let [burn, ours] = both(
            &adam,
            AdamInOnePass::adam(settings),
            |state| state.momentum,
            |momentum| burn::optim::AdamState { momentum },
        );
        assert_eq!(ours, burn, "Adam with decay {weight_decay}");

        let adamw = AdamWConfig::new()
            .with_epsilon(settings.epsilon)
            .with_weight_decay(weight_decay)
            .build();
        let [burn, ours] = both(
            &adamw,
            AdamInOnePass::adamw(settings),
            |state| state.momentum,
            |momentum| burn::optim::AdamWState { momentum },
        );
        assert_eq!(ours, burn, "AdamW with decay {weight_decay}");
    }
}
