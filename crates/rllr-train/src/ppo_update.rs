//! One optimiser step of PPO, and what a step's updates have shown.

use burn::module::ParamGroup;
use burn::optim::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::tensor::{ExecutionError, Tensor, TensorData, Transaction};

use crate::actor_critic::ActorCritic;
use crate::gradients::{StepGradients, gather_gradients};
use crate::ppo::PpoTrainer;
use crate::ppo_config::{LossMeans, PpoConfig};
use crate::ppo_experience::Experience;
use crate::ppo_lesson::lessons;
use crate::ppo_stats::{COUNT, PpoStats};
use crate::trained_parts::{part_changes, part_gradients};

#[cfg(test)]
mod tests;

/// Rows that go through the models together, and how much each of their tokens counts.
pub(crate) struct MicroBatch {
    pub(crate) rows: Vec<usize>,
    pub(crate) slots: usize,
    /// `[rows, slots]`.
    pub(crate) policy_weights: Vec<f32>,
    /// `[rows, slots]`.
    pub(crate) value_weights: Vec<f32>,
    /// Means over this micro-batch are its statistics times this: 1 where means are over the whole step.
    factor: f32,
}

/// What the updates of a PPO step have shown, still on the device.
#[derive(Default)]
pub(crate) struct PendingUpdates {
    /// Rows and factor of each micro-batch, by optimiser step.
    steps: Vec<Vec<(Vec<usize>, f32)>>,
    /// Of each micro-batch.
    stats: Vec<Tensor<1>>,
    /// Of each optimiser step.
    grad_norms: Vec<Tensor<1>>,
    /// Log-probabilities under the policy before its first update, with their rows and slots, `[rows, slots]`.
    first_log_probs: Vec<(Vec<usize>, usize, Tensor<2>)>,
    /// Whether it is to be checked that something is learned.
    pub(crate) is_watched: bool,
    /// Gradient norms and changes of the trained parts, where that is to be checked, `[1]`.
    changes: Vec<(&'static str, Tensor<1>)>,
}

/// What the updates of a PPO step have shown.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    /// By optimiser step and micro-batch: rows, and means over what the settings say.
    pub(crate) steps: Vec<Vec<(Vec<usize>, PpoStats)>>,
    /// Global gradient norm of each optimiser step, before clipping.
    pub(crate) grad_norms: Vec<f32>,
    /// Log-probabilities under the policy before its first update, with their rows and slots, `[rows, slots]`.
    pub(crate) first_log_probs: Vec<(Vec<usize>, usize, Vec<f32>)>,
    /// Gradient norms and changes of the trained parts, where that is to be checked; none is 0.
    pub(crate) changes: Vec<(&'static str, f32)>,
}

/// Cuts the rows of an optimiser step, and says how much each of their tokens counts in its loss.
pub(crate) fn micro_batches(experience: &Experience, rows: &[usize], config: &PpoConfig) -> Vec<MicroBatch> {
    let rollout = &experience.rollout;
    let len = rollout.responses.response_len();
    let size = config.micro_batch_size;
    let groups: Vec<&[usize]> = match config.loss_means {
        LossMeans::OptimizerStep => vec![rows],
        LossMeans::MicroBatch => rows.chunks(size).collect(),
    };
    let share = 1.0 / groups.len() as f32;
    let mut micro_batches = Vec::new();
    for group in &groups {
        let weights = |mask: &[bool]| -> Vec<f32> {
            let mask = rollout.select(mask, group, len);
            let weights = config.loss_aggregation.token_weights(&mask, len);
            weights.into_iter().map(|weight| weight * share).collect()
        };
        let (policy, value) = (weights(&rollout.mask), weights(&rollout.reward_mask));
        for (index, rows) in group.chunks(size).enumerate() {
            let slots = rollout.slots(rows);
            let start = index * size;
            let of_rows = |weights: &[f32]| -> Vec<f32> {
                let rows = weights[start * len..(start + rows.len()) * len].chunks(len);
                rows.flat_map(|row| row[..slots].iter().copied()).collect()
            };
            micro_batches.push(MicroBatch {
                rows: rows.to_vec(),
                slots,
                policy_weights: of_rows(&policy),
                value_weights: of_rows(&value),
                factor: groups.len() as f32,
            });
        }
    }
    micro_batches
}

impl PpoTrainer {
    /// One optimiser step on `rows`: gradients of all micro-batches, added up, clipped and applied.
    pub(crate) fn update(
        &mut self,
        experience: &Experience,
        rows: &[usize],
        lr_factor: f64,
        pending: &mut PendingUpdates,
    ) {
        let (models, config) = (&self.models, &self.config);
        let micro_batches = micro_batches(experience, rows, config);
        let is_first = pending.steps.is_empty();
        let lessons = lessons(models, experience, &micro_batches, config, &*self.workers);
        let found = micro_batches
            .iter()
            .zip(lessons)
            .flat_map(|(micro_batch, lesson)| {
                pending.stats.push(lesson.stats);
                if is_first {
                    let rows = micro_batch.rows.clone();
                    pending
                        .first_log_probs
                        .push((rows, micro_batch.slots, lesson.log_probs));
                }
                lesson.gradients
            });
        let max_grad_norm = config.gradient_clipping.max_grad_norm(self.state.optimizer_step);
        let trained = models.trained();
        let StepGradients { gradients, norm } = gather_gradients(trained, found, max_grad_norm);
        pending.grad_norms.push(norm.inner());
        if is_first && pending.is_watched {
            // Weight decay changes weights that learn nothing, so a look at the weights is not enough.
            pending.changes.extend(part_gradients(trained, &gradients));
        }

        let learning_rates = learning_rates(trained, config, lr_factor);
        let updated = self.optimizer.step(learning_rates, trained.clone(), gradients);
        self.models.set_trained(updated);
        self.state.optimizer_step += 1;
        let rows_and_factor = |micro_batch: MicroBatch| (micro_batch.rows, micro_batch.factor);
        pending
            .steps
            .push(micro_batches.into_iter().map(rows_and_factor).collect());
    }
}

/// The configured learning rates times `factor`.
fn learning_rates(trained: &ActorCritic, config: &PpoConfig, factor: f64) -> ModuleLearningRate {
    let rates = ModuleLrScheduler::new(config.learning_rate * factor);
    let mut rates = match config.critic_learning_rate {
        Some(rate) => rates.with_group(ParamGroup::ids_from_module(trained.critic.clone()), rate * factor),
        None => rates,
    };
    rates.step()
}

impl PendingUpdates {
    /// Notes how far each part of what is trained is from what it was.
    pub(crate) fn note_changes(&mut self, before: &ActorCritic, after: &ActorCritic) {
        self.changes.extend(part_changes(before, after));
    }

    /// Number of optimiser steps.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Mean `log π_old − log π_new` over the optimiser steps from `first` on; waits for the device.
    pub(crate) async fn policy_kl(&self, first: usize) -> Result<f32, ExecutionError> {
        if first == self.steps.len() {
            return Ok(0.0);
        }
        let before: usize = self.steps[..first].iter().map(Vec::len).sum();
        let data = Tensor::cat(self.stats[before..].to_vec(), 0)
            .into_data_async()
            .await?;
        let total: f32 = all_stats(&data).iter().map(|stats| stats.policy_kl).sum();
        Ok(total / (self.steps.len() - first) as f32)
    }

    /// Waits for everything, in one read.
    pub(crate) async fn read(self) -> Result<Updates, ExecutionError> {
        if self.steps.is_empty() {
            return Ok(Updates::default());
        }
        let mut transaction = Transaction::default()
            .register(Tensor::cat(self.stats, 0))
            .register(Tensor::cat(self.grad_norms, 0));
        if !self.changes.is_empty() {
            let changes = self.changes.iter().map(|(_, change)| change.clone());
            transaction = transaction.register(Tensor::cat(changes.collect(), 0));
        }
        for (_, _, log_probs) in &self.first_log_probs {
            transaction = transaction.register(log_probs.clone());
        }
        let numbers = |data: &TensorData| data.iter::<f32>().collect::<Vec<f32>>();
        let mut data = transaction.execute_async().await?.into_iter();
        let mut next = || data.next().expect("as many as were registered");
        let mut stats = all_stats(&next()).into_iter();
        let grad_norms = numbers(&next());
        let changes = if self.changes.is_empty() {
            Vec::new()
        } else {
            numbers(&next())
        };
        let first_log_probs = self.first_log_probs.into_iter();
        let steps = self.steps.into_iter().map(|micro_batches| {
            let named = micro_batches.into_iter().zip(&mut stats);
            named
                .map(|((rows, factor), stats)| (rows, stats.scaled(factor)))
                .collect()
        });
        let parts = self.changes.into_iter().map(|(part, _)| part);
        Ok(Updates {
            steps: steps.collect(),
            grad_norms,
            changes: parts.zip(changes).collect(),
            first_log_probs: first_log_probs
                .map(|(rows, slots, _)| (rows, slots, numbers(&next())))
                .collect(),
        })
    }
}

/// The statistics of micro-batches, one after the other.
fn all_stats(data: &TensorData) -> Vec<PpoStats> {
    let numbers: Vec<f32> = data.iter().collect();
    let one = |numbers: &[f32]| {
        let numbers = numbers.try_into().expect("whole statistics");
        PpoStats::from_numbers(numbers)
    };
    numbers.chunks(COUNT).map(one).collect()
}
