//! Answers by batches that threads compute side by side.

use burn::tensor::Device;
use rllr_eval::{Answering, AnsweringError};
use rllr_model::AdaptedLm;
use rllr_train::{Job, SharedWorkers};

use crate::threads::workers_for;

/// Examples that are being answered, as many batches at a time as there are threads. The answers do not depend on how
/// many that are.
pub struct SideBySide<'a> {
    parts: Vec<Answering<'a>>,
    workers: SharedWorkers,
}

impl<'a> SideBySide<'a> {
    /// For a model on `device`.
    #[must_use]
    pub fn new(answering: Answering<'a>, device: &Device) -> Self {
        let workers = workers_for(device);
        Self {
            parts: answering.divide(workers.count()),
            workers,
        }
    }

    /// How many examples are answered, and how many there are.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let progress = self.parts.iter().map(Answering::progress);
        progress.fold((0, 0), |(done, all), (part, total)| (done + part, all + total))
    }

    /// Answers a batch in every thread.
    ///
    /// # Errors
    ///
    /// As [`Answering::step`].
    pub fn step(&mut self, lm: AdaptedLm<'_>) -> Result<(), AnsweringError> {
        let mut results: Vec<Result<(), AnsweringError>> = self.parts.iter().map(|_| Ok(())).collect();
        let jobs = self.parts.iter_mut().zip(&mut results);
        let jobs = jobs.filter(|(part, _)| {
            let (done, all) = part.progress();
            done < all
        });
        let jobs: Vec<Job<'_>> = jobs
            .map(|(part, result)| -> Job<'_> {
                Box::new(move || *result = pollster::block_on(part.step(lm)))
            })
            .collect();
        self.workers.run(jobs);
        results.into_iter().collect()
    }

    /// All that was answered.
    #[must_use]
    pub fn finish(self) -> Answering<'a> {
        Answering::join(self.parts)
    }
}
