//! Proximal policy optimisation (arXiv 1707.06347) of a language model, as RLLR and its relatives do it.
//!
//! [`PpoTrainer::write`], [`PpoTrainer::score`] and [`PpoTrainer::learn`] are the whole of it, in numbered steps. What
//! they call are the equations of this crate and of `rllr-reward`. How good a response is, somebody else says between
//! writing and scoring. Each of the three returns when the device has done its work, so a caller who has a clock can
//! time them; [`PpoTrainer::step`] is the last two in one.

use std::sync::Arc;

use burn::optim::ModuleOptimizer;
use rllr_reward::{clip_scores, overlong_penalty};

use crate::actor_critic::{ModelsError, PpoModels};
use crate::fingerprint::Fingerprint;
use crate::learning_rate::LrPlan;
use crate::minibatch_order::shuffled_rows;
use crate::ppo_checks::{check_order, check_rollout, check_scores, check_unchanged, check_updates};
use crate::ppo_config::{EarlyStop, PpoConfig, ReferenceReset};
use crate::ppo_error::PpoError;
use crate::ppo_experience::{Experience, Rewards};
use crate::ppo_measure::measure;
use crate::ppo_metrics::{PpoMetrics, StepNumbers};
use crate::ppo_step::{PpoState, PpoStep, ScoredRollout};
use crate::ppo_update::PendingUpdates;
use crate::ppo_warnings::warnings;
use crate::responses::Responses;
use crate::workers::{OneByOne, SharedWorkers};

#[cfg(test)]
mod tests;

/// A policy with its value model, its reference, and the optimiser that trains the first two.
pub struct PpoTrainer {
    pub(crate) models: PpoModels,
    pub(crate) optimizer: ModuleOptimizer,
    pub(crate) config: PpoConfig,
    pub(crate) state: PpoState,
    pub(crate) workers: SharedWorkers,
    lr_plan: LrPlan,
    /// Of base and reference, when they were looked at last.
    frozen: Option<Vec<(&'static str, Fingerprint)>>,
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
            workers: Arc::new(OneByOne),
            frozen: None,
        })
    }

    /// From now on these compute the parts of a step; results stay what they are. At the start there is [`OneByOne`].
    #[must_use]
    pub fn with_workers(mut self, workers: SharedWorkers) -> Self {
        self.set_workers(workers);
        self
    }

    /// See [`Self::with_workers`].
    pub fn set_workers(&mut self, workers: SharedWorkers) {
        self.workers = workers;
    }

    /// Who computes the parts of a step.
    #[must_use]
    pub fn workers(&self) -> SharedWorkers {
        Arc::clone(&self.workers)
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
        self.frozen = None;
        self.optimizer = self.config.optimizer.init();
    }

    /// One PPO iteration on responses that the policy wrote and somebody scored, minibatches in random order.
    ///
    /// # Errors
    ///
    /// [`PpoError`] for bad arguments, and when something does not hold that must.
    pub async fn step(&mut self, responses: Responses, scores: &[f32]) -> Result<PpoStep, PpoError> {
        let order = self.order(responses.batch());
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
        scores: &[f32],
        order: &[Vec<usize>],
    ) -> Result<PpoStep, PpoError> {
        check_order(order, responses.batch())?;
        let scored = self.score(responses, scores).await?;
        self.learn(scored, order).await
    }

    /// The order of `rows` rows in the epochs of this step: random, a function of seed and step.
    #[must_use]
    pub fn order(&self, rows: usize) -> Vec<Vec<usize>> {
        let (epochs, seed) = (self.config.ppo_epochs, self.config.seed);
        shuffled_rows(rows, epochs, seed, self.state.step as u64)
    }

    /// The first half of a step, before any weight changes: from responses to advantages. The running moments of scores
    /// take these in.
    ///
    /// - `raw_scores`: one per response, before penalties and normalisation
    ///
    /// # Errors
    ///
    /// [`PpoError`] for bad arguments, numbers that are not finite, and when writing and scoring do not agree.
    pub async fn score(
        &mut self,
        responses: Responses,
        raw_scores: &[f32],
    ) -> Result<ScoredRollout, PpoError> {
        check_scores(&responses, raw_scores)?;

        // 1. What do policy, reference and value model say of the responses?
        let rollout = measure(&self.models, responses, raw_scores, &self.config, &*self.workers).await?;
        let sampler_difference = check_rollout(&rollout, raw_scores, &self.config)?;

        // 2. One score per response, one reward per token.
        let kl_coef = self.state.kl_controller.kl_coef();
        let scores = self.finish_scores(raw_scores, &rollout.responses);
        let rewards = Rewards::new(&rollout, &scores, kl_coef, &self.config);

        // 3. How good was each token?
        let experience = Experience::new(rollout, &rewards, kl_coef, &self.config)?;
        Ok(ScoredRollout {
            experience,
            raw_scores: raw_scores.to_vec(),
            scores,
            rewards,
            kl_coef,
            sampler_difference,
        })
    }

    /// The second half of a step: from advantages to the next policy.
    ///
    /// - `order`: of the rows, one list per epoch; [`PpoTrainer::order`]
    ///
    /// # Errors
    ///
    /// [`PpoError`] for a bad order, and when something does not hold that must.
    pub async fn learn(&mut self, scored: ScoredRollout, order: &[Vec<usize>]) -> Result<PpoStep, PpoError> {
        let experience = &scored.experience;
        let batch = experience.rollout.responses.batch();
        check_order(order, batch)?;
        self.check_frozen().await?;

        // 4. A few epochs over minibatches.
        let lr_factor = self.lr_plan.factor(self.state.step);
        let (pending, epochs) = self.run_epochs(experience, order, lr_factor).await?;

        // 5. What happened, and did everything hold that must?
        let updates = pending.read().await?;
        check_updates(&updates, experience, &scored.raw_scores, &self.config)?;

        // 6. The policy is held more or less strongly next time.
        let kl = experience.kl_from_reference();
        self.state.kl_controller.update(kl, batch);
        self.state.step += 1;
        self.state.episodes += batch;
        let reference_was_reset = self.reference_is_due(kl);
        if reference_was_reset {
            self.reset_reference();
        }
        let metrics = PpoMetrics::new(&StepNumbers {
            scored: &scored,
            updates: &updates,
            config: &self.config,
            lr_factor,
            epochs,
            episodes: self.state.episodes,
        });
        let skipped = metrics.get("ppo/skipped_minibatches").unwrap_or(0.0);
        Ok(PpoStep {
            warnings: warnings(experience, &scored.raw_scores, skipped, &self.config),
            minibatches: updates.means(self.config.loss_means),
            grad_norms: updates.grad_norms,
            experience: scored.experience,
            scores: scored.scores,
            rewards: scored.rewards,
            metrics,
            reference_was_reset,
        })
    }

    /// Base and reference are what they were when they were looked at last.
    async fn check_frozen(&mut self) -> Result<(), PpoError> {
        let every = self.config.checks.steps_between_frozen_checks;
        if every == 0 || (self.frozen.is_some() && !self.state.step.is_multiple_of(every)) {
            return Ok(());
        }
        let now = self.models.frozen_fingerprints().await?;
        if let Some(before) = &self.frozen {
            check_unchanged(before, &now)?;
        }
        self.frozen = Some(now);
        Ok(())
    }

    /// Updates, epoch by epoch and minibatch by minibatch; also returns the number of epochs.
    async fn run_epochs(
        &mut self,
        experience: &Experience,
        order: &[Vec<usize>],
        lr_factor: f64,
    ) -> Result<(PendingUpdates, usize), PpoError> {
        let is_first = self.state.optimizer_step == 0 && lr_factor > 0.0;
        let before = is_first.then(|| self.models.trained().clone());
        let mut pending = PendingUpdates::default();
        pending.is_watched = is_first;
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

    /// Missing ends, overlong responses, normalisation, clipping, in this order.
    fn finish_scores(&mut self, scores: &[f32], responses: &Responses) -> Vec<f32> {
        let mut scores = self.config.missing_eos.apply(scores, responses.ended());
        if let Some(buffer) = self.config.overlong_buffer {
            for (score, response) in scores.iter_mut().zip(responses.responses()) {
                *score += overlong_penalty(response.len(), self.config.max_new_tokens, buffer);
            }
        }
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
