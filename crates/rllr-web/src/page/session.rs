//! What the page knows about its worker and the run, and what it does next.
//!
//! A state machine without DOM, clock or worker: [`Session::command`] and [`Session::event`] take what happened and
//! return what is to be done. So the whole behaviour of the page is tested natively.

mod run;

pub use run::{Finished, Run, StepPoint};

use super::text;
use crate::protocol::{
    DeviceChoice, Event, Failure, Request, SelfCheckSummary, TrainSettings, WebGpuSupport,
};

/// The state behind the panels.
#[derive(Clone, Debug, Default)]
pub struct Session {
    phase: Phase,
    worker: WorkerState,
    goal: Goal,
    /// The device of the work in progress, or of the last work done.
    device: Option<DeviceChoice>,
    settings: TrainSettings,
    checks: Vec<(DeviceChoice, SelfCheckSummary)>,
    run: Run,
    failure: Option<Failure>,
    stops: u32,
}

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
    /// Something did not work: see [`Session::failure`].
    Failed,
}

/// What the user asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Compare a device with the CPU.
    Check(DeviceChoice),
    /// Train on a device, after the self-check if it has not passed yet.
    Train(DeviceChoice, TrainSettings),
    /// Do the last task again, on this device.
    Retry(DeviceChoice),
    /// Hold the run.
    Pause,
    /// Go on with the held run.
    Resume,
    /// End the run.
    Stop,
}

/// What the caller has to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Start a worker.
    Spawn,
    /// Send this to the worker.
    Send(Request),
    /// Terminate the worker: none of its events may arrive any more.
    Kill,
    /// Call [`Session::stop_timed_out`] with this number after a moment.
    WatchStop(u32),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum WorkerState {
    #[default]
    Absent,
    Loading,
    /// It runs; `probed` is whether it has found WebGPU.
    Alive {
        probed: bool,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Goal {
    #[default]
    Check,
    Train,
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
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }
}

impl Session {
    /// What is going on.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The device of the work in progress, or of the last work done.
    pub fn device(&self) -> Option<DeviceChoice> {
        self.device
    }

    /// The settings of the run in progress, or of the last run.
    pub fn settings(&self) -> &TrainSettings {
        &self.settings
    }

    /// The last self-check of a device.
    pub fn check(&self, device: DeviceChoice) -> Option<&SelfCheckSummary> {
        self.checks
            .iter()
            .find(|(checked, _)| *checked == device)
            .map(|(_, report)| report)
    }

    /// Whether a device failed its self-check and must not be used.
    pub fn is_rejected(&self, device: DeviceChoice) -> bool {
        self.check(device).is_some_and(|report| !report.passed)
    }

    /// The numbers of the run in progress, or of the last run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// What did not work, in phase [`Phase::Failed`].
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Whether the CPU can be offered instead of the device that failed.
    pub fn offers_cpu(&self) -> bool {
        self.phase == Phase::Failed
            && self.device == Some(DeviceChoice::WebGpu)
            && !self.is_rejected(DeviceChoice::Cpu)
    }

    /// The user asks for something. What does not fit the phase is ignored: its button is disabled.
    pub fn command(&mut self, command: Command) -> Vec<Effect> {
        match command {
            Command::Check(device) if !self.phase.is_busy() => self.begin(Goal::Check, device),
            Command::Train(device, settings) if !self.phase.is_busy() => {
                self.settings = settings;
                self.begin(Goal::Train, device)
            }
            Command::Retry(device) if !self.phase.is_busy() => self.begin(self.goal, device),
            Command::Pause if self.phase == Phase::Training => self.ask(Phase::Pausing, Request::Pause),
            Command::Resume if self.phase == Phase::Paused => vec![Effect::Send(Request::Resume)],
            Command::Stop => self.stop(),
            Command::Check(_) | Command::Train(..) | Command::Retry(_) | Command::Pause | Command::Resume => {
                Vec::new()
            }
        }
    }

    /// The worker says something.
    pub fn event(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Ready if self.phase == Phase::Loading => {
                self.worker = WorkerState::Alive { probed: false };
                return self.proceed();
            }
            Event::Probed { webgpu } if self.phase == Phase::Probing => return self.probed(webgpu),
            Event::SelfChecked { device, report } if self.phase == Phase::Checking => {
                return self.checked(device, report);
            }
            Event::Started { parameters, .. } => {
                self.run.parameters = Some(parameters);
                self.advance(Phase::Starting, Phase::Training);
            }
            Event::Step {
                step,
                loss,
                grad_norm,
                milliseconds,
                tokens_per_second,
            } => {
                let point = StepPoint {
                    step,
                    loss,
                    grad_norm,
                    milliseconds,
                    tokens_per_second,
                };
                self.run.steps.push(point);
            }
            Event::Paused => self.advance(Phase::Pausing, Phase::Paused),
            Event::Resumed => self.advance(Phase::Paused, Phase::Training),
            Event::Finished {
                steps,
                seconds,
                milliseconds_per_step_median,
                first_loss,
                last_loss,
            } => {
                self.run.finished = Some(Finished {
                    steps,
                    seconds,
                    milliseconds_per_step_median,
                    first_loss,
                    last_loss,
                });
                self.phase = Phase::Finished;
            }
            // A run may finish before it reads the request to stop: then it stays finished.
            Event::Stopped => self.advance(Phase::Stopping, Phase::Stopped),
            Event::Failed(failure) => return self.fail(failure),
            // Answers to a request that was given up in the meantime.
            Event::Ready | Event::Probed { .. } | Event::SelfChecked { .. } => {}
            // The evaluator has a worker of its own.
            Event::Model(_) => {}
        }
        Vec::new()
    }

    /// The worker is lost: an error that it did not catch, or a message that cannot be read.
    pub fn worker_broke(&mut self, message: &str) -> Vec<Effect> {
        let failure = match self.phase {
            Phase::Loading => text::worker_not_loaded(message),
            _ => text::worker_broke(message, self.run.steps.last().map(|point| point.step)),
        };
        self.fail(failure)
    }

    /// The worker has not stopped in time. `stop` is the number from [`Effect::WatchStop`].
    pub fn stop_timed_out(&mut self, stop: u32) -> Vec<Effect> {
        if self.phase == Phase::Stopping && self.stops == stop {
            self.kill(Phase::Stopped)
        } else {
            Vec::new()
        }
    }

    fn begin(&mut self, goal: Goal, device: DeviceChoice) -> Vec<Effect> {
        self.goal = goal;
        self.device = Some(device);
        self.failure = None;
        if goal == Goal::Train {
            self.run = Run::default();
        }
        match self.worker {
            WorkerState::Alive { .. } => self.proceed(),
            WorkerState::Absent | WorkerState::Loading => {
                self.worker = WorkerState::Loading;
                self.phase = Phase::Loading;
                vec![Effect::Spawn]
            }
        }
    }

    /// The next request on the way to the goal: find the adapter, check the device, train.
    fn proceed(&mut self) -> Vec<Effect> {
        let device = self.device.unwrap_or(DeviceChoice::Cpu);
        if device == DeviceChoice::WebGpu && self.worker != (WorkerState::Alive { probed: true }) {
            return self.ask(Phase::Probing, Request::Probe);
        }
        let trusted = self.check(device).is_some_and(|report| report.passed);
        if self.goal == Goal::Train && trusted {
            let settings = self.settings.clone();
            self.ask(Phase::Starting, Request::Train { device, settings })
        } else {
            self.ask(Phase::Checking, Request::SelfCheck { device })
        }
    }

    fn probed(&mut self, webgpu: WebGpuSupport) -> Vec<Effect> {
        match webgpu {
            WebGpuSupport::Available(_) => {
                self.worker = WorkerState::Alive { probed: true };
                self.proceed()
            }
            WebGpuSupport::Unavailable(reason) => self.refuse(text::no_adapter_in_worker(&reason)),
        }
    }

    fn checked(&mut self, device: DeviceChoice, report: SelfCheckSummary) -> Vec<Effect> {
        let refusal = (!report.passed).then(|| text::self_check_failed(device, &report));
        self.checks.retain(|(checked, _)| *checked != device);
        self.checks.push((device, report));
        match (refusal, self.goal) {
            (Some(failure), _) => self.refuse(failure),
            (None, Goal::Train) => self.proceed(),
            (None, Goal::Check) => {
                self.phase = Phase::Idle;
                Vec::new()
            }
        }
    }

    fn stop(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::Starting | Phase::Training | Phase::Pausing | Phase::Paused => {
                self.stops += 1;
                self.phase = Phase::Stopping;
                vec![Effect::Send(Request::Stop), Effect::WatchStop(self.stops)]
            }
            // Nothing would be lost, and the worker reads no messages before it is through.
            Phase::Loading | Phase::Probing | Phase::Checking => self.kill(Phase::Stopped),
            Phase::Idle | Phase::Stopping | Phase::Stopped | Phase::Finished | Phase::Failed => Vec::new(),
        }
    }

    fn ask(&mut self, phase: Phase, request: Request) -> Vec<Effect> {
        self.phase = phase;
        vec![Effect::Send(request)]
    }

    fn advance(&mut self, from: Phase, to: Phase) {
        if self.phase == from {
            self.phase = to;
        }
    }

    /// The worker is well, but the request cannot be carried out.
    fn refuse(&mut self, failure: Failure) -> Vec<Effect> {
        self.failure = Some(failure);
        self.phase = Phase::Failed;
        Vec::new()
    }

    fn fail(&mut self, failure: Failure) -> Vec<Effect> {
        self.failure = Some(failure);
        // What broke the worker may have been the device: it is checked again before it is used again.
        self.checks
            .retain(|(device, report)| Some(*device) != self.device || !report.passed);
        self.kill(Phase::Failed)
    }

    fn kill(&mut self, phase: Phase) -> Vec<Effect> {
        self.worker = WorkerState::Absent;
        self.phase = phase;
        vec![Effect::Kill]
    }
}

#[cfg(test)]
mod tests;
