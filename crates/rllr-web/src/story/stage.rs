//! A stage that is being run, with what it tells in the page's words.

use rllr_model::AdaptedLm;
use rllr_train::pipeline::{PpoStage, SftStage};
use rllr_train::{CheckpointConfig, CheckpointStore, Run, RunConfig, RunEvent, Stage};

use super::StoryError;
use super::telling::Telling;
use crate::live::{LiveEvent, StageName};

/// A stage whose model answers.
pub(super) trait HasPolicy {
    /// The model in its present state.
    fn policy(&self) -> AdaptedLm<'_>;
}

impl HasPolicy for SftStage<'_> {
    fn policy(&self) -> AdaptedLm<'_> {
        self.models().lm()
    }
}

impl HasPolicy for PpoStage<'_> {
    fn policy(&self) -> AdaptedLm<'_> {
        self.trainer().models().policy()
    }
}

/// When a stage measures and saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Steps between two measurements of the model's accuracy; 0 for never.
    measure_every: usize,
    /// Steps between two checkpoints.
    save_every: usize,
}

/// Measurements of a policy's accuracy, about.
const MEASUREMENTS: usize = 6;

impl Schedule {
    /// A few measurements, and a checkpoint every few seconds.
    pub(super) fn of(name: StageName, total_steps: usize) -> Self {
        let a_few = total_steps.div_ceil(MEASUREMENTS).max(1);
        match name {
            StageName::Sft => Self {
                measure_every: a_few,
                save_every: 20,
            },
            // They are measured on held-out pairs, which takes as long as many steps: in the middle and at the end.
            StageName::OrdinaryReward | StageName::LabelReward => Self {
                measure_every: total_steps.div_ceil(2).max(1),
                save_every: 20,
            },
            StageName::OrdinaryPpo | StageName::LabelPpo => Self {
                measure_every: a_few,
                save_every: 3,
            },
        }
    }
}

/// A stage that is being run.
pub(super) struct Driven<S: Stage, C> {
    pub(super) name: StageName,
    pub(super) run: Run<S, C>,
    pub(super) is_over: bool,
    /// A step after which the model's accuracy is to be measured.
    pub(super) measurement_due: Option<usize>,
    measure_every: usize,
    telling: Telling,
}

impl<S: Stage, C: CheckpointStore> Driven<S, C> {
    /// Begins a stage, or goes on from the newest of its checkpoints.
    pub(super) async fn begin(name: StageName, stage: S, store: C) -> Result<Self, StoryError> {
        let schedule = Schedule::of(name, stage.total_steps());
        let config = RunConfig {
            // The story measures.
            evaluate_every: 0,
            checkpoints: CheckpointConfig {
                every: schedule.save_every,
                keep: 1,
                best: None,
            },
        };
        let run = Run::resume(stage, store, config).await;
        Ok(Self {
            name,
            // Nothing was computed yet.
            run: run.map_err(|error| StoryError::checkpoint(name, &error))?,
            is_over: false,
            measurement_due: None,
            measure_every: schedule.measure_every,
            telling: Telling::new(name),
        })
    }

    /// What happens next, in the page's words; often nothing that is told.
    pub(super) async fn next(&mut self) -> Result<Option<LiveEvent>, StoryError> {
        let event = self.run.next_event().await;
        let Some(event) = event.map_err(|error| StoryError::stage(self.name, &error))? else {
            self.is_over = true;
            return Ok(None);
        };
        if let RunEvent::Step { step, total, .. } = event {
            let is_due = self.measure_every > 0 && (step.is_multiple_of(self.measure_every) || step == total);
            self.measurement_due = is_due.then_some(step);
        }
        self.telling.tell(event)
    }
}
