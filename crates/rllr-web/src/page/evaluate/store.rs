//! Carries out what the desk decides, and tells the views when to look again.

mod choices;

pub(in crate::page) use choices::{CatalogState, DataChoice, ModelChoice};

use std::collections::VecDeque;
use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::desk::{Desk, Effect, Job, JobKind, Slot};
use super::files::Given;
use super::given::model_files;
use super::results::{Filter, Origin};
use super::tasks::{self, EMBEDDED};
use super::text;
use crate::delivery::manifest::{Catalog, CatalogEntry};
use crate::fetch::{self, FetchError};
use crate::page::worker_link::{Arrival, WorkerLink};
use crate::protocol::models::{
    AskOptions, DataSource, Format, GivenFile, Mode, ModelEvent, ModelRequest, ModelSource, TableMapping,
};
use crate::protocol::{DeviceChoice, Event, Request};

/// The views are told of new answers at most ten times a second.
const REDRAW: Duration = Duration::from_millis(100);
/// A worker that has not stopped after this time is killed: it is in the middle of a batch.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// Where the list of models lies, relative to the page.
const CATALOG: &str = "models/index.json";

/// The state of evaluator and try-out. Copies are handles to the same state.
#[derive(Clone, Copy)]
pub(in crate::page) struct EvaluateStore {
    desk: StoredValue<Desk, LocalStorage>,
    worker: StoredValue<Option<WorkerLink>, LocalStorage>,
    changes: RwSignal<u32>,
    redraw_is_due: StoredValue<bool>,
    files: StoredValue<Vec<Given>, LocalStorage>,
    pub(super) catalog: RwSignal<CatalogState>,
    pub(super) model: RwSignal<ModelChoice>,
    pub(super) own_model: RwSignal<Vec<GivenFile>>,
    pub(super) data: RwSignal<DataChoice>,
    pub(super) own_data: RwSignal<Option<GivenFile>>,
    /// How the columns of the visitor's file are read, if it is a table.
    pub(super) mapping: RwSignal<Option<TableMapping>>,
    pub(super) mode: RwSignal<Mode>,
    pub(super) format: RwSignal<Format>,
    pub(super) max_new_tokens: RwSignal<String>,
    pub(super) limit: RwSignal<String>,
    pub(super) device: RwSignal<DeviceChoice>,
    /// The model whose answers are shown.
    pub(super) shown: RwSignal<Slot>,
    /// The task whose answers are shown; the first when it has none.
    pub(super) shown_task: RwSignal<String>,
    pub(super) filter: RwSignal<Filter>,
}

impl EvaluateStore {
    /// The state of a fresh page. Starts to look for models.
    pub(in crate::page) fn new() -> Self {
        let defaults = AskOptions::default();
        let store = Self {
            desk: StoredValue::new_local(Desk::default()),
            worker: StoredValue::new_local(None),
            changes: RwSignal::new(0),
            redraw_is_due: StoredValue::new(false),
            files: StoredValue::new_local(Vec::new()),
            catalog: RwSignal::new(CatalogState::Loading),
            model: RwSignal::new(ModelChoice::Own),
            own_model: RwSignal::new(Vec::new()),
            data: RwSignal::new(DataChoice::Embedded(EMBEDDED[0].name.to_owned())),
            own_data: RwSignal::new(None),
            mapping: RwSignal::new(None),
            mode: RwSignal::new(defaults.mode),
            format: RwSignal::new(defaults.format),
            max_new_tokens: RwSignal::new(defaults.max_new_tokens.to_string()),
            limit: RwSignal::new(String::new()),
            device: RwSignal::new(DeviceChoice::Cpu),
            shown: RwSignal::new(Slot::First),
            shown_task: RwSignal::new(String::new()),
            filter: RwSignal::new(Filter::default()),
        };
        leptos::task::spawn_local(store.look_for_models());
        store
    }

    async fn look_for_models(self) {
        let found = match fetch::text(CATALOG).await {
            Ok(text) => Catalog::from_json(&text).map_err(|error| error.to_string()),
            Err(FetchError::Status(404)) => Ok(Catalog::default()),
            Err(FetchError::Status(status)) => Err(status.to_string()),
            Err(FetchError::Broken(said)) => Err(said),
            Err(FetchError::Stopped) => return,
        };
        // The visitor may have given a model meanwhile.
        if let Ok(Catalog { models, .. }) = &found
            && let Some(first) = models.first()
            && self.own_model.with_untracked(Vec::is_empty)
        {
            self.model.set(ModelChoice::Shipped(first.name.clone()));
            if let Some(task) = first.tasks.first() {
                self.data
                    .set(DataChoice::Embedded(tasks::embedded(task).name.to_owned()));
            }
        }
        self.catalog.set(match found {
            Ok(catalog) => CatalogState::Ready(catalog),
            Err(message) => CatalogState::Broken(text::bad_catalog(&message)),
        });
    }

    /// Reads from the desk, and again after each change.
    pub(in crate::page) fn read<T>(self, f: impl FnOnce(&Desk) -> T) -> T {
        self.changes.track();
        self.desk.with_value(f)
    }

    /// Whether something is going on.
    pub(in crate::page) fn is_busy(self) -> bool {
        self.read(|desk| desk.phase().is_busy())
    }

    /// The chosen device.
    pub(in crate::page) fn device(self) -> DeviceChoice {
        self.device.get_untracked()
    }

    /// The chosen model of the host.
    pub(super) fn shipped(self) -> Option<CatalogEntry> {
        let ModelChoice::Shipped(name) = self.model.get() else {
            return None;
        };
        self.catalog.with(|catalog| match catalog {
            CatalogState::Ready(catalog) => catalog.models.iter().find(|model| model.name == name).cloned(),
            CatalogState::Loading | CatalogState::Broken(_) => None,
        })
    }

    /// The chosen model with its name for people, if there is one.
    pub(in crate::page) fn model_source(self) -> Option<(ModelSource, String)> {
        match self.model.get() {
            ModelChoice::Shipped(name) => {
                let title = self.shipped()?.title;
                Some((ModelSource::Shipped { name }, title))
            }
            ModelChoice::Own => {
                let files = self.own_model.get();
                let is_model = !files.is_empty();
                is_model.then(|| (ModelSource::Given { files }, text::OWN_MODEL_NAME.to_owned()))
            }
        }
    }

    /// The chosen examples with their name for people, if there are any that can be read.
    pub(super) fn data_source(self) -> Option<(DataSource, String)> {
        match self.data.get() {
            DataChoice::Embedded(name) => {
                let title = tasks::embedded(&name).title;
                let source = DataSource::Embedded { task_name: name };
                Some((source, text::embedded_data(title)))
            }
            DataChoice::Own => {
                let file = self.own_data.get()?;
                let name = file.name.clone();
                let can_be_read = self.read(|desk| {
                    desk.inspected()
                        .is_some_and(|inspected| !inspected.tasks.is_empty())
                });
                let table = self.mapping.get();
                can_be_read.then_some((DataSource::Given { file, table }, name))
            }
        }
    }

    /// How the model is asked; `None` when a number cannot be used.
    pub(in crate::page) fn options(self) -> Option<AskOptions> {
        let limit = self.limit.get();
        let limit = match limit.trim() {
            "" => None,
            text => Some(number(text)?),
        };
        Some(AskOptions {
            mode: self.mode.get(),
            format: self.format.get(),
            max_new_tokens: number(&self.max_new_tokens.get())?,
            limit,
        })
    }

    /// Evaluates the chosen model on the chosen examples.
    pub(super) fn evaluate(self, slot: Slot) {
        let (Some((model, model_name)), Some((data, data_name)), Some(options)) =
            (self.model_source(), self.data_source(), self.options())
        else {
            return;
        };
        let origin = Origin {
            model: model_name,
            data: data_name,
            parameters: None,
        };
        self.filter.set(Filter::default());
        self.shown.set(slot);
        self.begin(Job {
            kind: JobKind::Evaluate(slot, origin),
            request: ModelRequest::Evaluate {
                device: self.device.get_untracked(),
                model,
                data,
                options,
            },
        });
    }

    /// Takes files as a model.
    pub(super) fn give_model(self, given: &[Given]) {
        let about: Vec<GivenFile> = given.iter().map(|given| given.about.clone()).collect();
        match model_files(&about) {
            Ok(places) => {
                let chosen: Vec<Given> = places.iter().map(|place| given[*place].clone()).collect();
                self.own_model
                    .set(chosen.iter().map(|given| given.about.clone()).collect());
                self.keep(chosen);
                self.model.set(ModelChoice::Own);
            }
            Err(failure) => {
                self.desk.update_value(|desk| desk.refuse(failure));
                self.redraw();
            }
        }
    }

    /// Takes a file as examples, and looks into it.
    pub(super) fn give_data(self, given: Vec<Given>) {
        let Some(first) = given.into_iter().next() else {
            return;
        };
        if self.is_busy() {
            return;
        }
        self.desk.update_value(Desk::forget_inspection);
        let about = first.about.clone();
        self.keep(vec![first]);
        self.own_data.set(Some(about));
        self.data.set(DataChoice::Own);
        self.inspect(None);
    }

    /// Looks into the visitor's file, with a mapping of its columns if it has one.
    pub(super) fn inspect(self, table: Option<TableMapping>) {
        let Some(file) = self.own_data.get_untracked() else {
            return;
        };
        self.mapping.set(table.clone());
        let data = DataSource::Given { file, table };
        self.begin(Job {
            kind: JobKind::Inspect,
            request: ModelRequest::Inspect { data },
        });
    }

    fn keep(self, given: Vec<Given>) {
        self.files.update_value(|files| {
            files.retain(|file| given.iter().all(|given| given.about != file.about));
            files.extend(given);
        });
    }

    /// The files that a request names, in the order in which it names them.
    fn files_of(self, request: &ModelRequest) -> Vec<JsValue> {
        let (model, data) = match request {
            ModelRequest::Evaluate { model, data, .. } => (Some(model), Some(data)),
            ModelRequest::Ask { model, .. } => (Some(model), None),
            ModelRequest::Inspect { data } => (None, Some(data)),
            ModelRequest::Compare { .. } => (None, None),
        };
        let mut names: Vec<&GivenFile> = Vec::new();
        if let Some(ModelSource::Given { files }) = model {
            names.extend(files);
        }
        if let Some(DataSource::Given { file, .. }) = data {
            names.push(file);
        }
        self.files.with_value(|files| {
            let find = |name: &&GivenFile| files.iter().find(|given| given.about == **name);
            names
                .iter()
                .filter_map(find)
                .map(|given| given.file.clone())
                .collect()
        })
    }

    /// Begins a job, if nothing is going on.
    pub(in crate::page) fn begin(self, job: Job) {
        self.act(|desk| desk.begin(job));
        self.redraw();
    }

    /// Stops what is going on.
    pub(in crate::page) fn stop(self) {
        self.act(Desk::stop);
        self.redraw();
    }

    fn arrived(self, arrival: Arrival) {
        let is_small = matches!(
            arrival,
            Ok(Event::Model(
                ModelEvent::Rows { .. } | ModelEvent::Piece { .. } | ModelEvent::Loading { .. }
            ))
        );
        if let Ok(Event::Model(ModelEvent::Inspected(inspected))) = &arrival {
            self.mapping
                .set(inspected.table.as_ref().map(|table| table.mapping.clone()));
        }
        self.act(|desk| match arrival {
            Ok(event) => desk.event(event),
            Err(message) => desk.worker_broke(&message),
        });
        if is_small {
            self.redraw_soon();
        } else {
            self.redraw();
        }
    }

    fn act(self, f: impl FnOnce(&mut Desk) -> Vec<Effect>) {
        let mut effects = VecDeque::from(self.desk.try_update_value(f).unwrap_or_default());
        while let Some(effect) = effects.pop_front() {
            if let Err(message) = self.carry_out(effect) {
                // What the desk answers is a kill, which cannot fail: the loop ends.
                let answer = self.desk.try_update_value(|desk| desk.worker_broke(&message));
                effects = answer.unwrap_or_default().into();
            }
        }
    }

    fn carry_out(self, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::Spawn => {
                let link = WorkerLink::start(move |arrival| self.arrived(arrival))?;
                self.worker.set_value(Some(link));
            }
            Effect::Send(request) => {
                let files = match &request {
                    Request::Model(request) => Some(self.files_of(request)),
                    _ => None,
                };
                return self.worker.with_value(|link| match (link, files) {
                    (None, _) => Ok(()),
                    (Some(link), None) => link.send(&request),
                    (Some(link), Some(files)) => link.send_with_files(&request, &files),
                });
            }
            Effect::Kill => self.worker.set_value(None),
            Effect::WatchStop(number) => {
                let timed_out = move || {
                    self.act(|desk| desk.stop_timed_out(number));
                    self.redraw();
                };
                set_timeout(timed_out, STOP_PATIENCE);
            }
        }
        Ok(())
    }

    fn redraw(self) {
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
}

/// A number of tokens or examples.
fn number(text: &str) -> Option<usize> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| (1..=100_000).contains(number))
}
