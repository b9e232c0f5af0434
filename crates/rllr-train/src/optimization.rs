//! What all supervised trainers share: the optimiser with its schedule, and the checks of what an update has shown.

use std::fmt;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{ExecutionError, Tensor};
use serde::{Deserialize, Serialize};

use crate::learning_rate::LrPlan;
use crate::ppo_config::GradientClipping;

/// What changes from step to step beside model and optimiser. Part of a checkpoint.
///
/// The place in the data is the step: see [`BatchPlan`](crate::BatchPlan).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerState {
    /// Optimiser steps that were done.
    pub step: usize,
    /// Tokens that were read, padding not counted (TRL: `num_tokens`).
    pub num_tokens: u64,
}

/// A setting that means nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field} is {found}, expected {expected}")]
pub struct SettingError {
    /// The field.
    pub field: &'static str,
    /// What it is.
    pub found: String,
    /// What it may be.
    pub expected: &'static str,
}

/// What an update has shown that must not be.
///
/// The trainer's weights are spoiled then: go back to a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// A loss or gradient is NaN or infinite.
    #[error("{what} {found}, expected a finite number: {sample}")]
    NotFinite {
        /// Loss or gradient norm.
        what: &'static str,
        /// The number.
        found: f32,
        /// The first example of the micro-batch whose loss is not finite, else of the step.
        sample: String,
    },
    /// The first step with a learning rate above 0 has changed nothing.
    #[error(
        "the first step did not change the weights of the {what}; is it trained on a device that works? {sample}"
    )]
    WeightsUnchanged {
        /// The trained part.
        what: &'static str,
        /// The first example of the step.
        sample: String,
    },
    /// The device failed.
    #[error("the device failed: {0:?}")]
    Device(ExecutionError),
}

/// An optimiser, its learning rate over a run, and how far the run is.
pub(crate) struct Optimization {
    pub(crate) optimizer: ModuleOptimizer,
    pub(crate) state: TrainerState,
    settings: OptimizationSettings,
}

/// What updates depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptimizationSettings {
    /// The learning rate at its highest.
    pub(crate) learning_rate: f64,
    pub(crate) lr_plan: LrPlan,
    pub(crate) clipping: GradientClipping,
}

/// What an update has done, still on the device.
pub(crate) struct PendingUpdate<S> {
    /// Part of the step's loss by micro-batch, `[1]`, and its first example.
    pub(crate) losses: Vec<(Tensor<1>, S)>,
    /// Global gradient norm before clipping, `[1]`.
    pub(crate) grad_norm: Tensor<1>,
    /// How much each trained part changed, where that is to be checked, `[1]`.
    pub(crate) changes: Vec<(&'static str, Tensor<1>)>,
}

/// What an update has done.
pub(crate) struct UpdateNumbers {
    pub(crate) loss: f32,
    pub(crate) grad_norm: f32,
    /// What else was asked for, in that order.
    pub(crate) others: Vec<f32>,
}

impl Optimization {
    pub(crate) fn resume(
        settings: OptimizationSettings,
        optimizer: ModuleOptimizer,
        state: TrainerState,
    ) -> Self {
        Self {
            optimizer,
            state,
            settings,
        }
    }

    /// The learning rate of the next update.
    pub(crate) fn learning_rate(&self) -> f64 {
        self.learning_rate_at(self.state.step)
    }

    fn learning_rate_at(&self, step: usize) -> f64 {
        self.settings.learning_rate * self.settings.lr_plan.factor(step)
    }

    /// Whether the next update is the first that must change the weights.
    pub(crate) fn is_first_change(&self) -> bool {
        let step = self.state.step;
        let was_still = step == 0 || self.learning_rate_at(step - 1) == 0.0;
        self.learning_rate() > 0.0 && was_still
    }

    /// The largest gradient norm of the next update, if there is one.
    pub(crate) fn max_grad_norm(&self) -> Option<f64> {
        self.settings.clipping.max_grad_norm(self.state.step)
    }

    /// The module in its next state.
    pub(crate) fn update<M: Module>(&mut self, module: &M, gradients: GradientsParams) -> M {
        let learning_rate = self.learning_rate();
        self.state.step += 1;
        self.optimizer.step(learning_rate, module.clone(), gradients)
    }
}

impl<S: fmt::Display> PendingUpdate<S> {
    /// Waits for the update and checks it, in one read.
    ///
    /// - `others`: numbers that are read along, `[n]` each
    pub(crate) async fn read(self, others: Vec<Tensor<1>>) -> Result<UpdateNumbers, UpdateError> {
        let losses = self.losses.iter().map(|(loss, _)| loss.clone());
        let changes = self.changes.iter().map(|(_, change)| change.clone());
        let all = losses
            .chain([self.grad_norm])
            .chain(changes)
            .chain(others)
            .map(Tensor::inner);
        let data = Tensor::cat(all.collect(), 0)
            .into_data_async()
            .await
            .map_err(UpdateError::Device)?;
        let mut numbers = data.iter::<f32>();
        let mut next = || numbers.next().expect("as many as were asked for");

        let mut loss = 0.0;
        for (_, sample) in &self.losses {
            let part = next();
            not_finite("loss", part, sample)?;
            loss += f64::from(part);
        }
        let first = &self.losses[0].1;
        let grad_norm = next();
        not_finite("gradient norm", grad_norm, first)?;
        for (what, _) in &self.changes {
            if next() == 0.0 {
                let sample = first.to_string();
                return Err(UpdateError::WeightsUnchanged { what, sample });
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "losses are f32")]
        let loss = loss as f32;
        Ok(UpdateNumbers {
            loss,
            grad_norm,
            others: numbers.collect(),
        })
    }
}

fn not_finite(what: &'static str, found: f32, sample: &impl fmt::Display) -> Result<(), UpdateError> {
    if found.is_finite() {
        return Ok(());
    }
    let sample = sample.to_string();
    Err(UpdateError::NotFinite { what, found, sample })
}
