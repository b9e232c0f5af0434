//! Checkpoints in memory, and a copy of each in the page: this worker's memory is gone when it breaks.
//!
//! They travel as objects beside the JSON messages: `{ checkpoint, name, files: [[name, Uint8Array], …] }`, where
//! `checkpoint` is the stage. The page keeps the newest of each stage, looks at nothing in it, and sends them to a fresh
//! worker before it asks that one to run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::{Array, Object, Reflect, Uint8Array};
use rllr_train::{CheckpointStore, MemoryStore, StoreError};
use wasm_bindgen::{JsCast as _, JsValue};

use super::scope;
use crate::live::StageName;

/// The newest checkpoint of each stage, by the stage's name.
type Kept = BTreeMap<&'static str, MemoryStore>;

/// Checkpoints that came from the page. Copies are handles to the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints(Rc<RefCell<Kept>>);

impl Checkpoints {
    /// Takes a message of the page, if it is a checkpoint.
    pub(super) fn receive(&self, message: &JsValue) -> Option<()> {
        let stage = get(message, "checkpoint").as_string()?;
        let stage = StageName::from_name(&stage)?;
        let name = get(message, "name").as_string()?;
        let mut files = BTreeMap::new();
        for file in get(message, "files").dyn_into::<Array>().ok()?.iter() {
            let pair: Array = file.dyn_into().ok()?;
            let bytes: Uint8Array = pair.get(1).dyn_into().ok()?;
            files.insert(pair.get(0).as_string()?, bytes.to_vec());
        }
        let mut store = MemoryStore::default();
        store.checkpoints.insert(name, files);
        self.0.borrow_mut().insert(stage.name(), store);
        Some(())
    }

    /// All of them, for one run.
    pub(super) fn take(&self) -> Kept {
        self.0.take()
    }
}

/// Checkpoints of one stage, in memory and in the page.
#[derive(Debug)]
pub(super) struct MirroredStore {
    stage: StageName,
    inner: MemoryStore,
    begun: String,
}

impl MirroredStore {
    /// The store of a stage, with what is kept of it.
    pub(super) fn new(stage: StageName, kept: &Kept) -> Self {
        Self {
            stage,
            inner: kept.get(stage.name()).cloned().unwrap_or_default(),
            begun: String::new(),
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
        send(self.stage, &self.begun, files).map_err(|error| StoreError::Failed {
            place: self.begun.clone(),
            reason: crate::probe::message(&error),
        })
    }

    async fn read(&self, name: &str, file: &str) -> Result<Vec<u8>, StoreError> {
        self.inner.read(name, file).await
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.inner.remove(name).await
    }
}

/// Sends a checkpoint to the page.
fn send(stage: StageName, name: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<(), JsValue> {
    let message = Object::new();
    Reflect::set(&message, &"checkpoint".into(), &stage.name().into())?;
    Reflect::set(&message, &"name".into(), &name.into())?;
    let list = Array::new();
    for (file, bytes) in files {
        list.push(&Array::of2(&file.into(), &Uint8Array::from(bytes.as_slice())));
    }
    Reflect::set(&message, &"files".into(), &list)?;
    scope().post_message(&message)
}

/// A property, or `undefined` where there is none.
fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
