//! Texts as bags of words and neighbouring word pairs, and how much two texts share.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::example::Input;

/// How often the overlap of two texts counts as a feature: about as much as three words.
const OVERLAP_REPEATS: usize = 3;

/// Which texts of an example a bag of words sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextView {
    /// The text; of two texts both, their words kept apart, and their overlap.
    Whole,
    /// The second text alone: what the hypothesis gives away without its premise.
    SecondText,
}

/// Something countable in an input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// A word of the text with this number (0 or 1).
    Word(u8, String),
    /// Two neighbouring words of the text with this number.
    WordPair(u8, String, String),
    /// Tenths of the Jaccard index of the two texts, rounded down.
    Overlap(usize),
}

/// Words of a text: the matches of `[a-z0-9]+(?:'[a-z]+)?|[!?]` in its lower case.
pub fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut words = Vec::new();
    let mut rest = lower.as_str();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '!' | '?' => 1,
            'a'..='z' | '0'..='9' => word_length(rest),
            _ => {
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        words.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    words
}

/// Bytes of the match of `[a-z0-9]+(?:'[a-z]+)?` at the start.
fn word_length(text: &str) -> usize {
    let run = |text: &str, is_part: fn(&u8) -> bool| text.bytes().take_while(is_part).count();
    let stem = run(text, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let ending = text[stem..]
        .strip_prefix('\'')
        .map_or(0, |ending| run(ending, u8::is_ascii_lowercase));
    if ending == 0 { stem } else { stem + 1 + ending }
}

/// Jaccard index of the two word sets (Jaccard 1912): `|A ∩ B| / |A ∪ B|`; 0 if both are empty.
pub fn jaccard(first: &[String], second: &[String]) -> f64 {
    let (shared, all) = shared_and_all(first, second);
    if all == 0 { 0.0 } else { shared as f64 / all as f64 }
}

/// Word overlap of an input's two texts: their [`jaccard`] index; 0 for a single text.
pub fn word_overlap(input: &Input) -> f64 {
    match input {
        Input::Text(_) => 0.0,
        Input::Pair { text_a, text_b } => jaccard(&words(text_a), &words(text_b)),
    }
}

/// Words and neighbouring word pairs of an input, each as often as it occurs; for two texts seen whole also
/// their overlap, three times.
pub fn features(input: &Input, view: TextView) -> Vec<Feature> {
    let mut found = Vec::new();
    match (input, view) {
        (Input::Text(text), _) | (Input::Pair { text_b: text, .. }, TextView::SecondText) => {
            push_words(&mut found, 0, &words(text));
        }
        (Input::Pair { text_a, text_b }, TextView::Whole) => {
            let (first, second) = (words(text_a), words(text_b));
            push_words(&mut found, 0, &first);
            push_words(&mut found, 1, &second);
            let (shared, all) = shared_and_all(&first, &second);
            let tenths = (10 * shared).checked_div(all).unwrap_or(0);
            found.extend(std::iter::repeat_n(Feature::Overlap(tenths), OVERLAP_REPEATS));
        }
    }
    found
}

fn push_words(found: &mut Vec<Feature>, text: u8, words: &[String]) {
    found.extend(words.iter().map(|word| Feature::Word(text, word.clone())));
    found.extend(
        words
            .windows(2)
            .map(|pair| Feature::WordPair(text, pair[0].clone(), pair[1].clone())),
    );
}

/// Sizes of the intersection and of the union of two word sets.
fn shared_and_all(first: &[String], second: &[String]) -> (usize, usize) {
    let first: HashSet<&String> = first.iter().collect();
    let second: HashSet<&String> = second.iter().collect();
    (first.intersection(&second).count(), first.union(&second).count())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn words_of_difficult_texts() {
        let check = |text, expected: &[&str]| assert_eq!(words(text), expected, "{text}");
        check("It's NOT 5-star!?", &["it's", "not", "5", "star", "!", "?"]);
        check(
            "rock 'n' roll' x'9 a'b'c",
            &["rock", "n", "roll", "x", "9", "a'b", "c"],
        );
        check("Müller's café — 10€", &["m", "ller's", "caf", "10"]);
        check("", &[]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn overlap_worked_by_hand() {
        // {a, man, sleeps} and {a, man, is, asleep}: 2 of 5.
        let pair = Input::Pair {
            text_a: "A man sleeps a".into(),
            text_b: "a man is asleep".into(),
        };
        assert_eq!(word_overlap(&pair), 0.4);
        assert_eq!(jaccard(&[], &[]), 0.0);
        assert_eq!(word_overlap(&Input::Text("a a".into())), 0.0);
        let overlaps = features(&pair, TextView::Whole);
        assert_eq!(
            overlaps
                .iter()
                .filter(|feature| **feature == Feature::Overlap(4))
                .count(),
            3
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn features_mark_their_text() {
        let word = |text, word: &str| Feature::Word(text, word.into());
        let pair = |text, first: &str, second: &str| Feature::WordPair(text, first.into(), second.into());
        let input = Input::Pair {
            text_a: "No. No!".into(),
            text_b: "no".into(),
        };
        let mut expected = vec![
            word(0, "no"),
            word(0, "no"),
            word(0, "!"),
            pair(0, "no", "no"),
            pair(0, "no", "!"),
            word(1, "no"),
        ];
        expected.extend([Feature::Overlap(5), Feature::Overlap(5), Feature::Overlap(5)]);
        assert_eq!(features(&input, TextView::Whole), expected);
        assert_eq!(features(&input, TextView::SecondText), [word(0, "no")]);
        assert_eq!(
            features(&Input::Text("no".into()), TextView::Whole),
            [word(0, "no")]
        );
    }

    proptest! {
        // The second way: the definition itself, run by a regex engine.
        #[wasm_bindgen_test(unsupported = test)]
        fn words_equal_the_regular_expression(text in "[a-dA-D0-2'!? .éİK-]{0,30}|\\PC{0,20}") {
            let definition = regex_lite::Regex::new(r"[a-z0-9]+(?:'[a-z]+)?|[!?]").unwrap();
            let lower = text.to_lowercase();
            let expected: Vec<&str> = definition.find_iter(&lower).map(|found| found.as_str()).collect();
            prop_assert_eq!(words(&text), expected);
        }
    }
}
