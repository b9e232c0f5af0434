//! Where checkpoints are kept: the page, a program and a test each have a place of their own.

use std::collections::BTreeMap;

use crate::checkpoint_error::StoreError;

/// Keeps named checkpoints, each a few named files.
///
/// A checkpoint that is being written is not there: not listed, not readable, and gone if the writer is. With
/// [`CheckpointStore::commit`] it is there as a whole. One is written at a time.
#[expect(
    async_fn_in_trait,
    reason = "runs are polled on one thread, and in the page no future can be sent"
)]
pub trait CheckpointStore {
    /// Names of the whole checkpoints, sorted.
    async fn list(&self) -> Result<Vec<String>, StoreError>;

    /// Begins to write a checkpoint. What was begun before and not committed is dropped.
    async fn begin(&mut self, name: &str) -> Result<(), StoreError>;

    /// Appends bytes to a file of the checkpoint that was begun; the first ones make the file.
    async fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// Makes the checkpoint that was begun appear, whole, in place of one of the same name.
    async fn commit(&mut self) -> Result<(), StoreError>;

    /// The bytes of a file of a whole checkpoint; [`StoreError::Missing`] when there is none.
    async fn read(&self, name: &str, file: &str) -> Result<Vec<u8>, StoreError>;

    /// Removes a whole checkpoint; nothing happens when there is none.
    async fn remove(&mut self, name: &str) -> Result<(), StoreError>;
}

/// The files of a checkpoint by name.
type Files = BTreeMap<String, Vec<u8>>;

/// Checkpoints in memory: for tests, and for the page until its tab is closed.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    /// Whole checkpoints.
    pub checkpoints: BTreeMap<String, Files>,
    begun: Option<(String, Files)>,
}

impl CheckpointStore for MemoryStore {
    async fn list(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.checkpoints.keys().cloned().collect())
    }

    async fn begin(&mut self, name: &str) -> Result<(), StoreError> {
        self.begun = Some((name.to_owned(), Files::new()));
        Ok(())
    }

    async fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let (_, files) = self.begun.as_mut().expect("a checkpoint was begun");
        files.entry(file.to_owned()).or_default().extend_from_slice(bytes);
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        let (name, files) = self.begun.take().expect("a checkpoint was begun");
        self.checkpoints.insert(name, files);
        Ok(())
    }

    async fn read(&self, name: &str, file: &str) -> Result<Vec<u8>, StoreError> {
        let found = self.checkpoints.get(name).and_then(|files| files.get(file));
        found.cloned().ok_or_else(|| StoreError::Missing {
            place: format!("{name}/{file}"),
        })
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.checkpoints.remove(name);
        Ok(())
    }
}
