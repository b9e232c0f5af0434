//! The words of the app reviews.

/// What is said of an app, by rating from one star to five.
pub(super) const VERDICTS: [[&str; 5]; 5] = [
    [
        "is awful",
        "is useless",
        "never works",
        "is a waste of time",
        "makes me angry",
    ],
    [
        "is rather poor",
        "often fails",
        "has too many faults",
        "is slow and annoying",
        "needs a lot of work",
    ],
    [
        "is okay",
        "is average",
        "is neither good nor bad",
        "is all right",
        "works half of the time",
    ],
    [
        "is good",
        "works well",
        "is quite useful",
        "has few faults",
        "does its job nicely",
    ],
    [
        "is perfect",
        "always works",
        "is a joy to use",
        "is the best of all",
        "makes me happy",
    ],
];

pub(super) const FEATURES: [&str; 14] = [
    "price",
    "search",
    "design",
    "menu",
    "sound",
    "map",
    "login",
    "support",
    "camera",
    "font",
    "speed",
    "calendar",
    "help page",
    "update",
];

pub(super) const HOLDERS: [&str; 8] = [
    "my sister",
    "my brother",
    "a friend",
    "my boss",
    "my neighbor",
    "the newspaper",
    "my wife",
    "my teacher",
];

/// What is rated, and what it is compared with.
pub(super) const PAIRS: [(&str, &str); 5] = [
    ("the new version", "the old version"),
    ("this app", "the other app"),
    ("this version", "the last version"),
    ("the app", "the web page"),
    ("the app now", "the app before"),
];

/// They say nothing about quality.
pub(super) const TAILS: [&str; 8] = [
    "on my phone",
    "after a week",
    "on this tablet",
    "at home",
    "at work",
    "after ten minutes",
    "for three months",
    "in the end",
];
