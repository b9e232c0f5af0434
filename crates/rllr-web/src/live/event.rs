//! What a run tells, one event after the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::inspection::{Answers, Inspection};

/// Numbers by their published names. All are finite.
pub type Metrics = BTreeMap<String, f64>;

/// A stage of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageName {
    /// Supervised fine-tuning on rationale and label.
    Sft,
    /// The reward model of pairs whose rationales differ: ordinary.
    OrdinaryReward,
    /// The reward model of pairs whose labels differ.
    LabelReward,
    /// Reinforcement learning with the ordinary reward model: RLHF.
    OrdinaryPpo,
    /// Reinforcement learning with the label-sensitive reward model: RLLR.
    LabelPpo,
}

impl StageName {
    /// All stages, in the order in which they begin.
    pub const ALL: [Self; 5] = [
        Self::Sft,
        Self::OrdinaryReward,
        Self::LabelReward,
        Self::OrdinaryPpo,
        Self::LabelPpo,
    ];

    /// The name in JSON, in checkpoints and in `data-testid`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sft => "sft",
            Self::OrdinaryReward => "ordinary-reward",
            Self::LabelReward => "label-reward",
            Self::OrdinaryPpo => "ordinary-ppo",
            Self::LabelPpo => "label-ppo",
        }
    }

    /// The stage of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// Something that happened in a run, with the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedEvent {
    /// Milliseconds of work since the run began, without pauses.
    pub at_ms: f64,
    /// What happened.
    pub event: LiveEvent,
}

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LiveEvent {
    /// Data, tokenizer and model are made; the first step follows.
    Began {
        /// How many numbers the model learns.
        parameters: u64,
        /// The task's label words.
        labels: Vec<String>,
        /// Accuracy of the best method without a network, on the held-out examples.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        floor: Option<f64>,
    },
    /// A stage begins, or goes on from a checkpoint.
    Stage {
        /// The stage.
        stage: StageName,
        /// Steps that were done before.
        step: usize,
        /// Steps of the whole stage.
        total: usize,
    },
    /// A step was done.
    Step {
        /// The stage.
        stage: StageName,
        /// Number of this step; the first is 1.
        step: usize,
        /// Its numbers.
        metrics: Metrics,
    },
    /// What the model wrote in a step.
    Sample {
        /// The stage.
        stage: StageName,
        /// Steps that were done.
        step: usize,
        /// The text that it was asked about.
        prompt: String,
        /// What it wrote.
        response: String,
        /// What its reward model gave for it.
        score: Option<f64>,
    },
    /// The model was measured on examples that nothing is trained on.
    Evaluated {
        /// The stage.
        stage: StageName,
        /// Steps that were done.
        step: usize,
        /// The numbers.
        metrics: Metrics,
    },
    /// A checkpoint was written: a run that breaks goes on from here.
    Saved {
        /// The stage.
        stage: StageName,
        /// Steps that were done.
        step: usize,
    },
    /// Something that a person should know.
    Warning {
        /// The stage.
        stage: StageName,
        /// Steps that were done.
        step: usize,
        /// What.
        message: String,
    },
    /// Both reward models are trained: what they say of answers.
    Inspected(Inspection),
    /// All models are trained: what they answer.
    Answered(Answers),
}

impl LiveEvent {
    /// The stage that it belongs to, if it belongs to one.
    pub fn stage(&self) -> Option<StageName> {
        match self {
            Self::Stage { stage, .. }
            | Self::Step { stage, .. }
            | Self::Sample { stage, .. }
            | Self::Evaluated { stage, .. }
            | Self::Saved { stage, .. }
            | Self::Warning { stage, .. } => Some(*stage),
            Self::Began { .. } | Self::Inspected(_) | Self::Answered(_) => None,
        }
    }
}
