//! What there is to do.

use crate::page::evaluate::results::Origin;
use crate::protocol::models::ModelRequest;

/// Which of two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The one that is measured.
    First,
    /// The one that it is compared with.
    Second,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What kind.
    pub kind: JobKind,
    /// What the worker is asked.
    pub request: ModelRequest,
}

/// What kind of job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobKind {
    /// Look into a file.
    Inspect,
    /// Measure a model, and keep the results here.
    Evaluate(Slot, Origin),
    /// Compare the two results.
    Compare,
    /// Answer one text.
    Ask,
}

impl Slot {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// Its index.
    pub fn index(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}
