//! Runs that survive the tab: found in the browser's storage, saved as a file, read from one.

use std::collections::BTreeMap;

use js_sys::{Function, Promise, Reflect};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::evaluate::files::{self, Given};
use super::session::{Command, EarlierRun, Session};
use super::store::{Source, Store};
use super::text;
use crate::kept_run::message::{from_message, to_message};
use crate::kept_run::{
    ABOUT, AboutRun, CHECKPOINTS, EVENTS, KEPT_FORMAT, KeptCheckpoint, KeptRun, KeptRunError, MODEL,
    event_line, step_of,
};
use crate::live::{LiveEvent, LiveField, StageName, TimedEvent};
use crate::opfs::{self, Directory};
use crate::probe::message;
use crate::protocol::{DeviceChoice, Failure};

/// A run in the browser's storage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offer {
    folder: String,
    /// When it began, in the visitor's words.
    pub(super) time: String,
    /// Its newest checkpoint.
    pub(super) place: Option<(StageName, usize)>,
}

/// Parts of a run by stage, as they travel to a worker.
pub(super) type Parts = BTreeMap<String, JsValue>;

/// Looks for runs that were kept, and offers the newest. One that another tab computes is offered when that ends.
pub(super) fn look(store: Store) {
    spawn_local(async move {
        // Without storage there is nothing to find.
        let Ok(Some(runs)) = opfs::runs().await else {
            return;
        };
        for folder in runs.names().await.unwrap_or_default() {
            let runs = runs.clone();
            spawn_local(async move {
                released(&folder).await;
                match offer(&runs, folder).await {
                    Ok(Some(found)) => store.offer.update(|offer| {
                        // The folders' names begin with the time.
                        if offer.as_ref().is_none_or(|other| other.folder < found.folder) {
                            *offer = Some(found);
                        }
                    }),
                    Ok(None) => {}
                    Err(failure) => store.kept_problem.set(Some(failure)),
                }
            });
        }
    });
}

/// Waits until nobody holds this lock. Browsers without locks do not wait.
async fn released(lock: &str) {
    let ask = || -> Result<Promise, JsValue> {
        let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
        let locks = Reflect::get(&navigator, &"locks".into())?;
        let request: Function = Reflect::get(&locks, &"request".into())?.dyn_into()?;
        let nothing = Closure::once_into_js(|| {});
        Ok(request.call2(&locks, &lock.into(), &nothing)?.unchecked_into())
    };
    if let Ok(granted) = ask() {
        // Granted or refused, nobody is to be waited for.
        let _ = JsFuture::from(granted).await;
    }
}

/// What is in a folder; `None` for one that never became a run.
async fn offer(runs: &Directory, folder: String) -> Result<Option<Offer>, Failure> {
    let Ok(directory) = runs.open(&folder).await else {
        return Ok(None);
    };
    let Ok(about) = directory.read(ABOUT).await else {
        return Ok(None);
    };
    let about = AboutRun::from_json(&about).map_err(|error| text::kept_run_unreadable(&error.to_string()))?;
    let mut place = None;
    if let Ok(checkpoints) = directory.open(CHECKPOINTS).await {
        for stage in StageName::ALL {
            if let Ok(of_stage) = checkpoints.open(stage.name()).await {
                let names = of_stage.names().await.unwrap_or_default();
                place = names.last().map(|name| (stage, step_of(name))).or(place);
            }
        }
    }
    Ok(Some(Offer {
        folder,
        time: time(about.begun_ms),
        place,
    }))
}

/// Goes on with the run that is offered.
pub(super) fn go_on_with_the_offer(store: Store) {
    let Some(offer) = store.offer.get_untracked() else {
        return;
    };
    spawn_local(async move {
        match read(&offer.folder).await {
            Ok(run) => go_on(store, run),
            Err(failure) => store.kept_problem.set(Some(failure)),
        }
    });
}

/// Removes the run that is offered.
pub(super) fn forget_the_offer(store: Store) {
    let Some(offer) = store.offer.get_untracked() else {
        return;
    };
    store.offer.set(None);
    store.kept_problem.set(None);
    spawn_local(async move {
        if let Ok(Some(runs)) = opfs::runs().await {
            // What is gone already is forgotten, too.
            let _ = runs.remove(&offer.folder).await;
        }
    });
}

async fn read(folder: &str) -> Result<KeptRun, Failure> {
    let unreadable = |error: &JsValue| text::kept_run_unreadable(&message(error));
    let read = async || match opfs::runs().await? {
        Some(runs) => runs.open(folder).await?.read_all().await,
        None => Ok(Vec::new()),
    };
    let files = read().await.map_err(|error: JsValue| unreadable(&error))?;
    let run = KeptRun::from_files(files);
    run.map_err(|error| text::kept_run_unreadable(&error.to_string()))
}

/// Goes on with a run on the selected device. The form takes its settings.
pub(super) fn go_on(store: Store, run: KeptRun) {
    if store.read_untracked(|session| session.phase().is_busy()) {
        return;
    }
    let place = run.place();
    let KeptRun {
        about,
        mut events,
        model,
        checkpoints,
    } = run;
    // What was told up to a checkpoint does not tell of it.
    let at_ms = events.last().map_or(0.0, |event| event.at_ms);
    events.extend(place.map(|(stage, step)| TimedEvent {
        at_ms,
        event: LiveEvent::Saved { stage, step },
    }));
    let AboutRun {
        settings, begun_ms, ..
    } = about;
    let mut parts = Parts::new();
    let mut put = |of: &str, name: &str, files| {
        let message = to_message(of, name, files);
        parts.insert(of.to_owned(), message.expect("a new object takes properties"));
    };
    put(MODEL, "", &model);
    for (stage, KeptCheckpoint { name, files }) in &checkpoints {
        put(stage.name(), name, files);
    }
    for field in LiveField::ALL {
        store.field(field).set(settings.get(field));
    }
    store.kept_problem.set(None);
    store.put_checkpoints(parts);
    let earlier = EarlierRun {
        settings,
        begun_ms,
        events,
    };
    store.command(Command::GoOn(store.device.get_untracked(), earlier));
}

/// The run of this page, as far as its last checkpoints.
pub(super) fn run_of_this_page(store: Store) -> Option<KeptRun> {
    let (mut model, mut checkpoints) = (BTreeMap::new(), BTreeMap::new());
    store.read_checkpoints(|parts| {
        for part in parts.values().filter_map(from_message) {
            if let Some(stage) = StageName::from_name(&part.of) {
                let (name, files) = (part.name, part.files);
                checkpoints.insert(stage, KeptCheckpoint { name, files });
            } else if part.of == MODEL {
                model = part.files;
            }
        }
    });
    if checkpoints.is_empty() {
        return None;
    }
    store.read_untracked(|session| {
        Some(KeptRun {
            about: about(session),
            events: session.events().to_vec(),
            model,
            checkpoints,
        })
    })
}

fn about(session: &Session) -> AboutRun {
    AboutRun {
        format: KEPT_FORMAT,
        commit: crate::COMMIT.unwrap_or_default().to_owned(),
        begun_ms: session.begun_ms(),
        device: session.device().unwrap_or(DeviceChoice::Cpu),
        settings: session.settings().clone(),
    }
}

/// What a fresh worker is told of the run so far.
pub(super) fn events_message(session: &Session) -> JsValue {
    let lines: String = session.events().iter().map(event_line).collect();
    let files = [(EVENTS.to_owned(), lines.into_bytes())].into();
    to_message(EVENTS, "", &files).expect("a new object takes properties")
}

/// Saves the run of this page as a file; else the one that is offered.
pub(super) fn download(store: Store) {
    let save = |run: KeptRun| {
        let name = file_name(run.about.begun_ms);
        files::save_bytes(&name, "application/x-tar", &run.into_tar());
    };
    match (run_of_this_page(store), store.offer.get_untracked()) {
        (Some(run), _) => save(run),
        (None, Some(offer)) => spawn_local(async move {
            match read(&offer.folder).await {
                Ok(run) => save(run),
                Err(failure) => store.kept_problem.set(Some(failure)),
            }
        }),
        (None, None) => {}
    }
}

/// Goes on from a file.
pub(super) fn upload(store: Store, given: Given) {
    spawn_local(async move {
        let name = &given.about.name;
        let run = match given.read().await {
            Ok(bytes) => KeptRun::from_tar(&bytes)
                .map_err(|error: KeptRunError| text::bad_checkpoint_file(name, &error)),
            Err(said) => Err(text::unreadable_file(name, &said)),
        };
        match run {
            Ok(run) => {
                store.source.set(Source::Live);
                go_on(store, run);
            }
            Err(failure) => store.kept_problem.set(Some(failure)),
        }
    });
}

/// A time as the visitor writes it.
fn time(unix_ms: f64) -> String {
    let date = js_sys::Date::new(&unix_ms.into());
    String::from(date.to_locale_string("en-GB", &JsValue::UNDEFINED))
}

/// `rllr-run-2026-11-23-0812.tar`, in universal time.
fn file_name(unix_ms: f64) -> String {
    let date = String::from(js_sys::Date::new(&unix_ms.into()).to_iso_string());
    let minute: String = date.chars().take(16).filter(|c| *c != ':').collect();
    format!("rllr-run-{}.tar", minute.replace('T', "-"))
}
