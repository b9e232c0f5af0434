//! Questions about what happens: routes, orders of two acts, and who does it to whom.

use super::{Dice, Questions};

const CITIES: [&str; 12] = [
    "Paris", "Rome", "London", "Berlin", "Madrid", "Vienna", "Oslo", "Lisbon", "Athens", "Prague", "Dublin",
    "Cairo",
];

const RIDES: [&str; 6] = ["train", "bus", "flight", "drive", "ship", "trip"];

/// The ride, with the two cities marked `{from}` and `{to}`.
const ROUTE_FORMS: [&str; 6] = [
    "how long is the {ride} from {from} to {to}",
    "how much time does the {ride} to {to} from {from} take",
    "how many hours does it take for the {ride} to get from {from} to {to}",
    "if I leave {from} for {to}, how long is the {ride}",
    "what is the time of the {ride} to {to} if I leave from {from}",
    "I want to get to {to} from {from}, how long does the {ride} take",
];

/// From where to where.
pub(super) fn route(dice: &mut Dice<'_>) -> Questions {
    let [from, to]: [&str; 2] = dice.distinct(&CITIES);
    let ride = dice.pick(&RIDES);
    let [first, second]: [&str; 2] = dice.distinct(&ROUTE_FORMS);
    let ask = |form: &str, from: &str, to: &str| {
        form.replace("{ride}", ride)
            .replace("{from}", from)
            .replace("{to}", to)
    };
    Questions {
        first: ask(first, from, to),
        same: ask(second, from, to),
        other: ask(second, to, from),
        why_same: format!("both go from {from} to {to}"),
        why_other: format!("one goes from {from} to {to}, the other from {to}"),
    }
}

pub(super) const ACTS: [&str; 16] = [
    "wash the car",
    "cut the grass",
    "paint the wall",
    "clean the floor",
    "bake the bread",
    "water the plants",
    "feed the cat",
    "call the bank",
    "pay the rent",
    "lock the door",
    "boil the eggs",
    "iron the shirt",
    "send the letter",
    "cook the rice",
    "close the window",
    "charge the phone",
];

/// Two acts; the earlier one is marked `{one}`, the later one `{two}`.
const ORDER_FORMS: [&str; 6] = [
    "should I {one} before I {two}",
    "should I {two} after I {one}",
    "is it better to {one} first and {two} later",
    "is it right to {two} only after I {one}",
    "before I {two}, do I have to {one}",
    "after I {one}, is it time to {two}",
];

/// What comes first.
pub(super) fn order(dice: &mut Dice<'_>) -> Questions {
    let [one, two]: [&str; 2] = dice.distinct(&ACTS);
    let [first, second]: [&str; 2] = dice.distinct(&ORDER_FORMS);
    let ask = |form: &str, one: &str, two: &str| form.replace("{one}", one).replace("{two}", two);
    Questions {
        first: ask(first, one, two),
        same: ask(second, one, two),
        other: ask(second, two, one),
        why_same: format!("both {one} first and {two} later"),
        why_other: format!("one would {one} first, the other would {two} first"),
    }
}

pub(super) const PERSONS: [&str; 12] = [
    "teacher", "student", "doctor", "driver", "tenant", "guest", "manager", "worker", "parent", "coach",
    "player", "lawyer",
];

/// A verb and its participle.
pub(super) const DEEDS: [(&str, &str); 10] = [
    ("help", "helped"),
    ("pay", "paid"),
    ("sue", "sued"),
    ("blame", "blamed"),
    ("call", "called"),
    ("fire", "fired"),
    ("test", "tested"),
    ("film", "filmed"),
    ("thank", "thanked"),
    ("follow", "followed"),
];

const ROLE_FORMS: [&str; 5] = [
    "can a {who} {do} a {whom}",
    "can a {whom} be {done} by a {who}",
    "is it allowed for a {who} to {do} a {whom}",
    "is it allowed for a {whom} to be {done} by a {who}",
    "is a {who} free to {do} a {whom}",
];

/// Who does it to whom.
pub(super) fn roles(dice: &mut Dice<'_>) -> Questions {
    let [who, whom]: [&str; 2] = dice.distinct(&PERSONS);
    let (act, done) = dice.pick(&DEEDS);
    let [first, second]: [&str; 2] = dice.distinct(&ROLE_FORMS);
    let ask = |form: &str, who: &str, whom: &str| {
        let form = form.replace("{whom}", whom).replace("{who}", who);
        form.replace("{done}", done).replace("{do}", act)
    };
    Questions {
        first: ask(first, who, whom),
        same: ask(second, who, whom),
        other: ask(second, whom, who),
        why_same: format!("in both the {who} would {act} the {whom}"),
        why_other: format!("only in one the {who} would {act} the {whom}"),
    }
}
