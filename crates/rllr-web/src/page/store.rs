//! Carries out what the session decides, and tells the views when to look again.

use std::collections::VecDeque;
use std::time::Duration;

use leptos::prelude::*;

use super::device_choice;
use super::permalink::{self, Ignored};
use super::session::{Command, Effect, Session};
use super::worker_link::{Arrival, WorkerLink};
use crate::probe;
use crate::protocol::{Adapter, DeviceChoice, Event, WebGpuSupport};
use crate::settings::{Field, SettingsError, TrainSettings};

/// The views are told of new training steps at most ten times a second.
const REDRAW: Duration = Duration::from_millis(100);
/// A worker that has not stopped after this time is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// The state of the page. Copies are handles to the same state.
#[derive(Clone, Copy)]
pub(super) struct Store {
    session: StoredValue<Session, LocalStorage>,
    worker: StoredValue<Option<WorkerLink>, LocalStorage>,
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
        let defaults = TrainSettings::default();
        let store = Self {
            session: StoredValue::new_local(Session::default()),
            worker: StoredValue::new_local(None),
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

    /// The adapter, if there is one.
    pub(super) fn adapter(self) -> Option<Adapter> {
        match self.webgpu.get() {
            Some(WebGpuSupport::Available(adapter)) => Some(adapter),
            Some(WebGpuSupport::Unavailable(_)) | None => None,
        }
    }

    /// The user asks for something.
    pub(super) fn command(self, command: Command) {
        self.act(|session| session.command(command));
        self.redraw();
    }

    fn arrived(self, arrival: Arrival) {
        let is_step = matches!(arrival, Ok(Event::Step { .. }));
        if matches!(arrival, Ok(Event::Ready)) {
            self.load_ms.set(Some(now_ms() - self.spawned_at_ms.get_value()));
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
                let link = WorkerLink::start(move |arrival| self.arrived(arrival))?;
                self.worker.set_value(Some(link));
            }
            Effect::Send(request) => {
                return self
                    .worker
                    .with_value(|link| link.as_ref().map_or(Ok(()), |link| link.send(&request)));
            }
            Effect::Kill => self.worker.set_value(None),
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
    pub(super) fn settings(self) -> Result<TrainSettings, SettingsError> {
        let mut settings = TrainSettings::default();
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
