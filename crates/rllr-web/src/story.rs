//! The whole method, from data to two policies, as one stream of events.
//!
//! ```text
//! examples ── fine-tuning ─┬─ ordinary reward model ────────── RLHF ─┐
//!                          └─ label-sensitive reward model ─── RLLR ─┴─ answers of all three
//! ```
//!
//! The worker runs it in the page, and a native program records it: the same code, so the page shows both alike.
//! Every stage has a store of checkpoints of its own; a run that broke is run again with the same stores, and goes on
//! where the newest of them were written.
//!
//! Knows no DOM, no clock and no thread. Pausing is not answering [`Observer::tell`].

mod recipe;

mod error;
mod stage;
mod telling;

mod inspect;
mod answers;
mod scoring;

use burn::module::Module as _;
use burn::tensor::Device;
use rllr_model::tokenizer::ConfigDialect;
use rllr_model::{AdaptedLm, CausalLm, CausalLmConfig, ModelHead, Tokenizer};
use rllr_task::pairs::PairKind;
use rllr_train::pipeline::{
    Comparison, MeasuredRewardModel, Method, RewardModelPair, RewardStage, Split, TaskExamples, fine_tuned,
    max_tokens, new_model, train_tokenizer,
};
use rllr_train::{CheckpointStore, Metrics, Stage};

use crate::kept_run::Files;
use crate::live::{LiveEvent, LiveSettings, StageName};

pub use error::StoryError;
pub use recipe::{recipe, task_kind};
use stage::{Driven, HasPolicy as _};

/// Who is told what happens.
#[expect(
    async_fn_in_trait,
    reason = "runs are polled on one thread, and in the page no future can be sent"
)]
pub trait Observer {
    /// Takes the next event. The run waits for the answer.
    async fn tell(&mut self, event: LiveEvent) -> Flow;

    /// Takes the files of a model beside its weights, which the checkpoints hold; before the first event.
    fn model(&mut self, _files: Files) {}
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    GoOn,
    /// It ends here; its checkpoints stay.
    Stop,
}

/// Whether the reward models are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inspecting {
    /// What they say of answers is computed and told.
    #[default]
    Now,
    /// It was told before the run broke.
    WasTold,
}

/// Runs the whole method on one device.
///
/// - `device`: without autodiff
/// - `stores`: the checkpoints of each stage; empty ones for a run that begins
///
/// # Errors
///
/// [`StoryError::Stopped`] when the observer stops it, otherwise why it cannot go on.
pub async fn run<C: CheckpointStore>(
    settings: &LiveSettings,
    device: &Device,
    stores: impl FnMut(StageName) -> C,
    inspecting: Inspecting,
    observer: &mut impl Observer,
) -> Result<(), StoryError> {
    settings.validate()?;
    let recipe = recipe(settings);

    // 1. Examples, a tokenizer of their words, and a new model.
    let tasks = [TaskExamples::generated(
        task_kind(settings.task),
        &recipe.data,
        recipe.seed,
    )?];
    let tokenizer = train_tokenizer(&recipe, &tasks)?;
    let base = new_model(&recipe, &tokenizer, &device.clone().autodiff())?;
    let labels = tasks[0]
        .task
        .labels
        .iter()
        .map(|label| label.word.clone())
        .collect();
    let began = LiveEvent::Began {
        parameters: base.num_params() as u64,
        labels,
        floor: tasks[0].floor().ok().filter(|floor| floor.is_finite()),
    };
    let config = recipe.model.config(tokenizer.vocab_size());
    observer.model(model_files(&config, &tokenizer));
    let comparison = Comparison {
        recipe: &recipe,
        tasks: &tasks,
        tokenizer: &tokenizer,
        config: &config,
        max_tokens: max_tokens(&recipe, &config),
    };
    let mut story = Story {
        comparison,
        stores,
        observer,
    };
    story.tell(began).await?;
    story.stages(base, inspecting).await
}

/// The files of a model in Hugging Face's layout, without its weights.
fn model_files(config: &CausalLmConfig, tokenizer: &Tokenizer) -> Files {
    let config = config.to_hugging_face(ModelHead::CausalLm, tokenizer.special_token_ids(), "float32");
    let files = tokenizer.files(ConfigDialect::Transformers4).into_iter();
    let files = files.map(|file| (file.name.to_owned(), file.bytes));
    files
        .chain([("config.json".to_owned(), config.into_bytes())])
        .collect()
}

/// A run in progress.
struct Story<'a, F, O> {
    comparison: Comparison<'a>,
    stores: F,
    observer: &'a mut O,
}

impl<C, F, O> Story<'_, F, O>
where
    C: CheckpointStore,
    F: FnMut(StageName) -> C,
    O: Observer,
{
    async fn stages(&mut self, base: CausalLm, inspecting: Inspecting) -> Result<(), StoryError> {
        let comparison = self.comparison;

        // 2. A model that answers.
        let stage = comparison.sft_stage(base, comparison.recipe.data.format)?;
        let mut sft = self.begin(StageName::Sft, stage).await?;
        while !sft.is_over {
            self.pull(&mut sft).await?;
        }
        let sft = fine_tuned(sft.run.stage());

        // 3. Two reward models, from the same start.
        let rationale = self
            .reward_model(StageName::OrdinaryReward, &sft, PairKind::Rationale, inspecting)
            .await?;
        let label = self
            .reward_model(StageName::LabelReward, &sft, PairKind::Label, inspecting)
            .await?;
        let rewards = RewardModelPair {
            label: Some(&label),
            rationale: Some(&rationale),
        };
        if inspecting == Inspecting::Now {
            let inspection = inspect::inspect(&comparison, &sft, rewards).await?;
            self.tell(LiveEvent::Inspected(inspection)).await?;
        }

        // 4. Reinforcement learning, twice from the same start, step by step beside each other.
        let stage = comparison.ppo_stage(Method::Rlhf, &sft, rewards)?;
        let mut ordinary = self.begin(StageName::OrdinaryPpo, stage).await?;
        let stage = comparison.ppo_stage(Method::Rllr, &sft, rewards)?;
        let mut label_sensitive = self.begin(StageName::LabelPpo, stage).await?;
        let is_new = ordinary.run.stage().steps_done() + label_sensitive.run.stage().steps_done() == 0;
        if is_new {
            let metrics = self.measure(sft.without_adapter()).await?;
            for stage in [StageName::OrdinaryPpo, StageName::LabelPpo] {
                let metrics = metrics.clone();
                self.tell(LiveEvent::Evaluated {
                    stage,
                    step: 0,
                    metrics,
                })
                .await?;
            }
        }
        while !(ordinary.is_over && label_sensitive.is_over) {
            let steps = [&ordinary.run, &label_sensitive.run].map(|run| run.stage().steps_done());
            if !ordinary.is_over && (label_sensitive.is_over || steps[0] <= steps[1]) {
                self.pull(&mut ordinary).await?;
            } else {
                self.pull(&mut label_sensitive).await?;
            }
        }

        // 5. What the three models answer.
        let models = answers::Models {
            sft: sft.without_adapter(),
            ordinary: ordinary.run.stage().policy(),
            label_sensitive: label_sensitive.run.stage().policy(),
        };
        let answers = answers::answers(&comparison, models, rewards).await?;
        self.tell(LiveEvent::Answered(answers)).await
    }

    /// Trains a reward model and measures it.
    async fn reward_model(
        &mut self,
        name: StageName,
        sft: &CausalLm,
        kind: PairKind,
        inspecting: Inspecting,
    ) -> Result<MeasuredRewardModel, StoryError> {
        let stage = self.comparison.reward_stage(sft, kind)?;
        let mut reward = self.begin(name, stage).await?;
        let total = reward.run.stage().total_steps();
        while !reward.is_over {
            if let Some(event) = reward.next().await? {
                self.tell(event).await?;
            }
            // At the end it is measured below.
            if let Some(step) = reward.measurement_due.take().filter(|step| *step < total) {
                let metrics = reward_metrics(name, step, reward.run.stage()).await?.0;
                self.tell(LiveEvent::Evaluated {
                    stage: name,
                    step,
                    metrics,
                })
                .await?;
            }
        }
        let models = reward.run.stage().models().clone();
        if inspecting == Inspecting::WasTold {
            // Neither method reads more than the model.
            return Ok(MeasuredRewardModel {
                models,
                metrics: Metrics::new(),
                pair_scores: Vec::new(),
            });
        }
        let (shown, measured) = reward_metrics(name, total, reward.run.stage()).await?;
        let evaluated = LiveEvent::Evaluated {
            stage: name,
            step: total,
            metrics: shown,
        };
        self.tell(evaluated).await?;
        Ok(measured)
    }

    async fn begin<S: Stage>(&mut self, name: StageName, stage: S) -> Result<Driven<S, C>, StoryError> {
        Driven::begin(name, stage, (self.stores)(name)).await
    }

    /// The next events of a stage, and a measurement of its model when one is due.
    async fn pull<S: Stage + stage::HasPolicy>(
        &mut self,
        driven: &mut Driven<S, C>,
    ) -> Result<(), StoryError> {
        if let Some(event) = driven.next().await? {
            self.tell(event).await?;
        }
        if let Some(step) = driven.measurement_due.take() {
            let metrics = self.measure(driven.run.stage().policy()).await?;
            let stage = driven.name;
            self.tell(LiveEvent::Evaluated { stage, step, metrics }).await?;
        }
        Ok(())
    }

    /// Accuracy on held-out examples.
    async fn measure(&self, lm: AdaptedLm<'_>) -> Result<crate::live::Metrics, StoryError> {
        let comparison = &self.comparison;
        let examples = &comparison.tasks[0];
        let answering = comparison.answering(Method::SftRationale, examples, Split::HeldOut)?;
        let predictions = answering.run(lm).await?;
        let evaluation = comparison.evaluation(examples, Split::HeldOut, &predictions)?;
        let named = [
            ("eval_accuracy", evaluation.accuracy),
            ("eval_macro_f1", evaluation.macro_f1),
            ("eval_invalid_rate", evaluation.invalid_rate),
        ];
        Ok(named.map(|(name, value)| (name.to_owned(), value)).into())
    }

    async fn tell(&mut self, event: LiveEvent) -> Result<(), StoryError> {
        match self.observer.tell(event).await {
            Flow::GoOn => Ok(()),
            Flow::Stop => Err(StoryError::Stopped),
        }
    }
}

/// Measures a reward model on held-out pairs; also in the numbers that the page shows.
async fn reward_metrics(
    name: StageName,
    step: usize,
    stage: &RewardStage,
) -> Result<(crate::live::Metrics, MeasuredRewardModel), StoryError> {
    let measured = MeasuredRewardModel::measure(stage).await;
    let measured = measured.map_err(|error| StoryError::stage(name, &error))?;
    Ok((telling::shown(name, step, &measured.metrics)?, measured))
}
