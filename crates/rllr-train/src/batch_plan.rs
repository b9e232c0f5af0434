//! Which examples an optimiser step learns from: a pure function of seed, epoch and step.
//!
//! A run that is resumed needs to know its step and nothing else.

use serde::{Deserialize, Serialize};

use crate::random_stream::{Purpose, random_stream, shuffled};

#[cfg(test)]
mod tests;

/// In which order examples come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum BatchOrder {
    /// As they are given, in every epoch.
    Sequential,
    /// At random, anew in each epoch. The default.
    #[default]
    Random,
    /// Examples of similar length together, so that there is little padding: shuffled, sorted by length within windows
    /// of so many batches, and the batches shuffled (transformers' `group_by_length`, whose windows are 50 batches).
    LengthBucketed {
        /// Batches of a window.
        window_batches: usize,
    },
}

/// The batches of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPlan {
    lengths: Vec<usize>,
    batch_size: usize,
    order: BatchOrder,
    seed: u64,
}

impl BatchPlan {
    /// A plan for examples of these lengths in tokens.
    #[must_use]
    pub fn new(lengths: Vec<usize>, batch_size: usize, order: BatchOrder, seed: u64) -> Self {
        assert!(batch_size > 0, "a batch holds an example");
        Self {
            lengths,
            batch_size,
            order,
            seed,
        }
    }

    /// Batches of an epoch. The last one of a window holds what is left, so it may be smaller.
    #[must_use]
    pub fn steps_per_epoch(&self) -> usize {
        self.lengths.len().div_ceil(self.batch_size)
    }

    /// Batches of a run.
    #[must_use]
    pub fn total_steps(&self, epochs: usize) -> usize {
        self.steps_per_epoch() * epochs
    }

    /// The epoch of a step, both from 0.
    #[must_use]
    pub fn epoch_of(&self, step: usize) -> usize {
        step / self.steps_per_epoch().max(1)
    }

    /// Indices of the examples of a step, counted from 0 over all epochs. Empty when there are no examples.
    #[must_use]
    pub fn batch(&self, step: usize) -> Vec<usize> {
        let mut batches = self.epoch(self.epoch_of(step));
        match step % self.steps_per_epoch().max(1) {
            index if index < batches.len() => batches.swap_remove(index),
            _ => Vec::new(),
        }
    }

    /// All batches of an epoch, from 0: every example once.
    #[must_use]
    pub fn epoch(&self, epoch: usize) -> Vec<Vec<usize>> {
        let examples = self.lengths.len();
        let in_order = |count, purpose| {
            let mut rng = random_stream(self.seed, purpose, epoch as u64, 0);
            shuffled(count, &mut rng)
        };
        let batches = |rows: &[usize]| -> Vec<Vec<usize>> {
            rows.chunks(self.batch_size).map(<[usize]>::to_vec).collect()
        };
        match self.order {
            BatchOrder::Sequential => batches(&(0..examples).collect::<Vec<_>>()),
            BatchOrder::Random => batches(&in_order(examples, Purpose::Examples)),
            BatchOrder::LengthBucketed { window_batches } => {
                let mut rows = in_order(examples, Purpose::Examples);
                for window in rows.chunks_mut(self.batch_size * window_batches.max(1)) {
                    window.sort_by_key(|&row| self.lengths[row]);
                }
                let batches = batches(&rows);
                let order = in_order(batches.len(), Purpose::ExampleBatches);
                order.into_iter().map(|index| batches[index].clone()).collect()
            }
        }
    }
}

/// Share of the slots of padded batches that hold no token.
///
/// - `lengths`: tokens of each example
/// - `batches`: examples that are padded to the longest of them
#[must_use]
pub fn padding_share<B: AsRef<[usize]>>(lengths: &[usize], batches: &[B]) -> f64 {
    let (mut slots, mut tokens) = (0, 0);
    for batch in batches {
        let of_batch = || batch.as_ref().iter().map(|&row| lengths[row]);
        slots += batch.as_ref().len() * of_batch().max().unwrap_or(0);
        tokens += of_batch().sum::<usize>();
    }
    if slots == 0 {
        return 0.0;
    }
    (slots - tokens) as f64 / slots as f64
}
