//! The reward of a rule: is the label right? It needs no reward model, and is the baseline of those that have one.

/// What a rule says about the label of one response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The label is the right one.
    Right,
    /// The label is another one.
    Wrong,
    /// The response holds no label that could be read.
    Unparsable,
    /// The label is a grade, as in STS-B.
    Graded {
        /// What the response says.
        predicted: f32,
        /// The example's own grade.
        gold: f32,
    },
    /// The label should be a grade, and the response holds none that could be read.
    UnparsableGrade,
}

/// The score of a rule that knows the right label.
///
/// Right +1, wrong −1, unparsable −3; a grade `2.5 − |predicted − gold|`, an unparsable one −2.5.
///
/// Source: RL4GLUE (arXiv 2410.11020); the grades are those of STS-B, 0 to 5.
#[must_use]
pub fn exact_label_score(verdict: Verdict) -> f32 {
    match verdict {
        Verdict::Right => 1.0,
        Verdict::Wrong => -1.0,
        Verdict::Unparsable => -3.0,
        Verdict::Graded { predicted, gold } => 2.5 - (predicted - gold).abs(),
        Verdict::UnparsableGrade => -2.5,
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn each_verdict_has_its_score() {
        let verdicts = [Verdict::Right, Verdict::Wrong, Verdict::Unparsable];
        assert_eq!(verdicts.map(exact_label_score), [1.0, -1.0, -3.0]);
        let graded = exact_label_score(Verdict::Graded {
            predicted: 2.5,
            gold: 3.8,
        });
        assert!((graded - 1.2).abs() < 1e-6, "{graded}");
        assert_eq!(exact_label_score(Verdict::UnparsableGrade), -2.5);
    }
}
