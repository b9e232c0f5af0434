//! Whoever computes the parts of a step, the step is the same.

use std::sync::Arc;

use super::adapters::adapter_models;
use super::writing::{prompts, tokens};
use super::*;
use crate::workers::{Job, Workers};

/// Three at a time, in threads where there are threads.
struct Threads;

impl Workers for Threads {
    fn count(&self) -> usize {
        3
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn run(&self, jobs: Vec<Job<'_>>) {
        std::thread::scope(|scope| {
            for job in jobs {
                scope.spawn(job);
            }
        });
    }

    #[cfg(target_arch = "wasm32")]
    fn run(&self, jobs: Vec<Job<'_>>) {
        for job in jobs.into_iter().rev() {
            job();
        }
    }
}

/// Whole models and adapters; four micro-batches of one response each.
fn trainers(change: impl Fn(&mut PpoConfig)) -> [PpoTrainer; 2] {
    [models(), adapter_models(|_| Reference::AdaptersOff)].map(|models| {
        let mut config = PpoConfig {
            critic: models.critic_kind(),
            reference: models.reference_kind(),
            micro_batch_size: 1,
            ppo_epochs: 2,
            max_new_tokens: 8,
            ..config()
        };
        change(&mut config);
        PpoTrainer::new(models, config, 10).unwrap()
    })
}

/// Parts are the same and are added up in the same order, so every bit is.
#[wasm_bindgen_test(unsupported = test)]
fn workers_change_no_bit_of_a_step() {
    for (mut alone, helped) in trainers(|_| {}).into_iter().zip(trainers(|_| {})) {
        let mut helped = helped.with_workers(Arc::new(Threads));
        for _ in 0..2 {
            assert_eq!(step(&mut alone), step(&mut helped));
        }
        let apart = total_change(alone.models().trained(), helped.models().trained());
        assert_eq!(apart.into_scalar::<f32>(), 0.0);
    }
}

/// Divided among workers, the same is written, as far as its stop token and no further.
#[wasm_bindgen_test(unsupported = test)]
fn workers_change_no_token_of_an_answer() {
    let written = |trainer: &PpoTrainer| block_on(trainer.write(&prompts(), &tokens(), 0)).unwrap();
    for (alone, helped) in trainers(|_| {}).into_iter().zip(trainers(|_| {})) {
        let helped = helped.with_workers(Arc::new(Threads));
        let (first, second) = (written(&alone), written(&helped));
        assert_eq!(first.responses(), second.responses());
        assert_eq!(first.ended(), second.ended());
        assert!(first.ended().contains(&true), "some answer has an end: {first:?}");
    }
}
