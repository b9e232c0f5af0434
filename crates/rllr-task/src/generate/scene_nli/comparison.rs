//! Three persons compared two by two: does the order of the first and the last follow?

use super::relation::Relation;
use super::{Dice, Member};
use crate::generate::wording::{capital, sentence};

const PERSONS: [&str; 12] = [
    "girl", "boy", "man", "woman", "nurse", "driver", "farmer", "teacher", "cook", "singer", "runner",
    "painter",
];

/// A comparative and its converse.
pub(super) const COMPARATIVES: [(&str, &str); 6] = [
    ("taller", "shorter"),
    ("older", "younger"),
    ("faster", "slower"),
    ("heavier", "lighter"),
    ("richer", "poorer"),
    ("stronger", "weaker"),
];

/// "The first is above the second", in words.
type Say = fn(&str, &str, (&str, &str), bool) -> String;

fn straight(above: &str, below: &str, (more, _): (&str, &str), _: bool) -> String {
    format!("the {above} is {more} than the {below}")
}

fn either_way(above: &str, below: &str, words: (&str, &str), turned: bool) -> String {
    let (more, less) = words;
    if turned {
        format!("the {below} is {less} than the {above}")
    } else {
        straight(above, below, (more, less), false)
    }
}

/// All comparisons use one word.
pub(super) fn chain(dice: &mut Dice<'_>) -> [Member; 3] {
    compare(straight, dice)
}

/// Each comparison uses the word or its converse.
pub(super) fn converse(dice: &mut Dice<'_>) -> [Member; 3] {
    compare(either_way, dice)
}

fn compare(say: Say, dice: &mut Dice<'_>) -> [Member; 3] {
    let [first, middle, last]: [&str; 3] = dice.distinct(&PERSONS);
    let words = dice.pick(&COMPARATIVES);
    let turned = [dice.flip(), dice.flip(), dice.flip()];
    let (swap, middle_on_top) = (dice.flip(), dice.flip());
    let text_b = sentence(&say(first, last, words, turned[2]));
    let member = |pairs: [(&str, &str); 2], argument: String| {
        let clauses = [0, 1].map(|index| say(pairs[index].0, pairs[index].1, words, turned[index]));
        let [one, two] = if swap {
            [&clauses[1], &clauses[0]]
        } else {
            [&clauses[0], &clauses[1]]
        };
        Member::pair(capital(&format!("{one} and {two}.")), text_b.clone(), argument)
    };
    Relation::ALL.map(|relation| match relation {
        Relation::Entailment => member(
            [(first, middle), (middle, last)],
            format!("the {first} is above the {middle}, the {middle} above the {last}"),
        ),
        Relation::Contradiction => member(
            [(last, middle), (middle, first)],
            format!("the {last} is above the {middle}, the {middle} above the {first}"),
        ),
        Relation::Neutral if middle_on_top => member(
            [(middle, first), (middle, last)],
            format!("the {middle} is above both the {first} and the {last}"),
        ),
        Relation::Neutral => member(
            [(first, middle), (last, middle)],
            format!("the {middle} is below both the {first} and the {last}"),
        ),
    })
}
