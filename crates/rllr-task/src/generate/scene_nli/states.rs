//! One person and three states: one is the case, one may be, one is not.

use super::relation::Relation;
use super::{Dice, Member};
use crate::generate::wording::{join, list, sentence};

const PERSONS: [&str; 10] = [
    "man", "woman", "boy", "girl", "nurse", "driver", "farmer", "teacher", "cook", "singer",
];

pub(super) const STATES: [&str; 16] = [
    "tired", "ill", "angry", "hungry", "happy", "sad", "wet", "busy", "lost", "late", "alone", "calm",
    "afraid", "proud", "bored", "thirsty",
];

const PLACES: [&str; 8] = [
    "in the kitchen",
    "at the station",
    "on the bus",
    "in the garden",
    "at the market",
    "by the river",
    "in the hall",
    "on the bridge",
];

/// Before a state that is the case, that may be the case, that is not the case.
const SURE: [&str; 3] = ["is", "is clearly", "must be"];
const OPEN: [&str; 3] = ["may be", "could be", "is perhaps"];
const DENIED: [&str; 3] = ["is not", "is never", "can not be"];

/// What a scene says about one person.
struct Scene {
    person: &'static str,
    place: &'static str,
    /// A state that is the case, one that may be, and one that is not.
    states: [&'static str; 3],
    text: String,
}

impl Scene {
    fn draw(dice: &mut Dice<'_>) -> Self {
        let (person, place) = (dice.pick(&PERSONS), dice.pick(&PLACES));
        let states: [&str; 3] = dice.distinct(&STATES);
        let mut parts: Vec<String> = [dice.pick(&SURE), dice.pick(&OPEN), dice.pick(&DENIED)]
            .iter()
            .zip(states)
            .map(|(mode, state)| format!("{mode} {state}"))
            .collect();
        dice.shuffle(&mut parts);
        let text = sentence(&format!("the {person} {place} {}", list(&parts)));
        Self {
            person,
            place,
            states,
            text,
        }
    }

    /// The argument about the state at this index.
    fn argument(&self, index: usize) -> String {
        let Self { person, states, .. } = self;
        let state = states[index];
        match index {
            0 => format!("the {person} is said to be {state}"),
            1 => format!("the {person} only may be {state}"),
            _ => format!("the {person} is said not to be {state}"),
        }
    }
}

/// The hypothesis says that one of the states is the case.
pub(super) fn plain(dice: &mut Dice<'_>) -> [Member; 3] {
    let scene = Scene::draw(dice);
    std::array::from_fn(|index| {
        let text_b = sentence(&format!("the {} is {}", scene.person, scene.states[index]));
        Member::pair(scene.text.clone(), text_b, scene.argument(index))
    })
}

/// The hypothesis may also say that one of the states is not the case, which turns two labels round.
pub(super) fn denied(dice: &mut Dice<'_>) -> [Member; 3] {
    let scene = Scene::draw(dice);
    let (verb, place) = (
        dice.pick(&["is", "is not"]),
        if dice.flip() { scene.place } else { "" },
    );
    Relation::ALL.map(|relation| {
        let index = match (relation, verb) {
            (Relation::Neutral, _) => 1,
            (Relation::Entailment, "is") | (Relation::Contradiction, "is not") => 0,
            _ => 2,
        };
        let text_b = sentence(&join(&["the", scene.person, place, verb, scene.states[index]]));
        Member::pair(scene.text.clone(), text_b, scene.argument(index))
    })
}
