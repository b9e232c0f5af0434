//! What a response earns from reward models when it holds no label.

use crate::exact_label::Verdict;

/// What happens to the score of a response in which no label could be read.
///
/// Reward models are trained on answers that all have a label. What they say of a response without one means nothing, and
/// a policy finds such responses where their score happens to be high. The rule of [`exact_label_score`] does not have
/// this hole.
///
/// Applied to raw scores, before what happens to missing ends.
///
/// [`exact_label_score`]: crate::exact_label_score
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnparsableResponse {
    /// Nothing: the score is what the reward models say. The scripts of RLLR.
    #[default]
    Keep,
    /// This number, in place of what the reward models say. The rule has −3 (RL4GLUE, arXiv 2410.11020).
    Replace(f32),
}

impl UnparsableResponse {
    /// Scores after it.
    ///
    /// - `scores`, `verdicts`: of each response, its score and what the rule says of its label, `[batch]`
    /// - output: `[batch]`
    #[must_use]
    pub fn apply(self, scores: &[f32], verdicts: &[Verdict]) -> Vec<f32> {
        assert_eq!(scores.len(), verdicts.len(), "a verdict per score");
        let Self::Replace(constant) = self else {
            return scores.to_vec();
        };
        let scores = scores.iter().zip(verdicts);
        scores
            .map(|(&score, verdict)| match verdict {
                Verdict::Unparsable | Verdict::UnparsableGrade => constant,
                Verdict::Right | Verdict::Wrong | Verdict::Graded { .. } => score,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn only_responses_without_a_label_are_touched() {
        let graded = Verdict::Graded {
            predicted: 1.0,
            gold: 2.0,
        };
        let verdicts = [
            Verdict::Right,
            Verdict::Wrong,
            Verdict::Unparsable,
            graded,
            Verdict::UnparsableGrade,
        ];
        let scores = [0.5, -2.0, 4.0, 1.0, 3.0];
        let replaced = UnparsableResponse::Replace(-3.0).apply(&scores, &verdicts);
        assert_eq!(replaced, [0.5, -2.0, -3.0, 1.0, -3.0]);
        assert_eq!(UnparsableResponse::Keep.apply(&scores, &verdicts), scores);
    }
}
