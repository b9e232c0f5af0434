//! Checkpoints in a directory: each a directory of its own, which appears whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use rllr_train::{CheckpointStore, StoreError};

#[cfg(test)]
mod tests;

/// Ending of a checkpoint that is being written.
const PARTIAL: &str = ".partial";

/// Ending of a checkpoint that is being removed.
const REMOVED: &str = ".removed";

/// Who holds it writes here.
const LOCK: &str = ".lock";

/// A directory of checkpoints, held by this process alone.
///
/// A checkpoint is written under a name that begins with a dot, forced to the disk with its directory, and then renamed.
#[derive(Debug)]
pub struct CheckpointDirectory {
    root: PathBuf,
    begun: Option<Begun>,
    /// Released when the process ends, however that happens.
    _lock: File,
}

#[derive(Debug)]
struct Begun {
    name: String,
    partial: PathBuf,
    files: BTreeMap<String, BufWriter<File>>,
}

impl CheckpointDirectory {
    /// Opens a directory, which is made if it is not there, and removes what killed writers have left.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when another process writes there, or the disk cannot be written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(root).map_err(|error| failed(root, &error))?;
        let lock_path = root.join(LOCK);
        let lock = File::create(&lock_path).map_err(|error| failed(&lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::NotWritable {
                    place: root.display().to_string(),
                    reason: "another run is writing there".to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&lock_path, &error)),
        }
        for entry in fs::read_dir(root).map_err(|error| failed(root, &error))? {
            let path = entry.map_err(|error| failed(root, &error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') && (name.ends_with(PARTIAL) || name.ends_with(REMOVED)) {
                fs::remove_dir_all(&path).map_err(|error| failed(&path, &error))?;
            }
        }
        Ok(Self {
            root: root.to_owned(),
            begun: None,
            _lock: lock,
        })
    }

    fn hidden(&self, name: &str, ending: &str) -> PathBuf {
        self.root.join(format!(".{name}{ending}"))
    }
}

impl CheckpointStore for CheckpointDirectory {
    async fn list(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(|error| failed(&self.root, &error))? {
            let path = entry.map_err(|error| failed(&self.root, &error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !name.starts_with('.') {
                names.push(name.into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    async fn begin(&mut self, name: &str) -> Result<(), StoreError> {
        let partial = self.hidden(name, PARTIAL);
        remove_all(&partial)?;
        fs::create_dir(&partial).map_err(|error| failed(&partial, &error))?;
        self.begun = Some(Begun {
            name: name.to_owned(),
            partial,
            files: BTreeMap::new(),
        });
        Ok(())
    }

    async fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let Begun { partial, files, .. } = self.begun.as_mut().expect("a checkpoint was begun");
        let path = partial.join(file);
        if !files.contains_key(file) {
            let made = File::create(&path).map_err(|error| failed(&path, &error))?;
            files.insert(file.to_owned(), BufWriter::with_capacity(1 << 20, made));
        }
        let writer = files.get_mut(file).expect("made above");
        writer.write_all(bytes).map_err(|error| failed(&path, &error))
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        let Begun { name, partial, files } = self.begun.take().expect("a checkpoint was begun");
        for (file, writer) in files {
            let path = partial.join(file);
            let written = writer.into_inner().map_err(io::IntoInnerError::into_error);
            let synced = written.and_then(|file| file.sync_all());
            synced.map_err(|error| failed(&path, &error))?;
        }
        sync_directory(&partial)?;
        self.remove(&name).await?;
        let whole = self.root.join(&name);
        fs::rename(&partial, &whole).map_err(|error| failed(&whole, &error))?;
        sync_directory(&self.root)
    }

    async fn read(&self, name: &str, file: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.root.join(name).join(file);
        fs::read(&path).map_err(|error| failed(&path, &error))
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        let (whole, removed) = (self.root.join(name), self.hidden(name, REMOVED));
        remove_all(&removed)?;
        match fs::rename(&whole, &removed) {
            Ok(()) => remove_all(&removed),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&whole, &error)),
        }
    }
}

/// Removes a directory, if it is there.
fn remove_all(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

/// Waits until the disk has the names of a directory's files. Only Unix can say that of a directory.
fn sync_directory(path: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        let synced = File::open(path).and_then(|directory| directory.sync_all());
        synced.map_err(|error| failed(path, &error))?;
    }
    Ok(())
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    let (place, reason) = (path.display().to_string(), error.to_string());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            StoreError::Full { place }
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            StoreError::NotWritable { place, reason }
        }
        ErrorKind::NotFound => StoreError::Missing { place },
        _ => StoreError::Failed { place, reason },
    }
}
