//! What a run tells: one event after the other, the same for terminal, files and page.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checkpoint::ConfigKeys;

/// Numbers by their published names.
pub type Metrics = BTreeMap<String, f64>;

/// Something that happened in a run.
///
/// As JSON an object whose field `event` names the variant. Numbers that are not finite are `null` there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// The first event of a run, and of every resumption of it.
    Started {
        /// Steps that were done before.
        step: usize,
        /// The checkpoint that the run goes on from, if it does.
        resumed_from: Option<String>,
        /// The settings.
        config: ConfigKeys,
    },
    /// A stage begins or goes on.
    Phase {
        /// The stage.
        phase: String,
        /// Steps that were done.
        step: usize,
        /// Steps of the whole stage.
        total: usize,
    },
    /// A step was done.
    Step {
        /// The stage.
        phase: String,
        /// Steps that were done, this one included.
        step: usize,
        /// Steps of the whole stage.
        total: usize,
        /// The step's numbers.
        #[serde(with = "finite_or_null")]
        metrics: Metrics,
    },
    /// What the model wrote in a step.
    Samples {
        /// The stage.
        phase: String,
        /// Steps that were done.
        step: usize,
        /// The texts.
        samples: Vec<RunSample>,
    },
    /// The model was measured.
    Evaluated {
        /// The stage.
        phase: String,
        /// Steps that were done.
        step: usize,
        /// The numbers.
        #[serde(with = "finite_or_null")]
        metrics: Metrics,
    },
    /// A checkpoint was written, and can be gone on from.
    Checkpoint {
        /// Its name.
        name: String,
        /// Steps that were done.
        step: usize,
    },
    /// Something that a person should know.
    Warning {
        /// Steps that were done.
        step: usize,
        /// What.
        message: String,
    },
    /// The last event of a run that was not stopped.
    Finished {
        /// Steps that were done.
        step: usize,
    },
}

/// A text that the model wrote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSample {
    /// What it read.
    pub prompt: String,
    /// What it wrote.
    pub response: String,
    /// How that was scored, if it was.
    pub score: Option<f64>,
}

impl RunEvent {
    /// Steps that were done when it happened.
    #[must_use]
    pub fn step(&self) -> usize {
        match self {
            Self::Started { step, .. }
            | Self::Phase { step, .. }
            | Self::Step { step, .. }
            | Self::Samples { step, .. }
            | Self::Evaluated { step, .. }
            | Self::Checkpoint { step, .. }
            | Self::Warning { step, .. }
            | Self::Finished { step } => *step,
        }
    }
}

/// JSON has no word for what is not finite.
mod finite_or_null {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{BTreeMap, Metrics};

    pub(super) fn serialize<S: Serializer>(metrics: &Metrics, serializer: S) -> Result<S::Ok, S::Error> {
        let finite = |value: &f64| value.is_finite().then_some(*value);
        serializer.collect_map(metrics.iter().map(|(name, value)| (name, finite(value))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metrics, D::Error> {
        let metrics = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
        let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
        Ok(metrics
            .into_iter()
            .map(|(name, value)| (name, or_nan(value)))
            .collect())
    }
}
