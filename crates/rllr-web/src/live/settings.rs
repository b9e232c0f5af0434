//! The settings of a live run: defaults, ranges, and reading one of them from text.
//!
//! The form and the permalink both go through [`LiveSettings::set`], so that they accept the same values.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::choice::{Choice as _, LabelPairsChoice, LevelChoice, TaskChoice};

mod field;
#[cfg(test)]
mod tests;

use field::Allowed;
pub use field::LiveField;

/// The settings of a run of the whole method in the page.
///
/// The defaults are the smallest run that shows the effect, on two cores without a GPU in a few minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveSettings {
    /// The embedded task. Default `news_topic`.
    pub task: TaskChoice,
    /// How hard its examples are. Default easy.
    pub level: LevelChoice,
    /// What the label-sensitive reward model learns from. Default with flipped labels.
    pub label_pairs: LabelPairsChoice,
    /// Seed of everything that is drawn, below 2^53 so that JavaScript reads it exactly. Default 1.
    pub seed: u64,
    /// Examples that demonstrations and pairs are made of, 16..=4000. Default 400.
    pub demonstrations: usize,
    /// Passes of fine-tuning over the demonstrations, 1..=50. Default 10.
    pub sft_epochs: usize,
    /// Learning rate of fine-tuning, 0.00001..=0.1. Default 0.004.
    pub sft_learning_rate: f64,
    /// Passes of the label-sensitive reward model over its pairs, 1..=10; the ordinary one, of whose pairs there are
    /// fewer, passes as often as it takes to see as many. Default 1.
    pub reward_epochs: usize,
    /// Learning rate of the reward models, 0.00001..=0.1. Default 0.001.
    pub reward_learning_rate: f64,
    /// Steps of reinforcement learning, 1..=500. Default 24.
    pub ppo_steps: usize,
    /// Answers of one step of reinforcement learning, 4..=256. Default 48.
    pub ppo_batch_size: usize,
    /// Learning rate of reinforcement learning, 0.000001..=0.01. Default 0.0002.
    pub ppo_learning_rate: f64,
    /// How strongly the policy is held to where it began, 0..=10. Default 0.05.
    pub kl_coef: f64,
    /// Examples that nothing is trained on, 8..=1000. Default 96.
    pub held_out: usize,
    /// Width of the model, a multiple of 16 in 16..=256. Default 64.
    pub hidden_size: usize,
    /// Transformer layers, 1..=8. Default 2.
    pub layers: usize,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self {
            task: TaskChoice::NewsTopic,
            level: LevelChoice::Easy,
            label_pairs: LabelPairsChoice::WithFlippedLabels,
            seed: 1,
            demonstrations: 400,
            sft_epochs: 10,
            sft_learning_rate: 0.004,
            reward_epochs: 1,
            reward_learning_rate: 0.001,
            ppo_steps: 24,
            ppo_batch_size: 48,
            ppo_learning_rate: 0.0002,
            kl_coef: 0.05,
            held_out: 96,
            hidden_size: 64,
            layers: 2,
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, found {found:?}")]
pub struct LiveSettingsError {
    /// The setting.
    pub field: LiveField,
    /// What was given.
    pub found: String,
    /// What is allowed.
    pub expected: String,
}

/// One of the settings, to be read or to be written.
enum Value<'a> {
    Count(&'a mut usize),
    Number(&'a mut f64),
    Seed(&'a mut u64),
    Task(&'a mut TaskChoice),
    Level(&'a mut LevelChoice),
    LabelPairs(&'a mut LabelPairsChoice),
}

impl LiveSettings {
    fn value(&mut self, field: LiveField) -> Value<'_> {
        use LiveField as F;
        match field {
            F::Task => Value::Task(&mut self.task),
            F::Level => Value::Level(&mut self.level),
            F::LabelPairs => Value::LabelPairs(&mut self.label_pairs),
            F::Seed => Value::Seed(&mut self.seed),
            F::Demonstrations => Value::Count(&mut self.demonstrations),
            F::SftEpochs => Value::Count(&mut self.sft_epochs),
            F::SftLearningRate => Value::Number(&mut self.sft_learning_rate),
            F::RewardEpochs => Value::Count(&mut self.reward_epochs),
            F::RewardLearningRate => Value::Number(&mut self.reward_learning_rate),
            F::PpoSteps => Value::Count(&mut self.ppo_steps),
            F::PpoBatchSize => Value::Count(&mut self.ppo_batch_size),
            F::PpoLearningRate => Value::Number(&mut self.ppo_learning_rate),
            F::KlCoef => Value::Number(&mut self.kl_coef),
            F::HeldOut => Value::Count(&mut self.held_out),
            F::HiddenSize => Value::Count(&mut self.hidden_size),
            F::Layers => Value::Count(&mut self.layers),
        }
    }

    /// The value of a setting, as text that [`Self::set`] reads back.
    pub fn get(&self, field: LiveField) -> String {
        match self.clone().value(field) {
            Value::Count(count) => count.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Seed(seed) => seed.to_string(),
            Value::Task(task) => task.word().to_owned(),
            Value::Level(level) => level.word().to_owned(),
            Value::LabelPairs(pairs) => pairs.word().to_owned(),
        }
    }

    /// Reads one setting from text. On an error the settings stay as they were.
    ///
    /// # Errors
    /// If the text is not of the setting's kind, or outside its range.
    pub fn set(&mut self, field: LiveField, text: &str) -> Result<(), LiveSettingsError> {
        let mut changed = self.clone();
        let read = read_into(changed.value(field), text.trim()).filter(|()| changed.is_allowed(field));
        read.ok_or_else(|| LiveSettingsError {
            field,
            found: text.to_owned(),
            expected: field.expected(),
        })?;
        *self = changed;
        Ok(())
    }

    /// Checks every range. The worker calls this: a message need not come from our form.
    ///
    /// # Errors
    /// The first setting that is out of its range, in the order of [`LiveField::ALL`].
    pub fn validate(&self) -> Result<(), LiveSettingsError> {
        let wrong = LiveField::ALL.into_iter().find(|field| !self.is_allowed(*field));
        wrong.map_or(Ok(()), |field| {
            Err(LiveSettingsError {
                field,
                found: self.get(field),
                expected: field.expected(),
            })
        })
    }

    fn is_allowed(&self, field: LiveField) -> bool {
        match (self.clone().value(field), field.allowed()) {
            (
                Value::Count(count),
                Allowed::Count {
                    from,
                    to,
                    multiple_of,
                },
            ) => (from..=to).contains(count) && count.is_multiple_of(multiple_of),
            (Value::Number(number), Allowed::Number { from, to }) => (from..=to).contains(number),
            (Value::Seed(seed), Allowed::Seed) => *seed < field::SEEDS,
            (Value::Task(_) | Value::Level(_) | Value::LabelPairs(_), Allowed::Words(_)) => true,
            _ => unreachable!("{field} is stored as another kind than it is described"),
        }
    }
}

/// Reads a text into a place of its kind; `None` when it is of another kind.
fn read_into(value: Value<'_>, text: &str) -> Option<()> {
    match value {
        Value::Count(count) => *count = text.parse().ok()?,
        Value::Number(number) => *number = text.parse().ok()?,
        Value::Seed(seed) => *seed = text.parse().ok()?,
        Value::Task(task) => *task = TaskChoice::from_word(text)?,
        Value::Level(level) => *level = LevelChoice::from_word(text)?,
        Value::LabelPairs(pairs) => *pairs = LabelPairsChoice::from_word(text)?,
    }
    Some(())
}

impl fmt::Display for LiveField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
