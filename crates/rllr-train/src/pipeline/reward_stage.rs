//! Training of a reward model, as a stage of a run.

use rllr_reward::PreferenceMetrics;
use rllr_task::pairs::PairKind;
use serde::{Deserialize, Serialize};

use crate::batch_plan::BatchPlan;
use crate::checkpoint::{ConfigKeys, config_keys};
use crate::checkpoint_error::CheckpointError;
use crate::label_sensitivity::SensitivityRows;
use crate::optimization::TrainerState;
use crate::pipeline::sft_stage::data_keys;
use crate::reward_config::RewardConfig;
use crate::reward_models::RewardModels;
use crate::reward_pair::RewardPair;
use crate::reward_step::{RewardMetrics, RewardTrainingError};
use crate::reward_trainer::RewardTrainer;
use crate::run::{Stage, StepReport};
use crate::run_event::Metrics;
use crate::snapshot::{Restored, Snapshot};
use crate::workers::SharedWorkers;

/// The trained part's name in a checkpoint.
const MODEL: &str = "model";

/// A reward model that learns from preference pairs.
pub struct RewardStage {
    trainer: RewardTrainer,
    pairs: Vec<RewardPair>,
    plan: BatchPlan,
    total_steps: usize,
    held_out: HeldOutPairs,
}

/// What a reward model is measured on: pairs of both kinds, whatever it was trained on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeldOutPairs {
    /// Whose labels differ.
    pub label: Vec<RewardPair>,
    /// Whose rationales differ.
    pub rationale: Vec<RewardPair>,
    /// Responses with only the label flipped, and with only the rationale swapped.
    pub probes: Vec<SensitivityRows>,
}

/// How a reward model scores the two answers of a held-out pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairScores {
    /// The pair.
    pub id: String,
    /// What its answers differ in.
    pub kind: PairKind,
    /// Score of the better answer.
    pub chosen: f32,
    /// Score of the worse answer.
    pub rejected: f32,
}

/// Why the training of a reward model cannot go on.
pub type RewardStageError = RewardTrainingError;

impl RewardStage {
    /// Trains `models` on pairs, for as many epochs as `config` says.
    ///
    /// # Errors
    ///
    /// [`RewardTrainingError`] for settings that mean nothing, and when there is no pair.
    pub fn new(
        models: RewardModels,
        pairs: Vec<RewardPair>,
        config: RewardConfig,
        held_out: HeldOutPairs,
    ) -> Result<Self, RewardStageError> {
        config.check()?;
        if pairs.is_empty() {
            return Err(RewardTrainingError::Empty);
        }
        let plan = config.plan(pairs.iter().map(RewardPair::len).collect());
        let total_steps = plan.total_steps(config.epochs);
        Ok(Self {
            trainer: RewardTrainer::new(models, config, total_steps)?,
            pairs,
            plan,
            total_steps,
            held_out,
        })
    }

    /// The models in their present state.
    #[must_use]
    pub fn models(&self) -> &RewardModels {
        self.trainer.models()
    }

    /// What the model is measured on.
    #[must_use]
    pub fn held_out(&self) -> &HeldOutPairs {
        &self.held_out
    }

    /// Accuracy and margin on held-out pairs of each kind, the label sensitivity, and the scores of every pair: first
    /// the label-sensitive ones, then the others, in their order.
    ///
    /// # Errors
    ///
    /// [`RewardStageError`] for a device that fails.
    pub async fn measure(&self) -> Result<(Metrics, Vec<PairScores>), RewardStageError> {
        let HeldOutPairs {
            label,
            rationale,
            probes,
        } = &self.held_out;
        let batching = self.trainer.config().micro_batching;
        let (mut metrics, mut all) = (Metrics::new(), Vec::new());
        for (name, kind, pairs) in [
            ("label", PairKind::Label, label),
            ("rationale", PairKind::Rationale, rationale),
        ] {
            if pairs.is_empty() {
                continue;
            }
            let chosen = pairs.iter().map(|pair| pair.chosen().tokens());
            let rejected = pairs.iter().map(|pair| pair.rejected().tokens());
            let rows: Vec<Vec<u32>> = chosen.chain(rejected).collect();
            let scores = self.models().score(&rows, batching).await?;
            let (chosen, rejected) = scores.split_at(pairs.len());
            let PreferenceMetrics { accuracy, margin, .. } = PreferenceMetrics::new(chosen, rejected);
            metrics.insert(format!("eval_{name}_accuracy"), accuracy);
            metrics.insert(format!("eval_{name}_margin"), margin);
            let scored = pairs.iter().zip(chosen).zip(rejected);
            all.extend(scored.map(|((pair, &chosen), &rejected)| PairScores {
                id: pair.id().to_owned(),
                kind,
                chosen,
                rejected,
            }));
        }
        if !probes.is_empty() {
            let sensitivity = self.models().label_sensitivity(probes, batching).await?;
            metrics.insert("eval_label_sensitivity".to_owned(), sensitivity);
        }
        Ok((metrics, all))
    }
}

impl Stage for RewardStage {
    type Error = RewardStageError;

    fn phase(&self) -> &'static str {
        "reward"
    }

    fn config(&self) -> ConfigKeys {
        let mut keys = config_keys(self.trainer.config()).expect("these settings are plain data");
        let sides = self
            .pairs
            .iter()
            .flat_map(|pair| [pair.chosen(), pair.rejected()]);
        let tokens = sides.flat_map(|side| side.tokens());
        keys.extend(data_keys(self.pairs.len(), tokens));
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

    async fn step(&mut self) -> Result<StepReport, RewardStageError> {
        let step = self.trainer.state().step;
        let rows = self.plan.batch(step).into_iter();
        let batch: Vec<RewardPair> = rows.map(|row| self.pairs[row].clone()).collect();
        let metrics = self.trainer.step(&batch)?.read().await?;
        Ok(StepReport {
            metrics: numbers(&metrics, step as f64 / self.plan.steps_per_epoch() as f64),
            ..StepReport::default()
        })
    }

    /// Accuracy and margin on held-out pairs of each kind, and the label sensitivity.
    async fn evaluate(&mut self) -> Result<Metrics, RewardStageError> {
        Ok(self.measure().await?.0)
    }

    fn snapshot(&self) -> Result<Snapshot, CheckpointError> {
        let trained = self.models().trained();
        Snapshot::new(self.trainer.state())?
            .with_module(MODEL, trained)
            .with_optimizer(MODEL, trained, self.trainer.optimizer())
    }

    fn restore(&mut self, saved: &mut Restored) -> Result<(), CheckpointError> {
        let state: TrainerState = saved.state()?;
        let config = self.trainer.config().clone();
        let mut models = self.models().clone();
        let trained = saved.module(MODEL, models.trained().clone())?;
        let optimizer = saved.optimizer(MODEL, &trained, config.optimizer.init())?;
        models.set_trained(trained);
        let workers = self.trainer.workers();
        let resumed = RewardTrainer::resume(models, optimizer, state, config, self.total_steps)
            .map_err(|error| CheckpointError::State(error.to_string()))?;
        self.trainer = resumed.with_workers(workers);
        Ok(())
    }
}

/// Numbers of a step under TRL's names.
fn numbers(metrics: &RewardMetrics, epoch: f64) -> Metrics {
    let RewardMetrics {
        loss,
        grad_norm,
        learning_rate,
        num_tokens,
        preferences,
        ..
    } = metrics;
    let named = [
        ("loss", f64::from(*loss)),
        ("grad_norm", f64::from(*grad_norm)),
        ("learning_rate", *learning_rate),
        ("num_tokens", *num_tokens as f64),
        ("accuracy", preferences.accuracy),
        ("margin", preferences.margin),
        ("min_reward", preferences.min_reward),
        ("mean_reward", preferences.mean_reward),
        ("max_reward", preferences.max_reward),
        ("epoch", epoch),
    ];
    named.map(|(name, value)| (name.to_owned(), value)).into()
}
