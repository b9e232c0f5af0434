//! Proximal policy optimisation with its own rollouts, as a stage of a run.

use std::cell::RefCell;

use rllr_reward::{Part, Reward, Verdict};

use crate::actor_critic::ActorCritic;
use crate::checkpoint::{ConfigKeys, config_keys};
use crate::checkpoint_error::CheckpointError;
use crate::pipeline::held_out::{HeldOut, HeldOutError};
use crate::pipeline::judge::{Judge, JudgeError, Judged};
use crate::pipeline::material::{Gold, Question};
use crate::pipeline::sft_stage::data_keys;
use crate::ppo::PpoTrainer;
use crate::ppo_config::ReferenceReset;
use crate::ppo_error::PpoError;
use crate::ppo_step::{PpoState, PpoStep};
use crate::prompt_order::PromptOrder;
use crate::responses::Responses;
use crate::run::{Stage, StepReport};
use crate::run_event::{Metrics, RunSample};
use crate::snapshot::{Restored, Snapshot};
use crate::workers::SharedWorkers;

/// The trained part's name in a checkpoint.
const TRAINED: &str = "trained";

/// The name of a reference that may have been reset.
const REFERENCE: &str = "reference";

/// Responses that are shown of each step.
const SHOWN: usize = 1;

/// What the policy is asked in a run.
#[derive(Clone, Debug)]
pub struct PpoQuestions<'a> {
    /// All questions.
    pub questions: Vec<Question<'a>>,
    /// PPO steps of the run.
    pub total_steps: usize,
}

/// A policy that learns to earn more.
pub struct PpoStage<'a> {
    trainer: PpoTrainer,
    questions: Vec<Question<'a>>,
    order: PromptOrder,
    total_steps: usize,
    judge: Judge<'a>,
    held_out: Option<HeldOut<'a>>,
}

/// Why a PPO run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PpoStageError {
    /// Writing or learning failed.
    #[error(transparent)]
    Ppo(#[from] PpoError),
    /// The responses could not be scored.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// The policy cannot be measured.
    #[error(transparent)]
    HeldOut(#[from] HeldOutError),
}

impl<'a> PpoStage<'a> {
    /// Asks `questions`, scores the answers with `judge`, and learns from the scores.
    #[must_use]
    pub fn new(
        trainer: PpoTrainer,
        questions: PpoQuestions<'a>,
        judge: Judge<'a>,
        held_out: Option<HeldOut<'a>>,
    ) -> Self {
        let config = trainer.config();
        let PpoQuestions {
            questions,
            total_steps,
        } = questions;
        let order = PromptOrder {
            prompts: questions.len(),
            batch: config.batch_size / config.advantage.group_size(),
            seed: config.seed,
        };
        Self {
            trainer,
            questions,
            order,
            total_steps,
            judge,
            held_out,
        }
    }

    /// The trainer in its present state.
    #[must_use]
    pub fn trainer(&self) -> &PpoTrainer {
        &self.trainer
    }

    /// What the policy is rewarded for.
    #[must_use]
    pub fn reward(&self) -> Reward {
        self.judge.reward
    }

    /// Indices of the questions of a draw.
    fn asked(&self, draw: usize) -> Vec<usize> {
        let step = self.trainer.state().step;
        if draw == 0 {
            self.order.batch(step)
        } else {
            self.order.further(step, draw)
        }
    }
}

impl Stage for PpoStage<'_> {
    type Error = PpoStageError;

    fn phase(&self) -> &'static str {
        "ppo"
    }

    fn config(&self) -> ConfigKeys {
        let config = self.trainer.config();
        let mut keys = config_keys(config).expect("these settings are plain data");
        if config.reference_reset != ReferenceReset::Never {
            // It is another one after the first reset.
            keys.remove("reference");
        }
        let tokens = self.questions.iter().flat_map(|question| question.prompt.clone());
        keys.extend(data_keys(self.questions.len(), tokens));
        keys.insert("reward".to_owned(), format!("{:?}", self.judge.reward));
        keys.insert("unparsable".to_owned(), format!("{:?}", self.judge.unparsable));
        keys.insert("total_steps".to_owned(), self.total_steps.to_string());
        keys
    }

    fn set_workers(&mut self, workers: SharedWorkers) {
        self.trainer.set_workers(workers);
    }

    fn total_steps(&self) -> usize {
        self.total_steps
    }

    fn steps_done(&self) -> usize {
        self.trainer.state().step
    }

    async fn step(&mut self) -> Result<StepReport, PpoStageError> {
        // 1. The policy answers, and its answers are judged.
        let group_size = self.trainer.config().advantage.group_size();
        let gold = RefCell::new(Vec::new());
        let judged = RefCell::new(Vec::new());
        let prompts = |draw: usize| {
            let asked = self.asked(draw);
            let labels = asked.iter().map(|&index| self.questions[index].gold);
            *gold.borrow_mut() = labels
                .flat_map(|label| std::iter::repeat_n(label, group_size))
                .collect::<Vec<Gold<'_>>>();
            asked
                .iter()
                .map(|&index| self.questions[index].prompt.clone())
                .collect()
        };
        let score = async |responses: &Responses| -> Result<Vec<f32>, PpoStageError> {
            let labels = gold.borrow().clone();
            let workers = self.trainer.workers();
            let found = self
                .judge
                .judge_with(&*workers, responses, &labels, group_size)
                .await?;
            let scores = found.scores.clone();
            judged.borrow_mut().push(found);
            Ok(scores)
        };
        let special = self.judge.tokenizer.special_token_ids();
        let sampled = self.trainer.sample(special, prompts, score).await?;
        let judged = judged.into_inner();

        // 2. It learns from them.
        let step = self.trainer.step(sampled.responses, &sampled.scores).await?;

        // 3. What is told.
        let mut metrics = numbers(&step);
        metrics.extend(part_means(&judged));
        if let Some(share) = sampled.equal_groups {
            metrics.insert("frac_reward_zero_std".to_owned(), share);
        }
        Ok(StepReport {
            metrics,
            samples: self.samples(&judged, &step),
            warnings: step.warnings.iter().map(ToString::to_string).collect(),
        })
    }

    async fn evaluate(&mut self) -> Result<Metrics, PpoStageError> {
        match &self.held_out {
            Some(held_out) => Ok(held_out.metrics(self.trainer.models().policy()).await?),
            None => Ok(Metrics::new()),
        }
    }

    fn snapshot(&self) -> Result<Snapshot, CheckpointError> {
        let models = self.trainer.models();
        let trained = models.trained();
        let snapshot = Snapshot::new(self.trainer.state())?
            .with_module(TRAINED, trained)
            .with_optimizer(TRAINED, trained, self.trainer.optimizer())?;
        let may_be_reset = self.trainer.config().reference_reset != ReferenceReset::Never;
        Ok(match models.reference_copy().filter(|_| may_be_reset) {
            Some(copy) => snapshot.with_module(REFERENCE, &copy),
            None => snapshot,
        })
    }

    fn restore(&mut self, saved: &mut Restored) -> Result<(), CheckpointError> {
        let state: PpoState = saved.state()?;
        let mut config = self.trainer.config().clone();
        let mut models = self.trainer.models().clone();
        let trained: ActorCritic = saved.module(TRAINED, models.trained().clone())?;
        let optimizer = saved.optimizer(TRAINED, &trained, config.optimizer.init())?;
        models.set_trained(trained);
        if saved.has(REFERENCE) {
            // A copy of the policy has the reference's shape; its weights are replaced.
            models.reset_reference();
            let copy = models.reference_copy().expect("just made");
            models.set_reference(saved.module(REFERENCE, copy)?);
            config.reference = models.reference_kind();
        }
        let workers = self.trainer.workers();
        let resumed = PpoTrainer::resume(models, optimizer, state, config, self.total_steps)
            .map_err(|error| CheckpointError::State(error.to_string()))?;
        self.trainer = resumed.with_workers(workers);
        Ok(())
    }
}

impl PpoStage<'_> {
    /// The first responses of the last draw.
    fn samples(&self, judged: &[Judged], step: &PpoStep) -> Vec<RunSample> {
        let Some(last) = judged.last() else {
            return Vec::new();
        };
        let prompts = step.experience.rollout.responses.prompts();
        let rows = prompts.iter().zip(&last.texts).zip(&last.scores).take(SHOWN);
        rows.map(|((prompt, text), score)| RunSample {
            prompt: self
                .judge
                .tokenizer
                .decode(prompt, rllr_model::tokenizer::SpecialTokens::Skip)
                .unwrap_or_default(),
            response: text.clone(),
            score: Some(f64::from(*score)),
        })
        .collect()
    }
}

/// Numbers of a step under TRL's names.
fn numbers(step: &PpoStep) -> Metrics {
    let named = step.metrics.0.iter();
    named.map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

/// Means of the scores' parts over everything that was judged, what a rule says of the labels, and the share of the answers
/// that has each label: a policy that collapses says one label to everything.
fn part_means(judged: &[Judged]) -> Metrics {
    let mut metrics = Metrics::new();
    let mut mean = |name: &str, values: Vec<f64>| {
        if !values.is_empty() {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            metrics.insert(name.to_owned(), mean);
        }
    };
    for (name, part) in [
        ("reward/label", Part::LabelScores),
        ("reward/rationale", Part::RationaleScores),
    ] {
        let scores = judged.iter().filter_map(|judged| match part {
            Part::LabelScores => judged.parts.label_scores.as_ref(),
            _ => judged.parts.rationale_scores.as_ref(),
        });
        mean(name, scores.flatten().map(|&score| f64::from(score)).collect());
    }
    let answers = judged.iter().map(|judged| judged.texts.len()).sum::<usize>() as f64;
    let mut shares = Metrics::new();
    for (word, &count) in judged.iter().flat_map(|judged| &judged.label_counts) {
        *shares.entry(format!("rollout/labels/{word}")).or_insert(0.0) += count as f64 / answers;
    }
    let verdicts = || {
        judged
            .iter()
            .filter_map(|judged| judged.parts.verdicts.as_ref())
            .flatten()
    };
    let share = |holds: fn(&Verdict) -> bool| {
        verdicts()
            .map(|verdict| if holds(verdict) { 1.0 } else { 0.0 })
            .collect::<Vec<f64>>()
    };
    mean(
        "rollout/accuracy",
        share(|verdict| match verdict {
            Verdict::Right => true,
            Verdict::Graded { predicted, gold } => predicted == gold,
            Verdict::Wrong | Verdict::Unparsable | Verdict::UnparsableGrade => false,
        }),
    );
    mean(
        "rollout/invalid_rate",
        share(|verdict| matches!(verdict, Verdict::Unparsable | Verdict::UnparsableGrade)),
    );
    metrics.extend(shares);
    metrics
}
