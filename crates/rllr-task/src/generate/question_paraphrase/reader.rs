//! Reads both questions into what they ask, whatever the wording, and compares.

use super::events::{ACTS, DEEDS, PERSONS};
use super::facts::{AMOUNTS, DOINGS, STATES, THINGS};
use crate::generate::wording::{has_phrase, words};

/// The label's index: 1 when both ask the same; `None` when a question is not understood.
pub(in crate::generate) fn read(first: &str, second: &str) -> Option<usize> {
    let (first, second) = (meaning(first)?, meaning(second)?);
    Some(usize::from(first == second))
}

/// What a question asks, in an order of its own: two questions ask the same when these are equal.
type Meaning = Vec<String>;

fn meaning(text: &str) -> Option<Meaning> {
    // Asides are sentences of their own; the question is the last one.
    let question = text.rsplit(". ").next()?;
    let words = words(question);
    route(&words)
        .or_else(|| order(&words))
        .or_else(|| roles(&words))
        .or_else(|| amount(&words))
        .or_else(|| comparison(&words))
        .or_else(|| quantifier(&words))
        .or_else(|| state(&words))
        .or_else(|| instruction(&words))
}

fn position(words: &[String], word: &str) -> Option<usize> {
    words.iter().position(|other| other == word)
}

fn has(words: &[String], word: &str) -> bool {
    position(words, word).is_some()
}

fn after(words: &[String], word: &str) -> Option<String> {
    words.get(position(words, word)? + 1).cloned()
}

/// Where a phrase begins.
fn find(words: &[String], phrase: &str) -> Option<usize> {
    (0..words.len()).find(|start| {
        let rest = &words[*start..];
        let length = phrase.split(' ').count();
        rest.len() >= length && has_phrase(&rest[..length], phrase)
    })
}

/// The ride, from, to. "Leave X for Y" and "leave from X" name the start; "get to", "to X" the end.
fn route(words: &[String]) -> Option<Meaning> {
    let ride = ["train", "bus", "flight", "drive", "ship", "trip"]
        .iter()
        .find(|ride| has(words, ride))?;
    let leave_for = position(words, "leave").filter(|at| words.get(at + 2).is_some_and(|word| word == "for"));
    let (from, to) = match leave_for {
        Some(at) => (words.get(at + 1)?.clone(), words.get(at + 3)?.clone()),
        None => {
            // "To get" and "to leave" go nowhere.
            let mut ends = words
                .windows(2)
                .filter(|pair| pair[0] == "to" && pair[1] != "get")
                .map(|pair| &pair[1]);
            (after(words, "from")?, ends.next_back()?.clone())
        }
    };
    Some(vec![(*ride).to_owned(), from, to])
}

/// The earlier act, the later act.
fn order(words: &[String]) -> Option<Meaning> {
    let mut acts: Vec<(usize, &str)> = ACTS
        .iter()
        .filter_map(|act| find(words, act).map(|at| (at, *act)))
        .collect();
    acts.sort_unstable();
    let [(_, one), (second_at, two)] = acts[..] else {
        return None;
    };
    let link = words
        .iter()
        .position(|word| matches!(word.as_str(), "before" | "after" | "later"))?;
    let text_order = match words[link].as_str() {
        "later" => true,
        // "Before A, B" puts B first; "A before B" puts A first; "after" the other way round.
        "before" => link > 0 && link < second_at,
        _ => link == 0,
    };
    let (earlier, later) = if text_order { (one, two) } else { (two, one) };
    Some(vec![earlier.to_owned(), later.to_owned()])
}

/// Who, does what, to whom; the passive turns the persons round.
fn roles(words: &[String]) -> Option<Meaning> {
    let (act, passive) = DEEDS.iter().find_map(|(act, done)| {
        if has(words, done) {
            Some((*act, true))
        } else {
            has(words, act).then_some((*act, false))
        }
    })?;
    let mut persons = words.iter().filter(|word| PERSONS.contains(&word.as_str()));
    let (first, second) = (persons.next()?.clone(), persons.next()?.clone());
    let (who, whom) = if passive { (second, first) } else { (first, second) };
    Some(vec![who, act.to_owned(), whom])
}

/// The amount in one way of saying it, and the rest of the question.
fn amount(words: &[String]) -> Option<Meaning> {
    // Longest first: "an hour and a half" is no half.
    let mut ways: Vec<(&str, &str)> = AMOUNTS
        .iter()
        .flat_map(|row| row.map(|way| (way, row[0])))
        .collect();
    ways.sort_by_key(|(way, _)| std::cmp::Reverse(way.len()));
    let (way, name) = ways.into_iter().find(|(way, _)| has_phrase(words, way))?;
    let text = words.join(" ");
    Some(vec![name.to_owned(), text.replacen(way, "", 1)])
}

/// Who has more, of what, who has less.
fn comparison(words: &[String]) -> Option<Meaning> {
    let degree = words.iter().position(|word| word == "more" || word == "less")?;
    let quality = words.get(degree + 1)?.clone();
    let subject_at = if words[degree - 1] == "is" {
        degree - 2
    } else {
        degree - 1
    };
    let subject = words[subject_at].clone();
    let other = after(words, "than").or_else(|| after(words, "with"))?;
    let (high, low) = if words[degree] == "more" {
        (subject, other)
    } else {
        (other, subject)
    };
    Some(vec![high, quality, low])
}

/// The kind, the skill, whether it is about all or some of them, and whether it is about can or can not.
fn quantifier(words: &[String]) -> Option<Meaning> {
    let can = words.iter().rposition(|word| word == "can")?;
    let first_can = position(words, "can")?;
    let skill = words.last()?.clone();
    // "Can all birds swim" opens with its verb; elsewhere the kind stands before "can" or "that can".
    let kind = if first_can == 0 {
        words.get(2)?.clone()
    } else if words[can - 1] == "that" {
        words[can - 2].clone()
    } else {
        words[can - 1].clone()
    };
    let is_universal = has(words, "all") || has_phrase(words, "every one");
    let is_existential = ["some", "one of", "are there", "none"]
        .iter()
        .any(|phrase| has_phrase(words, phrase));
    if !is_universal && !is_existential {
        return None;
    }
    let is_denied = ["no", "none", "false", "not all"]
        .iter()
        .any(|phrase| has_phrase(words, phrase));
    // "No X that" and "none" deny that there is one. A denial moves inside and turns all into some and back:
    // not (some can not) = all can.
    let holds_for_all = is_universal != is_denied;
    let inner_denied = has_phrase(words, "can not") != is_denied;
    Some(vec![
        kind,
        skill,
        holds_for_all.to_string(),
        inner_denied.to_string(),
    ])
}

/// The place, the time, and the state, "not" taken out.
fn state(words: &[String]) -> Option<Meaning> {
    let (at, row, is_opposite) = STATES.iter().enumerate().find_map(|(row, (state, opposite))| {
        position(words, state)
            .map(|at| (at, row, false))
            .or_else(|| position(words, opposite).map(|at| (at, row, true)))
    })?;
    let is_denied = words[at - 1] == "not";
    let place = after(words, "the").filter(|word| word != "reason").or_else(|| {
        let at = words.iter().rposition(|word| word == "the")?;
        words.get(at + 1).cloned()
    })?;
    Some(vec![
        place,
        words[at + 1..].join(" "),
        row.to_string(),
        (is_opposite != is_denied).to_string(),
    ])
}

/// The act and the thing, each by the row of its synonyms.
fn instruction(words: &[String]) -> Option<Meaning> {
    let row = |rows: &[[&str; 2]]| {
        rows.iter()
            .position(|row| row.iter().any(|way| find(words, &way.to_lowercase()).is_some()))
    };
    Some(vec![row(&DOINGS)?.to_string(), row(&THINGS)?.to_string()])
}
