//! Shared and differing words of two texts, and how much overlap each label stands for.

use std::collections::{HashMap, HashSet};

use super::words::{Word, quoted, words};

/// What a rationale quotes for a text pair: shared words for labels that mean "the same", differing words for labels
/// that mean "not the same", and some of both in between.
///
/// Which labels mean "the same" is not configured but learned: the labels are ordered by the mean share of common
/// words in the training pairs. Label `r` of `K` in that order quotes `round(m r / (K - 1))` shared words and fills up
/// to `m` with differing ones, `m` being `K - 1` within [`FEWEST_QUOTED`]..=[`MOST_QUOTED`]. So a paraphrase is argued
/// with shared words, its contrary with differing words, and grade 3 of 5 with three shared and two differing words.
#[derive(Clone, Debug)]
pub(crate) struct Overlap {
    /// How many shared words each label quotes.
    shared_quoted: Vec<usize>,
    /// How many words each label quotes in all.
    quoted: usize,
    /// In how many training texts each word occurs.
    text_counts: HashMap<String, usize>,
}

/// Quoted words of a rationale where the task has few labels: one word is too thin an argument.
const FEWEST_QUOTED: usize = 3;
/// Quoted words of a rationale where the task has many labels: small models have short contexts.
const MOST_QUOTED: usize = 5;

/// The content words of two texts, by where they occur.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparison<'a> {
    shared: Vec<Word<'a>>,
    /// Of one text only; the second text's words first, since the second text is the one that adds or asks.
    differing: Vec<Word<'a>>,
}

impl Overlap {
    /// Learns the order of `labels` labels from training pairs, each with the index of its label.
    pub(crate) fn fit<'a>(labels: usize, pairs: impl IntoIterator<Item = (usize, &'a str, &'a str)>) -> Self {
        let mut sums = vec![0.0; labels];
        let mut counts = vec![0.0; labels];
        let mut text_counts: HashMap<String, usize> = HashMap::new();
        for (label, text_a, text_b) in pairs {
            assert!(label < labels, "label {label} of {labels}");
            let [keys_a, keys_b] = [text_a, text_b].map(|text| {
                words(text)
                    .into_iter()
                    .map(|word| word.key)
                    .collect::<HashSet<String>>()
            });
            sums[label] += jaccard(&keys_a, &keys_b);
            counts[label] += 1.0;
            for keys in [keys_a, keys_b] {
                // The sums do not depend on the order of the set.
                #[allow(
                    clippy::iter_over_hash_type,
                    reason = "additions to separate counters commute"
                )]
                for key in keys {
                    *text_counts.entry(key).or_default() += 1;
                }
            }
        }
        let mean: f64 = sums.iter().sum::<f64>() / counts.iter().sum::<f64>().max(1.0);
        let overlaps: Vec<f64> = sums
            .iter()
            .zip(&counts)
            // A label without a training pair goes to the middle of the order.
            .map(|(sum, count)| if *count > 0.0 { sum / count } else { mean })
            .collect();
        let mut order: Vec<usize> = (0..labels).collect();
        order.sort_by(|&a, &b| overlaps[a].total_cmp(&overlaps[b]));

        let steps = labels.saturating_sub(1).max(1);
        let quoted = steps.clamp(FEWEST_QUOTED, MOST_QUOTED);
        let mut shared_quoted = vec![0; labels];
        for (rank, label) in order.into_iter().enumerate() {
            shared_quoted[label] = (quoted * rank + steps / 2) / steps;
        }
        Self {
            shared_quoted,
            quoted,
            text_counts,
        }
    }

    /// The rationale for one label of a pair.
    pub(crate) fn rationale(&self, text_a: &str, text_b: &str, label: usize) -> String {
        let Comparison { shared, differing } = compare(text_a, text_b);
        let shared_quoted = self.shared_quoted[label];
        let differing_quoted = self.quoted - shared_quoted;
        let shared_part = || match &self.rarest(&shared, shared_quoted)[..] {
            [] => "both share no key word".to_owned(),
            chosen => format!("both say {}", quoted(chosen)),
        };
        let differing_part = || match &self.rarest(&differing, differing_quoted)[..] {
            [] => "neither adds a key word".to_owned(),
            chosen => format!("only one says {}", quoted(chosen)),
        };
        let text = match (shared_quoted, differing_quoted) {
            (_, 0) => shared_part(),
            (0, _) => differing_part(),
            _ => format!("{}, {}", shared_part(), differing_part()),
        };
        sentence(&text)
    }

    /// The `count` content words of one text that say most, in reading order.
    pub(crate) fn rarest_words<'a>(&self, text: &'a str, count: usize) -> Vec<&'a str> {
        self.rarest(&content_words(text), count)
    }

    /// The `count` words that say most, in their order: numbers and negations first, then the rarest in training.
    fn rarest<'a>(&self, from: &[Word<'a>], count: usize) -> Vec<&'a str> {
        let mut ranked: Vec<(usize, &Word<'a>)> = from.iter().enumerate().collect();
        ranked.sort_by_key(|(_, word)| {
            (
                !word.is_marked(),
                self.text_counts.get(&word.key).copied().unwrap_or(0),
            )
        });
        ranked.truncate(count);
        ranked.sort_by_key(|(at, _)| *at);
        ranked.into_iter().map(|(_, word)| word.text).collect()
    }
}

/// Splits the content words of two texts into shared and differing ones, each once.
fn compare<'a>(text_a: &'a str, text_b: &'a str) -> Comparison<'a> {
    let [mut words_a, words_b] = [content_words(text_a), content_words(text_b)];
    let (shared, mut differing): (Vec<_>, Vec<_>) = words_b
        .into_iter()
        .partition(|word| words_a.iter().any(|other| other.key == word.key));
    words_a.retain(|word| !shared.iter().any(|other| other.key == word.key));
    differing.extend(words_a);
    Comparison { shared, differing }
}

/// The content words of a text, each once.
fn content_words(text: &str) -> Vec<Word<'_>> {
    let mut seen = HashSet::new();
    let mut content = words(text);
    content.retain(|word| word.is_content() && seen.insert(word.key.clone()));
    content
}

/// Jaccard index of two sets, `|a and b| / |a or b|`; 0 for two empty sets.
fn jaccard(a: &HashSet<String>, b: &HashSet<String>) -> f64 {
    let shared = a.intersection(b).count();
    let all = a.len() + b.len() - shared;
    if all == 0 { 0.0 } else { shared as f64 / all as f64 }
}

/// Upper case at the start, a full stop at the end.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    const SAME: usize = 0;
    const OTHER: usize = 1;

    fn two_labels() -> Overlap {
        let same = (SAME, "a red car stops", "a red car halts");
        let other = (OTHER, "a red car stops", "two dogs sleep");
        Overlap::fit(2, [same, other])
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn shared_words_argue_for_the_label_of_high_overlap() {
        let overlap = two_labels();
        let (a, b) = ("Two men ride a red car in Rome", "Three men ride a blue car");
        assert_eq!(
            overlap.rationale(a, b, SAME),
            "Both say \"men\", \"ride\" and \"car\"."
        );
        // The number goes first into the choice; then the rarest: "red" was seen three times in training, the rest
        // never, and "Two" of the first text is "marked" too.
        assert_eq!(
            overlap.rationale(a, b, OTHER),
            "Only one says \"Three\", \"blue\" and \"Two\"."
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn texts_without_common_or_different_words_still_get_a_rationale() {
        let overlap = two_labels();
        assert_eq!(
            overlap.rationale("red cars", "blue dogs", SAME),
            "Both share no key word."
        );
        assert_eq!(
            overlap.rationale("red cars", "Red cars!", OTHER),
            "Neither adds a key word."
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn grades_quote_shared_words_in_proportion() {
        // Grade g of 0..=5 shares g of 5 words with the first text; given in a mixed order.
        let first = "alpha beta gamma delta omega";
        let second = [
            "v w x y z",
            "alpha w x y z",
            "alpha beta x y z",
            "alpha beta gamma y z",
            "alpha beta gamma delta z",
            first,
        ];
        let overlap = Overlap::fit(6, [3, 0, 5, 1, 4, 2].map(|grade| (grade, first, second[grade])));
        assert_eq!(
            overlap.shared_quoted,
            [0, 1, 2, 3, 4, 5],
            "the learned order is the order of grades"
        );
        assert_eq!(overlap.quoted, 5);
        let text = overlap.rationale("cat dog cow pig hen fox", "cat dog cow pig hen owl", 3);
        assert_eq!(
            text,
            "Both say \"cat\", \"dog\" and \"cow\", only one says \"owl\" and \"fox\"."
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn three_labels_quote_none_two_and_three_shared_words() {
        let overlap = Overlap::fit(
            3,
            [
                (0, "a b c", "a b c"),
                (1, "a b c", "a d e"),
                (2, "a b c", "f g h"),
            ],
        );
        assert_eq!(overlap.shared_quoted, [3, 2, 0]);
        let unseen = Overlap::fit(3, [(0, "a b c", "a b c"), (2, "a b c", "f g h")]);
        assert_eq!(
            unseen.shared_quoted,
            [3, 2, 0],
            "a label never seen goes to the middle"
        );
    }
}
