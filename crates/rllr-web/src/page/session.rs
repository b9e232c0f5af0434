//! What the page knows about its worker and the run, and what it does next: a state machine without DOM, clock or worker.
//! [`Session::command`] and [`Session::event`] take what happened and return what is to be done.

mod command;
mod phase;

pub use command::{Command, EarlierRun, Effect, Keeping};
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
    /// What the run has told: `run` is what it comes to.
    events: Vec<TimedEvent>,
    /// When the run began, and what time it was when the caller last said so; milliseconds since 1970.
    begun_ms: f64,
    now_ms: f64,
    keeping: Keeping,
    failure: Option<Failure>,
    stops: u32,
    /// Breaks since the last checkpoint.
    breaks_since_saved: u32,
    /// Breaks since the run began.
    breaks: u32,
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

    /// What the run has told.
    pub fn events(&self) -> &[TimedEvent] {
        &self.events
    }

    /// When the run began, in milliseconds since 1970.
    pub fn begun_ms(&self) -> f64 {
        self.begun_ms
    }

    /// Whether the run would survive the tab.
    pub fn keeping(&self) -> &Keeping {
        &self.keeping
    }

    /// Says what time it is, in milliseconds since 1970: the session has no clock.
    pub fn set_time(&mut self, now_ms: f64) {
        self.now_ms = now_ms;
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
            Command::Train(device, settings) if !self.phase.is_busy() => self.begin_run(device, settings),
            Command::GoOn(device, earlier) if !self.phase.is_busy() => self.go_on(device, earlier),
            Command::Restart(device, settings) if self.phase.is_busy() => {
                let kill = self.kill(Phase::Idle);
                kill.into_iter().chain(self.begin_run(device, settings)).collect()
            }
            Command::Retry(device) if !self.phase.is_busy() => match self.goal {
                Goal::Check => self.begin(Goal::Check, device),
                Goal::Train if self.run.can_go_on() => self.begin(Goal::Train, device),
                Goal::Train => self.begin_run(device, self.settings.clone()),
            },
            Command::Pause if self.phase == Phase::Training => self.ask(Phase::Pausing, Request::Pause),
            Command::Resume if self.phase == Phase::Paused => vec![Effect::Send(Request::Resume)],
            Command::StepOnce if self.phase == Phase::Paused => vec![Effect::Send(Request::StepOnce)],
            Command::Stop => self.stop(),
            Command::Check(_)
            | Command::Train(..)
            | Command::GoOn(..)
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
            Event::Kept => self.keeping = Keeping::InTheBrowser,
            Event::NotKept(failure) => self.keeping = Keeping::InTheTab(failure),
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

    /// A new run.
    fn begin_run(&mut self, device: DeviceChoice, settings: LiveSettings) -> Vec<Effect> {
        let nothing = EarlierRun {
            settings,
            begun_ms: self.now_ms,
            events: Vec::new(),
        };
        self.take(nothing);
        let mut effects = vec![Effect::Forget];
        effects.extend(self.begin(Goal::Train, device));
        effects
    }

    /// A run that was kept; one that is complete is only shown.
    fn go_on(&mut self, device: DeviceChoice, earlier: EarlierRun) -> Vec<Effect> {
        self.take(earlier);
        if !self.run.is_whole() {
            return self.begin(Goal::Train, device);
        }
        self.failure = None;
        self.device = Some(device);
        self.phase = Phase::Finished;
        Vec::new()
    }

    /// Puts a run in place of the last one.
    fn take(&mut self, run: EarlierRun) {
        let EarlierRun {
            settings,
            begun_ms,
            events,
        } = run;
        self.run = RunView::of(&events);
        self.settings = settings;
        self.begun_ms = begun_ms;
        self.events = events;
        self.keeping = Keeping::Unknown;
        self.breaks = 0;
    }

    fn begin(&mut self, goal: Goal, device: DeviceChoice) -> Vec<Effect> {
        self.goal = goal;
        self.device = Some(device);
        self.failure = None;
        self.breaks_since_saved = 0;
        match self.worker {
            WorkerState::Alive { .. } => self.proceed(),
            WorkerState::Absent | WorkerState::Loading => {
                self.worker = WorkerState::Loading;
                self.phase = Phase::Loading;
                vec![Effect::Spawn]
            }
        }
    }

    /// The request that begins the run, or goes on with it after a break.
    fn request_to_run(&self) -> Request {
        Request::Run {
            device: self.device.unwrap_or(DeviceChoice::Cpu),
            settings: self.settings.clone(),
            spent_ms: self.run.at_ms,
            inspected: self.run.inspection.is_some(),
            begun_ms: self.begun_ms,
        }
    }

    /// Something happened in the run.
    fn happened(&mut self, at_ms: f64, event: LiveEvent) {
        if matches!(event, LiveEvent::Saved { .. }) {
            self.breaks_since_saved = 0;
        }
        let timed = TimedEvent { at_ms, event };
        self.run.apply(&timed);
        self.events.push(timed);
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
            let restore = (!self.events.is_empty()).then_some(Effect::Restore);
            let ask = self.ask(Phase::Starting, request);
            restore.into_iter().chain(ask).collect()
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
