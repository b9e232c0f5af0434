//! What two answers have in common, word by word.

/// What became of a word from one text to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is in both.
    Same,
    /// It is in the first alone.
    Removed,
    /// It is in the second alone.
    Added,
}

/// A longest common subsequence of words, with what is not in it around: first what was removed, then what was added.
///
/// Neighbouring words with the same fate are one piece.
pub fn diff(before: &str, after: &str) -> Vec<(Change, String)> {
    let [before, after] = [before, after].map(|text| text.split_whitespace().collect::<Vec<_>>());
    let lengths = lengths(&before, &after);
    let (mut i, mut j) = (0, 0);
    let mut pieces: Vec<(Change, String)> = Vec::new();
    let mut push = |change: Change, word: &str| match pieces.last_mut() {
        Some((last, text)) if *last == change => {
            text.push(' ');
            text.push_str(word);
        }
        _ => pieces.push((change, word.to_owned())),
    };
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            push(Change::Same, before[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == after.len() || (i < before.len() && lengths[i + 1][j] >= lengths[i][j + 1]) {
            push(Change::Removed, before[i]);
            i += 1;
        } else {
            push(Change::Added, after[j]);
            j += 1;
        }
    }
    pieces
}

/// Length of the longest common subsequence of the words from `i` and from `j` on, `[i][j]`.
fn lengths(before: &[&str], after: &[&str]) -> Vec<Vec<usize>> {
    let mut lengths = vec![vec![0; after.len() + 1]; before.len() + 1];
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            lengths[i][j] = if before[i] == after[j] {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn check(before: &str, after: &str, expected: &[(Change, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(change, text)| (*change, (*text).to_owned()))
            .collect();
        assert_eq!(diff(before, after), expected, "{before:?} to {after:?}");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn words_are_compared() {
        use Change::{Added, Removed, Same};
        check("", "", &[]);
        check("a b", "a  b", &[(Same, "a b")]);
        check("", "a b", &[(Added, "a b")]);
        check("a b", "", &[(Removed, "a b")]);
        check(
            "the news is\nLabel: world",
            "the news was\nLabel: sports",
            &[
                (Same, "the news"),
                (Removed, "is"),
                (Added, "was"),
                (Same, "Label:"),
                (Removed, "world"),
                (Added, "sports"),
            ],
        );
    }

    proptest! {
        /// What is the same and what was removed is the first text; what is the same and what was added is the second.
        #[test]
        fn both_texts_can_be_read_from_it(
            before in prop::collection::vec("[abc]", 0..12), after in prop::collection::vec("[abc]", 0..12),
        ) {
            let pieces = diff(&before.join(" "), &after.join(" "));
            let without = |change: Change| {
                let kept = pieces.iter().filter(|(other, _)| *other != change);
                kept.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ")
            };
            prop_assert_eq!(without(Change::Added), before.join(" "));
            prop_assert_eq!(without(Change::Removed), after.join(" "));
        }
    }
}
