//! What is going on with models and examples, and what is done next.
//!
//! A state machine without DOM, clock or worker, as [`crate::page::session`] is for training; it has a worker of its
//! own, so that a run is not disturbed. One thing is done at a time.

mod job;
mod phase;

pub use job::{Job, JobKind, Slot};
pub use phase::Phase;

use super::results::Results;
use super::text;
use crate::page::text as page_text;
use crate::protocol::models::{AskedAnswer, Comparison, Inspected, ModelEvent, ModelRequest};
use crate::protocol::{DeviceChoice, Event, Failure, Request, SelfCheckSummary, WebGpuSupport};

/// The state behind evaluator and try-out.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    phase: Phase,
    worker: WorkerState,
    job: Option<Job>,
    checks: Vec<(DeviceChoice, SelfCheckSummary)>,
    loading: Option<Loading>,
    notices: Vec<String>,
    progress: Option<(usize, usize)>,
    /// What is being measured, and what was.
    unfinished: Results,
    results: [Option<Results>; 2],
    comparison: Option<Comparison>,
    inspected: Option<Inspected>,
    written: String,
    answer: Option<AskedAnswer>,
    failure: Option<Failure>,
    stops: u32,
}

/// How much of a model is here, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loading {
    /// Here.
    pub done: u64,
    /// In all.
    pub total: u64,
    /// Of those that are here, kept from an earlier visit.
    pub cached: u64,
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
    /// Send this to the worker; with the files that it names, if it is about models.
    Send(Request),
    /// Terminate the worker: none of its events may arrive any more.
    Kill,
    /// Call [`Desk::stop_timed_out`] with this number after a moment.
    WatchStop(u32),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum WorkerState {
    #[default]
    Absent,
    Starting,
    /// It runs; `probed` is whether it has found WebGPU.
    Alive {
        probed: bool,
    },
}

impl Desk {
    /// What is going on.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The job that is going on, or the last one.
    pub fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }

    /// How much of the model is here, while one is loading.
    pub fn loading(&self) -> Option<Loading> {
        self.loading
    }

    /// What there is to know about the job that stops nothing.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Examples answered, and examples in all.
    pub fn progress(&self) -> Option<(usize, usize)> {
        self.progress
    }

    /// The results of a model.
    pub fn results(&self, slot: Slot) -> Option<&Results> {
        self.results[slot.index()].as_ref()
    }

    /// The comparison of the two results.
    pub fn comparison(&self) -> Option<&Comparison> {
        self.comparison.as_ref()
    }

    /// What is in the visitor's file.
    pub fn inspected(&self) -> Option<&Inspected> {
        self.inspected.as_ref()
    }

    /// Forgets what was in a file: another one was chosen.
    pub fn forget_inspection(&mut self) {
        self.inspected = None;
    }

    /// What the model has written so far.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The answer, when it is complete.
    pub fn answer(&self) -> Option<&AskedAnswer> {
        self.answer.as_ref()
    }

    /// What did not work.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Shows a failure that the page itself has found: files that are no model.
    pub fn refuse(&mut self, failure: Failure) {
        if !self.phase.is_busy() {
            self.failure = Some(failure);
            self.phase = Phase::Failed;
        }
    }

    /// The last self-check of a device.
    pub fn check(&self, device: DeviceChoice) -> Option<&SelfCheckSummary> {
        let mut checks = self.checks.iter();
        checks
            .find(|(checked, _)| *checked == device)
            .map(|(_, report)| report)
    }

    /// Begins a job. Ignored while one is going on: its button is disabled.
    pub fn begin(&mut self, job: Job) -> Vec<Effect> {
        if self.phase.is_busy() {
            return Vec::new();
        }
        self.failure = None;
        self.loading = None;
        self.progress = None;
        self.notices.clear();
        match &job.kind {
            JobKind::Evaluate(_, origin) => self.unfinished = Results::new(origin.clone()),
            JobKind::Ask => {
                self.written.clear();
                self.answer = None;
            }
            // What is known of the file stays until more is known: the form with it is in use.
            JobKind::Inspect => {}
            JobKind::Compare => self.comparison = None,
        }
        self.job = Some(job);
        match self.worker {
            WorkerState::Alive { .. } => self.proceed(),
            WorkerState::Absent | WorkerState::Starting => {
                self.worker = WorkerState::Starting;
                self.phase = Phase::Starting;
                vec![Effect::Spawn]
            }
        }
    }

    /// The visitor stops the job.
    pub fn stop(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::Working => {
                self.stops += 1;
                self.phase = Phase::Stopping;
                vec![Effect::Send(Request::Stop), Effect::WatchStop(self.stops)]
            }
            Phase::Starting | Phase::Probing | Phase::Checking => self.kill(Phase::Stopped),
            Phase::Idle | Phase::Stopping | Phase::Stopped | Phase::Finished | Phase::Failed => Vec::new(),
        }
    }

    /// The worker has not stopped in time: it is in the middle of a batch. `stop` is that of [`Effect::WatchStop`].
    pub fn stop_timed_out(&mut self, stop: u32) -> Vec<Effect> {
        if self.phase == Phase::Stopping && self.stops == stop {
            self.kill(Phase::Stopped)
        } else {
            Vec::new()
        }
    }

    /// The worker says something.
    pub fn event(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Ready if self.phase == Phase::Starting => {
                self.worker = WorkerState::Alive { probed: false };
                self.proceed()
            }
            Event::Probed { webgpu } if self.phase == Phase::Probing => match webgpu {
                WebGpuSupport::Available(_) => {
                    self.worker = WorkerState::Alive { probed: true };
                    self.proceed()
                }
                WebGpuSupport::Unavailable(reason) => self.end_with(page_text::no_adapter_in_worker(&reason)),
            },
            Event::SelfChecked { device, report } if self.phase == Phase::Checking => {
                self.checked(device, report)
            }
            Event::Model(event) if matches!(self.phase, Phase::Working | Phase::Stopping) => {
                self.model_event(event)
            }
            Event::Stopped if self.phase == Phase::Stopping => {
                self.phase = Phase::Stopped;
                Vec::new()
            }
            Event::Failed(failure) | Event::Broken(failure) => {
                self.failure = Some(failure);
                // What broke the worker may have been the device: it is checked again before it is used again.
                self.checks.retain(|(_, report)| !report.passed);
                self.kill(Phase::Failed)
            }
            _ => Vec::new(),
        }
    }

    /// The worker is lost: an error that it did not catch, or a message that cannot be read.
    pub fn worker_broke(&mut self, message: &str) -> Vec<Effect> {
        let failure = match self.phase {
            Phase::Starting => page_text::worker_not_loaded(message),
            _ => page_text::worker_broke(message, None),
        };
        self.event(Event::Failed(failure))
    }

    /// The next request on the way to the job's end: find the adapter, check the device, do it.
    fn proceed(&mut self) -> Vec<Effect> {
        let Some(job) = &self.job else {
            return Vec::new();
        };
        let (phase, request) = match job.request.device() {
            Some(DeviceChoice::WebGpu) if self.worker != (WorkerState::Alive { probed: true }) => {
                (Phase::Probing, Request::Probe)
            }
            Some(device) => match self.check(device) {
                Some(report) if report.passed => (Phase::Working, Request::Model(job.request.clone())),
                Some(report) => {
                    let failure = page_text::self_check_failed(device, report);
                    return self.end_with(failure);
                }
                None => (Phase::Checking, Request::SelfCheck { device }),
            },
            None => (Phase::Working, Request::Model(job.request.clone())),
        };
        self.phase = phase;
        vec![Effect::Send(request)]
    }

    fn checked(&mut self, device: DeviceChoice, report: SelfCheckSummary) -> Vec<Effect> {
        self.checks.retain(|(checked, _)| *checked != device);
        self.checks.push((device, report));
        self.proceed()
    }

    fn model_event(&mut self, event: ModelEvent) -> Vec<Effect> {
        match event {
            ModelEvent::Loading { done, total, cached } => {
                self.loading = Some(Loading { done, total, cached });
            }
            ModelEvent::Notice { text } => self.notices.push(text),
            ModelEvent::Loaded { parameters, .. } => {
                self.loading = None;
                self.unfinished.origin.parameters = Some(parameters);
            }
            ModelEvent::Rows { done, total, rows } => {
                self.progress = Some((done, total));
                self.unfinished.rows.extend(rows);
            }
            ModelEvent::Measured(measured) => self.unfinished.measured.push(measured),
            ModelEvent::Piece { text } => self.written.push_str(&text),
            ModelEvent::Finished => return self.evaluated(),
            ModelEvent::Inspected(inspected) => {
                self.inspected = Some(inspected);
                self.phase = Phase::Finished;
            }
            ModelEvent::Answered(answer) => {
                self.written.clone_from(&answer.response);
                self.answer = Some(answer);
                self.phase = Phase::Finished;
            }
            ModelEvent::Compared(comparison) => {
                self.comparison = Some(comparison);
                self.phase = Phase::Finished;
            }
            ModelEvent::Refused(failure) => return self.end_with(failure),
        }
        Vec::new()
    }

    /// All examples are answered: the results get their place, and two of them are compared.
    fn evaluated(&mut self) -> Vec<Effect> {
        self.phase = Phase::Finished;
        let Some(Job {
            kind: JobKind::Evaluate(slot, _),
            ..
        }) = self.job
        else {
            return Vec::new();
        };
        let mut results = std::mem::take(&mut self.unfinished);
        results.put_in_order();
        self.results[slot.index()] = Some(results);
        self.comparison = None;
        if slot == Slot::First {
            // Another first model, or other examples: there is nothing to compare with any more.
            self.results[Slot::Second.index()] = None;
            return Vec::new();
        }
        let [Some(first), Some(second)] = &self.results else {
            return Vec::new();
        };
        match first.compared_with(second) {
            Some((first, second)) => self.begin(Job {
                kind: JobKind::Compare,
                request: ModelRequest::Compare { first, second },
            }),
            None => self.end_with(text::other_examples()),
        }
    }

    /// The worker is well, but the job has failed.
    fn end_with(&mut self, failure: Failure) -> Vec<Effect> {
        self.failure = Some(failure);
        self.phase = Phase::Failed;
        Vec::new()
    }

    fn kill(&mut self, phase: Phase) -> Vec<Effect> {
        self.worker = WorkerState::Absent;
        self.phase = phase;
        vec![Effect::Kill]
    }
}

#[cfg(test)]
mod tests;
