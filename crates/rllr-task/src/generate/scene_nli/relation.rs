//! When one statement entails, contradicts or leaves open another.

/// The labels of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Entailment,
    Neutral,
    Contradiction,
}

impl Relation {
    /// In the order of the task's labels.
    pub(super) const ALL: [Self; 3] = [Self::Entailment, Self::Neutral, Self::Contradiction];

    /// The relation of two statements, each given as the set of cases in which it is true, one bit a case.
    ///
    /// Entailment when the first set lies inside the second, contradiction when they have no case in common.
    pub(super) fn between(premise: u32, hypothesis: u32) -> Self {
        if premise & !hypothesis == 0 {
            Self::Entailment
        } else if premise & hypothesis == 0 {
            Self::Contradiction
        } else {
            Self::Neutral
        }
    }
}

/// A statement about a number of things: a word before a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Exactly,
    AtLeast,
    AtMost,
    MoreThan,
    FewerThan,
}

impl Bound {
    pub(super) const ALL: [Self; 5] = [
        Self::Exactly,
        Self::AtLeast,
        Self::AtMost,
        Self::MoreThan,
        Self::FewerThan,
    ];

    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::Exactly => "exactly",
            Self::AtLeast => "at least",
            Self::AtMost => "at most",
            Self::MoreThan => "more than",
            Self::FewerThan => "fewer than",
        }
    }

    /// The counts from 0 to 31 for which it is true.
    pub(super) fn cases(self, number: usize) -> u32 {
        let below = (1_u32 << number) - 1;
        let here = 1_u32 << number;
        match self {
            Self::Exactly => here,
            Self::AtLeast => !below,
            Self::AtMost => below | here,
            Self::MoreThan => !(below | here),
            Self::FewerThan => below,
        }
    }
}

/// A statement about a share of a group that is not empty.
///
/// Four cases, one bit each: none, some up to half, more than half, all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    All,
    Most,
    Some,
    LessThanHalf,
    NotAll,
    None,
}

impl Share {
    pub(super) const ALL: [Self; 6] = [
        Self::All,
        Self::Most,
        Self::Some,
        Self::LessThanHalf,
        Self::NotAll,
        Self::None,
    ];

    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Most => "most",
            Self::Some => "some",
            Self::LessThanHalf => "less than half",
            Self::NotAll => "not all",
            Self::None => "none",
        }
    }

    pub(super) fn cases(self) -> u32 {
        match self {
            Self::All => 0b1000,
            Self::Most => 0b1100,
            Self::Some => 0b1110,
            Self::LessThanHalf => 0b0011,
            Self::NotAll => 0b0111,
            Self::None => 0b0001,
        }
    }
}
