//! The names and ranges of the settings.

use crate::live::choice::{Choice, LabelPairsChoice, LevelChoice, TaskChoice};

/// Names one of the [`LiveSettings`](super::LiveSettings).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each has the name of a field of LiveSettings, which says what it is"
)]
pub enum LiveField {
    Task,
    Level,
    LabelPairs,
    Seed,
    Demonstrations,
    SftEpochs,
    SftLearningRate,
    RewardEpochs,
    RewardLearningRate,
    PpoSteps,
    PpoBatchSize,
    PpoLearningRate,
    KlCoef,
    HeldOut,
    HiddenSize,
    Layers,
}

/// The values that a setting may have.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Allowed {
    Count {
        from: usize,
        to: usize,
        multiple_of: usize,
    },
    Number {
        from: f64,
        to: f64,
    },
    Seed,
    Words(Vec<&'static str>),
}

/// Seeds are below this: JavaScript, which reads messages and links too, has no exact larger numbers.
pub(super) const SEEDS: u64 = 1 << 53;

impl LiveField {
    /// All settings, in the order of the form and of the permalink.
    pub const ALL: [Self; 16] = [
        Self::Task,
        Self::Level,
        Self::LabelPairs,
        Self::Seed,
        Self::Demonstrations,
        Self::SftEpochs,
        Self::SftLearningRate,
        Self::RewardEpochs,
        Self::RewardLearningRate,
        Self::PpoSteps,
        Self::PpoBatchSize,
        Self::PpoLearningRate,
        Self::KlCoef,
        Self::HeldOut,
        Self::HiddenSize,
        Self::Layers,
    ];

    /// The name in the permalink, in JSON and in `data-testid`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Level => "level",
            Self::LabelPairs => "label_pairs",
            Self::Seed => "seed",
            Self::Demonstrations => "demonstrations",
            Self::SftEpochs => "sft_epochs",
            Self::SftLearningRate => "sft_learning_rate",
            Self::RewardEpochs => "reward_epochs",
            Self::RewardLearningRate => "reward_learning_rate",
            Self::PpoSteps => "ppo_steps",
            Self::PpoBatchSize => "ppo_batch_size",
            Self::PpoLearningRate => "ppo_learning_rate",
            Self::KlCoef => "kl_coef",
            Self::HeldOut => "held_out",
            Self::HiddenSize => "hidden_size",
            Self::Layers => "layers",
        }
    }

    /// The setting of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The words of a setting that is one of a few, in the order of the form.
    pub fn words(self) -> Option<Vec<&'static str>> {
        match self.allowed() {
            Allowed::Words(words) => Some(words),
            Allowed::Count { .. } | Allowed::Number { .. } | Allowed::Seed => None,
        }
    }

    /// The allowed values, in words.
    pub fn expected(self) -> String {
        match self.allowed() {
            Allowed::Count {
                from,
                to,
                multiple_of: 1,
            } => format!("a whole number from {from} to {to}"),
            Allowed::Count {
                from,
                to,
                multiple_of,
            } => {
                format!("a multiple of {multiple_of} from {from} to {to}")
            }
            Allowed::Number { from, to } => format!("a number from {from} to {to}"),
            Allowed::Seed => format!("a whole number from 0 to {}", SEEDS - 1),
            Allowed::Words(words) => format!("one of {}", words.join(", ")),
        }
    }

    pub(super) fn allowed(self) -> Allowed {
        let count = |from, to| Allowed::Count {
            from,
            to,
            multiple_of: 1,
        };
        match self {
            Self::Task => words::<TaskChoice>(),
            Self::Level => words::<LevelChoice>(),
            Self::LabelPairs => words::<LabelPairsChoice>(),
            Self::Seed => Allowed::Seed,
            Self::Demonstrations => count(16, 4_000),
            Self::SftEpochs => count(1, 50),
            Self::SftLearningRate | Self::RewardLearningRate => Allowed::Number { from: 1e-5, to: 0.1 },
            Self::RewardEpochs => count(1, 10),
            Self::PpoSteps => count(1, 500),
            Self::PpoBatchSize => count(4, 256),
            Self::PpoLearningRate => Allowed::Number { from: 1e-6, to: 0.01 },
            Self::KlCoef => Allowed::Number { from: 0.0, to: 10.0 },
            Self::HeldOut => count(8, 1_000),
            Self::HiddenSize => Allowed::Count {
                from: 16,
                to: 256,
                multiple_of: 16,
            },
            Self::Layers => count(1, 8),
        }
    }
}

fn words<C: Choice>() -> Allowed {
    Allowed::Words(C::ALL.iter().map(|(_, word)| *word).collect())
}
