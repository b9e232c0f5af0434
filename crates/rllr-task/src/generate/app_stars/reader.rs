//! Reads an app review by composition: whose verdict on what, or a sum of stars.

use super::lexicon::{FEATURES, HOLDERS, PAIRS, TAILS, VERDICTS};
use crate::generate::wording::{has_phrase, number, words};

/// The label's index, or `None` when the writer says nothing.
pub(in crate::generate) fn read(text: &str) -> Option<usize> {
    let mut text = text.to_lowercase();
    for tail in TAILS {
        // "After ten minutes" holds a number that counts no stars.
        text = text.replace(tail, "");
    }
    let clauses: Vec<Vec<String>> = split(&text).iter().map(|clause| words(clause)).collect();
    let own: Vec<&Vec<String>> = clauses.iter().filter(|clause| !is_foreign(clause)).collect();
    let stars = by_features(&text)
        .or_else(|| by_sum(&own))
        .or_else(|| by_verdict(&own))?;
    (1..=5).contains(&stars).then(|| stars - 1)
}

/// Splits at commas and before the words that open a clause.
fn split(text: &str) -> Vec<String> {
    let mut marked = text.to_owned();
    for opener in [" while ", " although "] {
        marked = marked.replace(opener, &format!(" |{}", opener.trim_start()));
    }
    marked.split([',', '|', '.']).map(str::to_owned).collect()
}

/// Somebody else's word, or a word on something else.
fn is_foreign(clause: &[String]) -> bool {
    HOLDERS.iter().any(|holder| has_phrase(clause, holder))
        || PAIRS.iter().any(|(_, other)| has_phrase(clause, other))
}

/// Three stars, and one more or less for each feature that is listed.
fn by_features(text: &str) -> Option<usize> {
    if !text.contains("each for") {
        return None;
    }
    let mut stars = 3;
    for part in text.split("one star ").skip(1) {
        let words = words(part);
        let listed = FEATURES
            .iter()
            .filter(|feature| has_phrase(&words, feature))
            .count();
        stars = if words.first().is_some_and(|word| word == "more") {
            stars + listed
        } else {
            stars - listed
        };
    }
    Some(stars)
}

/// The number before "stars" is the start; the other number is added or taken off.
fn by_sum(clauses: &[&Vec<String>]) -> Option<usize> {
    let words: Vec<&String> = clauses.iter().flat_map(|clause| clause.iter()).collect();
    let start_at = words
        .windows(2)
        .position(|pair| pair[1].starts_with("star") && number(pair[0]).is_some())?;
    let start = number(words[start_at])?;
    let others = words.iter().enumerate().filter(|(at, _)| *at != start_at);
    let by = others.filter_map(|(_, word)| number(word)).next_back()?;
    let says = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if says(&["plus", "more", "earns"]) {
        Some(start + by)
    } else if says(&["minus", "less", "costs"]) {
        start.checked_sub(by)
    } else {
        None
    }
}

/// The verdict in the writer's own clauses.
fn by_verdict(clauses: &[&Vec<String>]) -> Option<usize> {
    let found = clauses.iter().find_map(|clause| {
        VERDICTS
            .iter()
            .position(|verdicts| verdicts.iter().any(|verdict| has_phrase(clause, verdict)))
    })?;
    Some(found + 1)
}
