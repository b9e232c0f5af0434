//! Supervised fine-tuning: a model learns to write given responses to given prompts.
//!
//! [`SftTrainer::step`] is the whole of it, in numbered steps. Distillation on a teacher's answers is the same with
//! the answers as responses (sequence-level distillation, Kim and Rush 2016, arXiv 1606.07947): nothing but data.

use std::sync::Arc;

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rllr_model::BatchError;

use crate::checkpointing::{DecoderPass, gradients};
use crate::distillation::Teacher;
use crate::distillation_config::Divergence;
use crate::divergence_loss::{OutputLayer, divergence_loss};
use crate::gradients::{StepGradients, gather_gradients};
use crate::optimization::{Optimization, PendingUpdate, TrainerState};
use crate::prompt_and_response::PromptAndResponse;
use crate::response_loss::{ResponseLoss, ResponseTokens, response_loss};
use crate::sft_config::{AdapterDropout, SftConfig};
use crate::sft_models::SftModels;
use crate::sft_step::{SftError, SftSample, SftStep};
use crate::trained_parts::total_change;
use crate::workers::{OneByOne, SharedWorkers, map_in_turns};

#[cfg(test)]
mod tests;

/// A language model, whole or through an adapter, with the optimiser that trains it.
pub struct SftTrainer {
    models: SftModels,
    optimization: Optimization,
    config: SftConfig,
    objective: Objective,
    workers: SharedWorkers,
}

/// What a response is to teach.
pub(crate) enum Objective {
    /// Its own tokens.
    Responses,
    /// A teacher's distributions over its tokens: distillation.
    Divergence(Box<Teacher>, Divergence),
}

/// What the backward passes of a step leave behind.
struct Passes {
    gradients: StepGradients,
    /// By micro-batch: its part of the loss, `[1]`, and its first example.
    losses: Vec<(Tensor<1>, SftSample)>,
    /// Right tokens by micro-batch, `[1]`.
    num_right: Vec<Tensor<1>>,
    /// Part of the mean entropy by micro-batch, `[1]`.
    entropies: Vec<Tensor<1>>,
    response_tokens: usize,
}

impl SftTrainer {
    /// Trains `models`.
    ///
    /// - `total_steps`: optimiser steps of the whole run, for the course of the learning rate; see
    ///   [`BatchPlan::total_steps`](crate::BatchPlan::total_steps)
    ///
    /// # Errors
    ///
    /// [`SftError::Setting`] for settings that mean nothing.
    pub fn new(models: SftModels, config: SftConfig, total_steps: usize) -> Result<Self, SftError> {
        let optimizer = config.optimizer.init();
        Self::resume(models, optimizer, TrainerState::default(), config, total_steps)
    }

    /// Goes on from a checkpoint. The next batch is that of step `state.step`.
    ///
    /// # Errors
    ///
    /// See [`SftTrainer::new`].
    pub fn resume(
        models: SftModels,
        optimizer: ModuleOptimizer,
        state: TrainerState,
        config: SftConfig,
        total_steps: usize,
    ) -> Result<Self, SftError> {
        config.check()?;
        Ok(Self {
            optimization: Optimization::resume(config.optimization(total_steps), optimizer, state),
            models,
            config,
            objective: Objective::Responses,
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

    pub(crate) fn with_objective(self, objective: Objective) -> Self {
        Self { objective, ..self }
    }

    /// The models in their present state.
    #[must_use]
    pub fn models(&self) -> &SftModels {
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
    pub fn config(&self) -> &SftConfig {
        &self.config
    }

    /// One optimiser step on one batch.
    ///
    /// # Errors
    ///
    /// [`SftError`] for a batch without examples, a response without its end, and ids that the model does not have. The
    /// trainer is then unchanged.
    pub fn step(&mut self, batch: &[PromptAndResponse]) -> Result<SftStep, SftError> {
        // 1. How surprised is the model by the responses? The gradients of all parts of the batch, added up.
        let Passes {
            gradients,
            losses,
            num_right,
            entropies,
            response_tokens,
        } = self.passes(batch)?;

        // 2. Update.
        let trained = self.models.trained();
        let is_first_change = self.optimization.is_first_change();
        let learning_rate = self.optimization.learning_rate();
        let updated = self.optimization.update(trained, gradients.gradients);
        let changes = if is_first_change {
            vec![("trained model", total_change(trained, &updated))]
        } else {
            Vec::new()
        };
        self.models.set_trained(updated);
        let state = &mut self.optimization.state;
        state.num_tokens += batch.iter().map(|example| example.len() as u64).sum::<u64>();
        Ok(SftStep {
            update: PendingUpdate {
                losses,
                grad_norm: gradients.norm,
                changes,
            },
            num_right,
            entropies,
            response_tokens,
            step: state.step,
            learning_rate,
            num_tokens: state.num_tokens,
        })
    }

    /// The gradients that [`SftTrainer::step`] would update with.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn gradients(&self, batch: &[PromptAndResponse]) -> Result<StepGradients, SftError> {
        Ok(self.passes(batch)?.gradients)
    }

    fn passes(&self, batch: &[PromptAndResponse]) -> Result<Passes, SftError> {
        let response_tokens = self.check_batch(batch)?;
        let models = &self.models;

        // 1. The batch is cut into parts that fit into memory.
        let lengths: Vec<usize> = batch.iter().map(PromptAndResponse::len).collect();
        let micro_batches = self.config.micro_batching.cut(&lengths);
        let inputs = micro_batches
            .iter()
            .map(|rows| {
                let examples: Vec<&PromptAndResponse> = rows.iter().map(|&row| &batch[row]).collect();
                ResponseTokens::new(&examples, models.vocab_size(), &models.device())
            })
            .collect::<Result<Vec<_>, BatchError>>()?;

        // 2. Their gradients are added up: each token counts 1 / number of response tokens of the step.
        let lesson = Lesson {
            config: &self.config,
            objective: &self.objective,
            step_tokens: response_tokens,
        };
        let mut dropout_seeds = dropout_seeds(self.config.seed, self.optimization.state.step);
        let parts = inputs.iter().map(|input| (input, dropout_seeds.next_u64()));
        let lessons = map_in_turns(&*self.workers, parts, |(input, dropout_seed)| {
            lesson.backward(&models.with_own_graph(), input, dropout_seed)
        });
        let (mut losses, mut num_right, mut entropies) = (Vec::new(), Vec::new(), Vec::new());
        let found = micro_batches.iter().zip(lessons).map(|(rows, lesson)| {
            let (found, [loss, right, entropy]) = lesson;
            let row = rows[0];
            let example = batch[row].clone();
            losses.push((loss, SftSample { row, example }));
            num_right.push(right);
            entropies.push(entropy);
            found
        });
        let gradients = gather_gradients(models.trained(), found, self.optimization.max_grad_norm());
        Ok(Passes {
            gradients,
            losses,
            num_right,
            entropies,
            response_tokens,
        })
    }

    /// Checks a batch, and counts the tokens of its responses.
    fn check_batch(&self, batch: &[PromptAndResponse]) -> Result<usize, SftError> {
        if batch.is_empty() {
            return Err(SftError::Empty);
        }
        // The tokens of a response that was cut off may be learnt from a teacher; from the data, all must end.
        let unended = batch.iter().position(|example| !example.ended());
        if let (Objective::Responses, Some(row)) = (&self.objective, unended) {
            let example = batch[row].clone();
            return Err(SftError::NotEnded(SftSample { row, example }));
        }
        Ok(batch.iter().map(|example| example.response().len()).sum())
    }
}

/// What all parts of a step share.
struct Lesson<'a> {
    config: &'a SftConfig,
    objective: &'a Objective,
    step_tokens: usize,
}

impl Lesson<'_> {
    /// Gradients of a part of the step's loss; that part, the number of right tokens, and the part of the mean entropy,
    /// `[1]` each.
    fn backward(
        &self,
        models: &SftModels,
        tokens: &ResponseTokens,
        dropout_seed: u64,
    ) -> (GradientsParams, [Tensor<1>; 3]) {
        let lm = models.lm();
        let dropping = match self.config.adapter_dropout {
            AdapterDropout::AsConfigured => lm.adapter().map(|adapter| adapter.with_dropout(dropout_seed)),
            AdapterDropout::Off => lm.adapter().cloned(),
        };
        let pass = DecoderPass {
            decoder: lm.base().decoder(),
            adapter: dropping.as_ref(),
            input: &tokens.input,
            columns: tokens.columns.clone(),
        };
        gradients(self.config.checkpointing, pass, models.trained(), |hidden| {
            let student = OutputLayer {
                hidden,
                weight: lm.base().output_weight(),
            };
            let ResponseLoss {
                value,
                surrogate,
                num_right,
                entropy,
            } = self.objective.loss(student, tokens, self.step_tokens);
            (surrogate, [value, num_right, entropy])
        })
    }
}

impl Objective {
    fn loss(&self, student: OutputLayer, tokens: &ResponseTokens, step_tokens: usize) -> ResponseLoss {
        match self {
            Self::Responses => response_loss(student.hidden, student.weight, tokens, step_tokens),
            Self::Divergence(teacher, divergence) => {
                let lm = teacher.lm();
                let teacher = OutputLayer {
                    hidden: lm.hidden_columns(&tokens.input, tokens.columns.clone()),
                    weight: lm.base().output_weight(),
                };
                divergence_loss(student, teacher, tokens, step_tokens, *divergence)
            }
        }
    }
}

/// A step has a stream of random numbers of its own, so a run that is resumed drops what it would have.
pub(crate) fn dropout_seeds(seed: u64, step: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ DROPOUT);
    rng.set_stream(step as u64);
    rng
}

/// Keeps the random numbers of dropout apart from those of the order.
const DROPOUT: u64 = 0x6472_6f70_6f75_7421;
