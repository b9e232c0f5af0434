//! Carries out what the session decides, and tells the views when to look again.

use std::collections::VecDeque;
use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::device_choice;
use super::kept::{self, Offer, Parts};
use super::live::view::RunView;
use super::permalink::{self, Ignored};
use super::session::{Command, Effect, Session};
use super::worker_link::{Arrival, WorkerLink};
use crate::kept_run::message::part_of;
use crate::live::{LiveField as Field, LiveSettings, LiveSettingsError, RecordedRun};
use crate::probe;
use crate::protocol::{Adapter, DeviceChoice, Event, Failure, WebGpuSupport};

/// The run that fills the page at first.
const RECORDED: &str = include_str!("../../../../assets/runs/recorded-run.json");

/// The views are told of new training steps at most ten times a second.
const REDRAW: Duration = Duration::from_millis(100);
/// A worker that has not stopped after this time is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Which run the panels show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The recorded one.
    Recorded,
    /// The one of this page.
    Live,
}

/// The recorded run, and what its events come to.
pub(super) struct Recorded {
    pub(super) run: RecordedRun,
    pub(super) view: RunView,
}

/// The state of the page. Copies are handles to the same state.
#[derive(Clone, Copy)]
pub(super) struct Store {
    session: StoredValue<Session, LocalStorage>,
    worker: StoredValue<Option<WorkerLink>, LocalStorage>,
    recorded: StoredValue<Recorded, LocalStorage>,
    /// The newest checkpoint of each stage, as the worker sent it, by the stage's name.
    checkpoints: StoredValue<Parts, LocalStorage>,
    /// The run in the browser's storage that can be gone on with.
    pub(super) offer: RwSignal<Option<Offer>>,
    /// Why a kept run cannot be used.
    pub(super) kept_problem: RwSignal<Option<Failure>>,
    /// Which run the panels show.
    pub(super) source: RwSignal<Source>,
    spawned_at_ms: StoredValue<f64>,
    /// Counts what the views should see.
    changes: RwSignal<u32>,
    redraw_is_due: StoredValue<bool>,
    /// How long the worker's program took to load and start, milliseconds.
    pub(super) load_ms: RwSignal<Option<f64>>,
    /// What the page found; `None` while it looks.
    pub(super) webgpu: RwSignal<Option<WebGpuSupport>>,
    /// The selected device.
    pub(super) device: RwSignal<DeviceChoice>,
    /// The text of each setting, in the order of [`Field::ALL`].
    fields: [RwSignal<String>; Field::ALL.len()],
    /// The ignored parts of the link.
    pub(super) ignored: RwSignal<Vec<Ignored>>,
}

impl Store {
    /// The state of a fresh page. Starts to look for WebGPU.
    pub(super) fn new() -> Self {
        let defaults = LiveSettings::default();
        let run = RecordedRun::from_json(RECORDED).expect("a test reads the recorded run with this version");
        let view = RunView::of(&run.events);
        let store = Self {
            session: StoredValue::new_local(Session::default()),
            worker: StoredValue::new_local(None),
            recorded: StoredValue::new_local(Recorded { run, view }),
            checkpoints: StoredValue::new_local(Parts::new()),
            offer: RwSignal::new(None),
            kept_problem: RwSignal::new(None),
            source: RwSignal::new(Source::Recorded),
            spawned_at_ms: StoredValue::new(0.0),
            changes: RwSignal::new(0),
            redraw_is_due: StoredValue::new(false),
            load_ms: RwSignal::new(None),
            webgpu: RwSignal::new(None),
            device: RwSignal::new(DeviceChoice::Cpu),
            fields: Field::ALL.map(|field| RwSignal::new(defaults.get(field))),
            ignored: RwSignal::new(Vec::new()),
        };
        store.follow_the_link();
        kept::look(store);
        leptos::task::spawn_local(async move {
            let found = probe::webgpu().await;
            // The visitor may have started something meanwhile, but could not choose WebGPU yet.
            if !store.session.with_value(|session| session.phase().is_busy()) {
                store.device.set(device_choice::default_device(&found));
            }
            store.webgpu.set(Some(found));
        });
        store
    }

    /// Reads from the session, and again after each change.
    pub(super) fn read<T>(self, f: impl FnOnce(&Session) -> T) -> T {
        self.changes.track();
        self.session.with_value(f)
    }

    /// Reads from the run that is shown, and again after each change.
    pub(super) fn view<T>(self, f: impl FnOnce(&RunView) -> T) -> T {
        match self.source.get() {
            Source::Recorded => self.recorded.with_value(|recorded| f(&recorded.view)),
            Source::Live => self.read(|session| f(session.run())),
        }
    }

    /// The recorded run, where it is drawn behind the shown one: at the end of a run of this page.
    pub(super) fn behind<T>(self, f: impl FnOnce(&RunView) -> T) -> Option<T> {
        let is_drawn = self.source.get() == Source::Live && self.read(|session| session.run().is_whole());
        is_drawn.then(|| self.recorded.with_value(|recorded| f(&recorded.view)))
    }

    /// Reads from the session, once.
    pub(super) fn read_untracked<T>(self, f: impl FnOnce(&Session) -> T) -> T {
        self.session.with_value(f)
    }

    /// Reads from the run that is shown, once.
    pub(super) fn view_untracked<T>(self, f: impl FnOnce(&RunView) -> T) -> T {
        untrack(|| self.view(f))
    }

    /// Reads from the recorded run.
    pub(super) fn recorded<T>(self, f: impl FnOnce(&RecordedRun) -> T) -> T {
        self.recorded.with_value(|recorded| f(&recorded.run))
    }

    /// The adapter, if there is one.
    pub(super) fn adapter(self) -> Option<Adapter> {
        match self.webgpu.get() {
            Some(WebGpuSupport::Available(adapter)) => Some(adapter),
            Some(WebGpuSupport::Unavailable(_)) | None => None,
        }
    }

    /// The user asks for something.
    pub(super) fn command(self, command: Command) {
        if matches!(
            command,
            Command::Train(..) | Command::GoOn(..) | Command::Restart(..)
        ) {
            self.source.set(Source::Live);
            self.kept_problem.set(None);
        }
        self.act(|session| {
            session.set_time(js_sys::Date::now());
            session.command(command)
        });
        self.redraw();
    }

    fn arrived(self, arrival: Arrival) {
        let is_step = matches!(arrival, Ok(Event::Live { .. }));
        if matches!(arrival, Ok(Event::Ready)) {
            self.load_ms.set(Some(now_ms() - self.spawned_at_ms.get_value()));
        }
        if matches!(arrival, Ok(Event::Kept)) {
            // With the first checkpoint that is kept, older runs are removed.
            self.offer.set(None);
        }
        self.act(|session| match arrival {
            Ok(event) => session.event(event),
            Err(message) => session.worker_broke(&message),
        });
        if is_step {
            self.redraw_soon()
        } else {
            self.redraw()
        }
    }

    fn act(self, f: impl FnOnce(&mut Session) -> Vec<Effect>) {
        let mut effects = VecDeque::from(self.session.try_update_value(f).unwrap_or_default());
        while let Some(effect) = effects.pop_front() {
            if let Err(message) = self.carry_out(effect) {
                // What the session answers is a kill, which cannot fail: the loop ends.
                let answer = self
                    .session
                    .try_update_value(|session| session.worker_broke(&message));
                effects = answer.unwrap_or_default().into();
            }
        }
    }

    fn carry_out(self, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::Spawn => {
                self.spawned_at_ms.set_value(now_ms());
                self.load_ms.set(None);
                let keep = move |checkpoint| self.keep(checkpoint);
                let link = WorkerLink::start(move |arrival| self.arrived(arrival))?.keeping(keep);
                self.worker.set_value(Some(link));
            }
            Effect::Send(request) => {
                return self
                    .worker
                    .with_value(|link| link.as_ref().map_or(Ok(()), |link| link.send(&request)));
            }
            Effect::Kill => self.worker.set_value(None),
            Effect::Forget => self.checkpoints.set_value(Parts::new()),
            Effect::Restore => {
                let mut kept = self.read_checkpoints(|kept| kept.values().cloned().collect::<Vec<_>>());
                kept.push(self.session.with_value(kept::events_message));
                return self.worker.with_value(|link| {
                    let Some(link) = link else { return Ok(()) };
                    kept.iter()
                        .try_for_each(|checkpoint| link.send_checkpoint(checkpoint))
                });
            }
            Effect::WatchStop(number) => {
                let timed_out = move || {
                    self.act(|session| session.stop_timed_out(number));
                    self.redraw();
                };
                set_timeout(timed_out, STOP_PATIENCE);
            }
        }
        Ok(())
    }

    /// Keeps a checkpoint in place of the stage's last one.
    fn keep(self, checkpoint: JsValue) {
        if let Some(stage) = part_of(&checkpoint) {
            self.checkpoints
                .update_value(|kept| drop(kept.insert(stage, checkpoint)));
        }
    }

    /// Reads from the checkpoints of the run of this page.
    pub(super) fn read_checkpoints<T>(self, f: impl FnOnce(&Parts) -> T) -> T {
        self.checkpoints.with_value(f)
    }

    /// Puts the checkpoints of an earlier run in place.
    pub(super) fn put_checkpoints(self, parts: Parts) {
        self.checkpoints.set_value(parts);
    }

    fn redraw(self) {
        // A device that failed cannot stay selected.
        if self
            .session
            .with_value(|session| session.is_rejected(self.device.get_untracked()))
        {
            self.device.set(DeviceChoice::Cpu);
        }
        self.changes.update(|count| *count = count.wrapping_add(1));
    }

    fn redraw_soon(self) {
        if self.redraw_is_due.get_value() {
            return;
        }
        self.redraw_is_due.set_value(true);
        let draw = move || {
            self.redraw_is_due.set_value(false);
            self.redraw();
        };
        set_timeout(draw, REDRAW);
    }

    /// The text of a setting.
    pub(super) fn field(self, field: Field) -> RwSignal<String> {
        let index = Field::ALL.iter().position(|other| *other == field);
        self.fields[index.expect("Field::ALL has every field")]
    }

    /// The settings of the form.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub(super) fn settings(self) -> Result<LiveSettings, LiveSettingsError> {
        let mut settings = LiveSettings::default();
        for field in Field::ALL {
            settings.set(field, &self.field(field).get())?;
        }
        Ok(settings)
    }

    /// Takes the settings from the address.
    pub(super) fn follow_the_link(self) {
        let link = permalink::read(&window().location().hash().unwrap_or_default());
        for field in Field::ALL {
            self.field(field).set(link.settings.get(field));
        }
        self.ignored.set(link.ignored);
    }
}

/// Milliseconds since the page was opened.
fn now_ms() -> f64 {
    window()
        .performance()
        .map_or(0.0, |performance| performance.now())
}
