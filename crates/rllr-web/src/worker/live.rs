//! The run of the whole method: [`story`](crate::story) drives it, this tells the page and listens to it.

use std::rc::Rc;

use futures_channel::mpsc::UnboundedReceiver;

use super::checkpoints::{Checkpoints, MirroredStore, send_model};
use super::devices::Devices;
use super::keeping::Keeper;
use super::run::{macrotask, now};
use super::{failure, post};
use crate::kept_run::{AboutRun, Files, KEPT_FORMAT};
use crate::live::{LiveEvent, LiveSettings, TimedEvent};
use crate::protocol::{DeviceChoice, Event, Request};
use crate::story::{self, Flow, Inspecting, Observer, StoryError};

/// What a run is asked for.
pub(super) struct Asked {
    pub(super) device: DeviceChoice,
    pub(super) settings: LiveSettings,
    /// Milliseconds of work before a break.
    pub(super) spent_ms: f64,
    /// When the run began, in milliseconds since 1970.
    pub(super) begun_ms: f64,
    pub(super) inspecting: Inspecting,
}

/// Runs until all is done or a stop is asked for, and returns the run's last event.
pub(super) async fn run(
    asked: Asked,
    devices: &mut Devices,
    checkpoints: &Checkpoints,
    requests: &mut UnboundedReceiver<Request>,
) -> Event {
    let Asked {
        device: choice,
        settings,
        spent_ms,
        begun_ms,
        inspecting,
    } = asked;
    let device = match devices.open(choice).await {
        Ok(device) => device,
        Err(failure) => return Event::Failed(failure),
    };
    let kept = checkpoints.take();
    let about = AboutRun {
        format: KEPT_FORMAT,
        commit: crate::COMMIT.unwrap_or_default().to_owned(),
        begun_ms,
        device: choice,
        settings: settings.clone(),
    };
    let keeper = Rc::new(Keeper::new(about, &kept));
    let mut observer = PageObserver {
        requests,
        keeper: keeper.clone(),
        spent_ms,
        since: now(),
        holding: Holding::No,
    };
    let stores = |stage| MirroredStore::new(stage, &kept, keeper.clone());
    let ended = story::run(&settings, &device, stores, inspecting, &mut observer).await;
    keeper.finish().await;
    match ended {
        Ok(()) => Event::Completed,
        Err(StoryError::Stopped) => Event::Stopped,
        Err(error) if error.may_go_on() => Event::Broken(failure::run_broke(&error)),
        Err(error) => Event::Failed(failure::run_failed(&error)),
    }
}

/// Tells the page, and does what it asks for between two events.
struct PageObserver<'a> {
    requests: &'a mut UnboundedReceiver<Request>,
    keeper: Rc<Keeper>,
    /// Milliseconds of work until the clock was last started.
    spent_ms: f64,
    /// When it was.
    since: f64,
    holding: Holding,
}

/// Whether the run is held after the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holding {
    No,
    AfterTheNextStep,
}

impl Observer for PageObserver<'_> {
    async fn tell(&mut self, event: LiveEvent) -> Flow {
        let is_step = matches!(event, LiveEvent::Step { .. });
        let at_ms = self.spent_ms + now() - self.since;
        let timed = TimedEvent { at_ms, event };
        self.keeper.tell(&timed);
        let TimedEvent {
            at_ms,
            event: happened,
        } = timed;
        post(&Event::Live { at_ms, happened });
        macrotask().await;
        if is_step && self.holding == Holding::AfterTheNextStep && self.hold().await == Flow::Stop {
            return Flow::Stop;
        }
        while let Ok(request) = self.requests.try_recv() {
            match request {
                Request::Stop => return Flow::Stop,
                Request::Pause if self.hold().await == Flow::Stop => return Flow::Stop,
                // Nothing else is begun inside a run; the page offers nothing else.
                _ => {}
            }
        }
        Flow::GoOn
    }

    fn model(&mut self, files: Files) {
        // A page that cannot be told keeps the run all the same; its checkpoints say what is wrong.
        let _ = send_model(&files);
        self.keeper.take_model(files);
    }
}

impl PageObserver<'_> {
    /// Waits until the page asks to go on. The clock stands still meanwhile.
    async fn hold(&mut self) -> Flow {
        self.spent_ms += now() - self.since;
        post(&Event::Paused);
        let flow = loop {
            match self.requests.recv().await {
                Ok(Request::Resume) => {
                    self.holding = Holding::No;
                    break Flow::GoOn;
                }
                Ok(Request::StepOnce) => {
                    self.holding = Holding::AfterTheNextStep;
                    break Flow::GoOn;
                }
                Ok(Request::Stop) | Err(_) => break Flow::Stop,
                Ok(_) => {}
            }
        };
        self.since = now();
        if flow == Flow::GoOn {
            post(&Event::Resumed);
        }
        flow
    }
}
