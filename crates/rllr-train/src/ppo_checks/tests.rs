use rllr_reward::ScorePosition;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::ppo_stats::PpoStats;
use crate::rollout::Rollout;

/// Two responses with nothing wrong: two tokens, and one.
fn experience() -> Experience {
    let responses = Responses::new(
        vec![vec![1], vec![2]],
        vec![vec![3, 4], vec![5]],
        vec![true, false],
        2,
    );
    let mut rollout = Rollout::unmeasured(responses.unwrap(), ScorePosition::LastResponseToken).unwrap();
    rollout.log_probs = vec![-1.0, -2.0, -3.0, 0.0];
    Experience {
        rollout,
        advantages: vec![1.0, 1.0, -1.0, 0.0],
        returns: vec![0.0; 4],
        rows: vec![0, 1],
        kl_coef_in_loss: 0.0,
    }
}

fn updates() -> Updates {
    let stats = PpoStats {
        entropy: 1.0,
        ratio: 1.0,
        ..PpoStats::default()
    };
    Updates {
        steps: vec![vec![(vec![1, 0], stats)], vec![(vec![0, 1], stats)]],
        grad_norms: vec![1.0, 1.0],
        // Rows 1 and 0; the slot without a token may hold anything.
        first_log_probs: vec![(vec![1, 0], 2, vec![-3.0, f32::NAN, -1.0, -2.0])],
        changes: vec![("policy", 0.1), ("value model", 0.1)],
    }
}

fn check(change: impl FnOnce(&mut Updates, &mut Experience)) -> Result<(), PpoError> {
    let (mut updates, mut experience) = (updates(), experience());
    change(&mut updates, &mut experience);
    check_updates(&updates, &experience, &[0.5, 1.5], &PpoConfig::default())
}

fn message(change: impl FnOnce(&mut Updates, &mut Experience)) -> String {
    check(change).unwrap_err().to_string()
}

const ROW_0: &str = "row 0 with prompt [1], response [3, 4] and score 0.5";
const ROW_1: &str = "row 1 with prompt [2], response [5] and score 1.5";

#[wasm_bindgen_test(unsupported = test)]
fn a_sound_step_passes() {
    check(|_, _| {}).unwrap();
    // Later minibatches may clip.
    check(|updates, _| updates.steps[1][0].1.clip_fraction = 0.3).unwrap();
    // Equal answers teach a policy nothing, and it may stay as it is.
    check(|updates, experience| {
        updates.changes = vec![("policy", 0.0)];
        experience.advantages = vec![0.0; 4];
    })
    .unwrap();
    // So may a value model that foretold every return.
    check(|updates, experience| {
        updates.changes[1].1 = 0.0;
        experience.returns.clone_from(&experience.rollout.values);
    })
    .unwrap();
}

#[wasm_bindgen_test(unsupported = test)]
fn every_violation_shows_its_sample() {
    let found = message(|updates, _| updates.first_log_probs[0].2[3] = -1.9);
    assert!(
        found.contains("of slot 1 is 0.1") && found.ends_with(ROW_0),
        "{found}"
    );
    let found = message(|updates, _| updates.first_log_probs[0].2[0] = f32::NAN);
    assert!(
        found.contains("of slot 0 is NaN") && found.ends_with(ROW_1),
        "{found}"
    );
    let found = message(|updates, _| updates.steps[0][0].1.clip_fraction = 0.25);
    assert!(
        found.contains("a share of 0.25 tokens was clipped") && found.ends_with(ROW_1),
        "{found}"
    );
    let found = message(|updates, _| updates.grad_norms[1] = f32::INFINITY);
    assert!(
        found.starts_with("gradient norm inf in optimiser step 1") && found.ends_with(ROW_0),
        "{found}"
    );
    let found = message(|updates, _| updates.steps[1][0].1.total_loss = f32::NAN);
    assert!(
        found.starts_with("gradient norm 1 in optimiser step 1"),
        "{found}"
    );
    let found = message(|updates, _| updates.steps[1][0].1.entropy = -0.5);
    assert!(
        found.starts_with("mean entropy -0.5 in optimiser step 1"),
        "{found}"
    );
    let found = message(|updates, experience| {
        updates.changes[1].1 = 0.0;
        experience.returns[0] += 1.0;
    });
    assert!(
        found.contains("weights of the value model") && found.ends_with(ROW_0),
        "{found}"
    );
}
