//! Reads a news sentence by composition: which clause is the main one, what is denied, what is most.

use super::lexicon::{ACTIONS, BACKGROUND, DENIALS, NOUNS};
use crate::generate::wording::{has_phrase, number, words};

/// The label's index, or `None` when nothing happens.
pub(in crate::generate) fn read(text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    let clauses: Vec<Clause> = split(&text).iter().map(|piece| Clause::read(piece)).collect();
    by_count(&clauses).or_else(|| by_main_clause(&clauses))
}

struct Clause {
    topic: Option<usize>,
    /// It says what somebody did; else it only names a thing.
    is_event: bool,
    /// Background, denied, or an aside.
    discounted: bool,
    count: Option<usize>,
}

impl Clause {
    fn read(piece: &str) -> Self {
        let words = words(piece);
        let opens_with = |phrases: &[&str]| {
            phrases.iter().any(|phrase| {
                let phrase: Vec<&str> = phrase.split(' ').collect();
                words.len() >= phrase.len() && words.iter().zip(&phrase).all(|(word, part)| word == part)
            })
        };
        let event = topic_of(&words, &ACTIONS);
        let aside = opens_with(&[
            "famous for",
            "not about",
            "it is not",
            "instead",
            "what looked like",
        ]);
        let denied = opens_with(&DENIALS) || has_phrase(&words, "is not about");
        Self {
            topic: event.or_else(|| topic_of(&words, &NOUNS)),
            is_event: event.is_some(),
            discounted: opens_with(&BACKGROUND) || denied || aside,
            count: words.iter().find_map(|word| number(word)),
        }
    }
}

/// Splits at punctuation and before the words that open a clause. What follows "and" stays with what is before it
/// unless it is counted apart.
fn split(text: &str) -> Vec<String> {
    let mut marked = format!(" {text} ");
    for opener in ["while", "after", "before", "as", "just when", "instead", "was"] {
        marked = marked.replace(&format!(" {opener} "), &format!(" |{opener} "));
    }
    // "It was a joke that" is one opener, not a new clause.
    marked = marked
        .replace("it |was", "it was")
        .replace("paper |was", "paper was");
    let split_counts = marked.contains(" of the ");
    if split_counts {
        marked = marked.replace(" and ", " |and ");
    }
    marked
        .split(['|', ',', '.'])
        .map(|piece| piece.trim().to_owned())
        .filter(|piece| !piece.is_empty())
        .collect()
}

/// The topic whose phrase stands first in the words.
fn topic_of<const N: usize>(words: &[String], phrases: &[[&str; N]; 4]) -> Option<usize> {
    (0..words.len()).find_map(|start| {
        phrases.iter().position(|phrases| {
            phrases.iter().any(|phrase| {
                let rest = &words[start..];
                let length = phrase.split(' ').count();
                rest.len() >= length && has_phrase(&rest[..length], phrase)
            })
        })
    })
}

/// The topic of the clause with the largest count, where two clauses count.
fn by_count(clauses: &[Clause]) -> Option<usize> {
    let counted: Vec<_> = clauses
        .iter()
        .filter_map(|clause| Some((clause.count?, clause.topic?)))
        .collect();
    if counted.len() < 2 {
        return None;
    }
    counted
        .into_iter()
        .max_by_key(|(count, _)| *count)
        .map(|(_, topic)| topic)
}

/// What happened in a clause that nothing discounts; a thing only where nothing happened.
fn by_main_clause(clauses: &[Clause]) -> Option<usize> {
    let standing = || clauses.iter().filter(|clause| !clause.discounted);
    let event = standing()
        .filter(|clause| clause.is_event)
        .find_map(|clause| clause.topic);
    event.or_else(|| standing().find_map(|clause| clause.topic))
}
