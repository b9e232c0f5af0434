//! Running a stage to its end: checkpoints, events, and what people see meanwhile.

use std::fmt::Display;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use rllr_train::{CheckpointConfig, CheckpointError, Metrics, Run, RunConfig, RunError, RunEvent, Stage};

use super::context::{Context, Talk};
use crate::checkpoint_directory::CheckpointDirectory;
use crate::data::load::bad_input;
use crate::sinks::{JsonLines, StatusLine};
use crate::threads::workers_for;

/// Whether a stage begins, or goes on where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At the beginning. Checkpoints that are there are an error.
    Fresh,
    /// At the newest checkpoint, or at the beginning when there is none.
    GoOn,
}

/// Drives the stages of one name.
#[derive(Clone, Copy, Debug)]
pub struct Driver<'a> {
    /// What people and programs call the stage.
    pub name: &'a str,
    /// Device, listeners and Ctrl-C.
    pub context: &'a Context,
}

impl Driver<'_> {
    /// Runs a stage to its end, with `checkpoints/` and `events.jsonl` in its directory.
    ///
    /// # Errors
    ///
    /// When a step or a checkpoint fails, when the directory belongs to a run with other settings, and after Ctrl-C, when
    /// everything is saved.
    pub fn drive<S: Stage>(&self, mut stage: S, directory: &Path, begin: Begin) -> anyhow::Result<S> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("making the directory {}", directory.display()))?;
        let store =
            CheckpointDirectory::open(&directory.join("checkpoints")).map_err(CheckpointError::from)?;
        let config = RunConfig {
            // At the end alone, and checkpoints by the clock.
            evaluate_every: usize::MAX,
            checkpoints: CheckpointConfig {
                every: 0,
                keep: 1,
                best: None,
            },
        };
        stage.set_workers(workers_for(&self.context.device));
        let begun = match begin {
            Begin::Fresh => pollster::block_on(Run::start(stage, store, config)),
            Begin::GoOn => pollster::block_on(Run::resume(stage, store, config)),
        };
        let mut run = begun.map_err(|error| classify(error, directory))?;
        let mut file = JsonLines::new(&directory.join("events.jsonl"));
        let mut line = self.status_line("steps", run.stage().steps_done());
        let mut saved = Instant::now();
        while let Some(event) =
            pollster::block_on(run.next_event()).map_err(|error| classify(error, directory))?
        {
            file.write(&event)?;
            self.show(&event, &mut line)?;
            if matches!(event, RunEvent::Finished { .. }) || !run.is_between_steps() {
                continue;
            }
            if self.context.interrupts.requested() {
                pollster::block_on(run.save())?;
                return Err(interrupted(self.name, Some(run.stage().steps_done())));
            }
            if run.stage().steps_done() > 0 && saved.elapsed() >= self.context.save_every {
                pollster::block_on(run.save())?;
                saved = Instant::now();
            }
        }
        Ok(run.into_parts().0)
    }

    /// The line that shows how far a stage is.
    #[must_use]
    pub fn status_line(&self, unit: &'static str, done: usize) -> StatusLine {
        match self.context.talk {
            Talk::People => StatusLine::new(self.name, unit, done),
            Talk::Json | Talk::Nothing => StatusLine::hidden(),
        }
    }

    /// Runs what is pulled piece by piece and is not saved: answers, samples.
    ///
    /// - `progress`: what is done, and how much there is
    ///
    /// # Errors
    ///
    /// What `step` returns, and after Ctrl-C.
    pub fn pull<T>(
        &self,
        unit: &'static str,
        pulled: &mut T,
        progress: impl Fn(&T) -> (usize, usize),
        mut step: impl FnMut(&mut T) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut line = self.status_line(unit, 0);
        loop {
            let (done, total) = progress(pulled);
            line.show(done, total, &Metrics::new());
            if done >= total {
                return Ok(());
            }
            if self.context.interrupts.requested() {
                return Err(interrupted(self.name, None));
            }
            step(pulled)?;
        }
    }

    fn show(&self, event: &RunEvent, line: &mut StatusLine) -> anyhow::Result<()> {
        let talk = self.context.talk;
        talk.event(self.name, event)?;
        match event {
            RunEvent::Step {
                step, total, metrics, ..
            } => line.show(*step, *total, metrics),
            RunEvent::Warning { message, step } => {
                line.clear();
                talk.tell(&format!("{} step {step}: warning: {message}", self.name));
            }
            _ => {}
        }
        Ok(())
    }
}

fn interrupted(name: &str, step: Option<usize>) -> anyhow::Error {
    match step {
        Some(step) => anyhow::anyhow!(
            "interrupted; {name} is saved after {step} steps: the same command with --resume goes on from there"
        ),
        None => anyhow::anyhow!(
            "interrupted in {name}; the stages before it are kept: the same command with --resume goes on with it"
        ),
    }
}

/// Settings that do not fit a checkpoint are the user's to change.
fn classify<E: Display>(error: RunError<E>, directory: &Path) -> anyhow::Error {
    let directory = directory.display();
    match error {
        RunError::Occupied { name } => bad_input(format!(
            "{directory} holds a run already, saved as {name}: --resume goes on with it"
        )),
        RunError::Checkpoint(
            error @ (CheckpointError::OtherConfig { .. } | CheckpointError::Version { .. }),
        ) => bad_input(format!("{directory}: {error}")),
        other => anyhow::anyhow!("{directory}: {other}"),
    }
}
