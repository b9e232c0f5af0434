//! The private file system that a browser gives a page (OPFS), as far as kept runs need it.
//!
//! Bound by hand: one feature of `web-sys` more would compile Burn again.

use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// The folder of all kept runs, each in a folder with the name of its worker's lock.
const RUNS: &str = "rllr-runs";

#[wasm_bindgen]
extern "C" {
    /// The browser's `FileSystemDirectoryHandle`.
    #[derive(Clone, Debug)]
    pub type Directory;

    #[wasm_bindgen(method, getter)]
    fn name(this: &Directory) -> String;

    #[wasm_bindgen(method, getter)]
    fn kind(this: &Directory) -> String;

    #[wasm_bindgen(method, catch, js_name = getDirectoryHandle)]
    async fn directory(this: &Directory, name: &str, options: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = getFileHandle)]
    async fn file(this: &Directory, name: &str, options: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = removeEntry)]
    async fn remove_entry(this: &Directory, name: &str, options: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn values(this: &Directory) -> Entries;

    /// The browser's asynchronous iterator.
    type Entries;

    #[wasm_bindgen(method, catch)]
    async fn next(this: &Entries) -> Result<JsValue, JsValue>;

    /// The browser's `FileSystemFileHandle`.
    type Handle;

    #[wasm_bindgen(method, catch, js_name = getFile)]
    async fn get_file(this: &Handle) -> Result<JsValue, JsValue>;

    /// Workers alone have it, in all browsers.
    #[wasm_bindgen(method, catch, js_name = createSyncAccessHandle)]
    async fn open(this: &Handle) -> Result<JsValue, JsValue>;

    /// The browser's `File`.
    type File;

    #[wasm_bindgen(method, catch, js_name = arrayBuffer)]
    async fn array_buffer(this: &File) -> Result<JsValue, JsValue>;

    /// The browser's `FileSystemSyncAccessHandle`.
    type Opened;

    #[wasm_bindgen(method, catch, js_name = getSize)]
    fn size(this: &Opened) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn truncate(this: &Opened, bytes: f64) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn write(this: &Opened, bytes: &[u8], options: &JsValue) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn flush(this: &Opened) -> Result<(), JsValue>;

    #[wasm_bindgen(method)]
    fn close(this: &Opened);
}

/// Where bytes are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In place of what was there.
    All,
    /// Behind what was there.
    End,
}

/// The folder of all kept runs; `None` where the browser offers no such storage, as over plain HTTP.
///
/// # Errors
/// What the browser says when it refuses.
pub async fn runs() -> Result<Option<Directory>, JsValue> {
    let storage = get(&get(&js_sys::global(), "navigator"), "storage");
    let Ok(root) = get(&storage, "getDirectory").dyn_into::<Function>() else {
        return Ok(None);
    };
    let root: Promise = root.call0(&storage)?.unchecked_into();
    let root: Directory = JsFuture::from(root).await?.unchecked_into();
    root.make(RUNS).await.map(Some)
}

/// The bytes that the browser gives this page, and those that are used; `None` where it does not tell.
pub async fn room() -> Option<(f64, f64)> {
    let storage = get(&get(&js_sys::global(), "navigator"), "storage");
    let estimate: Function = get(&storage, "estimate").dyn_into().ok()?;
    let estimate: Promise = estimate.call0(&storage).ok()?.unchecked_into();
    let estimate = JsFuture::from(estimate).await.ok()?;
    Some((
        get(&estimate, "quota").as_f64()?,
        get(&estimate, "usage").as_f64()?,
    ))
}

/// The names of the locks that are held: those of living workers are among them.
pub async fn held_locks() -> Vec<String> {
    let locks = get(&get(&js_sys::global(), "navigator"), "locks");
    let ask = async || -> Result<Vec<String>, JsValue> {
        let query: Function = get(&locks, "query").dyn_into()?;
        let asked: Promise = query.call0(&locks)?.unchecked_into();
        let held = js_sys::Array::from(&get(&JsFuture::from(asked).await?, "held"));
        Ok(held
            .iter()
            .filter_map(|lock| get(&lock, "name").as_string())
            .collect())
    };
    ask().await.unwrap_or_default()
}

impl Directory {
    /// The folder of this name in this one, made if it is not there.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn make(&self, name: &str) -> Result<Self, JsValue> {
        let made = self.directory(name, &option("create")).await?;
        Ok(made.unchecked_into())
    }

    /// The folder of this name in this one.
    ///
    /// # Errors
    /// What the browser says, mostly that there is none.
    pub async fn open(&self, name: &str) -> Result<Self, JsValue> {
        let found = self.directory(name, &JsValue::UNDEFINED).await?;
        Ok(found.unchecked_into())
    }

    /// The names of what is in this folder, sorted.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn names(&self) -> Result<Vec<String>, JsValue> {
        let entries = self.entries().await?;
        let mut names: Vec<String> = entries.iter().map(Self::name).collect();
        names.sort();
        Ok(names)
    }

    /// Removes a file, or a folder with all that is in it.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn remove(&self, name: &str) -> Result<(), JsValue> {
        self.remove_entry(name, &option("recursive")).await.map(drop)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// What the browser says, mostly that there is none.
    pub async fn read(&self, name: &str) -> Result<Vec<u8>, JsValue> {
        let handle: Handle = self.file(name, &JsValue::UNDEFINED).await?.unchecked_into();
        let file: File = handle.get_file().await?.unchecked_into();
        Ok(Uint8Array::new(&file.array_buffer().await?).to_vec())
    }

    /// All files of this folder and of its folders, by their paths.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn read_all(&self) -> Result<Vec<(String, Vec<u8>)>, JsValue> {
        let mut files = Vec::new();
        let mut folders = vec![(String::new(), self.clone())];
        while let Some((path, folder)) = folders.pop() {
            for entry in folder.entries().await? {
                let name = entry.name();
                if entry.kind() == "directory" {
                    folders.push((format!("{path}{name}/"), entry));
                } else {
                    files.push((format!("{path}{name}"), folder.read(&name).await?));
                }
            }
        }
        Ok(files)
    }

    /// Writes a file, made if it is not there. For workers.
    ///
    /// # Errors
    /// What the browser says: `QuotaExceededError` where there is no room.
    pub async fn write(&self, name: &str, bytes: &[u8], place: Place) -> Result<(), JsValue> {
        let handle: Handle = self.file(name, &option("create")).await?.unchecked_into();
        let file: Opened = Handle::open(&handle).await?.unchecked_into();
        let written = write(&file, bytes, place);
        // A handle that is left open locks the file.
        file.close();
        written
    }

    async fn entries(&self) -> Result<Vec<Self>, JsValue> {
        let entries = self.values();
        let mut found = Vec::new();
        loop {
            let next = entries.next().await?;
            if get(&next, "done").is_truthy() {
                return Ok(found);
            }
            found.push(get(&next, "value").unchecked_into());
        }
    }
}

fn write(file: &Opened, bytes: &[u8], place: Place) -> Result<(), JsValue> {
    let at = match place {
        Place::All => 0.0,
        Place::End => file.size()?,
    };
    file.truncate(at)?;
    let options = Object::new();
    Reflect::set(&options, &"at".into(), &at.into())?;
    let written = file.write(bytes, &options)?;
    if written < bytes.len() as f64 {
        let error = js_sys::Error::new(&format!("{written} of {} bytes were written", bytes.len()));
        error.set_name(NO_ROOM);
        return Err(error.into());
    }
    file.flush()
}

/// What browsers call it when there is no room.
const NO_ROOM: &str = "QuotaExceededError";

/// Whether an error says that there is no room.
pub fn is_full(error: &JsValue) -> bool {
    get(error, "name").as_string().as_deref() == Some(NO_ROOM)
}

/// `{ name: true }`.
fn option(name: &str) -> JsValue {
    let options = Object::new();
    let set = Reflect::set(&options, &name.into(), &true.into());
    assert!(set.is_ok(), "a new object takes a property");
    options.into()
}

/// A property, or `undefined` where there is none.
fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
