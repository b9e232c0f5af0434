//! Supervised fine-tuning, as a stage of a run.

use crate::batch_plan::BatchPlan;
use crate::checkpoint::{ConfigKeys, config_keys};
use crate::checkpoint_error::CheckpointError;
use crate::optimization::TrainerState;
use crate::pipeline::held_out::{HeldOut, HeldOutError};
use crate::prompt_and_response::PromptAndResponse;
use crate::run::{Stage, StepReport};
use crate::run_event::Metrics;
use crate::sft::SftTrainer;
use crate::sft_config::SftConfig;
use crate::sft_models::SftModels;
use crate::sft_step::{SftError, SftMetrics};
use crate::snapshot::{Restored, Snapshot};
use crate::workers::SharedWorkers;

/// The trained part's name in a checkpoint.
const MODEL: &str = "model";

/// A language model that learns from demonstrations.
pub struct SftStage<'a> {
    trainer: SftTrainer,
    demonstrations: Vec<PromptAndResponse>,
    plan: BatchPlan,
    total_steps: usize,
    held_out: Option<HeldOut<'a>>,
}

/// Why supervised fine-tuning cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SftStageError {
    /// A step failed.
    #[error(transparent)]
    Sft(#[from] SftError),
    /// The model cannot be measured.
    #[error(transparent)]
    HeldOut(#[from] HeldOutError),
}

impl<'a> SftStage<'a> {
    /// Trains `models` on demonstrations, for as many epochs as `config` says.
    ///
    /// # Errors
    ///
    /// [`SftError`] for settings that mean nothing, and when there is no demonstration.
    pub fn new(
        models: SftModels,
        demonstrations: Vec<PromptAndResponse>,
        config: SftConfig,
        held_out: Option<HeldOut<'a>>,
    ) -> Result<Self, SftError> {
        config.check()?;
        if demonstrations.is_empty() {
            return Err(SftError::Empty);
        }
        let plan = config.plan(demonstrations.iter().map(PromptAndResponse::len).collect());
        let total_steps = plan.total_steps(config.epochs);
        Ok(Self {
            trainer: SftTrainer::new(models, config, total_steps)?,
            demonstrations,
            plan,
            total_steps,
            held_out,
        })
    }

    /// The models in their present state.
    #[must_use]
    pub fn models(&self) -> &SftModels {
        self.trainer.models()
    }
}

impl Stage for SftStage<'_> {
    type Error = SftStageError;

    fn phase(&self) -> &'static str {
        "sft"
    }

    fn config(&self) -> ConfigKeys {
        let mut keys = config_keys(self.trainer.config()).expect("these settings are plain data");
        let tokens = self.demonstrations.iter().flat_map(PromptAndResponse::tokens);
        keys.extend(data_keys(self.demonstrations.len(), tokens));
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

    async fn step(&mut self) -> Result<StepReport, SftStageError> {
        let step = self.trainer.state().step;
        let rows = self.plan.batch(step).into_iter();
        let batch: Vec<PromptAndResponse> = rows.map(|row| self.demonstrations[row].clone()).collect();
        let metrics = self.trainer.step(&batch)?.read().await?;
        Ok(StepReport {
            metrics: numbers(&metrics, step as f64 / self.plan.steps_per_epoch() as f64),
            ..StepReport::default()
        })
    }

    async fn evaluate(&mut self) -> Result<Metrics, SftStageError> {
        match &self.held_out {
            Some(held_out) => Ok(held_out.metrics(self.trainer.models().lm()).await?),
            None => Ok(Metrics::new()),
        }
    }

    fn snapshot(&self) -> Result<Snapshot, CheckpointError> {
        let trained = self.trainer.models().trained();
        Snapshot::new(self.trainer.state())?
            .with_module(MODEL, trained)
            .with_optimizer(MODEL, trained, self.trainer.optimizer())
    }

    fn restore(&mut self, saved: &mut Restored) -> Result<(), CheckpointError> {
        let state: TrainerState = saved.state()?;
        let config = self.trainer.config().clone();
        let mut models = self.trainer.models().clone();
        let trained = saved.module(MODEL, models.trained().clone())?;
        let optimizer = saved.optimizer(MODEL, &trained, config.optimizer.init())?;
        models.set_trained(trained);
        let workers = self.trainer.workers();
        let resumed = SftTrainer::resume(models, optimizer, state, config, self.total_steps)
            .map_err(|error| CheckpointError::State(error.to_string()))?;
        self.trainer = resumed.with_workers(workers);
        Ok(())
    }
}

/// Numbers of a step under TRL's names.
pub(super) fn numbers(metrics: &SftMetrics, epoch: f64) -> Metrics {
    let SftMetrics {
        loss,
        grad_norm,
        learning_rate,
        num_tokens,
        mean_token_accuracy,
        entropy,
        ..
    } = *metrics;
    let named = [
        ("loss", f64::from(loss)),
        ("grad_norm", f64::from(grad_norm)),
        ("learning_rate", learning_rate),
        ("num_tokens", num_tokens as f64),
        ("mean_token_accuracy", mean_token_accuracy),
        ("entropy", entropy),
        ("epoch", epoch),
    ];
    named.map(|(name, value)| (name.to_owned(), value)).into()
}

/// What a checkpoint remembers of the data that it was trained on: number and checksum.
pub(super) fn data_keys(rows: usize, tokens: impl IntoIterator<Item = u32>) -> ConfigKeys {
    let bytes: Vec<u8> = tokens.into_iter().flat_map(u32::to_le_bytes).collect();
    ConfigKeys::from([
        ("data.rows".to_owned(), rows.to_string()),
        (
            "data.crc32c".to_owned(),
            format!("{:08x}", crc32c::crc32c(&bytes)),
        ),
    ])
}
