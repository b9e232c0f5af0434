//! When a run measures and saves, and what it keeps.

use serde::{Deserialize, Serialize};

/// When a run measures and saves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Steps between two evaluations; there is one at the end too. Default 0: never.
    pub evaluate_every: usize,
    /// When checkpoints are written, and which are kept.
    pub checkpoints: CheckpointConfig,
}

/// When checkpoints are written, and which are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// Steps between two checkpoints; there is one at the end too. Default 100; 0 for only the one at the end.
    pub every: usize,
    /// How many of the newest are kept. Default 2; at least 1.
    pub keep: usize,
    /// By what the best checkpoint is known, which is never removed. Default none.
    pub best: Option<BestMetric>,
}

/// What makes a checkpoint the best.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestMetric {
    /// Name of a metric, of a step or an evaluation.
    pub name: String,
    /// Which value is good.
    pub best: Best,
}

/// Which value is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            every: 100,
            keep: 2,
            best: None,
        }
    }
}
