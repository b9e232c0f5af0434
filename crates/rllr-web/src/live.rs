//! A run of the whole method: what it is asked for, what it tells, and how it is recorded.
//!
//! One supervised fine-tuning, two reward models (ordinary and label-sensitive), then reinforcement learning twice from
//! the same start. The worker runs it live, a native program records it, and the page shows both in the same way:
//! as a list of [`TimedEvent`]s.
//!
//! This module knows no DOM, no Burn and no clock.

mod choice;
mod settings;
mod event;
mod inspection;
mod record;

pub use choice::{LabelPairsChoice, LevelChoice, TaskChoice};
pub use event::{LiveEvent, Metrics, StageName, TimedEvent};
pub use inspection::{
    AnsweredInput, Answers, ByModel, DrawnPair, InspectedInput, InspectedPair, Inspection, ModelAnswer,
    PairDifference, PairScores, ScoredAnswer,
};
pub use record::{RECORD_FORMAT, RecordError, RecordedRun};
pub use settings::{LiveField, LiveSettings, LiveSettingsError};
