//! Graded similarity: in how many of five parts do two sentences agree?
//!
//! The parts are who, does, what, where and when. Synonyms agree, so that counting shared words misleads.

mod lexicon;
mod reader;

use self::lexicon::{ACTIONS, AGENTS, OBJECTS, PLACES, TIMES};
pub(super) use self::reader::read;
use super::wording::{list, sentence};
use super::{Dice, Difficulty, Family, Member};

/// The parts of a sentence.
const PARTS: usize = 5;

/// Two ways to say one thing.
type Row = [&'static str; 2];

/// The rows of one part.
fn rows(part: usize) -> &'static [Row] {
    match part {
        0 => &AGENTS,
        1 => &ACTIONS,
        2 => &OBJECTS,
        3 => &PLACES,
        _ => &TIMES,
    }
}

/// One part of both sentences.
struct Part {
    /// What the first sentence says.
    first: &'static str,
    /// The same in the second sentence's words.
    same: &'static str,
    /// Something else.
    other: &'static str,
}

impl Part {
    fn draw(part: usize, difficulty: Difficulty, dice: &mut Dice<'_>) -> Self {
        let [row, other]: [Row; 2] = dice.distinct(rows(part));
        let way = dice.below(2);
        let reworded = match difficulty {
            Difficulty::Easy => false,
            Difficulty::Medium => dice.flip(),
            Difficulty::Hard => true,
        };
        Self {
            first: row[way],
            same: row[if reworded { 1 - way } else { way }],
            other: other[dice.below(2)],
        }
    }
}

pub(super) fn family(difficulty: Difficulty, dice: &mut Dice<'_>) -> Family {
    let parts: [Part; PARTS] = std::array::from_fn(|part| Part::draw(part, difficulty, dice));
    // The part that comes first here agrees in all members but the first.
    let agreeing: [usize; PARTS] = dice.distinct(&[0, 1, 2, 3, 4]);
    let orders = match difficulty {
        Difficulty::Easy => [0, 0],
        Difficulty::Medium => [0, dice.below(2)],
        Difficulty::Hard => [dice.below(4), dice.below(4)],
    };
    let first: Vec<&str> = parts.iter().map(|part| part.first).collect();
    let text_a = say(&first, orders[0]);
    let members = (0..=PARTS).map(|label| {
        let agrees = |part: &usize| agreeing[..label].contains(part);
        let second: Vec<&str> = parts
            .iter()
            .enumerate()
            .map(|(at, part)| if agrees(&at) { part.same } else { part.other })
            .collect();
        Member::pair(text_a.clone(), say(&second, orders[1]), argument(&first, agrees))
    });
    Family(members.collect())
}

/// A sentence of five parts in one of four orders.
fn say(parts: &[&str], order: usize) -> String {
    let [who, does, what, place, time] = parts else {
        unreachable!("a sentence has five parts")
    };
    sentence(&match order {
        0 => format!("{who} {does} {what} {place} {time}"),
        1 => format!("{time} {who} {does} {what} {place}"),
        2 => format!("{place} {who} {does} {what} {time}"),
        _ => format!("{time}, {place}, {who} {does} {what}"),
    })
}

/// Names the first sentence's words in the parts that agree, or in those that do not.
fn argument(first: &[&str], agrees: impl Fn(&usize) -> bool) -> String {
    let named = |wanted: bool| {
        let chosen = first
            .iter()
            .enumerate()
            .filter(|(part, _)| agrees(part) == wanted);
        // The last word names the part: "boy", "kitchen".
        chosen
            .map(|(_, words)| words.rsplit(' ').next().unwrap_or(words).to_owned())
            .collect::<Vec<_>>()
    };
    let [same, other] = [named(true), named(false)].map(|names| {
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            list(&names)
        }
    });
    format!("agree: {same}; differ: {other}")
}
