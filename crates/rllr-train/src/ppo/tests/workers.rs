//! Whoever computes the parts of a step, the step is the same.

use std::sync::Arc;

use super::adapters::adapter_models;
use super::writing::{prompts, tokens};
use super::*;
use crate::workers::tests::Threads;

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

/// Divided among workers, the same is written, bit by bit, as far as its stop token and no further.
#[wasm_bindgen_test(unsupported = test)]
fn workers_change_no_token_of_an_answer() {
    let written = |trainer: &PpoTrainer| block_on(trainer.write(&prompts(), &tokens(), 0)).unwrap();
    let trainers = || trainers(|config| config.generation_batch_size = 2);
    for (alone, helped) in trainers().into_iter().zip(trainers()) {
        let helped = helped.with_workers(Arc::new(Threads));
        let (first, second) = (written(&alone), written(&helped));
        assert_eq!(first, second);
        assert!(first.ended().contains(&true), "some answer has an end: {first:?}");
    }
}
