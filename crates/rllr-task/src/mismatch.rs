//! The paper's mismatch analysis: how many preference pairs are about labels, and how many about style.
//!
//! Ranked replies to a prompt of a classification task mostly carry the same label. A reward model that is trained on
//! them learns what makes a rationale pleasant, while the task is scored by its labels. [`Mismatch`] counts, for any
//! preference pairs, how large that part is.

use serde::{Deserialize, Serialize};

/// What the two responses of a preference pair differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairClass {
    /// Different labels: the pair teaches what the task is scored by.
    LabelSensitive,
    /// The same label, different texts: the pair teaches style.
    RationaleSensitive,
    /// The same text twice: the pair teaches nothing.
    Identical,
    /// At least one response has no label that can be read.
    Unparsable,
}

/// Classifies one pair of responses; `label_of` reads the label of a response, `None` where there is none.
pub fn classify_pair<'a, L: PartialEq>(
    chosen: &'a str,
    rejected: &'a str,
    label_of: impl Fn(&'a str) -> Option<L>,
) -> PairClass {
    if chosen == rejected {
        return PairClass::Identical;
    }
    match (label_of(chosen), label_of(rejected)) {
        (Some(chosen), Some(rejected)) if chosen == rejected => PairClass::RationaleSensitive,
        (Some(_), Some(_)) => PairClass::LabelSensitive,
        _ => PairClass::Unparsable,
    }
}

/// How many preference pairs of each class there are.
///
/// Collect it from [`PairClass`]es: `pairs.map(|pair| classify_pair(..)).collect::<Mismatch>()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mismatch {
    /// Pairs whose labels differ.
    pub label_sensitive: usize,
    /// Pairs of one label and two texts.
    pub rationale_sensitive: usize,
    /// Pairs of the same text twice.
    pub identical: usize,
    /// Pairs with a response whose label cannot be read.
    pub unparsable: usize,
}

impl Mismatch {
    /// All pairs.
    pub fn total(&self) -> usize {
        let Self {
            label_sensitive,
            rationale_sensitive,
            identical,
            unparsable,
        } = self;
        label_sensitive + rationale_sensitive + identical + unparsable
    }

    /// Share of the pairs that are of the class, in 0..=1; `None` without pairs.
    pub fn share(&self, class: PairClass) -> Option<f64> {
        let count = match class {
            PairClass::LabelSensitive => self.label_sensitive,
            PairClass::RationaleSensitive => self.rationale_sensitive,
            PairClass::Identical => self.identical,
            PairClass::Unparsable => self.unparsable,
        };
        let total = self.total();
        (total > 0).then(|| count as f64 / total as f64)
    }

    /// Counts one more pair.
    pub fn add(&mut self, class: PairClass) {
        *match class {
            PairClass::LabelSensitive => &mut self.label_sensitive,
            PairClass::RationaleSensitive => &mut self.rationale_sensitive,
            PairClass::Identical => &mut self.identical,
            PairClass::Unparsable => &mut self.unparsable,
        } += 1;
    }
}

impl FromIterator<PairClass> for Mismatch {
    fn from_iter<I: IntoIterator<Item = PairClass>>(classes: I) -> Self {
        let mut mismatch = Self::default();
        for class in classes {
            mismatch.add(class);
        }
        mismatch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// The last word, if it is a label.
    fn label_of(response: &str) -> Option<&str> {
        let word = response.split_whitespace().next_back()?;
        ["yes", "no"].contains(&word).then_some(word)
    }

    fn check(chosen: &str, rejected: &str, expected: PairClass) {
        assert_eq!(
            classify_pair(chosen, rejected, label_of),
            expected,
            "{chosen:?} against {rejected:?}"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn pairs_are_classified_by_what_differs() {
        check("good words: yes", "bad words: no", PairClass::LabelSensitive);
        check(
            "the same words: yes",
            "the same words: no",
            PairClass::LabelSensitive,
        );
        check("good words: yes", "bad words: yes", PairClass::RationaleSensitive);
        check("good words: yes", "good words: yes", PairClass::Identical);
        check("good words: yes", "I do not know", PairClass::Unparsable);
        check("", "bad words: no", PairClass::Unparsable);
        check("rambling", "rambling", PairClass::Identical);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn shares_add_up_to_one() {
        use PairClass::{Identical, LabelSensitive, RationaleSensitive, Unparsable};
        let mismatch: Mismatch = [
            RationaleSensitive,
            LabelSensitive,
            RationaleSensitive,
            Unparsable,
            RationaleSensitive,
        ]
        .into_iter()
        .collect();
        let expected = Mismatch {
            label_sensitive: 1,
            rationale_sensitive: 3,
            identical: 0,
            unparsable: 1,
        };
        assert_eq!(mismatch, expected);
        assert_eq!(mismatch.share(RationaleSensitive), Some(0.6), "3 of 5");
        assert_eq!(mismatch.share(LabelSensitive), Some(0.2), "1 of 5");
        let sum: f64 = [LabelSensitive, RationaleSensitive, Identical, Unparsable]
            .iter()
            .filter_map(|class| mismatch.share(*class))
            .sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        assert_eq!(
            Mismatch::default().share(LabelSensitive),
            None,
            "no share of nothing"
        );
    }
}
