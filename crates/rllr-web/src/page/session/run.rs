//! The numbers of one run, as they came from the worker.

/// The numbers of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Numbers that the model learns; `None` before the run has started.
    pub parameters: Option<u64>,
    /// One per training step so far.
    pub steps: Vec<StepPoint>,
    /// `None` until all steps are done.
    pub finished: Option<Finished>,
}

/// One training step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPoint {
    /// Number of the step; the first is 1.
    pub step: usize,
    /// Nats per token.
    pub loss: f64,
    /// Global L2 norm before clipping.
    pub grad_norm: f64,
    /// Wall time.
    pub milliseconds: f64,
    /// Training tokens per second.
    pub tokens_per_second: f64,
}

/// The summary of a whole run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finished {
    /// Steps done.
    pub steps: usize,
    /// Wall time without pauses.
    pub seconds: f64,
    /// Median wall time of a step.
    pub milliseconds_per_step_median: f64,
    /// Nats per token.
    pub first_loss: f64,
    /// Nats per token.
    pub last_loss: f64,
}
