//! What the page knows about its worker and the run, and what it does next.
//!
//! A state machine without DOM, clock or worker: [`Session::command`] and [`Session::event`] take what happened and
//! return what is to be done. So the whole behaviour of the page is tested natively.

mod phase;

pub use phase::Phase;

use super::live::view::RunView;
use super::text;
use crate::live::{LiveEvent, LiveSettings, TimedEvent};
use crate::protocol::{DeviceChoice, Event, Failure, Request, SelfCheckSummary, WebGpuSupport};

/// A run that breaks more often than this without a new checkpoint is given up.
const MOST_BREAKS: u32 = 3;

/// The state behind the panels.
#[derive(Clone, Debug, Default)]
pub struct Session {
    phase: Phase,
    worker: WorkerState,
    goal: Goal,
    /// The device of the work in progress, or of the last work done.
    device: Option<DeviceChoice>,
    settings: LiveSettings,
    checks: Vec<(DeviceChoice, SelfCheckSummary)>,
    run: RunView,
    failure: Option<Failure>,
    stops: u32,
    /// Breaks since the last checkpoint.
    breaks_since_saved: u32,
    /// Breaks since the run began.
    breaks: u32,
}

/// What the user asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Compare a device with the CPU.
    Check(DeviceChoice),
    /// Train on a device, after the self-check if it has not passed yet.
    Train(DeviceChoice, LiveSettings),
    /// Give up the run in progress, and begin another one.
    Restart(DeviceChoice, LiveSettings),
    /// Do the last task again, on this device.
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
    /// Send the checkpoints that were kept.
    Restore,
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
    pub fn settings(&self) -> &LiveSettings {
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
    pub fn run(&self) -> &RunView {
        &self.run
    }

    /// How often the worker was lost in this run, and a fresh one went on.
    pub fn breaks(&self) -> u32 {
        self.breaks
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
            Command::Restart(device, settings) if self.phase.is_busy() => {
                let mut effects = self.kill(Phase::Idle);
                self.settings = settings;
                effects.extend(self.begin(Goal::Train, device));
                effects
            }
            Command::Retry(device) if !self.phase.is_busy() => self.begin(self.goal, device),
            Command::Pause if self.phase == Phase::Training => self.ask(Phase::Pausing, Request::Pause),
            Command::Resume if self.phase == Phase::Paused => vec![Effect::Send(Request::Resume)],
            Command::StepOnce if self.phase == Phase::Paused => vec![Effect::Send(Request::StepOnce)],
            Command::Stop => self.stop(),
            Command::Check(_)
            | Command::Train(..)
            | Command::Restart(..)
            | Command::Retry(_)
            | Command::Pause
            | Command::Resume
            | Command::StepOnce => Vec::new(),
        }
    }

    /// The worker says something.
    pub fn event(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Ready if self.phase == Phase::Loading => {
                self.worker = WorkerState::Alive { probed: false };
                return self.proceed();
            }
            Event::Ready if self.phase == Phase::Recovering => {
                // It found the device before the break.
                self.worker = WorkerState::Alive { probed: true };
                return vec![Effect::Restore, Effect::Send(self.request_to_run())];
            }
            Event::Probed { webgpu } if self.phase == Phase::Probing => return self.probed(webgpu),
            Event::SelfChecked { device, report } if self.phase == Phase::Checking => {
                return self.checked(device, report);
            }
            Event::Live { at_ms, happened } => self.happened(at_ms, happened),
            Event::Completed => self.phase = Phase::Finished,
            // Also from training: one step of a held run ends held.
            Event::Paused if self.phase.is_training() && self.phase != Phase::Stopping => {
                self.phase = Phase::Paused;
            }
            Event::Resumed => self.advance(Phase::Paused, Phase::Training),
            // A run may finish before it reads the request to stop: then it stays finished.
            Event::Stopped => self.advance(Phase::Stopping, Phase::Stopped),
            Event::Failed(failure) => return self.fail(failure),
            Event::Broken(failure) => return self.broke(failure),
            // Answers to a request that was given up in the meantime, and to requests that the page does not make.
            _ => {}
        }
        Vec::new()
    }

    /// The worker is lost: an error that it did not catch, or a message that cannot be read.
    pub fn worker_broke(&mut self, message: &str) -> Vec<Effect> {
        let failure = match self.phase {
            Phase::Loading => text::worker_not_loaded(message),
            _ => text::worker_broke(message, self.run.last_step()),
        };
        self.broke(failure)
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
        let mut effects = Vec::new();
        if goal == Goal::Train {
            self.run = RunView::default();
            (self.breaks_since_saved, self.breaks) = (0, 0);
            effects.push(Effect::Forget);
        }
        match self.worker {
            WorkerState::Alive { .. } => effects.extend(self.proceed()),
            WorkerState::Absent | WorkerState::Loading => {
                self.worker = WorkerState::Loading;
                self.phase = Phase::Loading;
                effects.push(Effect::Spawn);
            }
        }
        effects
    }

    /// The request that begins the run, or goes on with it after a break.
    fn request_to_run(&self) -> Request {
        Request::Run {
            device: self.device.unwrap_or(DeviceChoice::Cpu),
            settings: self.settings.clone(),
            spent_ms: self.run.at_ms,
            inspected: self.run.inspection.is_some(),
        }
    }

    /// Something happened in the run.
    fn happened(&mut self, at_ms: f64, event: LiveEvent) {
        if matches!(event, LiveEvent::Saved { .. }) {
            self.breaks_since_saved = 0;
        }
        self.run.apply(&TimedEvent { at_ms, event });
        if matches!(self.phase, Phase::Starting | Phase::Recovering) {
            self.phase = Phase::Training;
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
            let request = self.request_to_run();
            self.ask(Phase::Starting, request)
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
            Phase::Loading | Phase::Probing | Phase::Checking | Phase::Recovering => {
                self.kill(Phase::Stopped)
            }
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

    /// The worker is lost, or of no more use: a run goes on in a fresh one.
    fn broke(&mut self, failure: Failure) -> Vec<Effect> {
        let is_running = matches!(
            self.phase,
            Phase::Starting | Phase::Training | Phase::Pausing | Phase::Paused | Phase::Recovering
        );
        if !is_running || self.breaks_since_saved >= MOST_BREAKS {
            return self.fail(failure);
        }
        self.breaks_since_saved += 1;
        self.breaks += 1;
        self.worker = WorkerState::Loading;
        self.phase = Phase::Recovering;
        vec![Effect::Kill, Effect::Spawn]
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
