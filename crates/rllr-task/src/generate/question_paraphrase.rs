//! Pairs of questions: do they ask the same?
//!
//! Duplicates may share few words, different questions nearly all: what counts is who does what to whom, from where
//! to where, before or after what, open or not closed, all or none.

mod events;
mod facts;
mod reader;

pub(super) use self::reader::read;
use super::wording::question;
use super::{Dice, Difficulty, Family, Member};

type Structure = fn(&mut Dice<'_>) -> Questions;

/// One question, the same question in other words, and another question in nearly those words.
struct Questions {
    first: String,
    same: String,
    other: String,
    /// The arguments that [`Self::same`] is a duplicate and that [`Self::other`] is none.
    why_same: String,
    why_other: String,
}

/// They open a question and change nothing.
const ASIDES: [&str; 6] = [
    "I am new here.",
    "Quick question.",
    "A friend asked me this.",
    "Just wondering.",
    "Please help.",
    "My sister wants to know.",
];

pub(super) fn family(difficulty: Difficulty, dice: &mut Dice<'_>) -> Family {
    let structures: &[Structure] = match difficulty {
        Difficulty::Easy => &[facts::instruction, facts::state],
        Difficulty::Medium => &[events::route, events::order, facts::comparison, facts::state],
        Difficulty::Hard => &[events::roles, events::order, facts::quantifier, facts::amount],
    };
    let Questions {
        first,
        same,
        other,
        why_same,
        why_other,
    } = dice.pick(structures)(dice);
    let aside = match difficulty {
        Difficulty::Hard => [aside(dice), aside(dice)],
        _ => [""; 2],
    };
    let ask = |index: usize, text: &str| {
        let text = question(text);
        if aside[index].is_empty() {
            text
        } else {
            format!("{} {text}", aside[index])
        }
    };
    let swap = dice.flip();
    let member = |second: &str, why: String| {
        let (first, second) = (ask(0, &first), ask(1, second));
        if swap {
            Member::pair(second, first, why)
        } else {
            Member::pair(first, second, why)
        }
    };
    [member(&other, why_other), member(&same, why_same)].into()
}

fn aside(dice: &mut Dice<'_>) -> &'static str {
    if dice.flip() { "" } else { dice.pick(&ASIDES) }
}
