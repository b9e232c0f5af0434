//! Which prompts a PPO step answers: a function of seed and step, so that a resumed run goes on as it would have.

use crate::random_stream::{Purpose, random_stream, shuffled};

/// The order of prompts in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptOrder {
    /// Number of prompts.
    pub prompts: usize,
    /// Prompts of one step.
    pub batch: usize,
    /// Seed of the run.
    pub seed: u64,
}

impl PromptOrder {
    /// Steps in which every prompt is answered once, `⌈prompts / batch⌉`. The last of them may have fewer prompts.
    #[must_use]
    pub fn steps_per_epoch(&self) -> usize {
        self.prompts.div_ceil(self.batch.max(1))
    }

    /// Indices of the prompts of step `step` of a run, counted from 0. Each epoch has an order of its own.
    #[must_use]
    pub fn batch(&self, step: usize) -> Vec<usize> {
        let steps = self.steps_per_epoch();
        if steps == 0 {
            return Vec::new();
        }
        self.batch_of_epoch((step / steps) as u64, step % steps)
    }

    /// Indices of the prompts of step `step` of epoch `epoch`, both counted from 0; empty when the epoch is shorter.
    #[must_use]
    pub fn batch_of_epoch(&self, epoch: u64, step: usize) -> Vec<usize> {
        let mut rng = random_stream(self.seed, Purpose::Prompts, epoch, 0);
        let order = shuffled(self.prompts, &mut rng);
        order
            .chunks(self.batch.max(1))
            .nth(step)
            .map_or_else(Vec::new, <[usize]>::to_vec)
    }

    /// Indices of prompts that replace those of step `step` whose answers taught nothing, each once, from all prompts.
    ///
    /// - `draw`: 1 for the first further draw of the step
    #[must_use]
    pub fn further(&self, step: usize, draw: usize) -> Vec<usize> {
        let mut rng = random_stream(self.seed, Purpose::FurtherPrompts, step as u64, draw);
        let mut order = shuffled(self.prompts, &mut rng);
        order.truncate(self.batch);
        order
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const ORDER: PromptOrder = PromptOrder {
        prompts: 10,
        batch: 4,
        seed: 3,
    };

    #[wasm_bindgen_test(unsupported = test)]
    fn every_epoch_asks_every_prompt_once() {
        assert_eq!(ORDER.steps_per_epoch(), 3);
        let epoch = |first: usize| {
            (first..first + 3)
                .flat_map(|step| ORDER.batch(step))
                .collect::<Vec<_>>()
        };
        for first in [0, 3, 6] {
            let mut sorted = epoch(first);
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..10));
        }
        assert_ne!(epoch(0), epoch(3));
        assert_eq!(ORDER.batch(2).len(), 2, "what is left");
        assert_eq!(ORDER.batch(4), ORDER.batch_of_epoch(1, 1));
        assert_eq!(ORDER.batch_of_epoch(0, 3), Vec::<usize>::new());
        assert_ne!(PromptOrder { seed: 4, ..ORDER }.batch(0), ORDER.batch(0));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn further_prompts_are_others_each_time() {
        let draws = [ORDER.further(0, 1), ORDER.further(0, 2), ORDER.further(1, 1)];
        assert!(draws.iter().all(|draw| draw.len() == 4));
        assert!(draws[0] != draws[1] && draws[0] != draws[2]);
        let none = PromptOrder { prompts: 0, ..ORDER };
        assert_eq!(none.batch(5), Vec::<usize>::new());
    }
}
