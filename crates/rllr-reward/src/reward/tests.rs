use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

const LAYERS: Stratification = Stratification {
    wrong_spread: 0.1,
    right_spread: 0.2,
};

fn parts() -> ScoreParts {
    ScoreParts {
        label_scores: Some(vec![2.0, 3.9, 5.5, -1.0]),
        rationale_scores: Some(vec![0.5, 0.25, -0.75, 1.0]),
        verdicts: Some(vec![
            Verdict::Right,
            Verdict::Wrong,
            Verdict::Right,
            Verdict::Unparsable,
        ]),
    }
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "length of {found:?}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-5, "{found:?}, expected {expected:?}");
    }
}

/// By hand. Groups of two: the right answer of each stands alone in its layer, and so does the other one; a layer of
/// one gets its lower bound. One group of four: right −0.75 and 0.5 become 0.8 and 1.2, wrong 0.25 and 1 −0.1 and 0.1.
#[wasm_bindgen_test(unsupported = test)]
fn each_reward_makes_its_score() {
    let mixed = Reward::Mixed { label_threshold: 3.9 };
    let stratified = Reward::Stratified(LAYERS);
    let cases = [
        (Reward::Rationale, 1, [0.5, 0.25, -0.75, 1.0]),
        (Reward::Label, 1, [2.0, 3.9, 5.5, -1.0]),
        (mixed, 1, [2.5, 4.15, 3.15, 0.0]),
        (stratified, 2, [0.8, -0.1, 0.8, -0.1]),
        (stratified, 4, [1.2, -0.1, 0.8, 0.1]),
        (Reward::ExactLabel, 1, [1.0, -1.0, 1.0, -3.0]),
    ];
    for (reward, group_size, expected) in cases {
        assert_close(&reward.scores(&parts(), group_size).unwrap(), &expected);
    }
}

/// A reward reads what it says that it reads: without one of these parts it is an error, without the others it is not.
#[wasm_bindgen_test(unsupported = test)]
fn a_missing_part_is_named() {
    let rewards = [
        Reward::Rationale,
        Reward::Label,
        Reward::Mixed { label_threshold: 1.0 },
        Reward::Stratified(LAYERS),
        Reward::ExactLabel,
    ];
    for reward in rewards {
        for part in [Part::LabelScores, Part::RationaleScores, Part::Verdicts] {
            let mut parts = parts();
            match part {
                Part::LabelScores => parts.label_scores = None,
                Part::RationaleScores => parts.rationale_scores = None,
                Part::Verdicts => parts.verdicts = None,
            }
            let expected = if reward.reads().contains(&part) {
                Err(RewardError::Missing { reward, part })
            } else {
                Ok(4)
            };
            assert_eq!(
                reward.scores(&parts, 4).map(|scores| scores.len()),
                expected,
                "{reward:?} without {part:?}"
            );
        }
    }
    let error = Reward::Label.scores(&ScoreParts::default(), 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no LabelScores, expected [LabelScores] for the reward Label"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn stratified_scores_need_whole_groups_and_verdicts() {
    let reward = Reward::Stratified(LAYERS);
    for group_size in [0, 3] {
        let error = reward.scores(&parts(), group_size).unwrap_err();
        assert!(error.to_string().contains("4 responses"), "{error}");
    }
    let mut graded = parts();
    graded.verdicts = Some(vec![
        Verdict::Right,
        Verdict::UnparsableGrade,
        Verdict::Right,
        Verdict::Right,
    ]);
    assert_eq!(
        reward.scores(&graded, 4),
        Err(RewardError::Graded { response: 1 })
    );
    let overlapping = Stratification {
        wrong_spread: 0.9,
        right_spread: 0.9,
    };
    let error = Reward::Stratified(overlapping).scores(&parts(), 4).unwrap_err();
    assert!(matches!(error, RewardError::Layers(_)), "{error}");
}
