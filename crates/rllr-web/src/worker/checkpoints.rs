//! Checkpoints in memory, and a copy of each in the page and in the browser's storage: this worker's memory is gone
//! when it breaks.
//!
//! The page keeps the newest of each stage, looks at nothing in it, and sends them to a fresh worker before it asks that
//! one to run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rllr_train::{CheckpointStore, MemoryStore, StoreError};
use wasm_bindgen::JsValue;

use super::keeping::Keeper;
use super::scope;
use crate::kept_run::message::{Part, from_message, to_message};
use crate::kept_run::{EVENTS, Files, MODEL};
use crate::live::StageName;

/// What came from the page for one run.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The newest checkpoint of each stage.
    pub(super) stages: BTreeMap<StageName, MemoryStore>,
    /// What the run has told, as `events.jsonl`.
    pub(super) events: Vec<u8>,
}

/// What came from the page. Copies are handles to the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints(Rc<RefCell<Kept>>);

impl Checkpoints {
    /// Takes a message of the page, if it is a checkpoint or what goes with them.
    pub(super) fn receive(&self, message: &JsValue) -> Option<()> {
        let Part { of, name, mut files } = from_message(message)?;
        let mut kept = self.0.borrow_mut();
        if let Some(stage) = StageName::from_name(&of) {
            let mut store = MemoryStore::default();
            store.checkpoints.insert(name, files);
            kept.stages.insert(stage, store);
        } else if of == EVENTS {
            kept.events = files.remove(EVENTS)?;
        }
        // The files of the model are made anew: they follow from the settings.
        Some(())
    }

    /// All of them, for one run.
    pub(super) fn take(&self) -> Kept {
        self.0.take()
    }
}

/// Checkpoints of one stage: in memory, in the page, and in the browser's storage.
#[derive(Debug)]
pub(super) struct MirroredStore {
    stage: StageName,
    inner: MemoryStore,
    begun: String,
    keeper: Rc<Keeper>,
}

impl MirroredStore {
    /// The store of a stage, with what is kept of it.
    pub(super) fn new(stage: StageName, kept: &Kept, keeper: Rc<Keeper>) -> Self {
        Self {
            stage,
            inner: kept.stages.get(&stage).cloned().unwrap_or_default(),
            begun: String::new(),
            keeper,
        }
    }
}

impl CheckpointStore for MirroredStore {
    async fn list(&self) -> Result<Vec<String>, StoreError> {
        self.inner.list().await
    }

    async fn begin(&mut self, name: &str) -> Result<(), StoreError> {
        name.clone_into(&mut self.begun);
        self.inner.begin(name).await
    }

    async fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.inner.append(file, bytes).await
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        self.inner.commit().await?;
        let files = &self.inner.checkpoints[&self.begun];
        send(self.stage.name(), &self.begun, files).map_err(|error| StoreError::Failed {
            place: self.begun.clone(),
            reason: crate::probe::message(&error),
        })?;
        self.keeper.save(self.stage, &self.begun, files).await;
        Ok(())
    }

    async fn read(&self, name: &str, file: &str) -> Result<Vec<u8>, StoreError> {
        self.inner.read(name, file).await
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.inner.remove(name).await
    }
}

/// Sends the files of the model to the page.
pub(super) fn send_model(files: &Files) -> Result<(), JsValue> {
    send(MODEL, "", files)
}

/// Sends files to the page.
fn send(of: &str, name: &str, files: &Files) -> Result<(), JsValue> {
    scope().post_message(&to_message(of, name, files)?)
}
