//! Questions about how things are: instructions, states, comparisons, quantifiers and amounts.

use super::{Dice, Questions};

/// Two ways to say one act, and two ways to name one thing; the reader knows the rows.
pub(super) const DOINGS: [[&str; 2]; 8] = [
    ["buy", "purchase"],
    ["fix", "repair"],
    ["learn to use", "understand"],
    ["choose", "pick"],
    ["get rid of", "throw away"],
    ["make", "build"],
    ["sell", "find a buyer for"],
    ["borrow", "rent"],
];

pub(super) const THINGS: [[&str; 2]; 10] = [
    ["a car", "an automobile"],
    ["a bike", "a bicycle"],
    ["a phone", "a mobile"],
    ["a sofa", "a couch"],
    ["a fridge", "a refrigerator"],
    ["a TV", "a television"],
    ["a photo", "a picture"],
    ["a house", "a home"],
    ["a computer", "a PC"],
    ["a lamp", "a light"],
];

const HOW: [&str; 5] = [
    "how can I",
    "how do I",
    "what is the best way to",
    "what is an easy way to",
    "what should I do to",
];

/// How to do what: the words change, the act stays, or the thing is another one.
pub(super) fn instruction(dice: &mut Dice<'_>) -> Questions {
    let doing = dice.pick(&DOINGS);
    let [thing, other]: [[&str; 2]; 2] = dice.distinct(&THINGS);
    let [first, second]: [&str; 2] = dice.distinct(&HOW);
    let (word, name) = (dice.below(2), dice.below(2));
    let ask = |how: &str, word: usize, thing: &str| format!("{how} {} {thing}", doing[word]);
    Questions {
        first: ask(first, word, thing[0]),
        same: ask(second, 1 - word, thing[name]),
        other: ask(second, 1 - word, other[name]),
        why_same: format!("both want to {} {}", doing[word], thing[0]),
        why_other: format!("one wants {}, the other {}", thing[0], other[name]),
    }
}

/// A state and its opposite.
pub(super) const STATES: [(&str, &str); 8] = [
    ("open", "closed"),
    ("full", "empty"),
    ("safe", "dangerous"),
    ("clean", "dirty"),
    ("quiet", "loud"),
    ("cheap", "expensive"),
    ("dark", "bright"),
    ("wet", "dry"),
];

const PLACES: [&str; 10] = [
    "shop", "pool", "beach", "library", "station", "museum", "street", "market", "harbor", "garage",
];

const TIMES: [&str; 6] = [
    "today",
    "at night",
    "on Sundays",
    "in winter",
    "in summer",
    "this week",
];

const WHY: [&str; 4] = [
    "why is",
    "for what reason is",
    "how come",
    "what is the reason that",
];

/// A state said plainly, or as the denial of its opposite.
pub(super) fn state(dice: &mut Dice<'_>) -> Questions {
    let (state, opposite) = {
        let pair = dice.pick(&STATES);
        dice.either_order(pair.0, pair.1)
    };
    let (place, time) = (dice.pick(&PLACES), dice.pick(&TIMES));
    let [first, second]: [&str; 2] = dice.distinct(&WHY);
    let ask = |why: &str, state: &str| match why {
        "why is" | "for what reason is" => format!("{why} the {place} {state} {time}"),
        _ => format!("{why} the {place} is {state} {time}"),
    };
    let denial = format!("not {opposite}");
    // Either question may hold the denial, or both the same words.
    let (one, two, other) = match dice.below(3) {
        0 => (state.to_owned(), denial, format!("not {state}")),
        1 => (denial, state.to_owned(), opposite.to_owned()),
        _ => (state.to_owned(), state.to_owned(), format!("not {state}")),
    };
    let why_same = if one == two {
        format!("both say that the {place} is {one}")
    } else {
        format!("{one} and {two} are the same for the {place}")
    };
    Questions {
        first: ask(first, &one),
        same: ask(second, &two),
        other: ask(second, &other),
        why_same,
        why_other: format!("{one} and {other} are opposites for the {place}"),
    }
}

const SUBJECTS: [&str; 14] = [
    "tea", "coffee", "milk", "juice", "rice", "bread", "fish", "meat", "cheese", "honey", "sugar", "soup",
    "butter", "pasta",
];

const QUALITIES: [&str; 8] = [
    "healthy",
    "expensive",
    "popular",
    "useful",
    "filling",
    "common",
    "famous",
    "important",
];

/// Two things; the one with more of it is marked `{high}`, the other `{low}`.
const COMPARISON_FORMS: [&str; 5] = [
    "is {high} more {quality} than {low}",
    "is {low} less {quality} than {high}",
    "is it true that {high} is more {quality} than {low}",
    "do people think that {low} is less {quality} than {high}",
    "compared with {low}, is {high} more {quality}",
];

/// Which has more of it.
pub(super) fn comparison(dice: &mut Dice<'_>) -> Questions {
    let [high, low]: [&str; 2] = dice.distinct(&SUBJECTS);
    let quality = dice.pick(&QUALITIES);
    let [first, second]: [&str; 2] = dice.distinct(&COMPARISON_FORMS);
    let ask = |form: &str, high: &str, low: &str| {
        form.replace("{high}", high)
            .replace("{low}", low)
            .replace("{quality}", quality)
    };
    Questions {
        first: ask(first, high, low),
        same: ask(second, high, low),
        other: ask(second, low, high),
        why_same: format!("both ask whether {high} is more {quality}"),
        why_other: format!("one has {high} as more {quality}, the other {low}"),
    }
}

const KINDS: [&str; 10] = [
    "birds", "dogs", "cats", "bears", "snakes", "frogs", "horses", "mice", "goats", "ducks",
];

const SKILLS: [&str; 10] = [
    "swim", "fly", "climb", "jump", "dive", "hear", "smell", "run", "bite", "see",
];

/// All of them can, some can, some can not, none can.
const QUANTIFIED: [[&str; 3]; 4] = [
    [
        "can all {kinds} {skill}",
        "are there no {kinds} that can not {skill}",
        "is it true that every one of the {kinds} can {skill}",
    ],
    [
        "can some {kinds} {skill}",
        "are there {kinds} that can {skill}",
        "is it true that at least one of the {kinds} can {skill}",
    ],
    [
        "are there {kinds} that can not {skill}",
        "is it true that not all {kinds} can {skill}",
        "is it false that all {kinds} can {skill}",
    ],
    [
        "are there no {kinds} that can {skill}",
        "is it true that none of the {kinds} can {skill}",
        "is it false that some {kinds} can {skill}",
    ],
];

const MEANINGS: [&str; 4] = ["all can", "some can", "some can not", "none can"];

/// All, some, not all, none.
pub(super) fn quantifier(dice: &mut Dice<'_>) -> Questions {
    let (kinds, skill) = (dice.pick(&KINDS), dice.pick(&SKILLS));
    let [meaning, wrong]: [usize; 2] = dice.distinct(&[0, 1, 2, 3]);
    let [first, second]: [&str; 2] = dice.distinct(&QUANTIFIED[meaning]);
    let other = dice.pick(&QUANTIFIED[wrong]);
    let ask = |form: &str| form.replace("{kinds}", kinds).replace("{skill}", skill);
    Questions {
        first: ask(first),
        same: ask(second),
        other: ask(other),
        why_same: format!("of the {kinds}, both ask whether {} {skill}", MEANINGS[meaning]),
        why_other: format!(
            "one asks whether {} {skill}, the other {}",
            MEANINGS[meaning], MEANINGS[wrong]
        ),
    }
}

/// Two ways to say one amount.
pub(super) const AMOUNTS: [[&str; 2]; 10] = [
    ["thirty minutes", "half an hour"],
    ["sixty minutes", "one hour"],
    ["ninety minutes", "an hour and a half"],
    ["fifteen minutes", "a quarter of an hour"],
    ["seven days", "one week"],
    ["fourteen days", "two weeks"],
    ["twelve months", "one year"],
    ["six months", "half a year"],
    ["forty eight hours", "two days"],
    ["twenty four hours", "one day"],
];

const USES: [&str; 8] = [
    "can I walk across the city in {amount}",
    "is {amount} enough to read a book",
    "can I learn a song in {amount}",
    "is {amount} too long for a test",
    "can paint dry in {amount}",
    "will milk go bad after {amount}",
    "is {amount} enough for a visit to Rome",
    "can a child stay alone for {amount}",
];

/// One amount, said in two ways.
pub(super) fn amount(dice: &mut Dice<'_>) -> Questions {
    let [amount, wrong]: [[&str; 2]; 2] = dice.distinct(&AMOUNTS);
    let (form, way) = (dice.pick(&USES), dice.below(2));
    let ask = |amount: &str| form.replace("{amount}", amount);
    Questions {
        first: ask(amount[way]),
        same: ask(amount[1 - way]),
        other: ask(wrong[1 - way]),
        why_same: format!("{} is as long as {}", amount[way], amount[1 - way]),
        why_other: format!("{} is not as long as {}", amount[way], wrong[1 - way]),
    }
}
