//! What is going on.

/// What is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was asked yet.
    #[default]
    Idle,
    /// The worker's program is loading.
    Starting,
    /// The worker looks for WebGPU.
    Probing,
    /// The worker compares the device with the CPU.
    Checking,
    /// The worker carries out the job: it fetches a model, reads data, computes.
    Working,
    /// The visitor asked for the end.
    Stopping,
    /// The job ended on request.
    Stopped,
    /// The job is done.
    Finished,
    /// Something did not work: see [`Desk::failure`].
    Failed,
}

impl Phase {
    /// Whether something is going on.
    pub fn is_busy(self) -> bool {
        !matches!(self, Self::Idle | Self::Stopped | Self::Finished | Self::Failed)
    }

    /// A word for tests and style sheets: `data-phase` of the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Probing => "probing",
            Self::Checking => "checking",
            Self::Working => "working",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }
}
