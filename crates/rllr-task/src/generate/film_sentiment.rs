//! Film reviews: is the writer's opinion negative or positive?
//!
//! What counts: the main clause over the conceded one, the writer over other people, what came over what was
//! expected, most parts over few, and every negation in between.

mod lexicon;
mod reader;

use self::lexicon::{
    ADVERBS, ASPECTS, BAD, EXPECTED, FEW, GOOD, HEDGES, HOLDERS, MOST, PARTS, Polarity, TAILS,
};
pub(super) use self::reader::read;
use super::wording::{NUMBERS, a, capital, join, sentence};
use super::{Dice, Difficulty, Family, Member};

type Structure = fn(&mut Dice<'_>) -> [Member; 2];

pub(super) fn family(difficulty: Difficulty, dice: &mut Dice<'_>) -> Family {
    let structures: &[Structure] = match difficulty {
        Difficulty::Easy => &[negation, denial],
        Difficulty::Medium => &[contrast, other_opinion, expectation, quantifiers],
        Difficulty::Hard => &[negated_contrast, agreement, counts, layered],
    };
    dice.pick(structures)(dice).into()
}

/// One good and one bad word.
#[derive(Clone, Copy)]
struct Words {
    good: &'static str,
    bad: &'static str,
}

impl Words {
    fn draw(dice: &mut Dice<'_>) -> Self {
        Self {
            good: dice.pick(&GOOD),
            bad: dice.pick(&BAD),
        }
    }

    fn of(self, polarity: Polarity) -> &'static str {
        match polarity {
            Polarity::Negative => self.bad,
            Polarity::Positive => self.good,
        }
    }
}

/// One clause about one aspect, without its negation, which depends on the family's member.
#[derive(Clone, Copy)]
struct Clause {
    aspect: &'static str,
    word: &'static str,
    word_polarity: Polarity,
    form: usize,
    adverb: &'static str,
    hedge: &'static str,
}

impl Clause {
    fn draw(aspect: &'static str, dice: &mut Dice<'_>) -> Self {
        let word_polarity = dice.pick(&Polarity::ALL);
        Self {
            aspect,
            word: Words::draw(dice).of(word_polarity),
            word_polarity,
            form: dice.below(4),
            adverb: dice.pick(&ADVERBS),
            hedge: dice.pick(&HEDGES),
        }
    }

    /// The clause with this meaning: negated when the word alone means the opposite.
    fn meaning(self, polarity: Polarity) -> String {
        let Self {
            aspect,
            word,
            word_polarity,
            form,
            adverb,
            hedge,
        } = self;
        let (is, would, who) = if word_polarity == polarity {
            ("is always", "would", "everybody")
        } else {
            ("is never", "would never", "nobody")
        };
        let not = if word_polarity == polarity { "" } else { "not" };
        match form {
            0 => join(&[hedge, "the", aspect, "is", not, adverb, word]),
            1 => join(&["I", would, "call the", aspect, adverb, word]),
            2 => join(&[who, "would call the", aspect, adverb, word]),
            _ => join(&[hedge, "the", aspect, is, adverb, word]),
        }
    }

    /// The argument for this meaning.
    fn claim(self, polarity: Polarity) -> String {
        let Self { aspect, word, .. } = self;
        if self.word_polarity == polarity {
            format!("calls the {aspect} {word}")
        } else {
            format!("denies that the {aspect} is {word}")
        }
    }
}

/// "The acting is not really dull": one word and perhaps one negation.
fn negation(dice: &mut Dice<'_>) -> [Member; 2] {
    let clause = Clause::draw(dice.pick(&ASPECTS), dice);
    let tail = dice.pick(&TAILS);
    Polarity::ALL.map(|polarity| {
        let text = sentence(&join(&[&clause.meaning(polarity), tail]));
        Member::text(text, format!("the review {}", clause.claim(polarity)))
    })
}

/// "The acting is great, not dull": one word is said, the other denied.
fn denial(dice: &mut Dice<'_>) -> [Member; 2] {
    let (words, aspect) = (Words::draw(dice), dice.pick(&ASPECTS));
    let [first_adverb, second_adverb] = dice.distinct(&ADVERBS);
    let (tail, form) = (dice.pick(&TAILS), dice.below(4));
    Polarity::ALL.map(|polarity| {
        let said = join(&[first_adverb, words.of(polarity)]);
        let denied = join(&[second_adverb, words.of(polarity.opposite())]);
        let text = match form {
            0 => format!("the {aspect} is {said} {tail}, not {denied}"),
            1 => format!("the {aspect} is not {denied} {tail}, it is {said}"),
            2 => format!("{said} {tail} and never {denied}, that is the {aspect}"),
            _ => format!("never {denied} {tail}, always {said}, that is the {aspect}"),
        };
        let (said, denied) = (words.of(polarity), words.of(polarity.opposite()));
        Member::text(
            sentence(&text),
            format!("the {aspect} is called {said}, and {denied} is denied"),
        )
    })
}

/// Puts a deciding and a conceded clause together; either may come first.
fn concede(main: &str, conceded: &str, tails: [&str; 2], form: usize) -> String {
    let [first_tail, second_tail] = tails;
    // The first clause always has a tail: an adjective beside a connective would give the label away.
    let pair = |first: &str, second: &str| (join(&[first, first_tail]), join(&[second, second_tail]));
    match form {
        0 => {
            let (conceded, main) = pair(conceded, main);
            format!("{conceded}, but {main}")
        }
        1 => {
            let (conceded, main) = pair(conceded, main);
            format!("although {conceded}, {main}")
        }
        2 => {
            let (main, conceded) = pair(main, conceded);
            format!("{main}, even though {conceded}")
        }
        _ => {
            let (main, conceded) = pair(main, conceded);
            format!("{main}, although {conceded}")
        }
    }
}

/// "The acting is great, but the plot is dull": one clause decides.
fn contrast(dice: &mut Dice<'_>) -> [Member; 2] {
    let (words, hedge) = (Words::draw(dice), dice.pick(&HEDGES));
    let [aspect, other] = dice.distinct(&ASPECTS);
    let (adverb, tails, form) = (dice.pick(&ADVERBS), dice.distinct(&TAILS), dice.below(4));
    Polarity::ALL.map(|polarity| {
        let word = words.of(polarity);
        let main = join(&[hedge, "the", aspect, "is", adverb, word]);
        let conceded = format!("the {other} is {}", words.of(polarity.opposite()));
        let text = sentence(&concede(&main, &conceded, tails, form));
        Member::text(text, format!("the main point is that the {aspect} is {word}"))
    })
}

/// "My brother found the plot great, I found it dull": the writer decides.
fn other_opinion(dice: &mut Dice<'_>) -> [Member; 2] {
    let (words, aspect, holder) = (Words::draw(dice), dice.pick(&ASPECTS), dice.pick(&HOLDERS));
    let (tail, form) = (dice.pick(&TAILS), dice.below(4));
    Polarity::ALL.map(|polarity| {
        let (mine, theirs) = (words.of(polarity), words.of(polarity.opposite()));
        let text = match form {
            0 => format!("{holder} found the {aspect} {theirs} {tail}, and I found it {mine}"),
            1 => format!("I found the {aspect} {mine} {tail}, and {holder} found it {theirs}"),
            2 => format!("to {holder} the {aspect} was {theirs} {tail}, to me it was {mine}"),
            _ => format!("to me the {aspect} was {mine} {tail}, to {holder} it was {theirs}"),
        };
        Member::text(sentence(&text), format!("the writer found the {aspect} {mine}"))
    })
}

/// "I expected a dull plot and got a great one": what came decides.
fn expectation(dice: &mut Dice<'_>) -> [Member; 2] {
    let (words, aspect, expected) = (Words::draw(dice), dice.pick(&ASPECTS), dice.pick(&EXPECTED));
    let (tail, form) = (dice.pick(&TAILS), dice.below(4));
    Polarity::ALL.map(|polarity| {
        let (came, hoped) = (a(words.of(polarity)), a(words.of(polarity.opposite())));
        let text = match form {
            0 => format!("I {expected} {hoped} {aspect} and got {came} one {tail}"),
            1 => format!("I got {came} {aspect} where I {expected} {hoped} one {tail}"),
            2 => format!(
                "I got {came} {aspect} {tail} instead of the {} one that I {expected}",
                words.of(polarity.opposite())
            ),
            _ => format!(
                "instead of the {} {aspect} that I {expected}, I got {came} one {tail}",
                words.of(polarity.opposite())
            ),
        };
        Member::text(sentence(&text), format!("what came was {came} {aspect}"))
    })
}

/// "Most of the jokes are great, few are dull": the larger part decides.
fn quantifiers(dice: &mut Dice<'_>) -> [Member; 2] {
    let (words, part, tail) = (Words::draw(dice), dice.pick(&PARTS), dice.pick(&TAILS));
    let (most, few, form) = (dice.pick(&MOST), dice.pick(&FEW), dice.below(4));
    Polarity::ALL.map(|polarity| {
        let (big, small) = (words.of(polarity), words.of(polarity.opposite()));
        let text = match form {
            0 => format!("{most} of the {part} are {big} {tail}, {few} are {small}"),
            1 => format!("{few} of the {part} are {small} {tail}, {most} are {big}"),
            2 => format!("among the {part}, {few} are {small} {tail} and {most} are {big}"),
            _ => format!("among the {part}, {most} are {big} {tail} and {few} are {small}"),
        };
        Member::text(sentence(&text), format!("{most} of the {part} are called {big}"))
    })
}

/// A contrast whose clauses may be negated; the words stay, the negations move.
fn negated_contrast(dice: &mut Dice<'_>) -> [Member; 2] {
    let [aspect, other] = dice.distinct(&ASPECTS);
    let (main, conceded) = (Clause::draw(aspect, dice), Clause::draw(other, dice));
    let (tails, form) = (dice.distinct(&TAILS), dice.below(4));
    Polarity::ALL.map(|polarity| {
        let (text, opposite) = (main.meaning(polarity), conceded.meaning(polarity.opposite()));
        let text = sentence(&concede(&text, &opposite, tails, form));
        Member::text(text, format!("the main clause {}", main.claim(polarity)))
    })
}

/// "My brother called the plot dull, and he is wrong": an opinion, and whether the writer shares it.
fn agreement(dice: &mut Dice<'_>) -> [Member; 2] {
    let (clause, holder) = (Clause::draw(dice.pick(&ASPECTS), dice), dice.pick(&HOLDERS));
    let (tail, form) = (dice.pick(&TAILS), dice.below(4));
    let Clause {
        aspect, word, adverb, ..
    } = clause;
    Polarity::ALL.map(|polarity| {
        let shared = clause.word_polarity == polarity;
        let (agree, right) = if shared {
            ("agree", "right")
        } else {
            ("disagree", "wrong")
        };
        let text = match form {
            0 => format!("{holder} called the {aspect} {adverb} {word} {tail}, and I {agree}"),
            1 => format!("I {agree} with {holder}, who called the {aspect} {adverb} {word} {tail}"),
            2 => format!("{holder} called the {aspect} {adverb} {word} {tail}, which is {right}"),
            _ => format!("it is {right}, what {holder} said: the {aspect} is {adverb} {word} {tail}"),
        };
        let agrees = if shared { "agrees" } else { "disagrees" };
        Member::text(
            sentence(&text),
            format!("the writer {agrees} that the {aspect} is {word}"),
        )
    })
}

/// "Seven of the nine jokes are great, the other two are dull": the larger number decides.
fn counts(dice: &mut Dice<'_>) -> [Member; 2] {
    let (words, part, tail) = (Words::draw(dice), dice.pick(&PARTS), dice.pick(&TAILS));
    let total = dice.between(5, 12);
    let small = dice.between(1, (total - 1) / 2).max(2);
    let (big, small, total) = (NUMBERS[total - small], NUMBERS[small], NUMBERS[total]);
    let form = dice.below(4);
    Polarity::ALL.map(|polarity| {
        let (most, least) = (words.of(polarity), words.of(polarity.opposite()));
        let text = match form {
            0 => format!("{big} of the {total} {part} are {most} {tail}, the other {small} are {least}"),
            1 => format!("{small} of the {total} {part} are {least} {tail}, the other {big} are {most}"),
            2 => format!("of the {total} {part}, {small} are {least} {tail} and {big} are {most}"),
            _ => format!("of the {total} {part}, {big} are {most} {tail} and {small} are {least}"),
        };
        Member::text(sentence(&text), format!("{big} of the {total} {part} are {most}"))
    })
}

/// Somebody else's opinion before or after a contrast.
fn layered(dice: &mut Dice<'_>) -> [Member; 2] {
    let (words, holder, hedge) = (Words::draw(dice), dice.pick(&HOLDERS), dice.pick(&HEDGES));
    let [aspect, other, third] = dice.distinct(&ASPECTS);
    let distractor = Words::draw(dice).of(dice.pick(&Polarity::ALL));
    let (tails, form, before) = (dice.distinct(&TAILS), dice.below(4), dice.flip());
    Polarity::ALL.map(|polarity| {
        let word = words.of(polarity);
        let main = join(&[hedge, "the", aspect, "is", word]);
        let conceded = format!("the {other} is {}", words.of(polarity.opposite()));
        let own = concede(&main, &conceded, tails, form);
        let foreign = format!("{holder} found the {third} {distractor}");
        let text = if before {
            format!("{}. {}.", capital(&foreign), capital(&own))
        } else {
            format!("{}. {}.", capital(&own), capital(&foreign))
        };
        Member::text(
            text,
            format!("the writer's main point is that the {aspect} is {word}"),
        )
    })
}
