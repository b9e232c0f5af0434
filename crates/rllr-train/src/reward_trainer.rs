//! Reward-model training: a model learns to score the better of two answers higher.
//!
//! [`RewardTrainer::step`] is the whole of it, in numbered steps; the losses are in `rllr-reward`.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use rand_chacha::rand_core::Rng as _;
use rllr_model::{BatchError, Decoder};
use rllr_reward::PreferenceMetrics;

use crate::checkpointing::{DecoderPass, gradients};
use crate::gradients::{StepGradients, gather_gradients};
use crate::optimization::{Optimization, PendingUpdate, TrainerState};
use crate::pair_batch::PairBatch;
use crate::reward_config::RewardConfig;
use crate::reward_models::{RewardModels, TrainedReward};
use crate::reward_pair::RewardPair;
use crate::reward_step::{RewardStep, RewardTrainingError};
use crate::sft::dropout_seeds;
use crate::sft_config::AdapterDropout;
use crate::workers::{OneByOne, SharedWorkers, map_in_turns};

#[cfg(test)]
mod tests;

/// A reward model, whole or an adapter with a head, and the optimiser that trains it.
pub struct RewardTrainer {
    models: RewardModels,
    optimization: Optimization,
    config: RewardConfig,
    workers: SharedWorkers,
}

/// What the backward passes of a step leave behind.
struct Passes {
    gradients: StepGradients,
    /// By micro-batch: its part of the loss, `[1]`, and its first pair.
    losses: Vec<(Tensor<1>, RewardPair)>,
    /// By micro-batch: its pairs and the scores of their answers, `[2 · pairs]`.
    scores: Vec<(Vec<usize>, Tensor<1>)>,
}

impl RewardTrainer {
    /// Trains `models`.
    ///
    /// - `total_steps`: optimiser steps of the whole run, for the course of the learning rate
    ///
    /// # Errors
    ///
    /// [`RewardTrainingError::Setting`] for settings that mean nothing.
    pub fn new(
        models: RewardModels,
        config: RewardConfig,
        total_steps: usize,
    ) -> Result<Self, RewardTrainingError> {
        let optimizer = config.optimizer.init();
        Self::resume(models, optimizer, TrainerState::default(), config, total_steps)
    }

    /// Goes on from a checkpoint. The next batch is that of step `state.step`.
    ///
    /// # Errors
    ///
    /// See [`RewardTrainer::new`].
    pub fn resume(
        models: RewardModels,
        optimizer: ModuleOptimizer,
        state: TrainerState,
        config: RewardConfig,
        total_steps: usize,
    ) -> Result<Self, RewardTrainingError> {
        config.check()?;
        Ok(Self {
            optimization: Optimization::resume(config.optimization(total_steps), optimizer, state),
            models,
            config,
            workers: Arc::new(OneByOne),
        })
    }

    /// From now on these compute the micro-batches of a step; results stay what they are. At the start there is
    /// [`OneByOne`].
    #[must_use]
    pub fn with_workers(mut self, workers: SharedWorkers) -> Self {
        self.set_workers(workers);
        self
    }

    /// See [`Self::with_workers`].
    pub fn set_workers(&mut self, workers: SharedWorkers) {
        self.workers = workers;
    }

    /// Who computes the micro-batches of a step.
    #[must_use]
    pub fn workers(&self) -> SharedWorkers {
        Arc::clone(&self.workers)
    }

    /// The models in their present state.
    #[must_use]
    pub fn models(&self) -> &RewardModels {
        &self.models
    }

    /// The optimiser in its present state.
    #[must_use]
    pub fn optimizer(&self) -> &ModuleOptimizer {
        &self.optimization.optimizer
    }

    /// What else a checkpoint holds.
    #[must_use]
    pub fn state(&self) -> &TrainerState {
        &self.optimization.state
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &RewardConfig {
        &self.config
    }

    /// One optimiser step on one batch.
    ///
    /// # Errors
    ///
    /// [`RewardTrainingError`] for a batch without pairs, and ids that the model does not have. The trainer is then
    /// unchanged.
    pub fn step(&mut self, batch: &[RewardPair]) -> Result<RewardStep, RewardTrainingError> {
        // 1. How far are the scores from what is preferred? The gradients of all parts of the batch, added up.
        let Passes {
            gradients,
            losses,
            scores,
        } = self.passes(batch)?;

        // 2. Update.
        let trained = self.models.trained();
        let is_first_change = self.optimization.is_first_change();
        let learning_rate = self.optimization.learning_rate();
        let updated = self.optimization.update(trained, gradients.gradients);
        let changes = if is_first_change {
            TrainedReward::changes(trained, &updated)
        } else {
            Vec::new()
        };
        self.models.set_trained(updated);
        let state = &mut self.optimization.state;
        let tokens = |pair: &RewardPair| (pair.chosen().len() + pair.rejected().len()) as u64;
        state.num_tokens += batch.iter().map(tokens).sum::<u64>();
        Ok(RewardStep {
            update: PendingUpdate {
                losses,
                grad_norm: gradients.norm,
                changes,
            },
            scores,
            step: state.step,
            learning_rate,
            num_tokens: state.num_tokens,
        })
    }

    /// The gradients that [`RewardTrainer::step`] would update with.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn gradients(&self, batch: &[RewardPair]) -> Result<StepGradients, RewardTrainingError> {
        Ok(self.passes(batch)?.gradients)
    }

    /// Metrics of held-out pairs by kind, such as label-sensitive and rationale-sensitive ones. Nothing is dropped out.
    ///
    /// # Errors
    ///
    /// See [`RewardModels::score`].
    pub async fn evaluate<K: Ord + Clone>(
        &self,
        pairs: &[(K, RewardPair)],
    ) -> Result<BTreeMap<K, PreferenceMetrics>, RewardTrainingError> {
        let chosen = pairs.iter().map(|(_, pair)| pair.chosen().tokens());
        let rejected = pairs.iter().map(|(_, pair)| pair.rejected().tokens());
        let rows: Vec<Vec<u32>> = chosen.chain(rejected).collect();
        let batching = self.config.micro_batching;
        let scores = self.models.score_with(&*self.workers, &rows, batching).await?;
        let (chosen, rejected) = scores.split_at(pairs.len());
        let mut by_kind: BTreeMap<K, [Vec<f32>; 2]> = BTreeMap::new();
        for (index, (kind, _)) in pairs.iter().enumerate() {
            let [of_chosen, of_rejected] = by_kind.entry(kind.clone()).or_default();
            of_chosen.push(chosen[index]);
            of_rejected.push(rejected[index]);
        }
        let metrics = |[chosen, rejected]: [Vec<f32>; 2]| PreferenceMetrics::new(&chosen, &rejected);
        Ok(by_kind
            .into_iter()
            .map(|(kind, scores)| (kind, metrics(scores)))
            .collect())
    }

    fn passes(&self, batch: &[RewardPair]) -> Result<Passes, RewardTrainingError> {
        if batch.is_empty() {
            return Err(RewardTrainingError::Empty);
        }
        let (models, config) = (&self.models, &self.config);

        // 1. The batch is cut into parts that fit into memory.
        let lengths: Vec<usize> = batch.iter().map(|pair| 2 * pair.len()).collect();
        let micro_batches = self.config.micro_batching.cut(&lengths);
        let inputs = micro_batches
            .iter()
            .map(|pairs| {
                let pairs: Vec<&RewardPair> = pairs.iter().map(|&pair| &batch[pair]).collect();
                PairBatch::new(&pairs, self.config.loss, models.vocab_size(), &models.device())
            })
            .collect::<Result<Vec<_>, BatchError>>()?;

        // 2. Their gradients are added up: each pair counts 1 / number of pairs of the step.
        let mut dropout_seeds = dropout_seeds(self.config.seed, self.optimization.state.step);
        let parts = inputs.iter().map(|input| (input, dropout_seeds.next_u64()));
        let lessons = map_in_turns(&*self.workers, parts, |(input, dropout_seed)| {
            let models = models.with_own_graph();
            backward(&models, config, input, batch.len(), dropout_seed)
        });
        let (mut losses, mut scores) = (Vec::new(), Vec::new());
        let found = micro_batches.into_iter().zip(lessons);
        let found = found.map(|(pairs, (found, [loss, of_part]))| {
            losses.push((loss, batch[pairs[0]].clone()));
            scores.push((pairs, of_part));
            found
        });
        let gradients = gather_gradients(models.trained(), found, self.optimization.max_grad_norm());
        Ok(Passes {
            gradients,
            losses,
            scores,
        })
    }
}

/// Gradients of a part of the step's loss; that part, `[1]`, and its scores, `[2 · pairs]`.
fn backward(
    models: &RewardModels,
    config: &RewardConfig,
    part: &PairBatch,
    step_pairs: usize,
    dropout_seed: u64,
) -> (GradientsParams, [Tensor<1>; 2]) {
    let dropping = match config.adapter_dropout {
        AdapterDropout::AsConfigured => models.adapter().map(|adapter| adapter.with_dropout(dropout_seed)),
        AdapterDropout::Off => models.adapter().cloned(),
    };
    let pass = DecoderPass {
        decoder: models.decoder(),
        adapter: dropping.as_ref(),
        input: &part.input,
        columns: part.columns.clone(),
    };
    let (mut found, shown) = gradients(config.checkpointing, pass, models.trained(), |hidden| {
        let (losses, scores) = part.losses(models.trained().head().values(hidden));
        let loss = losses.sum() / step_pairs as f64;
        let shown = [loss.clone().inner(), scores.inner()];
        (loss, shown)
    });
    if let Some(padding_id) = config.loss.read_padding() {
        without_row(&mut found, models.decoder(), padding_id);
    }
    (found, shown)
}

/// Padding is read and not learnt: transformers' embeddings give their padding id no gradient.
fn without_row(gradients: &mut GradientsParams, decoder: &Decoder, id: u32) {
    let embedding = decoder.embedding().id;
    if let Some(gradient) = gradients.remove::<2>(embedding) {
        let [_, d_model] = gradient.dims();
        let row = id as usize;
        let zeros = Tensor::zeros([1, d_model], &gradient.device());
        gradients.register(
            embedding,
            gradient.slice_assign([row..row + 1, 0..d_model], zeros),
        );
    }
}
