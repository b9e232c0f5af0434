//! Scores and their parts, for the log.

use crate::exact_label::Verdict;
use crate::mixed_score::share_above;
use crate::reward::{Reward, ScoreParts};
use crate::score_normalization::mean_and_std;

/// A batch's scores and their parts, summed up for the log. What was not computed is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScoreMetrics {
    /// Mean of the scores (TRL: `reward`).
    pub mean: f64,
    /// Unbiased standard deviation of the scores (TRL: `reward_std`); NaN for one response.
    pub std: f64,
    /// Mean raw score of the label reward model.
    pub label_mean: Option<f64>,
    /// Mean raw score of the rationale reward model.
    pub rationale_mean: Option<f64>,
    /// Share of responses whose label score is above the threshold of [`Reward::Mixed`].
    pub share_above_threshold: Option<f64>,
    /// Share of responses with the right label, of those that are not graded.
    pub right_rate: Option<f64>,
    /// Share of responses that hold no label or grade that could be read.
    pub unparsable_rate: Option<f64>,
}

impl ScoreMetrics {
    /// Sums up what `reward` made of `parts`.
    #[must_use]
    pub fn new(reward: Reward, parts: &ScoreParts, scores: &[f32]) -> Self {
        let (mean, std) = mean_and_std(scores);
        let mean_of = |scores: &Option<Vec<f32>>| scores.as_deref().map(|scores| mean_and_std(scores).0);
        let share = |wanted: fn(&Verdict) -> bool, of: fn(&Verdict) -> bool| {
            let verdicts = parts.verdicts.as_deref()?.iter().filter(|verdict| of(verdict));
            let (wanted, all) = verdicts.fold((0usize, 0usize), |(n, all), verdict| {
                (n + usize::from(wanted(verdict)), all + 1)
            });
            (all > 0).then(|| wanted as f64 / all as f64)
        };
        let above = |label_threshold| {
            let scores = parts.label_scores.as_deref()?;
            Some(share_above(scores, label_threshold))
        };
        Self {
            mean,
            std,
            label_mean: mean_of(&parts.label_scores),
            rationale_mean: mean_of(&parts.rationale_scores),
            share_above_threshold: match reward {
                Reward::Mixed { label_threshold } => above(label_threshold),
                _ => None,
            },
            right_rate: share(
                |verdict| *verdict == Verdict::Right,
                |verdict| !matches!(verdict, Verdict::Graded { .. } | Verdict::UnparsableGrade),
            ),
            unparsable_rate: share(
                |verdict| matches!(verdict, Verdict::Unparsable | Verdict::UnparsableGrade),
                |_| true,
            ),
        }
    }

    /// The metrics that exist, by the names they are logged under: TRL's, and this project's for the parts.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, f64)> {
        let Self { mean, std, .. } = *self;
        [
            ("reward", Some(mean)),
            ("reward_std", Some(std)),
            ("rewards/label/mean", self.label_mean),
            ("rewards/rationale/mean", self.rationale_mean),
            ("rewards/label/share_above_threshold", self.share_above_threshold),
            ("rewards/exact_label/right_rate", self.right_rate),
            ("unparsable_rate", self.unparsable_rate),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

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

    /// By hand.
    #[wasm_bindgen_test(unsupported = test)]
    fn metrics_show_the_parts() {
        let reward = Reward::Mixed { label_threshold: 3.9 };
        let scores = reward.scores(&parts(), 1).unwrap();
        let metrics = ScoreMetrics::new(reward, &parts(), &scores);
        let expected = [
            ("reward", 2.45),
            ("reward_std", 1.768_709_5),
            ("rewards/label/mean", 2.6),
            ("rewards/rationale/mean", 0.25),
            ("rewards/label/share_above_threshold", 0.25),
            ("rewards/exact_label/right_rate", 0.5),
            ("unparsable_rate", 0.25),
        ];
        let named = metrics.named();
        assert_eq!(named.len(), expected.len(), "{named:?}");
        for ((name, found), (expected_name, expected)) in named.into_iter().zip(expected) {
            assert_eq!(name, expected_name);
            assert!(
                (found - expected).abs() < 1e-6,
                "{name}: {found}, expected {expected}"
            );
        }
    }

    /// What was not computed is not logged, and grades are neither right nor wrong.
    #[wasm_bindgen_test(unsupported = test)]
    fn absent_parts_have_no_metrics() {
        let parts = ScoreParts {
            verdicts: Some(vec![
                Verdict::UnparsableGrade,
                Verdict::Graded {
                    predicted: 1.0,
                    gold: 2.0,
                },
            ]),
            ..ScoreParts::default()
        };
        let scores = Reward::ExactLabel.scores(&parts, 1).unwrap();
        let names: Vec<_> = ScoreMetrics::new(Reward::ExactLabel, &parts, &scores)
            .named()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["reward", "reward_std", "unparsable_rate"]);
    }
}
