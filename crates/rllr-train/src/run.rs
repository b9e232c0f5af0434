//! A run: a stage is stepped, measured and saved, and tells what happens, one event at a time.

use std::collections::VecDeque;
use std::fmt::Display;

use crate::checkpoint::{CHECKPOINT_FORMAT, ConfigKeys, Manifest, read, read_manifest, write};
use crate::checkpoint_error::CheckpointError;
use crate::checkpoint_store::CheckpointStore;
use crate::run_event::{Metrics, RunEvent, RunSample};
use crate::snapshot::{Restored, Snapshot};
use crate::workers::SharedWorkers;

mod config;
#[cfg(test)]
mod tests;

pub use config::{Best, BestMetric, CheckpointConfig, RunConfig};

/// Something that is trained step by step.
#[expect(
    async_fn_in_trait,
    reason = "runs are polled on one thread, and in the page no future can be sent"
)]
pub trait Stage {
    /// Why a step failed.
    type Error: Display;

    /// Its name: `pretrain`, `sft`, `reward`, `ppo`.
    fn phase(&self) -> &'static str;

    /// The settings that a checkpoint must have been written with, data included; see
    /// [`config_keys`](crate::config_keys).
    fn config(&self) -> ConfigKeys;

    /// Steps of the whole stage.
    fn total_steps(&self) -> usize;

    /// Steps that were done.
    fn steps_done(&self) -> usize;

    /// From now on these compute the parts of its steps, if they have any; what a step does stays the same.
    fn set_workers(&mut self, _workers: SharedWorkers) {}

    /// The next step.
    async fn step(&mut self) -> Result<StepReport, Self::Error>;

    /// Measures the model; without numbers there is no event. Must change nothing that a checkpoint holds.
    async fn evaluate(&mut self) -> Result<Metrics, Self::Error>;

    /// All that the next step depends on.
    fn snapshot(&self) -> Result<Snapshot, CheckpointError>;

    /// Goes back to a snapshot.
    fn restore(&mut self, saved: &mut Restored) -> Result<(), CheckpointError>;
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepReport {
    /// Its numbers by their published names.
    pub metrics: Metrics,
    /// What the model wrote.
    pub samples: Vec<RunSample>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError<E: Display> {
    /// A step or an evaluation failed.
    #[error("step {step}: {error}")]
    Stage {
        /// The step, from 1.
        step: usize,
        /// Why.
        error: E,
    },
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// All checkpoints are damaged.
    #[error("none of {count} checkpoints can be read; the newest: {newest}")]
    AllDamaged {
        /// How many there are.
        count: usize,
        /// What is wrong with the newest.
        newest: CheckpointError,
    },
    /// A new run where there are checkpoints already.
    #[error("there are checkpoints already, the newest is {name}; resume the run, or choose another place")]
    Occupied {
        /// The newest.
        name: String,
    },
}

/// A stage that is being run. Not pulling pauses it; dropping it stops it.
///
/// A future of [`Run::next_event`] that was begun must be finished before the run is asked for anything else.
pub struct Run<S, C> {
    stage: S,
    store: C,
    config: RunConfig,
    /// What has happened and was not told yet.
    told_next: VecDeque<RunEvent>,
    due: Due,
    /// The latest value of the metric by which the best checkpoint is known.
    best: Option<f64>,
    /// Steps of the latest checkpoint.
    saved: Option<usize>,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Step,
    Evaluation,
    Checkpoint,
    Nothing,
}

impl<S: Stage, C: CheckpointStore> Run<S, C> {
    /// Begins a run.
    ///
    /// # Errors
    ///
    /// [`RunError::Occupied`] when the store holds checkpoints.
    pub async fn start(stage: S, store: C, config: RunConfig) -> Result<Self, RunError<S::Error>> {
        match store.list().await.map_err(CheckpointError::from)?.pop() {
            Some(name) => Err(RunError::Occupied { name }),
            None => Ok(Self::new(stage, store, config, None, Vec::new())),
        }
    }

    /// Goes on from the newest undamaged checkpoint, or begins when there is none.
    ///
    /// Damaged ones are told as warnings and removed.
    ///
    /// # Errors
    ///
    /// [`RunError::Checkpoint`] for a checkpoint of another format or with other settings, [`RunError::AllDamaged`]
    /// when there are checkpoints and none can be read.
    pub async fn resume(mut stage: S, mut store: C, config: RunConfig) -> Result<Self, RunError<S::Error>> {
        let names = store.list().await.map_err(CheckpointError::from)?;
        let settings = stage.config();
        let mut damaged = Vec::new();
        for name in names.iter().rev() {
            match read(&store, name, &settings).await {
                Ok((_, mut restored)) => {
                    stage.restore(&mut restored)?;
                    restored.finish()?;
                    let mut warnings = Vec::new();
                    for (name, error) in damaged {
                        warnings.push(format!("{error}; going on from an older checkpoint"));
                        store.remove(name).await.map_err(CheckpointError::from)?;
                    }
                    return Ok(Self::new(stage, store, config, Some(name.clone()), warnings));
                }
                Err(error @ CheckpointError::Damaged { .. }) => damaged.push((name, error)),
                Err(error) => return Err(error.into()),
            }
        }
        let count = damaged.len();
        match damaged.into_iter().next() {
            Some((_, newest)) => Err(RunError::AllDamaged { count, newest }),
            None => Ok(Self::new(stage, store, config, None, Vec::new())),
        }
    }

    fn new(
        stage: S,
        store: C,
        config: RunConfig,
        resumed_from: Option<String>,
        warnings: Vec<String>,
    ) -> Self {
        let (step, total) = (stage.steps_done(), stage.total_steps());
        let saved = resumed_from.is_some().then_some(step);
        let mut told_next = VecDeque::from([RunEvent::Started {
            step,
            resumed_from,
            config: stage.config(),
        }]);
        let warning = |message| RunEvent::Warning { step, message };
        told_next.extend(warnings.into_iter().map(warning));
        told_next.push_back(RunEvent::Phase {
            phase: stage.phase().to_owned(),
            step,
            total,
        });
        let is_finished = step >= total;
        if is_finished {
            told_next.push_back(RunEvent::Finished { step });
        }
        Self {
            stage,
            store,
            config,
            told_next,
            due: if is_finished { Due::Nothing } else { Due::Step },
            best: None,
            saved,
        }
    }

    /// What is run, in its present state.
    pub fn stage(&self) -> &S {
        &self.stage
    }

    /// Where checkpoints are.
    pub fn store(&self) -> &C {
        &self.store
    }

    /// Ends the run, finished or not, and gives back what it ran.
    pub fn into_parts(self) -> (S, C) {
        (self.stage, self.store)
    }

    /// What happens next; `None` when the run is finished.
    ///
    /// # Errors
    ///
    /// [`RunError`] when a step, an evaluation or a checkpoint failed. The last whole checkpoint is then still there.
    pub async fn next_event(&mut self) -> Result<Option<RunEvent>, RunError<S::Error>> {
        while self.told_next.is_empty() {
            match self.due {
                Due::Step => self.step().await?,
                Due::Evaluation => self.evaluate().await?,
                Due::Checkpoint => self.checkpoint().await?,
                Due::Nothing => return Ok(None),
            }
        }
        Ok(self.told_next.pop_front())
    }

    /// Whether all events of the last step were pulled.
    ///
    /// Who saves before that loses the others when the run is killed: what goes on from a checkpoint does not tell the
    /// steps before it again.
    #[must_use]
    pub fn is_between_steps(&self) -> bool {
        self.told_next.is_empty()
    }

    /// Writes a checkpoint now, unless there is one of this step, and returns its name.
    ///
    /// For a run that is about to be stopped.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub async fn save(&mut self) -> Result<String, CheckpointError> {
        let step = self.stage.steps_done();
        let name = format!("step-{step:09}");
        if self.saved == Some(step) {
            return Ok(name);
        }
        let manifest = Manifest {
            format: CHECKPOINT_FORMAT,
            phase: self.stage.phase().to_owned(),
            step,
            config: self.stage.config(),
            best: self.best.map(|best| best.to_string()),
            files: std::collections::BTreeMap::new(),
        };
        write(&mut self.store, &name, &self.stage.snapshot()?, manifest).await?;
        self.saved = Some(step);
        self.best = None;
        self.remove_old().await?;
        Ok(name)
    }

    async fn step(&mut self) -> Result<(), RunError<S::Error>> {
        let before = self.stage.steps_done();
        let failed = |error| RunError::Stage {
            step: before + 1,
            error,
        };
        let StepReport {
            metrics,
            samples,
            warnings,
        } = self.stage.step().await.map_err(failed)?;
        let (step, phase) = (self.stage.steps_done(), self.stage.phase().to_owned());
        assert!(step > before, "a step counts itself");
        self.note(&metrics);
        let warnings = warnings.into_iter().chain(not_finite(&metrics));
        let warnings: Vec<String> = warnings.collect();
        self.told_next.push_back(RunEvent::Step {
            phase: phase.clone(),
            step,
            total: self.stage.total_steps(),
            metrics,
        });
        if !samples.is_empty() {
            self.told_next
                .push_back(RunEvent::Samples { phase, step, samples });
        }
        self.warn(warnings);
        self.due = if self.is_due(self.config.evaluate_every) && self.config.evaluate_every > 0 {
            Due::Evaluation
        } else {
            self.after_evaluation()
        };
        Ok(())
    }

    async fn evaluate(&mut self) -> Result<(), RunError<S::Error>> {
        let step = self.stage.steps_done();
        let evaluated = self.stage.evaluate().await;
        let metrics = evaluated.map_err(|error| RunError::Stage { step, error })?;
        self.note(&metrics);
        let warnings = not_finite(&metrics);
        if !metrics.is_empty() {
            let phase = self.stage.phase().to_owned();
            self.told_next
                .push_back(RunEvent::Evaluated { phase, step, metrics });
        }
        self.warn(warnings);
        self.due = self.after_evaluation();
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<(), RunError<S::Error>> {
        let (step, name) = (self.stage.steps_done(), self.save().await?);
        self.told_next.push_back(RunEvent::Checkpoint { name, step });
        self.due = self.after_checkpoint();
        if self.due == Due::Nothing {
            self.told_next.push_back(RunEvent::Finished { step });
        }
        Ok(())
    }

    /// Whether something happens after this step that happens every so many steps and at the end.
    fn is_due(&self, every: usize) -> bool {
        let step = self.stage.steps_done();
        step >= self.stage.total_steps() || (every > 0 && step.is_multiple_of(every))
    }

    fn after_evaluation(&self) -> Due {
        if self.is_due(self.config.checkpoints.every) {
            Due::Checkpoint
        } else {
            Due::Step
        }
    }

    fn after_checkpoint(&self) -> Due {
        if self.stage.steps_done() >= self.stage.total_steps() {
            Due::Nothing
        } else {
            Due::Step
        }
    }

    fn warn(&mut self, messages: impl IntoIterator<Item = String>) {
        let step = self.stage.steps_done();
        let warnings = messages
            .into_iter()
            .map(|message| RunEvent::Warning { step, message });
        self.told_next.extend(warnings);
    }

    /// Notes the metric by which the best checkpoint is known.
    fn note(&mut self, metrics: &Metrics) {
        let name = self.config.checkpoints.best.as_ref().map(|best| &best.name);
        if let Some(value) = name
            .and_then(|name| metrics.get(name))
            .filter(|value| !value.is_nan())
        {
            self.best = Some(*value);
        }
    }

    /// Removes the checkpoints that are neither new nor the best.
    async fn remove_old(&mut self) -> Result<(), CheckpointError> {
        let names = self.store.list().await?;
        let old = names.len().saturating_sub(self.config.checkpoints.keep.max(1));
        if old == 0 {
            return Ok(());
        }
        let best = self.best_of(&names).await?;
        for name in names[..old].iter().filter(|name| Some(*name) != best.as_ref()) {
            self.store.remove(name).await?;
        }
        Ok(())
    }

    /// The best of the checkpoints, the oldest of equals.
    async fn best_of(&self, names: &[String]) -> Result<Option<String>, CheckpointError> {
        let Some(BestMetric { best, .. }) = &self.config.checkpoints.best else {
            return Ok(None);
        };
        let mut found: Option<(f64, &String)> = None;
        for name in names {
            let value = match read_manifest(&self.store, name).await {
                Ok(manifest) => manifest.best.and_then(|value| value.parse::<f64>().ok()),
                Err(CheckpointError::Damaged { .. }) => None,
                Err(error) => return Err(error),
            };
            let Some(value) = value else { continue };
            let is_better = found.is_none_or(|(than, _)| match best {
                Best::Max => value > than,
                Best::Min => value < than,
            });
            if is_better {
                found = Some((value, name));
            }
        }
        Ok(found.map(|(_, name)| name.clone()))
    }
}

/// A warning for metrics that JSON and charts cannot show.
fn not_finite(metrics: &Metrics) -> Option<String> {
    let named = metrics.iter().filter(|(_, value)| !value.is_finite());
    let named: Vec<String> = named.map(|(name, value)| format!("{name} is {value}")).collect();
    (!named.is_empty()).then(|| format!("not a finite number: {}", named.join(", ")))
}
