//! “You are the annotator”: preferences between the model's own answers, and what could be learned from them.

use crate::live::{ByModel, DrawnPair};

/// Pairs of a round.
pub const ROUND: usize = 8;

/// The answer that was preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// The first.
    First,
    /// The second.
    Second,
}

/// A round as far as it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    choices: Vec<Preference>,
}

/// What a whole round shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Pairs of the round.
    pub pairs: usize,
    /// Pairs whose answers have different labels: only these can teach a reward model which label is right.
    pub label_sensitive: usize,
    /// Pairs of which exactly one answer has the right label.
    pub decidable: usize,
    /// How often that one was preferred.
    pub right: usize,
    /// How often each reward model prefers the same answer.
    pub agreement: ByModel<usize>,
}

impl Preference {
    /// The preference of a key.
    pub fn of_key(key: &str) -> Option<Self> {
        match key {
            "1" => Some(Self::First),
            "2" => Some(Self::Second),
            _ => None,
        }
    }

    fn index(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

/// The pairs of a round: the first whose answers are not the same.
pub fn pairs(drawn: &[DrawnPair]) -> Vec<&DrawnPair> {
    let differ = |pair: &&DrawnPair| pair.answers[0].response != pair.answers[1].response;
    drawn.iter().filter(differ).take(ROUND).collect()
}

/// Whether the labels of the answers differ; an answer without a label differs from all others.
pub fn is_label_sensitive(pair: &DrawnPair) -> bool {
    let [first, second] = &pair.answers;
    first.label != second.label
}

impl Round {
    /// The number of the pair that is asked about, from 0; `None` when the round of so many pairs is over.
    pub fn asks(&self, pairs: usize) -> Option<usize> {
        (self.choices.len() < pairs).then_some(self.choices.len())
    }

    /// Takes a preference; nothing happens when the round of so many pairs is over.
    pub fn choose(&mut self, preference: Preference, pairs: usize) {
        if self.asks(pairs).is_some() {
            self.choices.push(preference);
        }
    }

    /// Takes the last preference back.
    pub fn undo(&mut self) {
        self.choices.pop();
    }

    /// What the round shows, when it is over.
    pub fn outcome(&self, pairs: &[&DrawnPair]) -> Option<Outcome> {
        if pairs.is_empty() || self.choices.len() < pairs.len() {
            return None;
        }
        let mut outcome = Outcome {
            pairs: pairs.len(),
            label_sensitive: pairs.iter().filter(|pair| is_label_sensitive(pair)).count(),
            decidable: 0,
            right: 0,
            agreement: ByModel::default(),
        };
        for (pair, choice) in pairs.iter().zip(&self.choices) {
            let preferred = &pair.answers[choice.index()];
            let other = &pair.answers[1 - choice.index()];
            let is_right = [preferred, other].map(|answer| answer.label == Some(pair.gold));
            if is_right[0] != is_right[1] {
                outcome.decidable += 1;
                outcome.right += usize::from(is_right[0]);
            }
            let ByModel {
                ordinary,
                label_sensitive,
            } = preferred.scores;
            outcome.agreement.ordinary += usize::from(ordinary > other.scores.ordinary);
            outcome.agreement.label_sensitive += usize::from(label_sensitive > other.scores.label_sensitive);
        }
        Some(outcome)
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::live::ScoredAnswer;

    fn answer(response: &str, label: Option<usize>, ordinary: f64, label_sensitive: f64) -> ScoredAnswer {
        ScoredAnswer {
            response: response.to_owned(),
            label,
            scores: ByModel {
                ordinary,
                label_sensitive,
            },
        }
    }

    fn pair(first: ScoredAnswer, second: ScoredAnswer) -> DrawnPair {
        DrawnPair {
            text: String::new(),
            gold: 0,
            answers: [first, second],
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_round_by_hand() {
        let drawn = [
            // The labels differ, and the second is right.
            pair(answer("a", Some(1), 1.0, -1.0), answer("b", Some(0), 0.0, 2.0)),
            // The same answer twice: no preference can be had.
            pair(answer("c", Some(0), 0.0, 0.0), answer("c", Some(0), 0.0, 0.0)),
            // The same label.
            pair(answer("d", Some(0), 1.0, 0.0), answer("e", Some(0), 2.0, 1.0)),
            // No label, and a wrong one.
            pair(answer("f", None, 0.0, 0.0), answer("g", Some(1), 0.0, 0.0)),
        ];
        let pairs = pairs(&drawn);
        assert_eq!(pairs.len(), 3);
        let mut round = Round::default();
        for choice in ["2", "1", "2"].map(Preference::of_key) {
            assert_eq!(round.outcome(&pairs), None);
            round.choose(choice.expect("a key of the round"), pairs.len());
        }
        assert_eq!(round.asks(pairs.len()), None);
        round.choose(Preference::First, pairs.len());
        let expected = Outcome {
            pairs: 3,
            label_sensitive: 2,
            decidable: 1,
            right: 1,
            agreement: ByModel {
                ordinary: 0,
                label_sensitive: 1,
            },
        };
        assert_eq!(round.outcome(&pairs), Some(expected));
        round.undo();
        assert_eq!(round.asks(pairs.len()), Some(2));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn other_keys_choose_nothing() {
        assert_eq!(Preference::of_key("3"), None);
        assert_eq!(Round::default().outcome(&[]), None);
    }
}
