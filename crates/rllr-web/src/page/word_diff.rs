//! What changed between two texts, word by word.

#[cfg(all(target_arch = "wasm32", feature = "page"))]
pub(super) mod view;

/// One stretch of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened to it.
    pub kind: Kind,
    /// The words, with single spaces between.
    pub text: String,
}

/// What happened to a stretch of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In both texts.
    Same,
    /// In the first text only.
    Removed,
    /// In the second text only.
    Added,
}

/// More words than this are compared as one stretch: the table of the comparison grows with their product.
const MOST_WORDS: usize = 1000;

/// The stretches that turn `before` into `after`; of a replacement, what is removed comes first.
///
/// The words that stay are a longest common subsequence.
pub fn word_diff(before: &str, after: &str) -> Vec<Change> {
    let before: Vec<&str> = before.split_whitespace().collect();
    let after: Vec<&str> = after.split_whitespace().collect();
    let mut changes = Changes::default();
    if before.len() > MOST_WORDS || after.len() > MOST_WORDS {
        if before == after {
            after.iter().for_each(|word| changes.push(Kind::Same, word));
        } else {
            before.iter().for_each(|word| changes.push(Kind::Removed, word));
            after.iter().for_each(|word| changes.push(Kind::Added, word));
        }
        return changes.finish();
    }
    let lengths = common_lengths(&before, &after);
    let (mut i, mut j) = (0, 0);
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            changes.push(Kind::Same, before[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == after.len() || (i < before.len() && lengths[i + 1][j] >= lengths[i][j + 1]) {
            changes.push(Kind::Removed, before[i]);
            i += 1;
        } else {
            changes.push(Kind::Added, after[j]);
            j += 1;
        }
    }
    changes.finish()
}

/// Length of the longest common subsequence of the words from `i` and from `j` on, for all `i` and `j`.
fn common_lengths(before: &[&str], after: &[&str]) -> Vec<Vec<u16>> {
    let mut lengths = vec![vec![0u16; after.len() + 1]; before.len() + 1];
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

/// Joins words of one kind to stretches.
#[derive(Default)]
struct Changes {
    done: Vec<Change>,
    removed: String,
    added: String,
}

impl Changes {
    fn push(&mut self, kind: Kind, word: &str) {
        let text = match kind {
            Kind::Removed => &mut self.removed,
            Kind::Added => &mut self.added,
            Kind::Same => {
                self.flush();
                if self.done.last().is_none_or(|last| last.kind != Kind::Same) {
                    self.done.push(Change {
                        kind,
                        text: String::new(),
                    });
                }
                &mut self
                    .done
                    .last_mut()
                    .expect("one was pushed if there was none")
                    .text
            }
        };
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }

    fn flush(&mut self) {
        let texts = [
            (Kind::Removed, std::mem::take(&mut self.removed)),
            (Kind::Added, std::mem::take(&mut self.added)),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        self.done.extend(texts.map(|(kind, text)| Change { kind, text }));
    }

    fn finish(mut self) -> Vec<Change> {
        self.flush();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn written(before: &str, after: &str) -> String {
        let stretch = |change: Change| match change.kind {
            Kind::Same => change.text,
            Kind::Removed => format!("[-{}-]", change.text),
            Kind::Added => format!("[+{}+]", change.text),
        };
        let stretches: Vec<String> = word_diff(before, after).into_iter().map(stretch).collect();
        stretches.join(" ")
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn changed_words_stand_beside_each_other() {
        assert_eq!(written("a fine film", "a dull film"), "a [-fine-] [+dull+] film");
        assert_eq!(written("a b c", "a b c"), "a b c");
        assert_eq!(written("", "x y"), "[+x y+]");
        assert_eq!(written("x  y", ""), "[-x y-]");
        assert_eq!(
            written("one two three", "zero one three"),
            "[+zero+] one [-two-] three"
        );
        assert_eq!(written("", ""), "");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn very_long_texts_are_one_replacement() {
        let long = "word ".repeat(MOST_WORDS + 1);
        assert_eq!(word_diff(&long, "x").len(), 2);
        assert_eq!(word_diff(&long, &long).len(), 1);
    }

    proptest! {
        /// What is not added is the first text, what is not removed the second; and as much stays as can.
        #[test]
        fn both_texts_are_in_the_difference(before in "[ab]( [abc]){0,8}", after in "[ab]( [abc]){0,8}") {
            let changes = word_diff(&before, &after);
            let without = |kind| {
                let texts: Vec<&str> =
                    changes.iter().filter(|change| change.kind != kind).map(|change| change.text.as_str()).collect();
                texts.join(" ")
            };
            prop_assert_eq!(without(Kind::Added), before.clone());
            prop_assert_eq!(without(Kind::Removed), after.clone());
            let same: usize = changes
                .iter()
                .filter(|change| change.kind == Kind::Same)
                .map(|change| change.text.split(' ').count())
                .sum();
            let (before, after): (Vec<&str>, Vec<&str>) = (before.split(' ').collect(), after.split(' ').collect());
            // Every choice of words of the first text, as bits.
            let longest = (0u32..1 << before.len())
                .filter(|bits| {
                    let mut rest = after.iter();
                    (0..before.len()).filter(|i| bits >> i & 1 == 1).all(|i| rest.any(|word| *word == before[i]))
                })
                .map(u32::count_ones)
                .max();
            prop_assert_eq!(Some(same), longest.map(|bits| bits as usize));
        }
    }
}
