//! Proximal policy optimisation (arXiv 1707.06347) of a language model, as RLLR and its relatives do it.
//!
//! [`PpoTrainer::step`] is the whole of it, in numbered steps. What comes before it, writing and scoring responses, is
//! somebody else's; what the steps call are the equations of this crate and of `rllr-reward`.

use burn::optim::ModuleOptimizer;
use rllr_reward::clip_scores;

use crate::actor_critic::{ModelsError, PpoModels};
use crate::learning_rate::LrPlan;
use crate::minibatch_order::shuffled_rows;
use crate::ppo_checks::{check_arguments, check_updates};
use crate::ppo_config::{EarlyStop, PpoConfig, ReferenceReset};
use crate::ppo_error::PpoError;
use crate::ppo_experience::{Experience, Rewards};
use crate::ppo_measure::measure;
use crate::ppo_metrics::{PpoMetrics, StepNumbers};
use crate::ppo_step::{PpoState, PpoStep};
use crate::ppo_update::PendingUpdates;
use crate::rollout::Responses;

#[cfg(test)]
mod tests;

/// A policy with its value model, its reference, and the optimiser that trains the first two.
pub struct PpoTrainer {
    pub(crate) models: PpoModels,
    pub(crate) optimizer: ModuleOptimizer,
    pub(crate) config: PpoConfig,
    pub(crate) state: PpoState,
    lr_plan: LrPlan,
}

impl PpoTrainer {
    /// Trains `models`.
    ///
    /// - `total_steps`: PPO steps of the whole run, for the course of the learning rate
    ///
    /// # Errors
    ///
    /// [`PpoError`] when settings contradict each other, or do not fit the models.
    pub fn new(models: PpoModels, config: PpoConfig, total_steps: usize) -> Result<Self, PpoError> {
        let state = PpoState::new(&config);
        let optimizer = config.optimizer.init();
        Self::resume(models, optimizer, state, config, total_steps)
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    ///
    /// See [`PpoTrainer::new`].
    pub fn resume(
        models: PpoModels,
        optimizer: ModuleOptimizer,
        state: PpoState,
        config: PpoConfig,
        total_steps: usize,
    ) -> Result<Self, PpoError> {
        config.check()?;
        let (found, expected) = (models.critic_kind(), config.critic);
        if found != expected {
            return Err(ModelsError::Critic { found, expected }.into());
        }
        let (found, expected) = (models.reference_kind(), config.reference);
        if found != expected {
            return Err(ModelsError::Reference { found, expected }.into());
        }
        Ok(Self {
            lr_plan: config.lr_plan(total_steps),
            models,
            optimizer,
            config,
            state,
        })
    }

    /// The models in their present state.
    #[must_use]
    pub fn models(&self) -> &PpoModels {
        &self.models
    }

    /// The optimiser in its present state.
    #[must_use]
    pub fn optimizer(&self) -> &ModuleOptimizer {
        &self.optimizer
    }

    /// What else a checkpoint holds.
    #[must_use]
    pub fn state(&self) -> &PpoState {
        &self.state
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &PpoConfig {
        &self.config
    }

    /// From now on the policy is held to what it is now, and the optimiser has seen nothing.
    pub fn reset_reference(&mut self) {
        self.models.reset_reference();
        self.config.reference = self.models.reference_kind();
        self.optimizer = self.config.optimizer.init();
    }

    /// One PPO iteration on responses that the policy wrote and somebody scored, minibatches in random order.
    ///
    /// # Errors
    ///
    /// [`PpoError`] for bad arguments, and when something does not hold that must.
    pub async fn step(&mut self, responses: Responses, scores: &[f32]) -> Result<PpoStep, PpoError> {
        let (epochs, seed) = (self.config.ppo_epochs, self.config.seed);
        let order = shuffled_rows(responses.batch(), epochs, seed, self.state.step as u64);
        self.step_in_order(responses, scores, &order).await
    }

    /// [`PpoTrainer::step`] with the order of rows given, one list per epoch.
    ///
    /// # Errors
    ///
    /// See [`PpoTrainer::step`].
    pub async fn step_in_order(
        &mut self,
        responses: Responses,
        raw_scores: &[f32],
        order: &[Vec<usize>],
    ) -> Result<PpoStep, PpoError> {
        check_arguments(&responses, raw_scores, order)?;

        // 1. What do policy, reference and value model say of the responses?
        let rollout = measure(&self.models, responses, raw_scores, &self.config).await?;

        // 2. One score per response, one reward per token.
        let kl_coef = self.state.kl_controller.kl_coef();
        let scores = self.finish_scores(raw_scores, rollout.responses.ended());
        let rewards = Rewards::new(&rollout, &scores, kl_coef, &self.config);

        // 3. How good was each token?
        let experience = Experience::new(rollout, &rewards, kl_coef, &self.config)?;

        // 4. A few epochs over minibatches.
        let lr_factor = self.lr_plan.factor(self.state.step);
        let (pending, epochs) = self.learn(&experience, order, lr_factor).await?;

        // 5. What happened, and did everything hold that must?
        let updates = pending.read().await?;
        check_updates(&updates, &experience, raw_scores, &self.config)?;

        // 6. The policy is held more or less strongly next time.
        let kl = experience.kl_from_reference();
        let batch = experience.rollout.responses.batch();
        self.state.kl_controller.update(kl, batch);
        self.state.step += 1;
        self.state.episodes += batch;
        let reference_was_reset = self.reference_is_due(kl);
        if reference_was_reset {
            self.reset_reference();
        }
        let metrics = PpoMetrics::new(&StepNumbers {
            experience: &experience,
            rewards: &rewards,
            raw_scores,
            scores: &scores,
            updates: &updates,
            config: &self.config,
            kl_coef,
            lr_factor,
            epochs,
            episodes: self.state.episodes,
        });
        Ok(PpoStep {
            minibatches: updates.means(self.config.loss_means),
            grad_norms: updates.grad_norms,
            experience,
            scores,
            rewards,
            metrics,
            reference_was_reset,
        })
    }

    /// Updates, epoch by epoch and minibatch by minibatch; also returns the number of epochs.
    async fn learn(
        &mut self,
        experience: &Experience,
        order: &[Vec<usize>],
        lr_factor: f64,
    ) -> Result<(PendingUpdates, usize), PpoError> {
        let is_first = self.state.optimizer_step == 0 && lr_factor > 0.0;
        let before = is_first.then(|| self.models.trained().clone());
        let mut pending = PendingUpdates::default();
        let mut epochs = 0;
        for rows in order {
            let learned_from = |row: &usize| experience.rows.contains(row);
            let rows: Vec<usize> = rows.iter().copied().filter(learned_from).collect();
            let first = pending.len();
            for rows in rows.chunks(self.config.minibatch_size) {
                self.update(experience, rows, lr_factor, &mut pending);
            }
            epochs += 1;
            if let EarlyStop::AbovePolicyKl { target_kl } = self.config.early_stop
                && f64::from(pending.policy_kl(first).await?) > 1.5 * target_kl
            {
                break;
            }
        }
        if let Some(before) = before {
            pending.note_changes(&before, self.models.trained());
        }
        Ok((pending, epochs))
    }

    /// Missing ends, normalisation, clipping, in this order.
    fn finish_scores(&mut self, scores: &[f32], ended: &[bool]) -> Vec<f32> {
        let scores = self.config.missing_eos.apply(scores, ended);
        let scores = self.state.score_normalization.normalize(&scores);
        match self.config.score_clip {
            Some(limit) => clip_scores(&scores, limit),
            None => scores,
        }
    }

    fn reference_is_due(&self, kl: f64) -> bool {
        match self.config.reference_reset {
            ReferenceReset::Never => false,
            ReferenceReset::Every { steps } => steps > 0 && self.state.step.is_multiple_of(steps),
            ReferenceReset::AboveKl { kl: limit } => kl > limit,
        }
    }
}
