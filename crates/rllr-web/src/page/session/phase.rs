//! What is going on, in one word.

/// What is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was asked yet, or a self-check is done.
    #[default]
    Idle,
    /// The worker's program is loading.
    Loading,
    /// The worker looks for WebGPU.
    Probing,
    /// The worker compares the device with the CPU.
    Checking,
    /// The worker builds the model.
    Starting,
    /// Steps arrive.
    Training,
    /// The worker was lost; a fresh one goes on from the last checkpoint.
    Recovering,
    /// The user asked for a pause; the step in progress ends first.
    Pausing,
    /// The run is held.
    Paused,
    /// The user asked for the end; the step in progress ends first.
    Stopping,
    /// The run ended on request.
    Stopped,
    /// All steps are done.
    Finished,
    /// Something did not work: see [`Session::failure`](super::Session::failure).
    Failed,
}

impl Phase {
    /// Whether the worker is at work, or held: a new task must wait.
    pub fn is_busy(self) -> bool {
        !matches!(self, Self::Idle | Self::Stopped | Self::Finished | Self::Failed)
    }

    /// Whether steps may arrive.
    pub fn is_training(self) -> bool {
        matches!(self, Self::Training | Self::Pausing | Self::Stopping)
    }

    /// A word for tests and style sheets: `data-phase` of the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Loading => "loading",
            Self::Probing => "probing",
            Self::Checking => "checking",
            Self::Starting => "starting",
            Self::Training => "training",
            Self::Recovering => "recovering",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }
}
