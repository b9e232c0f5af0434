//! The run in the browser's private file system, so that it survives the tab: see [`kept_run`](crate::kept_run).
//!
//! A run has a folder of its own, with the name of this worker's lock: nobody else writes there, and the page sees by the
//! lock whether somebody does. With the first checkpoint the folders of other runs are removed, unless their workers live.
//! Whatever goes wrong here is told, and the run goes on.

use std::cell::RefCell;

use js_sys::Reflect;
use wasm_bindgen::JsValue;

use super::checkpoints::Kept;
use super::{failure, post};
use crate::kept_run::{ABOUT, AboutRun, CHECKPOINTS, EVENTS, Files, MANIFEST, MODEL, event_line};
use crate::live::{StageName, TimedEvent};
use crate::opfs::{self, Directory, Place};
use crate::probe::message;
use crate::protocol::Event;

/// Keeps one run.
#[derive(Debug)]
pub(super) struct Keeper {
    about: AboutRun,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The run's folder, once all that was before is in it.
    directory: Option<Directory>,
    /// The files of the model.
    model: Files,
    /// Checkpoints from before a break.
    before: Vec<(StageName, String, Files)>,
    /// What was told and not written.
    events: Vec<u8>,
    /// The visitor knows that nothing is kept.
    has_failed: bool,
}

impl Keeper {
    /// A run with what is known of it from before.
    pub(super) fn new(about: AboutRun, kept: &Kept) -> Self {
        let all = kept.stages.iter().flat_map(|(stage, store)| {
            let checkpoints = store.checkpoints.iter();
            checkpoints.map(|(name, files)| (*stage, name.clone(), files.clone()))
        });
        let state = State {
            before: all.collect(),
            events: kept.events.clone(),
            ..State::default()
        };
        Self {
            about,
            state: RefCell::new(state),
        }
    }

    /// Takes the files of the model.
    pub(super) fn take_model(&self, files: Files) {
        self.state.borrow_mut().model = files;
    }

    /// Takes what was told; it is written with the next checkpoint.
    pub(super) fn tell(&self, event: &TimedEvent) {
        let line = event_line(event);
        self.state.borrow_mut().events.extend_from_slice(line.as_bytes());
    }

    /// Writes a checkpoint and what was told up to it, then removes the stage's older ones.
    pub(super) async fn save(&self, stage: StageName, name: &str, files: &Files) {
        let mut state = self.state.take();
        let saved = self.try_to_save(&mut state, stage, name, files).await;
        let needed = files.values().map(Vec::len).sum();
        tell_whether(&mut state, saved, needed).await;
        *self.state.borrow_mut() = state;
    }

    /// Writes what was told after the last checkpoint.
    pub(super) async fn finish(&self) {
        let mut state = self.state.take();
        if let Some(directory) = state.directory.clone() {
            let written = write_events(&mut state, &directory).await.map(|()| true);
            let needed = state.events.len();
            tell_whether(&mut state, written, needed).await;
        }
        *self.state.borrow_mut() = state;
    }

    /// False where the browser has no such storage.
    async fn try_to_save(
        &self,
        state: &mut State,
        stage: StageName,
        name: &str,
        files: &Files,
    ) -> Result<bool, JsValue> {
        let Some(runs) = opfs::runs().await? else {
            return Ok(false);
        };
        let own = own_name();
        let directory = match &state.directory {
            Some(directory) => directory.clone(),
            None => {
                // What an earlier run of this worker left, or an attempt that failed; mostly nothing.
                let _ = runs.remove(&own).await;
                self.begin(state, &runs.make(&own).await?).await?
            }
        };
        // First: a run whose checkpoint is newer than what it told would have a gap in its curves.
        write_events(state, &directory).await?;
        write_checkpoint(&directory, stage, name, files).await?;
        if state.directory.is_none() {
            // Last: only now it is a run.
            let about = self.about.to_json();
            directory.write(ABOUT, about.as_bytes(), Place::All).await?;
            *state = State {
                directory: Some(directory),
                ..State::default()
            };
            // Those that stay take room, no more.
            let _ = remove_others(&runs, &own).await;
        }
        Ok(true)
    }

    /// What was before: the model, and the checkpoints of earlier stages.
    async fn begin(&self, state: &State, directory: &Directory) -> Result<Directory, JsValue> {
        let model = directory.make(MODEL).await?;
        for (file, bytes) in &state.model {
            model.write(file, bytes, Place::All).await?;
        }
        for (stage, name, files) in &state.before {
            write_checkpoint(directory, *stage, name, files).await?;
        }
        Ok(directory.clone())
    }
}

async fn tell_whether(state: &mut State, saved: Result<bool, JsValue>, needed: usize) {
    match saved {
        Ok(false) => {}
        Ok(true) => {
            state.has_failed = false;
            post(&Event::Kept);
        }
        // Told once, until it works again.
        Err(_) if state.has_failed => {}
        Err(error) => {
            state.has_failed = true;
            let failure = if opfs::is_full(&error) {
                failure::storage_full(opfs::room().await, needed)
            } else {
                failure::checkpoint_not_kept(&message(&error))
            };
            post(&Event::NotKept(failure));
        }
    }
}

async fn write_events(state: &mut State, directory: &Directory) -> Result<(), JsValue> {
    directory.write(EVENTS, &state.events, Place::End).await?;
    if state.directory.is_some() {
        state.events.clear();
    }
    Ok(())
}

/// Writes a checkpoint and removes the stage's older ones. What is left of one that fails is removed.
async fn write_checkpoint(
    directory: &Directory,
    stage: StageName,
    name: &str,
    files: &Files,
) -> Result<(), JsValue> {
    let of_stage = directory.make(CHECKPOINTS).await?.make(stage.name()).await?;
    let checkpoint = of_stage.make(name).await?;
    let write = async || -> Result<(), JsValue> {
        // The manifest is written last: without it there is no checkpoint.
        let mut files: Vec<_> = files.iter().collect();
        files.sort_by_key(|(file, _)| *file == MANIFEST);
        for (file, bytes) in files {
            checkpoint.write(file, bytes, Place::All).await?;
        }
        Ok(())
    };
    if let Err(error) = write().await {
        // What was wrong first is told.
        let _ = of_stage.remove(name).await;
        return Err(error);
    }
    for other in of_stage.names().await? {
        if other != name {
            of_stage.remove(&other).await?;
        }
    }
    Ok(())
}

/// Removes the folders of other runs, but not those that another tab is writing.
async fn remove_others(runs: &Directory, own: &str) -> Result<(), JsValue> {
    let held = opfs::held_locks().await;
    for name in runs.names().await? {
        if name != own && !held.contains(&name) {
            runs.remove(&name).await?;
        }
    }
    Ok(())
}

/// This worker's name, which is that of its lock, too (`web/worker-loader.js`).
fn own_name() -> String {
    let name = Reflect::get(&js_sys::global(), &"name".into());
    let name = name.ok().and_then(|name| name.as_string());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "rllr-worker".to_owned())
}
