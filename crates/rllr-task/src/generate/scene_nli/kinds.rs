//! Kinds: a boy is a child and a rose is a flower, and negation turns the direction round.

use super::{Dice, Member};
use crate::generate::wording::{a, sentence};

/// Who, and the wider kind.
pub(super) const AGENTS: [(&str, &str); 8] = [
    ("boy", "child"),
    ("girl", "child"),
    ("man", "adult"),
    ("woman", "adult"),
    ("nurse", "worker"),
    ("driver", "worker"),
    ("farmer", "worker"),
    ("cook", "worker"),
];

/// What, and the wider kind.
pub(super) const THINGS: [(&str, &str); 14] = [
    ("guitar", "instrument"),
    ("drum", "instrument"),
    ("apple", "fruit"),
    ("pear", "fruit"),
    ("rose", "flower"),
    ("tulip", "flower"),
    ("bus", "vehicle"),
    ("truck", "vehicle"),
    ("hammer", "tool"),
    ("saw", "tool"),
    ("dog", "animal"),
    ("horse", "animal"),
    ("chair", "seat"),
    ("bench", "seat"),
];

const VERBS: [&str; 6] = ["sees", "draws", "wants", "finds", "needs", "describes"];

const PLACES: [&str; 8] = [
    "in the park",
    "at the market",
    "on the square",
    "at school",
    "in the yard",
    "near the church",
    "in the village",
    "at the fair",
];

/// One scene in narrow and in wide words, stated and denied.
struct Scene {
    narrow: String,
    wide: String,
    no_narrow: String,
    no_wide: String,
    agent: (&'static str, &'static str),
    thing: (&'static str, &'static str),
}

impl Scene {
    fn draw(dice: &mut Dice<'_>) -> Self {
        let (agent, thing) = (dice.pick(&AGENTS), dice.pick(&THINGS));
        let (verb, place) = (dice.pick(&VERBS), dice.pick(&PLACES));
        let say = |agent: &str, thing: &str| sentence(&format!("{agent} {verb} {} {place}", a(thing)));
        Self {
            narrow: say(&a(agent.0), thing.0),
            wide: say(&a(agent.1), thing.1),
            no_narrow: say(&format!("no {}", agent.0), thing.0),
            no_wide: say(&format!("no {}", agent.1), thing.1),
            agent,
            thing,
        }
    }

    fn kinds(&self) -> String {
        let Self { agent, thing, .. } = self;
        format!(
            "{} is {} and {} is {}",
            a(agent.0),
            a(agent.1),
            a(thing.0),
            a(thing.1)
        )
    }

    fn other_kinds(&self) -> String {
        let Self { agent, thing, .. } = self;
        format!(
            "the {} may be no {}, the {} no {}",
            agent.1, agent.0, thing.1, thing.0
        )
    }

    fn clash(&self) -> String {
        let Self { agent, thing, .. } = self;
        format!(
            "no {} with {} allows no {} with {}",
            agent.1,
            a(thing.1),
            agent.0,
            a(thing.0)
        )
    }

    fn entailed(&self) -> Member {
        Member::pair(self.narrow.clone(), self.wide.clone(), self.kinds())
    }
}

/// Narrow to wide follows, wide to narrow is open, wide denied rules the narrow out.
pub(super) fn plain(dice: &mut Dice<'_>) -> [Member; 3] {
    let scene = Scene::draw(dice);
    let clash = if dice.flip() {
        (&scene.narrow, &scene.no_wide)
    } else {
        (&scene.no_wide, &scene.narrow)
    };
    [
        scene.entailed(),
        Member::pair(scene.wide.clone(), scene.narrow.clone(), scene.other_kinds()),
        Member::pair(clash.0.clone(), clash.1.clone(), scene.clash()),
    ]
}

/// As [`plain`], but denials entail and leave open too, in the other direction.
pub(super) fn negated(dice: &mut Dice<'_>) -> [Member; 3] {
    let scene = Scene::draw(dice);
    let Scene {
        narrow,
        wide,
        no_narrow,
        no_wide,
        ..
    } = &scene;
    let entailed = dice.pick(&[(narrow, wide), (no_wide, no_narrow), (no_wide, no_narrow)]);
    let open = dice.pick(&[
        (no_narrow, no_wide),
        (wide, no_narrow),
        (no_narrow, wide),
        (wide, no_narrow),
    ]);
    let clash = dice.pick(&[(narrow, no_wide), (no_wide, narrow)]);
    let member = |(text_a, text_b): (&String, &String), argument| {
        Member::pair(text_a.clone(), text_b.clone(), argument)
    };
    [
        member(entailed, scene.kinds()),
        member(open, scene.other_kinds()),
        member(clash, scene.clash()),
    ]
}
