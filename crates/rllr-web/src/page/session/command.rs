//! What the session is asked for, and what it asks for.

use crate::live::{LiveSettings, TimedEvent};
use crate::protocol::{DeviceChoice, Failure, Request};

/// Whether the run would survive the tab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keeping {
    /// Not known: there was no checkpoint, or the browser keeps nothing.
    #[default]
    Unknown,
    /// The browser keeps its last checkpoint.
    InTheBrowser,
    /// The browser does not, because of this.
    InTheTab(Failure),
}

/// A run that was kept, without its checkpoints: the caller has those.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlierRun {
    /// Its settings.
    pub settings: LiveSettings,
    /// When it began, in milliseconds since 1970.
    pub begun_ms: f64,
    /// What it told.
    pub events: Vec<TimedEvent>,
}

/// What the user asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Compare a device with the CPU.
    Check(DeviceChoice),
    /// Train on a device, after the self-check if it has not passed yet.
    Train(DeviceChoice, LiveSettings),
    /// Go on with a run that was kept, on this device; the caller has put its checkpoints in place.
    GoOn(DeviceChoice, EarlierRun),
    /// Give up the run in progress, and begin another one.
    Restart(DeviceChoice, LiveSettings),
    /// Do the last task again, on this device; a run goes on from its last checkpoint.
    Retry(DeviceChoice),
    /// Hold the run.
    Pause,
    /// Go on with the held run.
    Resume,
    /// Make one step of the held run.
    StepOnce,
    /// End the run.
    Stop,
}

/// What the caller has to do, in this order.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "there are a few at a time, each for a moment; large only where pointers have 64 bits"
)]
pub enum Effect {
    /// Start a worker.
    Spawn,
    /// Send this to the worker.
    Send(Request),
    /// Terminate the worker: none of its events may arrive any more.
    Kill,
    /// Drop the checkpoints that were kept: a new run begins.
    Forget,
    /// Send the checkpoints that were kept, and what the run has told.
    Restore,
    /// Call [`Session::stop_timed_out`](super::Session::stop_timed_out) with this number after a moment.
    WatchStop(u32),
}
