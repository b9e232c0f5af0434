//! Telling words: which words of a text speak for which label, learned from labelled texts.

use std::collections::HashMap;

use super::words::{Word, words};

/// How many words of background text the prior counts as.
///
/// Enough to keep words seen once or twice out of the rationales, too little to matter for words seen fifty times.
const PRIOR_WORDS: f64 = 1000.0;

/// Log-odds of each word for each label, in standard errors, with an informative Dirichlet prior.
///
/// For word `w` and label `i` against all other labels `j`:
///
/// ```text
/// delta = ln( (y_iw + a_w) / (n_i + a_0 - y_iw - a_w) ) - ln( (y_jw + a_w) / (n_j + a_0 - y_jw - a_w) )
/// z     = delta / sqrt( 1 / (y_iw + a_w) + 1 / (y_jw + a_w) )
/// ```
///
/// with `y` counts of the word, `n` counts of all words, `a_w = a_0 * (share of w in all texts)`.
///
/// Source: Monroe, Colaresi and Quinn, "Fightin' Words", Political Analysis 16(4), 2008, equations 15 to 22.
#[derive(Clone, Debug)]
pub struct TellingWords {
    labels: usize,
    /// Word to its place in `scores`.
    places: HashMap<String, usize>,
    /// `[word, label]`, row by row.
    scores: Vec<f64>,
}

impl TellingWords {
    /// Learns from texts, each with the index of its label in `0..labels`.
    pub fn fit<'a>(labels: usize, texts: impl IntoIterator<Item = (usize, &'a str)>) -> Self {
        let mut places: HashMap<String, usize> = HashMap::new();
        // [word, label]
        let mut counts: Vec<f64> = Vec::new();
        let mut totals = vec![0.0; labels];
        for (label, text) in texts {
            assert!(label < labels, "label {label} of {labels}");
            for word in words(text) {
                let next = places.len();
                let place = *places.entry(word.key).or_insert(next);
                if place == next {
                    counts.resize(counts.len() + labels, 0.0);
                }
                counts[place * labels + label] += 1.0;
                totals[label] += 1.0;
            }
        }
        let scores = z_scores(&counts, &totals);
        Self {
            labels,
            places,
            scores,
        }
    }

    /// How strongly the word speaks for the label, in standard errors; 0 for a word never seen.
    ///
    /// `word` is in lower case.
    pub fn score(&self, word: &str, label: usize) -> f64 {
        assert!(label < self.labels, "label {label} of {}", self.labels);
        self.places
            .get(word)
            .map_or(0.0, |place| self.scores[place * self.labels + label])
    }

    /// The content words of the text that speak most for the label, at most `count`, in reading order.
    ///
    /// Also when no word speaks for it: every label gets as many words as any other, so their number gives nothing
    /// away.
    pub fn most_telling<'a>(&self, text: &'a str, label: usize, count: usize) -> Vec<&'a str> {
        let mut chosen = self.ranked(text, label);
        chosen.truncate(count);
        chosen.sort_by_key(|(at, _)| *at);
        chosen.into_iter().map(|(_, word)| word.text).collect()
    }

    /// The content words of the text with their places, each once, those that speak most for the label first.
    pub(crate) fn ranked<'a>(&self, text: &'a str, label: usize) -> Vec<(usize, Word<'a>)> {
        let mut ranked: Vec<(f64, usize, Word<'a>)> = Vec::new();
        for (at, word) in words(text).into_iter().enumerate() {
            if word.is_content() && !ranked.iter().any(|(_, _, other)| other.key == word.key) {
                ranked.push((self.score(&word.key, label), at, word));
            }
        }
        ranked.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        ranked.into_iter().map(|(_, at, word)| (at, word)).collect()
    }
}

/// The `z` of [`TellingWords`] for counts `[word, label]` with the given totals `[label]`.
fn z_scores(counts: &[f64], totals: &[f64]) -> Vec<f64> {
    let labels = totals.len();
    let all: f64 = totals.iter().sum();
    let mut scores = Vec::with_capacity(counts.len());
    for row in counts.chunks_exact(labels.max(1)) {
        let everywhere: f64 = row.iter().sum();
        let prior = PRIOR_WORDS * everywhere / all;
        for (count, total) in row.iter().zip(totals) {
            let here = count + prior;
            let there = everywhere - count + prior;
            // Not zero unless the corpus is a single word: then the word tells nothing.
            let rest_here = total + PRIOR_WORDS - here;
            let rest_there = all - total + PRIOR_WORDS - there;
            let score = if rest_here > 0.0 && rest_there > 0.0 {
                let delta = libm::log(here / rest_here) - libm::log(there / rest_there);
                delta / (1.0 / here + 1.0 / there).sqrt()
            } else {
                0.0
            };
            scores.push(score);
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn z_scores_equal_the_formula_worked_by_hand() {
        // Two labels of 4 words each. "goal" occurs 3 times under label 0 and once under label 1:
        // a_w = 1000 * 4 / 8 = 500; (3 + 500) / (4 + 1000 - 503) = 503 / 501; (1 + 500) / (4 + 1000 - 501) = 501 / 503;
        // delta = 2 ln(503 / 501) = 0.00796812971...; z = delta / sqrt(1/503 + 1/501) = 0.12623...
        let scores = z_scores(&[3.0, 1.0, 1.0, 3.0], &[4.0, 4.0]);
        let by_hand = 2.0 * (503.0_f64 / 501.0).ln() / (1.0_f64 / 503.0 + 1.0 / 501.0).sqrt();
        assert!(
            (by_hand - 0.126_239).abs() < 1e-5,
            "the hand calculation itself: {by_hand}"
        );
        for (score, expected) in scores.iter().zip([by_hand, -by_hand, -by_hand, by_hand]) {
            assert!((score - expected).abs() < 1e-12, "{scores:?}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn the_word_that_only_one_label_uses_speaks_for_it() {
        let texts = [
            (0, "the team won the match"),
            (1, "the bank cut the rate"),
            (0, "a match for the team"),
        ];
        let telling = TellingWords::fit(2, texts);
        assert!(telling.score("team", 0) > 0.0, "team speaks for sport");
        assert!(telling.score("team", 1) < 0.0, "and against business");
        assert!(
            telling.score("team", 0) > telling.score("won", 0),
            "twice seen beats once seen"
        );
        assert!(
            telling.score("unseen", 0).abs() < f64::EPSILON,
            "an unknown word is neutral"
        );
        assert_eq!(
            telling.most_telling("The bank bought the Team, the team lost", 0, 1),
            ["Team"]
        );
        assert_eq!(
            telling.most_telling("The bank bought the Team, the team lost", 1, 1),
            ["bank"]
        );
        assert_eq!(
            telling.most_telling("The bank bought the Team", 1, 9),
            ["bank", "bought", "Team"]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_corpus_without_words_gives_neutral_scores() {
        let telling = TellingWords::fit(2, [(0, "..."), (1, "")]);
        assert!(
            telling.score("word", 1).abs() < f64::EPSILON,
            "nothing was learned"
        );
        let one_word = TellingWords::fit(2, [(0, "so")]);
        assert!(
            one_word.score("so", 0).abs() < f64::EPSILON,
            "one word alone tells nothing"
        );
    }
}
