//! News: what is the main event about: world, sports, business or technology?
//!
//! What counts: what happened over who did it, the main clause over the background, what is the case over what is
//! denied, most items over few. Each text but the easiest names a second topic.

mod lexicon;
mod reader;

use self::lexicon::{ACTIONS, ACTORS, BACKGROUND, DENIALS, NOUNS, WHEN};
pub(super) use self::reader::read;
use super::wording::{NUMBERS, capital, join, sentence};
use super::{Dice, Difficulty, Family, Member};

/// Topics are indices into the task's labels.
const TOPICS: [usize; 4] = [0, 1, 2, 3];

type Structure = fn(&mut Dice<'_>) -> [Member; 4];

pub(super) fn family(difficulty: Difficulty, dice: &mut Dice<'_>) -> Family {
    let structures: &[Structure] = match difficulty {
        Difficulty::Easy => &[event, visitor],
        Difficulty::Medium => &[visitor, background, not_about],
        Difficulty::Hard => &[two_backgrounds, retraction, majority],
    };
    dice.pick(structures)(dice).into()
}

/// One event of each topic, by actors of the same topic.
fn events(dice: &mut Dice<'_>) -> [String; 4] {
    TOPICS.map(|topic| format!("{} {}", dice.pick(&ACTORS[topic]), dice.pick(&ACTIONS[topic])))
}

/// For each topic another one, so that each is distractor once: a random rotation.
fn distractors(dice: &mut Dice<'_>) -> [usize; 4] {
    let order: [usize; 4] = dice.distinct(&TOPICS);
    let mut other = [0; 4];
    for place in 0..order.len() {
        other[order[place]] = order[(place + 1) % order.len()];
    }
    other
}

/// "The striker scored twice this week."
fn event(dice: &mut Dice<'_>) -> [Member; 4] {
    let (events, when) = (events(dice), dice.pick(&WHEN));
    TOPICS.map(|topic| {
        let text = sentence(&join(&[&events[topic], when]));
        Member::text(text, format!("the news is that {}", events[topic]))
    })
}

/// "The minister scored twice this week": the actor belongs elsewhere, the action decides.
fn visitor(dice: &mut Dice<'_>) -> [Member; 4] {
    let home = dice.pick(&TOPICS);
    let (actor, when) = (dice.pick(&ACTORS[home]), dice.pick(&WHEN));
    let actions = TOPICS.map(|topic| dice.pick(&ACTIONS[topic]));
    let known_for = dice.pick(&TOPICS);
    let noun = dice.pick(&NOUNS[known_for]);
    let form = dice.below(3);
    TOPICS.map(|topic| {
        let action = actions[topic];
        let text = match form {
            0 => format!("{actor} {action} {when}"),
            1 => format!("{when}, {actor} {action}"),
            _ => format!("{actor}, famous for {noun}, {action} {when}"),
        };
        Member::text(sentence(&text), format!("what {actor} did: {action}"))
    })
}

/// "The striker scored twice this week while the bank cut its prices": the main clause decides.
fn background(dice: &mut Dice<'_>) -> [Member; 4] {
    let (events, distractors) = (events(dice), distractors(dice));
    let (when, link, main_first) = (dice.pick(&WHEN), dice.pick(&BACKGROUND), dice.flip());
    TOPICS.map(|topic| {
        let (main, other) = (&events[topic], &events[distractors[topic]]);
        let text = if main_first {
            format!("{main} {when} {link} {other}")
        } else {
            format!("{link} {other} {when}, {main}")
        };
        Member::text(sentence(&text), format!("the main clause says that {main}"))
    })
}

/// "Tonight's report is not about a cup final, it is about a bank loan."
fn not_about(dice: &mut Dice<'_>) -> [Member; 4] {
    let nouns = TOPICS.map(|topic| dice.pick(&NOUNS[topic]));
    let (distractors, when, form) = (distractors(dice), dice.pick(&WHEN), dice.below(4));
    TOPICS.map(|topic| {
        let (noun, other) = (nouns[topic], nouns[distractors[topic]]);
        let text = match form {
            0 => format!("the report {when} is not about {other}, it is about {noun}"),
            1 => format!("the report {when} is about {noun}, it is not about {other}"),
            2 => format!("what looked like {other} {when} was {noun}"),
            _ => format!("the story is about {noun} {when} instead of {other}"),
        };
        Member::text(sentence(&text), format!("the story is really about {noun}"))
    })
}

/// Two background clauses around one main clause.
fn two_backgrounds(dice: &mut Dice<'_>) -> [Member; 4] {
    let (events, distractors) = (events(dice), distractors(dice));
    let when = dice.pick(&WHEN);
    let [link, second_link] = dice.distinct(&BACKGROUND);
    let form = dice.below(3);
    TOPICS.map(|topic| {
        let other = distractors[topic];
        let (main, other, third) = (&events[topic], &events[other], &events[distractors[other]]);
        let text = match form {
            0 => format!("{link} {other} {when}, {main} {second_link} {third}"),
            1 => format!("{link} {other} {when} and {third}, {main}"),
            _ => format!("{main} {when} {link} {other} and {third}"),
        };
        Member::text(sentence(&text), format!("the main clause says that {main}"))
    })
}

/// "It is not true that the striker scored twice. The bank cut its prices."
fn retraction(dice: &mut Dice<'_>) -> [Member; 4] {
    let (events, distractors) = (events(dice), distractors(dice));
    let (when, denial, denied_first) = (dice.pick(&WHEN), dice.pick(&DENIALS), dice.flip());
    TOPICS.map(|topic| {
        let (main, other) = (&events[topic], &events[distractors[topic]]);
        let denied = capital(&format!("{denial} {other}"));
        let text = if denied_first {
            format!("{denied} {when}. {}.", capital(main))
        } else {
            format!("{} {when}. {denied}.", capital(main))
        };
        Member::text(text, format!("it is true that {main}"))
    })
}

/// "Five of the seven stories tonight are about a cup final, the other two about a bank loan."
fn majority(dice: &mut Dice<'_>) -> [Member; 4] {
    let nouns = TOPICS.map(|topic| dice.pick(&NOUNS[topic]));
    let (distractors, when, form) = (distractors(dice), dice.pick(&WHEN), dice.below(4));
    let small = dice.between(2, 5);
    let total = dice.between(2 * small + 1, 12);
    let (big, small, total) = (NUMBERS[total - small], NUMBERS[small], NUMBERS[total]);
    TOPICS.map(|topic| {
        let (noun, other) = (nouns[topic], nouns[distractors[topic]]);
        let text = match form {
            0 => format!(
                "{big} of the {total} stories are about {noun} {when}, the other {small} about {other}"
            ),
            1 => format!(
                "{small} of the {total} stories are about {other} {when}, the other {big} about {noun}"
            ),
            2 => format!("of the {total} stories, {small} are about {other} {when} and {big} about {noun}"),
            _ => format!("of the {total} stories, {big} are about {noun} {when} and {small} about {other}"),
        };
        Member::text(
            sentence(&text),
            format!("{big} of the {total} stories are about {noun}"),
        )
    })
}
