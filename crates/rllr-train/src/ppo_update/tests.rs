use rllr_reward::ScorePosition;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::responses::Responses;
use crate::rollout::Rollout;

/// Three responses of 3, 1 and 2 tokens, of at most 4.
fn experience() -> Experience {
    let responses = vec![vec![1, 2, 3], vec![4], vec![5, 6]];
    let responses = Responses::new(vec![vec![9]; 3], responses, vec![true; 3], 4).unwrap();
    Experience {
        rollout: Rollout::unmeasured(responses, ScorePosition::TokenAfterResponse).unwrap(),
        advantages: vec![0.0; 12],
        returns: vec![0.0; 12],
        rows: vec![0, 1, 2],
        kl_coef_in_loss: 0.0,
    }
}

/// Six tokens and nine slots with values (one more each): a sixth and a ninth each, however the step is cut.
#[wasm_bindgen_test(unsupported = test)]
fn tokens_of_a_step_weigh_the_same() {
    let config = PpoConfig {
        micro_batch_size: 2,
        ..PpoConfig::default()
    };
    let parts = micro_batches(&experience(), &[2, 0, 1], &config);
    assert_eq!([&parts[0].rows[..], &parts[1].rows[..]], [&[2, 0][..], &[1][..]]);
    // The longest row of each part has 3 tokens and the slot after them; 1 token and the slot after it.
    assert_eq!([parts[0].slots, parts[1].slots], [4, 2]);
    let (t, v) = (1.0 / 6.0, 1.0 / 9.0);
    assert_eq!(parts[0].policy_weights, [t, t, 0.0, 0.0, t, t, t, 0.0]);
    assert_eq!(parts[0].value_weights, [v, v, v, 0.0, v, v, v, v]);
    assert_eq!(parts[1].policy_weights, [t, 0.0]);
    assert_eq!(parts[1].value_weights, [v, v]);
    let total: f32 = parts.iter().flat_map(|part| &part.policy_weights).sum();
    assert!((total - 1.0).abs() < 1e-6);
}

/// Means of micro-batches of 2 and 1 rows, each with half of the step's weight: 5 tokens share one half, 1 has the other.
#[wasm_bindgen_test(unsupported = test)]
fn a_mean_of_means_favours_short_micro_batches() {
    let config = PpoConfig {
        micro_batch_size: 2,
        loss_means: LossMeans::MicroBatch,
        ..PpoConfig::default()
    };
    let parts = micro_batches(&experience(), &[2, 0, 1], &config);
    let t = 1.0 / 5.0 * 0.5;
    assert_eq!(parts[0].policy_weights, [t, t, 0.0, 0.0, t, t, t, 0.0]);
    assert_eq!(parts[1].policy_weights, [0.5, 0.0]);
    assert_eq!([parts[0].factor, parts[1].factor], [2.0; 2]);
}
