//! The words of the sentences; the two entries of a row mean the same.

pub(super) const AGENTS: [[&str; 2]; 8] = [
    ["a child", "a kid"],
    ["a woman", "a lady"],
    ["a man", "a guy"],
    ["a doctor", "a physician"],
    ["a soldier", "a trooper"],
    ["a thief", "a robber"],
    ["a tourist", "a traveler"],
    ["a puppy", "a young dog"],
];

pub(super) const ACTIONS: [[&str; 2]; 8] = [
    ["carries", "brings"],
    ["looks at", "watches"],
    ["finds", "discovers"],
    ["hides", "conceals"],
    ["throws", "tosses"],
    ["touches", "feels"],
    ["breaks", "destroys"],
    ["takes", "grabs"],
];

pub(super) const OBJECTS: [[&str; 2]; 8] = [
    ["a stone", "a rock"],
    ["a bag", "a sack"],
    ["a box", "a carton"],
    ["a cup", "a mug"],
    ["a coat", "a jacket"],
    ["a rug", "a carpet"],
    ["a gift", "a present"],
    ["a purse", "a wallet"],
];

pub(super) const PLACES: [[&str; 2]; 8] = [
    ["in the shop", "in the store"],
    ["in the forest", "in the woods"],
    ["on the road", "on the street"],
    ["at the beach", "at the shore"],
    ["in the yard", "in the garden"],
    ["on the hill", "on the slope"],
    ["on the boat", "on the ship"],
    ["at the inn", "at the hotel"],
];

pub(super) const TIMES: [[&str; 2]; 6] = [
    ["at noon", "at midday"],
    ["at dawn", "at sunrise"],
    ["in autumn", "in the fall"],
    ["every day", "daily"],
    ["again", "once more"],
    ["at dusk", "at sunset"],
];
