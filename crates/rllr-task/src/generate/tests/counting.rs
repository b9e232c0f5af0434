//! What counting words reaches, on examples and on their rationales. Shared with `examples/generate_stats.rs`.

use super::{ClassPrior, Example, Input, NaiveBayes};

/// Lower-cased words, and neighbouring words as one, each with a mark in front.
fn count_words(mark: &str, text: &str, features: &mut Vec<String>) {
    let text = text.to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    features.extend(words.iter().map(|word| format!("{mark}{word}")));
    features.extend(
        words
            .windows(2)
            .map(|pair| format!("{mark}{} {}", pair[0], pair[1])),
    );
}

/// Words and word pairs; for two texts by text, and their overlap (Jaccard index in tenths) three times.
fn input_features(input: &Input) -> Vec<String> {
    let mut features = Vec::new();
    match input {
        Input::Text(text) => count_words("", text, &mut features),
        Input::Pair { text_a, text_b } => {
            count_words("a:", text_a, &mut features);
            count_words("b:", text_b, &mut features);
            features.extend(std::iter::repeat_n(
                format!("overlap {}", overlap_tenths(text_a, text_b)),
                3,
            ));
        }
    }
    features
}

fn overlap_tenths(text_a: &str, text_b: &str) -> usize {
    let words = |text: &str| -> std::collections::BTreeSet<String> {
        let text = text.to_lowercase();
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (a, b) = (words(text_a), words(text_b));
    10 * a.intersection(&b).count() / a.union(&b).count().max(1)
}

fn class(label: &str, labels: &[&str]) -> usize {
    labels
        .iter()
        .position(|other| *other == label)
        .expect("an example's label is one of its task's")
}

/// Share of `test` that naive Bayes on `train` gets right, with the better of two smoothings.
pub(crate) fn word_accuracy(train: &[Example], test: &[Example], labels: &[&str]) -> f64 {
    let rows = train
        .iter()
        .map(|example| (input_features(&example.input), class(&example.label, labels)));
    let model = NaiveBayes::fit(rows, labels.len());
    let accuracy = |smoothing| {
        let hits = test.iter().filter(|example| {
            let features = input_features(&example.input);
            model.predict(&features, ClassPrior::TrainCounts, smoothing) == class(&example.label, labels)
        });
        hits.count() as f64 / test.len() as f64
    };
    f64::max(accuracy(1.0), accuracy(0.3))
}

/// Words of a rationale, alone and joined with the label that it argues for.
fn response_features(label: &str, rationale: &str) -> Vec<String> {
    let mut features = vec![format!("label {label}")];
    count_words("", rationale, &mut features);
    count_words(&format!("{label}:"), rationale, &mut features);
    features
}

/// How often the gold answer beats a wrong one; a tie counts half.
pub(crate) struct PairAccuracy {
    wins: f64,
    pairs: f64,
}

impl PairAccuracy {
    pub(crate) fn share(&self) -> f64 {
        self.wins / self.pairs
    }

    /// Compares the gold answer of each example with each wrong one by a score.
    fn count(&mut self, examples: &[Example], score: impl Fn(&Example, &str, &str) -> f64) {
        for example in examples {
            let gold = score(example, &example.label, &example.rationales[&example.label]);
            for (label, rationale) in example
                .rationales
                .iter()
                .filter(|(label, _)| **label != example.label)
            {
                let wrong = score(example, label, rationale);
                self.wins += if gold > wrong {
                    1.0
                } else if gold < wrong {
                    0.0
                } else {
                    0.5
                };
                self.pairs += 1.0;
            }
        }
    }
}

/// "The longer rationale is the gold one."
pub(crate) fn longer_accuracy(examples: &[Example]) -> f64 {
    let mut accuracy = PairAccuracy {
        wins: 0.0,
        pairs: 0.0,
    };
    accuracy.count(examples, |_, _, rationale| rationale.len() as f64);
    accuracy.share()
}

/// "The rationale with the larger share of its words in the text is the gold one": what copying is worth.
/// Unlike the other two this one reads the text, so it need not be at chance.
pub(crate) fn copying_accuracy(examples: &[Example]) -> f64 {
    let mut accuracy = PairAccuracy {
        wins: 0.0,
        pairs: 0.0,
    };
    accuracy.count(examples, |example, _, rationale| {
        let text = match &example.input {
            Input::Text(text) => text.to_lowercase(),
            Input::Pair { text_a, text_b } => format!("{text_a} {text_b}").to_lowercase(),
        };
        let known: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        let words: Vec<&str> = rationale
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
            .collect();
        words
            .iter()
            .filter(|word| known.contains(&word.to_lowercase().as_str()))
            .count() as f64
            / words.len() as f64
    });
    accuracy.share()
}

/// Naive Bayes that learns to tell gold from wrong answers by label and rationale, five folds by example.
pub(crate) fn giveaway_accuracy(examples: &[Example]) -> f64 {
    let mut accuracy = PairAccuracy {
        wins: 0.0,
        pairs: 0.0,
    };
    let fold_size = examples.len().div_ceil(5);
    for (fold, test) in examples.chunks(fold_size).enumerate() {
        let outside = |(at, _): &(usize, &Example)| at / fold_size != fold;
        let rows = examples
            .iter()
            .enumerate()
            .filter(outside)
            .flat_map(|(_, example)| {
                example.rationales.iter().map(|(label, rationale)| {
                    (
                        response_features(label, rationale),
                        usize::from(*label == example.label),
                    )
                })
            });
        let model = NaiveBayes::fit(rows, 2);
        accuracy.count(test, |_, label, rationale| {
            let log_joint = model.log_joint(&response_features(label, rationale), ClassPrior::Uniform, 1.0);
            log_joint[1] - log_joint[0]
        });
    }
    accuracy.share()
}
