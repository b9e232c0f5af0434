//! Distillation, as a stage of a run.

use rllr_model::{Decoding, GenerateError, GenerationConfig, LogProbs, Sampling, Tokenizer, Uniforms};

use crate::batch_plan::BatchPlan;
use crate::checkpoint::{ConfigKeys, config_keys};
use crate::checkpoint_error::CheckpointError;
use crate::distillation::{DistillationError, DistillationTrainer, Teacher};
use crate::distillation_config::DistillationConfig;
use crate::optimization::TrainerState;
use crate::pipeline::sft_stage::{data_keys, numbers};
use crate::prompt_and_response::{PromptAndResponse, PromptAndResponseError};
use crate::random_stream::{Purpose, random_stream};
use crate::run::{Stage, StepReport};
use crate::run_event::Metrics;
use crate::sft_models::SftModels;
use crate::sft_step::SftError;
use crate::snapshot::{Restored, Snapshot};
use crate::workers::SharedWorkers;

/// The student's name in a checkpoint.
const MODEL: &str = "model";

/// A student that learns the distributions of a teacher, on given responses and on its own.
pub struct DistillationStage<'a> {
    trainer: DistillationTrainer,
    teacher: Teacher,
    demonstrations: Vec<PromptAndResponse>,
    tokenizer: &'a Tokenizer,
    max_new_tokens: usize,
    plan: BatchPlan,
    total_steps: usize,
}

/// Why distillation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DistillationStageError {
    /// A step failed.
    #[error(transparent)]
    Distillation(#[from] DistillationError),
    /// A step failed.
    #[error(transparent)]
    Training(#[from] SftError),
    /// The student could not write.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// What the student wrote is no response.
    #[error("a response of the student: {0}")]
    Response(#[from] PromptAndResponseError),
}

impl<'a> DistillationStage<'a> {
    /// Trains `student` on the demonstrations' prompts: on their responses, and on its own.
    ///
    /// - `max_new_tokens`: of a response of the student
    ///
    /// # Errors
    ///
    /// [`DistillationError`] for settings that mean nothing, models with other token ids, and without a demonstration.
    pub fn new(
        student: SftModels,
        teacher: Teacher,
        demonstrations: Vec<PromptAndResponse>,
        config: DistillationConfig,
        (tokenizer, max_new_tokens): (&'a Tokenizer, usize),
    ) -> Result<Self, DistillationError> {
        config.check().map_err(SftError::from)?;
        if demonstrations.is_empty() {
            return Err(SftError::Empty.into());
        }
        let training = &config.training;
        let plan = training.plan(demonstrations.iter().map(PromptAndResponse::len).collect());
        let total_steps = plan.total_steps(training.epochs);
        Ok(Self {
            trainer: DistillationTrainer::new(student, teacher.clone(), config, total_steps)?,
            teacher,
            demonstrations,
            tokenizer,
            max_new_tokens,
            plan,
            total_steps,
        })
    }

    /// The student in its present state.
    #[must_use]
    pub fn models(&self) -> &SftModels {
        self.trainer.models()
    }

    /// The same prompts with responses that the student draws.
    async fn own_responses(
        &self,
        batch: &[PromptAndResponse],
    ) -> Result<Vec<PromptAndResponse>, DistillationStageError> {
        let special = self.tokenizer.special_token_ids();
        let pad = special.pad.filter(|pad| !special.stop.contains(pad));
        let config = GenerationConfig {
            max_new_tokens: self.max_new_tokens,
            decoding: Decoding::Sampling(Sampling::default()),
            stop_token_ids: special.stop.clone(),
            forbidden_token_ids: pad.into_iter().collect(),
            log_probs: LogProbs::Omitted,
            ..GenerationConfig::default()
        };
        let step = self.trainer.state().step as u64;
        let seed = self.trainer.config().training.seed;
        let mut rng = random_stream(seed, Purpose::StudentResponses, step, 0);
        let uniforms = Uniforms::draw(&config, batch.len(), &mut rng);
        let prompts: Vec<&[u32]> = batch.iter().map(PromptAndResponse::prompt).collect();
        let layout = self.models().lm().for_decoding();
        let mut generating = layout.as_lm().start_generation(&prompts, &config, &uniforms)?;
        generating.run().await?;
        let rows = generating.finish().await?.rows;
        let written = batch
            .iter()
            .zip(rows)
            .map(|(asked, row)| PromptAndResponse::unended(asked.prompt().to_vec(), row.tokens, special));
        Ok(written.collect::<Result<_, _>>()?)
    }
}

impl Stage for DistillationStage<'_> {
    type Error = DistillationStageError;

    fn phase(&self) -> &'static str {
        "distill"
    }

    fn config(&self) -> ConfigKeys {
        let mut keys = config_keys(self.trainer.config()).expect("these settings are plain data");
        let tokens = self.demonstrations.iter().flat_map(PromptAndResponse::tokens);
        keys.extend(data_keys(self.demonstrations.len(), tokens));
        keys.insert("max_new_tokens".to_owned(), self.max_new_tokens.to_string());
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

    async fn step(&mut self) -> Result<StepReport, DistillationStageError> {
        let step = self.trainer.state().step;
        let rows = self.plan.batch(step).into_iter();
        let mut batch: Vec<PromptAndResponse> = rows.map(|row| self.demonstrations[row].clone()).collect();
        let is_own = self.trainer.wants_own_responses();
        if is_own {
            batch = self.own_responses(&batch).await?;
        }
        let metrics = self.trainer.step(&batch)?.read().await?;
        let mut metrics = numbers(&metrics, step as f64 / self.plan.steps_per_epoch() as f64);
        metrics.insert("on_policy".to_owned(), if is_own { 1.0 } else { 0.0 });
        Ok(StepReport {
            metrics,
            ..StepReport::default()
        })
    }

    async fn evaluate(&mut self) -> Result<Metrics, DistillationStageError> {
        Ok(Metrics::new())
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
        let optimizer = saved.optimizer(MODEL, &trained, config.training.optimizer.init())?;
        models.set_trained(trained);
        let (teacher, workers) = (self.teacher.clone(), self.trainer.workers());
        let resumed =
            DistillationTrainer::resume(models, teacher, optimizer, state, config, self.total_steps)
                .map_err(|error| CheckpointError::State(error.to_string()))?;
        self.trainer = resumed.with_workers(workers);
        Ok(())
    }
}
