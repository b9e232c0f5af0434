//! Reads two captions by composition. Which reading applies is seen from the sentences, never from their writer.

use super::comparison::COMPARATIVES;
use super::kinds::{AGENTS, THINGS};
use super::relation::{Bound, Relation, Share};
use super::states::STATES;
use crate::generate::wording::{has_phrase, number, words};

/// The label's index, or `None` when no reading applies.
pub(in crate::generate) fn read(premise: &str, hypothesis: &str) -> Option<usize> {
    let relation = orders(premise, hypothesis)
        .or_else(|| states(premise, hypothesis))
        .or_else(|| quantities(premise, hypothesis))
        .or_else(|| kinds(premise, hypothesis))?;
    Relation::ALL.iter().position(|other| *other == relation)
}

/// The pairs (above, below) of a comparison sentence.
fn ordered_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split(" and ").map(|clause| {
        let words = words(clause);
        let is_comparative = |word: &String| {
            COMPARATIVES
                .iter()
                .any(|(more, less)| word == more || word == less)
        };
        let at = words.iter().position(is_comparative)?;
        let (first, last) = (words.get(1)?.clone(), words.last()?.clone());
        let is_more = COMPARATIVES.iter().any(|(more, _)| words[at] == *more);
        Some(if is_more { (first, last) } else { (last, first) })
    });
    pairs.collect()
}

/// Follows the comparisons of the premise upwards and downwards.
fn orders(premise: &str, hypothesis: &str) -> Option<Relation> {
    let known = ordered_pairs(premise)?;
    let asked = ordered_pairs(hypothesis)?.pop()?;
    let is_above = |above: &String, below: &String| {
        known.iter().any(|(high, low)| {
            high == above && (low == below || known.iter().any(|(middle, end)| middle == low && end == below))
        })
    };
    Some(if is_above(&asked.0, &asked.1) {
        Relation::Entailment
    } else if is_above(&asked.1, &asked.0) {
        Relation::Contradiction
    } else {
        Relation::Neutral
    })
}

/// What the premise says of the state that the hypothesis names.
fn states(premise: &str, hypothesis: &str) -> Option<Relation> {
    let hypothesis = words(hypothesis);
    let state = hypothesis.last().filter(|word| STATES.contains(&word.as_str()))?;
    let is_denied = |words: &[String]| words.iter().any(|word| word == "not" || word == "never");
    let premise = premise.replace(" and ", ", ");
    let said = premise
        .split(", ")
        .map(words)
        .find(|words| words.contains(state))?;
    if said
        .iter()
        .any(|word| matches!(word.as_str(), "may" | "could" | "perhaps"))
    {
        return Some(Relation::Neutral);
    }
    Some(if is_denied(&said) == is_denied(&hypothesis) {
        Relation::Entailment
    } else {
        Relation::Contradiction
    })
}

/// The cases in which a counted phrase is true.
fn cases(words: &[String]) -> Option<u32> {
    let of_share = Share::ALL
        .iter()
        .rev()
        .find(|share| has_phrase(words, &format!("{} of", share.phrase())));
    if let Some(share) = of_share {
        // "Not all of" contains "all of"; the longer phrase comes first from the end.
        return Some(share.cases());
    }
    let number = words.iter().find_map(|word| number(word))?;
    let bound = Bound::ALL.iter().find(|bound| has_phrase(words, bound.phrase()));
    Some(bound.copied().unwrap_or(Bound::Exactly).cases(number))
}

/// What the premise says of the group that the hypothesis names.
fn quantities(premise: &str, hypothesis: &str) -> Option<Relation> {
    let hypothesis = words(hypothesis);
    let asked = cases(&hypothesis)?;
    if hypothesis.iter().any(|word| word == "animals") {
        return Some(Relation::between(total(premise)?, asked));
    }
    let premise = premise.replace(" and ", ", ");
    let phrases: Vec<_> = premise.split(", ").map(words).collect();
    // The group is the word after the quantity: the hypothesis names it too.
    let group = |words: &[String]| {
        let at = words
            .iter()
            .rposition(|word| number(word).is_some() || word == "of")?;
        words[at + 1..].iter().find(|word| *word != "the").cloned()
    };
    let asked_group = group(&hypothesis)?;
    let Some(said) = phrases
        .iter()
        .find(|words| group(words).as_ref() == Some(&asked_group))
    else {
        return Some(Relation::Neutral);
    };
    Some(Relation::between(cases(said)?, asked))
}

/// The cases for all animals together: counts add up, "only" closes them.
fn total(premise: &str) -> Option<u32> {
    let words = words(premise);
    let total: usize = words.iter().filter_map(|word| number(word)).sum();
    match words.first()?.as_str() {
        "only" => Some(Bound::Exactly.cases(total)),
        "at" => Some(Bound::AtLeast.cases(total)),
        _ => None,
    }
}

/// Compares the kinds of two sentences, each stated or denied.
fn kinds(premise: &str, hypothesis: &str) -> Option<Relation> {
    let (premise, hypothesis) = (words(premise), words(hypothesis));
    let is_denied = |words: &[String]| words.first().is_some_and(|word| word == "no");
    let is_narrow = |words: &[String]| {
        AGENTS
            .iter()
            .chain(&THINGS)
            .any(|(narrow, _)| words.iter().any(|word| word == narrow))
    };
    let is_known = |words: &[String]| {
        let has = |list: &[(&str, &str)]| {
            list.iter()
                .any(|(one, other)| words.iter().any(|word| word == one || word == other))
        };
        has(&AGENTS) && has(&THINGS)
    };
    if !(is_known(&premise) && is_known(&hypothesis)) {
        return None;
    }
    let narrows = (is_narrow(&premise), is_narrow(&hypothesis));
    Some(match (is_denied(&premise), is_denied(&hypothesis)) {
        (false, false) if narrows.0 => Relation::Entailment,
        (true, true) if narrows.1 => Relation::Entailment,
        (false, true) if narrows.0 && !narrows.1 => Relation::Contradiction,
        (true, false) if narrows.1 && !narrows.0 => Relation::Contradiction,
        _ => Relation::Neutral,
    })
}
