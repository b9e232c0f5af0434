//! App reviews: how many stars does the writer give in the end?
//!
//! What counts: the new version over the old one, the writer over other people, the last word over the first, and
//! what is added or taken off.

mod lexicon;
mod reader;

use self::lexicon::{FEATURES, HOLDERS, PAIRS, TAILS, VERDICTS};
pub(super) use self::reader::read;
use super::wording::{NUMBERS, list, sentence};
use super::{Dice, Difficulty, Family, Member};

/// The labels' indices; the stars are one more.
const RATINGS: [usize; 5] = [0, 1, 2, 3, 4];

type Structure = fn(&mut Dice<'_>) -> [Member; 5];

pub(super) fn family(difficulty: Difficulty, dice: &mut Dice<'_>) -> Family {
    let structures: &[Structure] = match difficulty {
        Difficulty::Easy => &[verdict, one_off],
        Difficulty::Medium => &[two_versions, other_opinion, change],
        Difficulty::Hard => &[features, layered, change],
    };
    dice.pick(structures)(dice).into()
}

/// One verdict for each rating.
fn verdicts(dice: &mut Dice<'_>) -> [&'static str; 5] {
    RATINGS.map(|rating| dice.pick(&VERDICTS[rating]))
}

/// For each rating another one: a rotation by a random number of places.
fn distractors(dice: &mut Dice<'_>) -> [usize; 5] {
    let turn = dice.between(1, 4);
    RATINGS.map(|rating| (rating + turn) % RATINGS.len())
}

/// `one star`, `two stars`.
fn stars(number: usize) -> String {
    format!(
        "{} {}",
        NUMBERS[number],
        if number == 1 { "star" } else { "stars" }
    )
}

/// "This app works well."
fn verdict(dice: &mut Dice<'_>) -> [Member; 5] {
    let (verdicts, tail, form) = (verdicts(dice), dice.pick(&TAILS), dice.below(3));
    let feature = dice.pick(&FEATURES);
    RATINGS.map(|rating| {
        let verdict = verdicts[rating];
        let text = match form {
            0 => format!("this app {verdict} {tail}"),
            1 => format!("{tail} I can say that this app {verdict}"),
            _ => format!("I tried the {feature} and the whole app {verdict} {tail}"),
        };
        Member::text(sentence(&text), format!("the writer says that it {verdict}"))
    })
}

/// "Five stars minus two for the ads."
fn one_off(dice: &mut Dice<'_>) -> [Member; 5] {
    let (feature, tail, form) = (dice.pick(&FEATURES), dice.pick(&TAILS), dice.below(3));
    let steps = RATINGS.map(|rating| step(rating, dice));
    RATINGS.map(|rating| {
        let (start, up, by) = steps[rating];
        let (start_stars, by_word) = (stars(start), NUMBERS[by]);
        let sign = if up { "plus" } else { "minus" };
        let text = match form {
            0 => format!("{start_stars} {sign} {by_word} for the {feature} {tail}"),
            1 => format!("{tail} I give {start_stars} {sign} {by_word} for the {feature}"),
            _ => format!("for the {feature} {sign} {by_word} from my {start_stars} {tail}"),
        };
        Member::text(sentence(&text), sum(start, up, by, rating + 1))
    })
}

/// A start, up or down, and by how much, so that this rating is the end.
fn step(rating: usize, dice: &mut Dice<'_>) -> (usize, bool, usize) {
    let end = rating + 1;
    loop {
        // Every end has a start other than itself between one and five.
        let start = dice.between(1, 5);
        if start != end {
            return (start, end > start, end.abs_diff(start));
        }
    }
}

/// The sum in words.
fn sum(start: usize, up: bool, by: usize, end: usize) -> String {
    let sign = if up { "plus" } else { "minus" };
    format!("{} {sign} {} makes {}", NUMBERS[start], NUMBERS[by], stars(end))
}

/// "The new version works well while the old one never works": this version counts.
fn two_versions(dice: &mut Dice<'_>) -> [Member; 5] {
    let (verdicts, distractors) = (verdicts(dice), distractors(dice));
    let (rated, other) = dice.pick(&PAIRS);
    let (tail, form) = (dice.pick(&TAILS), dice.below(4));
    RATINGS.map(|rating| {
        let (mine, foreign) = (verdicts[rating], verdicts[distractors[rating]]);
        let text = match form {
            0 => format!("{rated} {mine} {tail} while {other} {foreign}"),
            1 => format!("{other} {foreign} {tail}, {rated} {mine}"),
            2 => format!("while {other} {foreign} {tail}, {rated} {mine}"),
            _ => format!("{rated} {mine} {tail}, {other} {foreign}"),
        };
        Member::text(sentence(&text), format!("{rated} {mine}"))
    })
}

/// "My sister says it never works, for me it works well."
fn other_opinion(dice: &mut Dice<'_>) -> [Member; 5] {
    let (verdicts, distractors) = (verdicts(dice), distractors(dice));
    let (holder, tail, form) = (dice.pick(&HOLDERS), dice.pick(&TAILS), dice.below(4));
    RATINGS.map(|rating| {
        let (mine, foreign) = (verdicts[rating], verdicts[distractors[rating]]);
        let text = match form {
            0 => format!("{holder} says it {foreign} {tail}, for me it {mine}"),
            1 => format!("for me it {mine} {tail}, {holder} says it {foreign}"),
            2 => format!("I say it {mine} {tail} although {holder} says it {foreign}"),
            _ => format!("although {holder} says it {foreign} {tail}, I say it {mine}"),
        };
        Member::text(sentence(&text), format!("the writer says that it {mine}"))
    })
}

/// "It had two stars from me, the update earns it two more": the change counts.
fn change(dice: &mut Dice<'_>) -> [Member; 5] {
    let (feature, holder, tail) = (dice.pick(&FEATURES), dice.pick(&HOLDERS), dice.pick(&TAILS));
    let (foreign, form) = (stars(dice.between(1, 5)), dice.below(4));
    let steps = RATINGS.map(|rating| step(rating, dice));
    RATINGS.map(|rating| {
        let (start, up, by) = steps[rating];
        let (start_stars, by_word) = (stars(start), NUMBERS[by]);
        let (more, earns) = if up { ("more", "earns") } else { ("less", "costs") };
        let text = match form {
            0 => format!("I gave it {start_stars} {tail}, now the {feature} {earns} it {by_word}"),
            1 => format!("now {by_word} {more} than the {start_stars} that I gave it {tail}"),
            2 => format!("{holder} gave it {foreign} {tail}, I gave {start_stars} and the {feature} {earns} it {by_word}"),
            _ => format!("the {feature} {earns} it {by_word} of my {start_stars} {tail}, {holder} gives {foreign}"),
        };
        Member::text(sentence(&text), sum(start, up, by, rating + 1))
    })
}

/// "Three stars, one more for each of the map and the menu, one less for the ads": features are counted.
fn features(dice: &mut Dice<'_>) -> [Member; 5] {
    let chosen: [&str; 4] = dice.distinct(&FEATURES);
    let (tail, plus_first) = (dice.pick(&TAILS), dice.flip());
    // How many of up to four features add a star; the rest take one off. Three stars are the start.
    let counts = RATINGS.map(|rating| match rating {
        0 => dice.pick(&[(0, 2), (1, 3)]),
        1 => dice.pick(&[(0, 1), (1, 2)]),
        2 => dice.pick(&[(1, 1), (2, 2)]),
        3 => dice.pick(&[(1, 0), (2, 1)]),
        _ => dice.pick(&[(2, 0), (3, 1)]),
    });
    RATINGS.map(|rating| {
        let (plus, minus) = counts[rating];
        let phrase = |sign: &str, features: &[&str]| {
            if features.is_empty() {
                return String::new();
            }
            let features: Vec<String> = features.iter().map(|feature| format!("the {feature}")).collect();
            format!(", one star {sign} each for {}", list(&features))
        };
        let (more, less) = (
            phrase("more", &chosen[..plus]),
            phrase("less", &chosen[plus..plus + minus]),
        );
        let (first, second) = if plus_first { (more, less) } else { (less, more) };
        let text = format!("I start at three stars {tail}{first}{second}");
        let why = format!(
            "three plus {} minus {} makes {}",
            NUMBERS[plus],
            NUMBERS[minus],
            stars(rating + 1)
        );
        Member::text(sentence(&text), why)
    })
}

/// Versions, another person and a first impression at once.
fn layered(dice: &mut Dice<'_>) -> [Member; 5] {
    let (verdicts, distractors) = (verdicts(dice), distractors(dice));
    let ((rated, other), holder) = (dice.pick(&PAIRS), dice.pick(&HOLDERS));
    let form = dice.below(3);
    RATINGS.map(|rating| {
        let away = distractors[rating];
        let (mine, foreign, third) = (verdicts[rating], verdicts[away], verdicts[distractors[away]]);
        let text = match form {
            0 => format!("{other} {foreign}, {holder} says it {third}, for me {rated} {mine}"),
            1 => format!("for me {rated} {mine}, {holder} says it {foreign}, {other} {third}"),
            _ => format!("{holder} says it {foreign}, I say {rated} {mine}, while {other} {third}"),
        };
        Member::text(sentence(&text), format!("to the writer {rated} {mine}"))
    })
}
