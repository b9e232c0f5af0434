//! Distillation: a student learns a teacher's distributions over the tokens of responses.
//!
//! Whose responses is the caller's choice: the teacher's, those of the data, or the student's own (on-policy, Agarwal
//! et al. 2024, arXiv 2306.13649). Where only the teacher's texts are at hand, [`SftTrainer`] distils them.

use burn::module::Module as _;
use burn::optim::ModuleOptimizer;
use rllr_model::{AdaptedLm, CausalLm, LoraAdapter};

use crate::distillation_config::DistillationConfig;
use crate::optimization::TrainerState;
use crate::prompt_and_response::PromptAndResponse;
use crate::sft::{Objective, SftTrainer};
use crate::sft_models::SftModels;
use crate::sft_step::{SftError, SftStep};
use crate::workers::SharedWorkers;

#[cfg(test)]
mod tests;

/// The model that is learnt from. It has no autodiff: no gradient of it is ever computed.
#[derive(Clone, Debug)]
pub struct Teacher {
    base: CausalLm,
    adapter: Option<LoraAdapter>,
}

/// A student, its teacher, and the optimiser that trains the student.
pub struct DistillationTrainer {
    trainer: SftTrainer,
    config: DistillationConfig,
}

/// Why a step of distillation was refused, or its result is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum DistillationError {
    /// Two vocabularies: the distributions are over different tokens.
    #[error("the student has {student} token ids, the teacher {teacher}; expected one tokenizer for both")]
    Vocabulary {
        /// Number of the student's ids.
        student: usize,
        /// Number of the teacher's ids.
        teacher: usize,
    },
    /// As in supervised fine-tuning.
    #[error(transparent)]
    Training(#[from] SftError),
}

impl Teacher {
    /// A whole model, or one with an adapter. It is frozen here.
    #[must_use]
    pub fn new(base: &CausalLm, adapter: Option<&LoraAdapter>) -> Self {
        Self {
            base: base.valid(),
            adapter: adapter.map(LoraAdapter::valid),
        }
    }

    /// The model.
    #[must_use]
    pub fn lm(&self) -> AdaptedLm<'_> {
        match &self.adapter {
            Some(adapter) => self.base.with_adapter(adapter),
            None => self.base.without_adapter(),
        }
    }
}

impl DistillationTrainer {
    /// Trains `student`, which must be on the teacher's device and have its tokenizer.
    ///
    /// - `total_steps`: optimiser steps of the whole run, for the course of the learning rate
    ///
    /// # Errors
    ///
    /// [`DistillationError`] for another number of token ids, and settings that mean nothing.
    pub fn new(
        student: SftModels,
        teacher: Teacher,
        config: DistillationConfig,
        total_steps: usize,
    ) -> Result<Self, DistillationError> {
        let optimizer = config.training.optimizer.init();
        let state = TrainerState::default();
        Self::resume(student, teacher, optimizer, state, config, total_steps)
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    ///
    /// See [`DistillationTrainer::new`].
    pub fn resume(
        student: SftModels,
        teacher: Teacher,
        optimizer: ModuleOptimizer,
        state: TrainerState,
        config: DistillationConfig,
        total_steps: usize,
    ) -> Result<Self, DistillationError> {
        config.check().map_err(SftError::from)?;
        let sizes = [student.vocab_size(), teacher.base.output_weight().dims()[1]];
        if let [student, teacher] = sizes
            && student != teacher
        {
            return Err(DistillationError::Vocabulary { student, teacher });
        }
        let training = config.training.clone();
        let trainer = SftTrainer::resume(student, optimizer, state, training, total_steps)?;
        let objective = Objective::Divergence(Box::new(teacher), config.divergence);
        Ok(Self {
            trainer: trainer.with_objective(objective),
            config,
        })
    }

    /// From now on these compute the micro-batches of a step; see [`SftTrainer::with_workers`].
    #[must_use]
    pub fn with_workers(mut self, workers: SharedWorkers) -> Self {
        self.set_workers(workers);
        self
    }

    /// See [`Self::with_workers`].
    pub fn set_workers(&mut self, workers: SharedWorkers) {
        self.trainer.set_workers(workers);
    }

    /// Who computes the micro-batches of a step.
    #[must_use]
    pub fn workers(&self) -> SharedWorkers {
        self.trainer.workers()
    }

    /// The student in its present state.
    #[must_use]
    pub fn models(&self) -> &SftModels {
        self.trainer.models()
    }

    /// The optimiser in its present state.
    #[must_use]
    pub fn optimizer(&self) -> &ModuleOptimizer {
        self.trainer.optimizer()
    }

    /// What else a checkpoint holds.
    #[must_use]
    pub fn state(&self) -> &TrainerState {
        self.trainer.state()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &DistillationConfig {
        &self.config
    }

    /// Whether the next step should learn from responses that the student wrote.
    #[must_use]
    pub fn wants_own_responses(&self) -> bool {
        self.config.is_on_policy(self.state().step)
    }

    /// One optimiser step on one batch: [`SftTrainer::step`] with the divergence as its loss.
    ///
    /// Responses may be cut off, [`PromptAndResponse::unended`].
    ///
    /// # Errors
    ///
    /// [`DistillationError::Training`] for a batch without examples, and ids that the model does not have.
    pub fn step(&mut self, batch: &[PromptAndResponse]) -> Result<SftStep, DistillationError> {
        Ok(self.trainer.step(batch)?)
    }
}
