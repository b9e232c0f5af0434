//! Advantages without a value model: an answer against the other answers to the same prompt.

use crate::rounding::to_f32;

/// Added to a standard deviation before it is divided by. TRL.
pub const GROUP_EPSILON: f64 = 1e-4;

/// What an answer's score is compared with. `r̄` and `std` (unbiased) are those of its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupAdvantage {
    /// `r − mean of the others`. RLOO (arXiv 2402.14740).
    Rloo,
    /// RLOO's, whitened over the batch: `(A − Ā) / (std_A + 1e-4)`. TRL's `normalize_advantages`.
    RlooWhitened,
    /// `(r − r̄) / (std + 1e-4)`. GRPO (arXiv 2402.03300); TRL `scale_rewards = "group"`. The default.
    #[default]
    Grpo,
    /// `(r − r̄) / (std of the whole batch's scores + 1e-4)`. TRL `scale_rewards = "batch"`.
    GrpoBatchScaled,
    /// `r − r̄`. Dr. GRPO (arXiv 2503.20783); TRL `scale_rewards = "none"`.
    DrGrpo,
}

/// Scores that are no groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{scores} scores in groups of {group_size}, expected whole groups of at least 2")]
pub struct GroupError {
    /// Number of scores.
    pub scores: usize,
    /// Number of answers to each prompt.
    pub group_size: usize,
}

/// Mean and unbiased standard deviation (NaN of one number).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Unbiased standard deviation.
    pub std: f64,
}

/// One advantage per answer.
///
/// - `scores`: of all answers, those to one prompt together, `[prompts · group_size]`
/// - output: `[prompts · group_size]`
///
/// # Errors
///
/// [`GroupError`] when groups have fewer than two answers, or the last one is not whole.
pub fn group_advantages(
    scores: &[f32],
    group_size: usize,
    kind: GroupAdvantage,
) -> Result<Vec<f32>, GroupError> {
    check_groups(scores, group_size)?;
    let batch = moments(&widened(scores));
    let mut advantages = Vec::with_capacity(scores.len());
    for group in scores.chunks(group_size).map(widened) {
        let Moments { mean, std } = moments(&group);
        for (r, others) in group.iter().zip(leave_one_out(&group)) {
            advantages.push(match kind {
                GroupAdvantage::Rloo | GroupAdvantage::RlooWhitened => r - others.mean,
                GroupAdvantage::Grpo => (r - mean) / (std + GROUP_EPSILON),
                GroupAdvantage::GrpoBatchScaled => (r - mean) / (batch.std + GROUP_EPSILON),
                GroupAdvantage::DrGrpo => r - mean,
            });
        }
    }
    if kind == GroupAdvantage::RlooWhitened {
        let Moments { mean, std } = moments(&advantages);
        for advantage in &mut advantages {
            *advantage = (*advantage - mean) / (std + GROUP_EPSILON);
        }
    }
    Ok(advantages.into_iter().map(to_f32).collect())
}

/// Of each answer, mean and deviation of the *other* scores of its group; the mean is RLOO's baseline.
///
/// `b_i = Σ_(j ≠ i) r_j / (G − 1)`
///
/// Source: RLOO (arXiv 2402.14740); the deviation as in NeMo-RL. NaN where there is no other score, or no two.
#[must_use]
pub fn leave_one_out(group: &[f64]) -> Vec<Moments> {
    let others = |i: usize| [&group[..i], &group[i + 1..]].concat();
    (0..group.len()).map(|i| moments(&others(i))).collect()
}

/// Mean and unbiased standard deviation of numbers.
#[must_use]
pub fn moments(numbers: &[f64]) -> Moments {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
    let std = (squares / (count - 1.0)).sqrt();
    Moments { mean, std }
}

/// DAPO's dynamic sampling: indices of the groups whose scores differ. The others have no advantage and teach nothing;
/// their share is TRL's `frac_reward_zero_std`.
///
/// Source: DAPO (arXiv 2503.14476), section 3.2.
///
/// - `scores`: of all answers, those to one prompt together, `[prompts · group_size]`
///
/// # Errors
///
/// [`GroupError`] when groups have fewer than two answers, or the last one is not whole.
pub fn groups_that_differ(scores: &[f32], group_size: usize) -> Result<Vec<usize>, GroupError> {
    check_groups(scores, group_size)?;
    let groups = scores.chunks(group_size).enumerate();
    let differ = groups.filter(|(_, group)| group.iter().any(|score| *score != group[0]));
    Ok(differ.map(|(index, _)| index).collect())
}

fn check_groups(scores: &[f32], group_size: usize) -> Result<(), GroupError> {
    if group_size >= 2 && scores.len().is_multiple_of(group_size) {
        return Ok(());
    }
    let scores = scores.len();
    Err(GroupError { scores, group_size })
}

fn widened(scores: &[f32]) -> Vec<f64> {
    scores.iter().copied().map(f64::from).collect()
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const SCORES: [f32; 8] = [1.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 2.0];

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "length of {found:?}");
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-6, "{found:?}, expected {expected:?}");
        }
    }

    /// TRL's numbers for a group that differs, and 0 for one that does not.
    #[wasm_bindgen_test(unsupported = test)]
    fn advantages_equal_trl() {
        let cases = [
            (GroupAdvantage::Rloo, 0.666_666_7),
            (GroupAdvantage::Grpo, 0.865_875_4),
            (GroupAdvantage::DrGrpo, 0.5),
            // By hand: mean 1.25, squares 2·(1/16) + 2·(25/16) + 4·(9/16) = 5.5, so std = √(5.5 / 7).
            (
                GroupAdvantage::GrpoBatchScaled,
                0.5 / ((5.5f32 / 7.0).sqrt() + 1e-4),
            ),
            // By hand: 4 squares of 2/3 over 7, mean 0, so std = √(16/63).
            (
                GroupAdvantage::RlooWhitened,
                2.0 / 3.0 / ((16.0f32 / 63.0).sqrt() + 1e-4),
            ),
        ];
        for (kind, a) in cases {
            let found = group_advantages(&SCORES, 4, kind).unwrap();
            assert_close(&found, &[a, -a, -a, a, 0.0, 0.0, 0.0, 0.0]);
        }
    }

    /// NeMo-RL's numbers: deviations `√½`, `√2` and `√½`.
    #[wasm_bindgen_test(unsupported = test)]
    fn baselines_leave_one_out() {
        let group = leave_one_out(&[1.0, 2.0, 3.0]);
        assert_eq!(
            group.iter().map(|others| others.mean).collect::<Vec<_>>(),
            [2.5, 2.0, 1.5]
        );
        for (others, variance) in group.iter().zip([0.5f64, 2.0, 0.5]) {
            assert!((others.std - variance.sqrt()).abs() < 1e-12, "{others:?}");
        }
        let pair = leave_one_out(&[4.0, 5.0]);
        assert_eq!((pair[0].mean, pair[1].mean), (5.0, 4.0));
        assert!(pair[0].std.is_nan());
    }

    /// RLOO's advantage is Dr. GRPO's times `G / (G − 1)`.
    #[wasm_bindgen_test(unsupported = test)]
    fn leaving_one_out_stretches() {
        let scores = [0.3, -1.7, 2.2, 0.9, 5.0, -0.1];
        let rloo = group_advantages(&scores, 3, GroupAdvantage::Rloo).unwrap();
        let dr_grpo = group_advantages(&scores, 3, GroupAdvantage::DrGrpo).unwrap();
        assert_close(&rloo, &dr_grpo.iter().map(|a| a * 1.5).collect::<Vec<_>>());
    }

    /// Equal scores differ by rounding when a mean of theirs is subtracted; they are compared themselves.
    #[wasm_bindgen_test(unsupported = test)]
    fn only_groups_that_differ_teach() {
        assert_eq!(groups_that_differ(&SCORES, 4), Ok(vec![0]));
        assert_eq!(groups_that_differ(&[0.1; 9], 3), Ok(vec![]));
        assert_eq!(groups_that_differ(&[], 3), Ok(vec![]));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn broken_groups_are_named() {
        for group_size in [0, 1, 3] {
            let error = groups_that_differ(&SCORES, group_size).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("8 scores in groups of {group_size}, expected whole groups of at least 2")
            );
            assert_eq!(
                group_advantages(&SCORES, group_size, GroupAdvantage::Grpo),
                Err(error)
            );
        }
    }
}
