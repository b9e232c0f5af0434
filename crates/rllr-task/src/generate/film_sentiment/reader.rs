//! Reads a review by composition: clauses, whose they are, what is denied, what is conceded.

use super::lexicon::{BAD, EXPECTED, FEW, GOOD, HOLDERS, MOST};
use crate::generate::wording::{has_phrase, number, words};

/// The label's index, or `None` when no opinion of the writer is found.
pub(in crate::generate) fn read(text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    let clauses: Vec<Clause> = split(&text).iter().map(|piece| Clause::read(piece)).collect();
    let sign = by_agreement(&clauses, &text)
        .or_else(|| by_share(&clauses))
        .or_else(|| by_main_clause(&clauses))?;
    Some(usize::from(sign > 0))
}

/// What one clause says.
struct Clause {
    /// +1 or -1, negations applied; `None` without an opinion word.
    sign: Option<i32>,
    /// Conceded, expected, or somebody else's opinion: it does not decide.
    discounted: bool,
    /// How many parts it is about, as far as it says so.
    share: Option<usize>,
}

impl Clause {
    fn read(piece: &str) -> Self {
        let words = words(piece);
        let word_sign = words.iter().rev().find_map(|word| {
            let is_in = |list: &[&str]| list.contains(&word.as_str());
            if is_in(&GOOD) {
                Some(1)
            } else if is_in(&BAD) {
                Some(-1)
            } else {
                None
            }
        });
        let negations = words
            .iter()
            .filter(|word| matches!(word.as_str(), "not" | "never" | "nobody"))
            .count();
        let foreign = HOLDERS.iter().any(|holder| has_phrase(&words, holder));
        let expected = EXPECTED.iter().any(|phrase| has_phrase(&words, phrase));
        let conceded = words.iter().any(|word| word == "although" || word == "though");
        Self {
            sign: word_sign.map(|sign| if negations % 2 == 0 { sign } else { -sign }),
            discounted: foreign || expected || conceded,
            share: share(&words),
        }
    }
}

/// Splits at punctuation and before the words that open a clause.
fn split(text: &str) -> Vec<String> {
    let mut marked = format!(" {text} ");
    for opener in ["and", "but", "where", "although", "even though", "instead"] {
        marked = marked.replace(&format!(" {opener} "), &format!(" |{opener} "));
    }
    marked
        .split(['|', ',', '.', ':'])
        .map(str::to_owned)
        .filter(|piece| !piece.trim().is_empty())
        .collect()
}

/// A number of parts, or more than any for "most" and fewer than any for "few".
fn share(words: &[String]) -> Option<usize> {
    if MOST.iter().any(|phrase| has_phrase(words, phrase)) {
        return Some(usize::MAX);
    }
    if FEW.iter().any(|phrase| has_phrase(words, phrase)) {
        return Some(0);
    }
    words.iter().find_map(|word| number(word))
}

/// Somebody's opinion, which the writer shares or not.
fn by_agreement(clauses: &[Clause], text: &str) -> Option<i32> {
    let words = words(text);
    let says = |word: &str| words.iter().any(|other| other == word);
    let factor = if says("agree") || says("right") {
        1
    } else if says("disagree") || says("wrong") {
        -1
    } else {
        return None;
    };
    clauses
        .iter()
        .find_map(|clause| clause.sign)
        .map(|sign| sign * factor)
}

/// The clause about the most parts, where two clauses count parts ("one critic" alone counts nothing).
fn by_share(clauses: &[Clause]) -> Option<i32> {
    let counted: Vec<_> = clauses
        .iter()
        .filter_map(|clause| Some((clause.share?, clause.sign?)))
        .collect();
    if counted.len() < 2 {
        return None;
    }
    counted
        .into_iter()
        .max_by_key(|(share, _)| *share)
        .map(|(_, sign)| sign)
}

/// The last clause that is the writer's own and not conceded.
fn by_main_clause(clauses: &[Clause]) -> Option<i32> {
    clauses
        .iter()
        .rev()
        .filter(|clause| !clause.discounted)
        .find_map(|clause| clause.sign)
}
