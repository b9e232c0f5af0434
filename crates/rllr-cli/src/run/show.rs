//! Running a stage to its end, and telling what happens.

use rllr_train::{CheckpointConfig, MemoryStore, Run, RunConfig, RunEvent, Stage};

use super::compare::Shared;
use crate::terminal::say;
use crate::{devices, threads};

/// What is printed while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    Json,
    Lines,
    Nothing,
}

impl Shared<'_> {
    /// Runs a stage to its end.
    pub(super) fn drive<S: Stage>(&self, mut stage: S) -> anyhow::Result<S> {
        // The comparison runs on the CPU.
        stage.set_workers(threads::workers_for(&devices::cpu()));
        let config = RunConfig {
            evaluate_every: 0,
            checkpoints: CheckpointConfig {
                every: 0,
                keep: 1,
                best: None,
            },
        };
        let failed = |error: &dyn std::fmt::Display| anyhow::anyhow!("{error}");
        let run = pollster::block_on(Run::start(stage, MemoryStore::default(), config));
        let mut run = run.map_err(|error| failed(&error))?;
        while let Some(event) = pollster::block_on(run.next_event()).map_err(|error| failed(&error))? {
            self.show(&event)?;
        }
        Ok(run.into_parts().0)
    }

    fn show(&self, event: &RunEvent) -> anyhow::Result<()> {
        if self.talk == Talk::Json {
            say!("{}", serde_json::to_string(event)?);
            return Ok(());
        }
        match event {
            RunEvent::Step {
                phase,
                step,
                total,
                metrics,
            } if step % (total / 6).max(1) == 0 => {
                let names = [
                    "loss",
                    "mean_token_accuracy",
                    "accuracy",
                    "objective/scores",
                    "objective/kl",
                    "rollout/accuracy",
                ];
                let shown: Vec<String> = names
                    .iter()
                    .filter_map(|name| Some(format!("{name} {:.3}", metrics.get(*name)?)))
                    .collect();
                self.tell(&format!("  {phase} {step}/{total}: {}", shown.join(", ")));
            }
            RunEvent::Warning { message, .. } => self.tell(&format!("  warning: {message}")),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn tell(&self, text: &str) {
        if self.talk == Talk::Lines {
            say!("{text}");
        }
    }
}
