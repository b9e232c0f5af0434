//! The settings of a training run in the page: defaults, ranges, and reading one of them from text.
//!
//! The form and the permalink both go through [`TrainSettings::set`], so that they accept the same values.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The settings of a training run in the page.
///
/// The default is the smallest model that shows learning: one layer of width 32, on 2 sequences of 16 tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSettings {
    /// Width of the model, a multiple of 16 in 16..=256. Default 32.
    pub hidden_size: usize,
    /// Transformer layers, 1..=8. Default 1.
    pub layers: usize,
    /// Sequences per step, 1..=64. Default 2.
    pub batch_size: usize,
    /// Tokens per sequence, 4..=256. Default 16.
    pub seq_len: usize,
    /// Training steps, 1..=10000. Default 200.
    pub steps: usize,
    /// Learning rate of `AdamW`, 0.00001..=0.1. Default 0.003.
    pub learning_rate: f64,
    /// Seed of weights and batches, any whole number from 0 up to 2^64 - 1. Default 1.
    pub seed: u64,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            hidden_size: 32,
            layers: 1,
            batch_size: 2,
            seq_len: 16,
            steps: 200,
            learning_rate: 0.003,
            seed: 1,
        }
    }
}

/// Names one of the [`TrainSettings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// [`TrainSettings::hidden_size`].
    HiddenSize,
    /// [`TrainSettings::layers`].
    Layers,
    /// [`TrainSettings::batch_size`].
    BatchSize,
    /// [`TrainSettings::seq_len`].
    SeqLen,
    /// [`TrainSettings::steps`].
    Steps,
    /// [`TrainSettings::learning_rate`].
    LearningRate,
    /// [`TrainSettings::seed`].
    Seed,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, found {found:?}")]
pub struct SettingsError {
    /// The setting.
    pub field: Field,
    /// What was given.
    pub found: String,
    /// What is allowed.
    pub expected: &'static str,
}

impl Field {
    /// All settings, in the order of the form and of the permalink.
    pub const ALL: [Self; 7] = [
        Self::Steps,
        Self::LearningRate,
        Self::Seed,
        Self::HiddenSize,
        Self::Layers,
        Self::BatchSize,
        Self::SeqLen,
    ];

    /// The name in the permalink, in JSON and in `data-testid`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HiddenSize => "hidden_size",
            Self::Layers => "layers",
            Self::BatchSize => "batch_size",
            Self::SeqLen => "seq_len",
            Self::Steps => "steps",
            Self::LearningRate => "learning_rate",
            Self::Seed => "seed",
        }
    }

    /// The setting of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The allowed values, in words.
    pub fn expected(self) -> &'static str {
        match self {
            Self::HiddenSize => "a multiple of 16 from 16 to 256",
            Self::Layers => "a whole number from 1 to 8",
            Self::BatchSize => "a whole number from 1 to 64",
            Self::SeqLen => "a whole number from 4 to 256",
            Self::Steps => "a whole number from 1 to 10000",
            Self::LearningRate => "a number from 0.00001 to 0.1",
            Self::Seed => "a whole number from 0 to 18446744073709551615",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl TrainSettings {
    /// The value of a setting, as text that [`Self::set`] reads back.
    pub fn get(&self, field: Field) -> String {
        match field {
            Field::HiddenSize => self.hidden_size.to_string(),
            Field::Layers => self.layers.to_string(),
            Field::BatchSize => self.batch_size.to_string(),
            Field::SeqLen => self.seq_len.to_string(),
            Field::Steps => self.steps.to_string(),
            Field::LearningRate => self.learning_rate.to_string(),
            Field::Seed => self.seed.to_string(),
        }
    }

    /// Reads one setting from text. On an error the settings stay as they were.
    ///
    /// # Errors
    /// If the text is not a number of the setting's kind, or outside its range.
    pub fn set(&mut self, field: Field, text: &str) -> Result<(), SettingsError> {
        let error = || SettingsError {
            field,
            found: text.to_owned(),
            expected: field.expected(),
        };
        let text = text.trim();
        let mut changed = self.clone();
        if field == Field::LearningRate {
            changed.learning_rate = text.parse().map_err(|_| error())?;
        } else {
            let value: u64 = text.parse().map_err(|_| error())?;
            // On wasm32 a usize has 32 bits: a larger number is out of every range anyway.
            let count = || usize::try_from(value).map_err(|_| error());
            match field {
                Field::HiddenSize => changed.hidden_size = count()?,
                Field::Layers => changed.layers = count()?,
                Field::BatchSize => changed.batch_size = count()?,
                Field::SeqLen => changed.seq_len = count()?,
                Field::Steps => changed.steps = count()?,
                Field::Seed => changed.seed = value,
                Field::LearningRate => unreachable!("read above, it is not a whole number"),
            }
        }
        changed.check(field).map_err(|_| error())?;
        *self = changed;
        Ok(())
    }

    /// Checks every range. The worker calls this: a message need not come from our form.
    ///
    /// # Errors
    /// The first setting that is out of its range, in the order of [`Field::ALL`].
    pub fn validate(&self) -> Result<(), SettingsError> {
        Field::ALL.into_iter().try_for_each(|field| self.check(field))
    }

    fn check(&self, field: Field) -> Result<(), SettingsError> {
        let allowed = match field {
            Field::HiddenSize => {
                (16..=256).contains(&self.hidden_size) && self.hidden_size.is_multiple_of(16)
            }
            Field::Layers => (1..=8).contains(&self.layers),
            Field::BatchSize => (1..=64).contains(&self.batch_size),
            Field::SeqLen => (4..=256).contains(&self.seq_len),
            Field::Steps => (1..=10_000).contains(&self.steps),
            Field::LearningRate => (1e-5..=0.1).contains(&self.learning_rate),
            Field::Seed => true,
        };
        if allowed {
            Ok(())
        } else {
            Err(SettingsError {
                field,
                found: self.get(field),
                expected: field.expected(),
            })
        }
    }
}

#[cfg(test)]
mod tests;
