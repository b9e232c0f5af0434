//! The words of the news. The first index is the topic: world, sports, business, technology.

pub(super) const ACTORS: [[&str; 6]; 4] = [
    [
        "the president",
        "the minister",
        "the rebel army",
        "the parliament",
        "the king",
        "the ambassador",
    ],
    [
        "the striker",
        "the home team",
        "the young runner",
        "the coach",
        "the goalkeeper",
        "the champion",
    ],
    [
        "the bank",
        "the car maker",
        "the airline",
        "the investor",
        "the retail chain",
        "the oil firm",
    ],
    [
        "the robot builder",
        "the software team",
        "the space center",
        "the programmer",
        "the phone inventor",
        "the computer lab",
    ],
];

pub(super) const ACTIONS: [[&str; 8]; 4] = [
    [
        "signed the peace treaty",
        "closed the border",
        "called an election",
        "sent soldiers to the coast",
        "left the peace talks",
        "freed the prisoners",
        "visited the war zone",
        "broke the truce",
    ],
    [
        "scored twice",
        "won the final",
        "lost the match",
        "set a race record",
        "missed the penalty",
        "reached the last round",
        "trained for the marathon",
        "took the gold medal",
    ],
    [
        "cut its prices",
        "raised its profit",
        "bought a rival firm",
        "sold its shares",
        "reported a big loss",
        "opened a new store",
        "borrowed two million dollars",
        "paid its debts",
    ],
    [
        "found a security hole",
        "built a faster chip",
        "released a new phone",
        "tested a flying robot",
        "fixed the software",
        "sent a probe to the moon",
        "wrote a new program",
        "trained a speech model",
    ],
];

pub(super) const NOUNS: [[&str; 6]; 4] = [
    [
        "a peace treaty",
        "an election",
        "a war",
        "a border dispute",
        "a royal visit",
        "a new law",
    ],
    [
        "a cup final",
        "a tennis match",
        "a marathon",
        "a record jump",
        "a penalty",
        "a football team",
    ],
    [
        "a bank loan",
        "a price rise",
        "a share sale",
        "a factory order",
        "a tax debt",
        "a merger",
    ],
    [
        "a new chip",
        "a moon probe",
        "a software error",
        "a smart phone",
        "a robot arm",
        "a web browser",
    ],
];

/// They open a clause that only gives the background.
pub(super) const BACKGROUND: [&str; 5] = ["while", "after", "before", "as", "just when"];

/// They say that something did not happen.
pub(super) const DENIALS: [&str; 4] = [
    "it is not true that",
    "nobody believes that",
    "it was a joke that",
    "the paper was wrong to say that",
];

/// They say nothing about the topic.
pub(super) const WHEN: [&str; 8] = [
    "this week",
    "on Monday",
    "late on Friday",
    "in the north",
    "last night",
    "in May",
    "once again",
    "in the capital",
];
