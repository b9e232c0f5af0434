use burn::tensor::Device;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn failed(check: &SelfCheck) -> Vec<CheckName> {
    check
        .checks
        .iter()
        .filter(|check| !check.passed())
        .map(|check| check.name)
        .collect()
}

/// The CPU's own observation, and one that a test can spoil.
fn two_observations() -> (Observation, Observation) {
    let observation = pollster::block_on(observe(&Device::flex())).expect("the CPU works");
    (observation.clone(), observation)
}

#[wasm_bindgen_test(unsupported = test)]
fn the_cpu_agrees_with_itself_and_with_its_cache() {
    let (found, expected) = two_observations();
    let check = compare(&found, &expected);
    assert_eq!(failed(&check), []);
    assert_eq!(check.checks.len(), 6);
}

#[wasm_bindgen_test(unsupported = test)]
fn an_optimiser_that_changes_nothing_is_caught() {
    let (mut found, expected) = two_observations();
    found.parameters_after = found.parameters_before.clone();
    assert!(failed(&compare(&found, &expected)).contains(&CheckName::Update));
}

#[wasm_bindgen_test(unsupported = test)]
fn one_tensor_that_does_not_move_is_caught() {
    let (mut found, expected) = two_observations();
    for name in expected.parameters_before.0.keys() {
        let mut spoiled = found.clone();
        spoiled
            .parameters_after
            .0
            .insert(name.clone(), found.parameters_before.0[name].clone());
        assert!(
            failed(&compare(&spoiled, &expected)).contains(&CheckName::Update),
            "{name}"
        );
    }
    found.parameters_after.0.remove("model.norm.weight");
    assert!(failed(&compare(&found, &expected)).contains(&CheckName::Update));
}

#[wasm_bindgen_test(unsupported = test)]
fn wrong_numbers_and_no_numbers_are_caught() {
    type Spoil = fn(&mut Observation);
    let spoil: [(CheckName, Spoil); 5] = [
        (CheckName::Forward, |found| found.logits[5] += 0.1),
        (CheckName::Loss, |found| found.loss = f32::NAN),
        (CheckName::GradientNorm, |found| found.grad_norm *= 1.01),
        (CheckName::Parameters, |found| {
            found
                .parameters_after
                .0
                .get_mut("lm_head.weight")
                .expect("untied")
                .data[0] += 0.1;
        }),
        (CheckName::CachedDecoding, |found| {
            found.decoded_logits.pop();
        }),
    ];
    for (name, spoil) in spoil {
        let (mut found, expected) = two_observations();
        spoil(&mut found);
        assert!(failed(&compare(&found, &expected)).contains(&name), "{name:?}");
    }
}
