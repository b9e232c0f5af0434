//! What every stage needs: settings, a device, somebody to tell, and an ear for Ctrl-C.

use std::path::PathBuf;
use std::time::Duration;

use burn::tensor::Device;
use rllr_train::RunEvent;
use rllr_train::pipeline::Recipe;
use serde::Serialize;

use super::driver::Driver;
use crate::devices::{self, DeviceName};
use crate::interrupts::Interrupts;
use crate::settings::SettingsArgs;
use crate::terminal::say;

/// Time between two checkpoints, where nobody says another.
pub const SAVE_SECONDS: u64 = 60;

/// Arguments that all stages have.
#[derive(Clone, Debug, clap::Args)]
pub struct StageArgs {
    /// Directory of the stage: `checkpoints/` while it runs, `events.jsonl`, and in the end `model/`.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Settings of the trainers.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// auto, cpu, webgpu or webgpu:N.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: DeviceName,
    /// Go on from the newest checkpoint in the directory; begin when there is none.
    #[arg(long)]
    pub resume: bool,
    /// Time between two checkpoints.
    #[arg(long, default_value_t = SAVE_SECONDS, value_name = "N")]
    pub save_seconds: u64,
    /// Print the events as JSON lines.
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors.
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// Events as JSON lines on standard output.
    Json,
    /// A line for each stage, and how far the present one is where a terminal shows it.
    People,
    /// Nothing.
    Nothing,
}

/// What every stage needs.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where it is computed, without autodiff.
    pub device: Device,
    /// What is printed.
    pub talk: Talk,
    /// Whether somebody asked to stop.
    pub interrupts: Interrupts,
    /// Time between two checkpoints.
    pub save_every: Duration,
}

impl Talk {
    /// From the arguments that all commands have.
    #[must_use]
    pub fn of(json: bool, quiet: bool) -> Self {
        match (json, quiet) {
            (true, _) => Self::Json,
            (false, true) => Self::Nothing,
            (false, false) => Self::People,
        }
    }

    /// Prints a line for people.
    pub fn tell(self, text: &str) {
        if self == Self::People {
            say!("{text}");
        }
    }

    /// Prints an event of a stage for programs.
    ///
    /// # Errors
    ///
    /// None that is known: events can be written as JSON.
    pub fn event(self, stage: &str, event: &RunEvent) -> anyhow::Result<()> {
        #[derive(Serialize)]
        struct OfStage<'a> {
            stage: &'a str,
            #[serde(flatten)]
            event: &'a RunEvent,
        }
        if self == Self::Json {
            say!("{}", serde_json::to_string(&OfStage { stage, event })?);
        }
        Ok(())
    }
}

impl Context {
    /// Opens the device and watches for Ctrl-C.
    ///
    /// # Errors
    ///
    /// [`ExitError::NoDevice`](crate::exit::ExitError) when the device cannot be used.
    pub fn open(device: DeviceName, talk: Talk, save_seconds: u64) -> anyhow::Result<Self> {
        let device = match device {
            // Small models are faster on the CPU than on anything that would have to be checked first.
            DeviceName::Auto => devices::cpu(),
            other => devices::open(other)?,
        };
        Ok(Self {
            device,
            talk,
            interrupts: Interrupts::watch()?,
            save_every: Duration::from_secs(save_seconds),
        })
    }

    /// Drives the stages of this name.
    #[must_use]
    pub fn driver<'a>(&'a self, name: &'a str) -> Driver<'a> {
        Driver { name, context: self }
    }
}

impl StageArgs {
    /// The effective settings with the seed, or `None` when they were only to be printed.
    ///
    /// # Errors
    ///
    /// See [`SettingsArgs::read`].
    pub fn recipe(&self) -> anyhow::Result<Option<Recipe>> {
        let recipe = Recipe {
            seed: self.seed,
            ..self.settings.read(None)?
        };
        if self.settings.print_config {
            say!("{}", crate::settings::to_toml(&recipe)?.trim_end());
            return Ok(None);
        }
        Ok(Some(recipe))
    }

    /// Opens the device and watches for Ctrl-C.
    ///
    /// # Errors
    ///
    /// See [`Context::open`].
    pub fn context(&self) -> anyhow::Result<Context> {
        Context::open(self.device, Talk::of(self.json, self.quiet), self.save_seconds)
    }
}
