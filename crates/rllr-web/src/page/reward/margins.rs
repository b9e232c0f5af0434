//! Margins of preference pairs: how surely a reward model ranks them right.

use crate::live::{ByModel, InspectedPair, PairDifference};

/// A pair as a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Its place in the list of pairs.
    pub pair: usize,
    /// What its answers differ in.
    pub kind: PairDifference,
    /// `r_chosen − r_rejected`.
    pub margin: f64,
    /// Length of the bar, −1 to 1: the margin as a part of the largest one.
    pub length: f64,
    /// How probably the chosen answer is the better one, by the reward model.
    pub probability: f64,
}

/// How many pairs of a kind are ranked right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The kind.
    pub kind: PairDifference,
    /// Pairs with a margin above 0.
    pub right: usize,
    /// All pairs of the kind.
    pub all: usize,
}

/// `P(chosen better than rejected) = σ(r_chosen − r_rejected)` (Bradley and Terry 1952).
pub fn bradley_terry(margin: f64) -> f64 {
    1.0 / (1.0 + (-margin).exp())
}

/// The bars of a reward model, sorted by kind and margin, the largest first.
pub fn bars(pairs: &[InspectedPair], model: fn(ByModel<[f64; 2]>) -> [f64; 2]) -> Vec<Bar> {
    let margin = |pair: &InspectedPair| {
        let [chosen, rejected] = model(pair.scores);
        chosen - rejected
    };
    let largest = pairs.iter().map(|pair| margin(pair).abs()).fold(0.0, f64::max);
    let bar = |(place, pair): (usize, &InspectedPair)| Bar {
        pair: place,
        kind: pair.kind,
        margin: margin(pair),
        length: if largest > 0.0 {
            margin(pair) / largest
        } else {
            0.0
        },
        probability: bradley_terry(margin(pair)),
    };
    let mut bars: Vec<Bar> = pairs.iter().enumerate().map(bar).collect();
    bars.sort_by(|a, b| a.kind.cmp(&b.kind).then(b.margin.total_cmp(&a.margin)));
    bars
}

/// How many pairs of each kind are ranked right.
pub fn ranked(bars: &[Bar]) -> [Ranked; 2] {
    [PairDifference::Label, PairDifference::Rationale].map(|kind| {
        let of_kind = || bars.iter().filter(|bar| bar.kind == kind);
        Ranked {
            kind,
            right: of_kind().filter(|bar| bar.margin > 0.0).count(),
            all: of_kind().count(),
        }
    })
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn pair(kind: PairDifference, chosen: f64, rejected: f64) -> InspectedPair {
        InspectedPair {
            text: String::new(),
            kind,
            chosen: String::new(),
            rejected: String::new(),
            scores: ByModel {
                ordinary: [chosen, rejected],
                label_sensitive: [0.0, 0.0],
            },
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bars_by_hand() {
        use PairDifference::{Label, Rationale};
        let pairs = [
            pair(Rationale, 2.0, 1.0),
            pair(Label, 0.0, 2.0),
            pair(Label, 1.5, 0.5),
        ];
        let bars = bars(&pairs, |scores| scores.ordinary);
        let seen: Vec<_> = bars
            .iter()
            .map(|bar| (bar.pair, bar.margin, bar.length))
            .collect();
        assert_eq!(seen, [(2, 1.0, 0.5), (1, -2.0, -1.0), (0, 1.0, 0.5)]);
        let [of_labels, of_rationales] = ranked(&bars);
        assert_eq!((of_labels.right, of_labels.all), (1, 2));
        assert_eq!((of_rationales.right, of_rationales.all), (1, 1));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn without_differences_there_are_no_lengths() {
        let pairs = [pair(PairDifference::Label, 1.0, 0.0)];
        let bars = bars(&pairs, |scores| scores.label_sensitive);
        assert_eq!((bars[0].length, bars[0].probability), (0.0, 0.5));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn probabilities_by_hand() {
        assert!(
            (bradley_terry(3.0_f64.ln()) - 0.75).abs() < 1e-12,
            "odds of 3 to 1"
        );
        assert!(
            (bradley_terry(2.0) + bradley_terry(-2.0) - 1.0).abs() < 1e-12,
            "one of the two is better"
        );
        assert_eq!((bradley_terry(1000.0), bradley_terry(-1000.0)), (1.0, 0.0));
    }
}
