//! Groups of people and animals: how many of them, or which share of them.

use super::relation::{Bound, Relation, Share};
use super::{Dice, Member};
use crate::generate::wording::{NUMBERS, capital, list, sentence};

pub(super) const GROUPS: [&str; 10] = [
    "dogs", "cats", "birds", "horses", "ducks", "boys", "girls", "men", "women", "farmers",
];

const ANIMALS: [&str; 6] = ["dogs", "cats", "horses", "ducks", "cows", "sheep"];

const DOINGS: [&str; 10] = [
    "rest in the shade",
    "run in the park",
    "sleep by the lake",
    "wait at the gate",
    "walk on the beach",
    "stand near the barn",
    "play in the snow",
    "look at the sky",
    "sit on the grass",
    "move across the field",
];

/// A bound with its number.
type Count = (Bound, usize);

fn phrase((bound, number): Count) -> String {
    format!("{} {}", bound.phrase(), NUMBERS[number])
}

fn draw_count(dice: &mut Dice<'_>) -> Count {
    (dice.pick(&Bound::ALL), dice.between(2, 9))
}

/// A count that stands in this relation to the other one.
fn draw_related(relation: Relation, hypothesis: Count, dice: &mut Dice<'_>) -> Count {
    loop {
        // Every hypothesis has premises of all three relations among the 40 counts, so this ends.
        let count = draw_count(dice);
        let found = Relation::between(count.0.cases(count.1), hypothesis.0.cases(hypothesis.1));
        if found == relation && count != hypothesis {
            return count;
        }
    }
}

/// A hypothesis about a count for which each relation has a premise.
fn draw_hypothesis(dice: &mut Dice<'_>) -> Count {
    // "Exactly" is entailed by itself alone; the ends of the range leave no room on one side.
    let bound = dice.pick(&[Bound::AtLeast, Bound::AtMost, Bound::MoreThan, Bound::FewerThan]);
    (bound, dice.between(4, 7))
}

/// The argument about one group.
fn argument(relation: Relation, group: &str, premise: &str, hypothesis: &str) -> String {
    match relation {
        Relation::Entailment => format!("{premise} {group} must be {hypothesis}"),
        Relation::Neutral => format!("{premise} {group} need not be {hypothesis}"),
        Relation::Contradiction => format!("{premise} {group} can not be {hypothesis}"),
    }
}

/// Two groups with plain numbers; the hypothesis is about one of them, or about nobody mentioned.
pub(super) fn two_counts(dice: &mut Dice<'_>) -> [Member; 3] {
    let [group, other, absent]: [&str; 3] = dice.distinct(&GROUPS);
    let doing = dice.pick(&DOINGS);
    let [first, second] = dice.distinct(&[2, 3, 4, 5, 6, 7, 8, 9]);
    let (number, wrong) = (NUMBERS[first], NUMBERS[second]);
    let premise = |own: &str, foreign: &str, swap: bool| {
        let (own, foreign) = (format!("{own} {group}"), format!("{foreign} {other}"));
        let pair = if swap { [foreign, own] } else { [own, foreign] };
        sentence(&format!("exactly {} {doing}", pair.join(" and exactly ")))
    };
    let swap = dice.flip();
    let text_b = sentence(&format!("exactly {number} {group} {doing}"));
    [
        Member::pair(
            premise(number, wrong, swap),
            text_b.clone(),
            format!("the {group} are counted: {number}"),
        ),
        Member::pair(
            sentence(&format!(
                "exactly {number} {absent} and exactly {wrong} {other} {doing}"
            )),
            text_b.clone(),
            format!("only {absent} and {other} are counted, not {group}"),
        ),
        Member::pair(
            premise(wrong, number, swap),
            text_b,
            format!("the {group} are {wrong}, not {number}"),
        ),
    ]
}

/// Three groups, three counts: one makes the hypothesis true, one false, one leaves it open.
pub(super) fn counts(dice: &mut Dice<'_>) -> [Member; 3] {
    let hypothesis = draw_hypothesis(dice);
    let premises = Relation::ALL.map(|relation| phrase(draw_related(relation, hypothesis, dice)));
    three_groups(&premises, &phrase(hypothesis), "", dice)
}

/// Three groups, three shares.
pub(super) fn shares(dice: &mut Dice<'_>) -> [Member; 3] {
    let hypothesis = dice.pick(&[
        Share::All,
        Share::Most,
        Share::Some,
        Share::NotAll,
        Share::LessThanHalf,
    ]);
    let premises = Relation::ALL.map(|relation| {
        let fitting: Vec<Share> = Share::ALL
            .into_iter()
            .filter(|share| Relation::between(share.cases(), hypothesis.cases()) == relation)
            .collect();
        // A share entails itself; the others of the row are preferred, so that "same word" is no rule.
        let others: Vec<Share> = fitting
            .iter()
            .copied()
            .filter(|share| *share != hypothesis)
            .collect();
        dice.pick(if others.is_empty() { &fitting } else { &others })
            .phrase()
            .to_owned()
    });
    three_groups(&premises, hypothesis.phrase(), "of the ", dice)
}

/// The premise names all three groups in random order; the hypothesis one of them.
fn three_groups(premises: &[String; 3], hypothesis: &str, of: &str, dice: &mut Dice<'_>) -> [Member; 3] {
    let groups: [&str; 3] = dice.distinct(&GROUPS);
    let doing = dice.pick(&DOINGS);
    let mut parts: Vec<String> = premises
        .iter()
        .zip(groups)
        .map(|(premise, group)| format!("{premise} {of}{group}"))
        .collect();
    dice.shuffle(&mut parts);
    let text_a = sentence(&format!("{} {doing}", list(&parts)));
    let claim = if of.is_empty() {
        hypothesis.to_owned()
    } else {
        format!("{hypothesis} of them")
    };
    std::array::from_fn(|index| {
        let (relation, group, premise) = (Relation::ALL[index], groups[index], &premises[index]);
        let text_b = sentence(&format!("{hypothesis} {of}{group} {doing}"));
        let argument = argument(relation, &format!("{of}{group}"), premise, &claim);
        Member::pair(text_a.clone(), text_b, argument)
    })
}

/// Two kinds of animals add up; "only" closes the count, "at least" leaves it open.
pub(super) fn sum(dice: &mut Dice<'_>) -> [Member; 3] {
    let [first, second]: [&str; 2] = dice.distinct(&ANIMALS);
    let (some, more) = (dice.between(2, 5), dice.between(2, 5));
    let (doing, total) = (dice.pick(&DOINGS), some + more);
    let close = dice.between(total + 1, total + 2);
    let low = dice.between(total - 2, total);
    Relation::ALL.map(|relation| {
        // (is the premise open upwards, bound, number): `low` is at most the sum, `close` is above it.
        let (open, bound, number) = match relation {
            Relation::Entailment => dice.pick(&[
                (true, Bound::AtLeast, low),
                (false, Bound::AtLeast, low),
                (false, Bound::FewerThan, close),
            ]),
            Relation::Neutral => dice.pick(&[(true, Bound::AtLeast, close), (true, Bound::FewerThan, close)]),
            Relation::Contradiction => dice.pick(&[
                (false, Bound::AtLeast, close),
                (true, Bound::FewerThan, low),
                (false, Bound::FewerThan, low),
            ]),
        };
        let opening = if open { "at least" } else { "only" };
        let (some, more) = (NUMBERS[some], NUMBERS[more]);
        let text_a = capital(&format!("{opening} {some} {first} and {more} {second} {doing}."));
        let hypothesis = phrase((bound, number));
        let text_b = sentence(&format!("{hypothesis} animals {doing}"));
        let total = format!("{opening} {}", NUMBERS[total]);
        Member::pair(text_a, text_b, argument(relation, "in all", &total, &hypothesis))
    })
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn counts_relate_as_by_hand() {
        let check = |premise: Count, hypothesis: Count, expected| {
            let found = Relation::between(premise.0.cases(premise.1), hypothesis.0.cases(hypothesis.1));
            assert_eq!(found, expected, "{} => {}", phrase(premise), phrase(hypothesis));
        };
        check((Bound::Exactly, 6), (Bound::AtLeast, 5), Relation::Entailment);
        check((Bound::Exactly, 2), (Bound::AtLeast, 5), Relation::Contradiction);
        check((Bound::AtLeast, 4), (Bound::AtLeast, 5), Relation::Neutral);
        check((Bound::MoreThan, 4), (Bound::AtLeast, 5), Relation::Entailment);
        check((Bound::AtMost, 4), (Bound::FewerThan, 5), Relation::Entailment);
        check((Bound::AtMost, 4), (Bound::MoreThan, 4), Relation::Contradiction);
        check((Bound::FewerThan, 9), (Bound::AtMost, 3), Relation::Neutral);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn shares_relate_as_by_hand() {
        let check = |premise: Share, hypothesis: Share, expected| {
            let found = Relation::between(premise.cases(), hypothesis.cases());
            assert_eq!(found, expected, "{premise:?} => {hypothesis:?}");
        };
        check(Share::All, Share::Most, Relation::Entailment);
        check(Share::All, Share::Some, Relation::Entailment);
        check(Share::Most, Share::All, Relation::Neutral);
        check(Share::Some, Share::NotAll, Relation::Neutral);
        check(Share::None, Share::NotAll, Relation::Entailment);
        check(Share::None, Share::Some, Relation::Contradiction);
        check(Share::All, Share::NotAll, Relation::Contradiction);
        check(Share::LessThanHalf, Share::Most, Relation::Contradiction);
        check(Share::LessThanHalf, Share::Some, Relation::Neutral);
    }
}
