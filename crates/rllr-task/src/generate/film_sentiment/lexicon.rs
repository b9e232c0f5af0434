//! The words of the film reviews.

/// Which way an opinion goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polarity {
    Negative,
    Positive,
}

impl Polarity {
    /// In the order of the task's labels.
    pub(super) const ALL: [Self; 2] = [Self::Negative, Self::Positive];

    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Negative => Self::Positive,
            Self::Positive => Self::Negative,
        }
    }
}

pub(super) const GOOD: [&str; 16] = [
    "great",
    "fine",
    "moving",
    "funny",
    "clever",
    "warm",
    "fresh",
    "sharp",
    "lovely",
    "strong",
    "charming",
    "honest",
    "exciting",
    "tender",
    "rich",
    "brilliant",
];

pub(super) const BAD: [&str; 16] = [
    "dull", "weak", "slow", "flat", "cold", "dumb", "stale", "cheap", "clumsy", "boring", "silly", "messy",
    "empty", "lazy", "poor", "awful",
];

/// What a film has one of.
pub(super) const ASPECTS: [&str; 15] = [
    "acting", "plot", "story", "ending", "music", "script", "cast", "humor", "dialogue", "opening", "pace",
    "lighting", "romance", "mystery", "finale",
];

/// What a film has many of.
pub(super) const PARTS: [&str; 8] = [
    "jokes",
    "scenes",
    "songs",
    "lines",
    "twists",
    "fights",
    "costumes",
    "characters",
];

/// Other people, and things that speak.
pub(super) const HOLDERS: [&str; 9] = [
    "my brother",
    "my sister",
    "a friend",
    "the poster",
    "my neighbor",
    "the trailer",
    "one critic",
    "my boss",
    "my uncle",
];

pub(super) const ADVERBS: [&str; 6] = ["", "really", "very", "truly", "quite", "so"];

/// They weaken a clause without turning it.
pub(super) const HEDGES: [&str; 5] = ["", "I think", "perhaps", "I guess", "maybe"];

/// They say nothing about quality.
pub(super) const TAILS: [&str; 8] = [
    "from start to end",
    "in every scene",
    "this time",
    "all along",
    "as usual",
    "after the first hour",
    "in the second half",
    "on the big screen",
];

pub(super) const EXPECTED: [&str; 4] = ["expected", "was promised", "had imagined", "was told to expect"];

pub(super) const MOST: [&str; 3] = ["most", "nearly all", "almost all"];

pub(super) const FEW: [&str; 3] = ["few", "hardly any", "very few"];
