//! The visitor's files, in and out. They never leave the browser.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::given::is_at_the_top;
use crate::protocol::models::GivenFile;

#[wasm_bindgen]
extern "C" {
    /// The browser's `File`.
    #[derive(Clone)]
    type File;

    #[wasm_bindgen(method, getter)]
    fn name(this: &File) -> String;

    #[wasm_bindgen(method, getter)]
    fn size(this: &File) -> f64;

    #[wasm_bindgen(method, getter, js_name = lastModified)]
    fn last_modified(this: &File) -> f64;

    #[wasm_bindgen(method, getter, js_name = webkitRelativePath)]
    fn path(this: &File) -> String;

    #[wasm_bindgen(method, js_name = arrayBuffer, catch)]
    async fn array_buffer(this: &File) -> Result<JsValue, JsValue>;

    /// The browser's `FileSystemEntry`: a dropped file or folder.
    type Entry;

    #[wasm_bindgen(method, getter, js_name = isDirectory)]
    fn is_directory(this: &Entry) -> bool;

    #[wasm_bindgen(method)]
    fn file(this: &Entry, found: &Function, failed: &Function);

    #[wasm_bindgen(method, js_name = createReader)]
    fn create_reader(this: &Entry) -> EntryReader;

    type EntryReader;

    #[wasm_bindgen(method, js_name = readEntries)]
    fn read_entries(this: &EntryReader, found: &Function, failed: &Function);

    /// The browser's `Blob`.
    type Blob;

    #[wasm_bindgen(constructor)]
    fn new(parts: &Array, options: &Object) -> Blob;

    #[wasm_bindgen(js_namespace = URL, js_name = createObjectURL)]
    fn create_object_url(blob: &Blob) -> String;

    #[wasm_bindgen(js_namespace = URL, js_name = revokeObjectURL)]
    fn revoke_object_url(address: &str);
}

/// A file that the visitor gave.
#[derive(Clone)]
pub(in crate::page) struct Given {
    /// What the worker is told.
    pub(in crate::page) about: GivenFile,
    /// What is sent to it.
    pub(super) file: JsValue,
}

impl Given {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a length and a time in milliseconds are whole numbers far below 2^53"
    )]
    fn new(file: &File) -> Self {
        Self {
            about: GivenFile {
                name: file.name(),
                bytes: file.size() as u64,
                modified: file.last_modified() as i64,
            },
            file: file.clone().into(),
        }
    }
}

impl Given {
    /// The bytes of the file.
    ///
    /// # Errors
    /// What the browser says: the file was moved, or changed since it was given.
    pub(in crate::page) async fn read(&self) -> Result<Vec<u8>, String> {
        let file: &File = self.file.unchecked_ref();
        let buffer = file
            .array_buffer()
            .await
            .map_err(|error| crate::probe::message(&error))?;
        Ok(js_sys::Uint8Array::new(&buffer).to_vec())
    }
}

/// The files of an `<input type="file">`; of a folder, those that lie in it directly.
pub(in crate::page) fn of_input(input: &JsValue) -> Vec<Given> {
    let list = Reflect::get(input, &"files".into()).unwrap_or(JsValue::NULL);
    if list.is_null() || list.is_undefined() {
        return Vec::new();
    }
    let files = Array::from(&list)
        .into_iter()
        .map(|file| file.unchecked_into::<File>());
    files
        .filter(|file| is_at_the_top(&file.path()))
        .map(|file| Given::new(&file))
        .collect()
}

/// What was dropped. The entries have to be taken while the event lasts; reading them may take longer.
pub(super) fn of_drop(event: &JsValue) -> impl Future<Output = Vec<Given>> + use<> {
    let get = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let transfer = get(event, "dataTransfer");
    let items = Array::from(&get(&transfer, "items")).to_vec();
    let entries: Vec<JsValue> = items
        .iter()
        .filter_map(|item| {
            let method: Function = get(item, "webkitGetAsEntry").dyn_into().ok()?;
            method.call0(item).ok().filter(|entry| !entry.is_null())
        })
        .collect();
    // Files that a program put there have no entries.
    let plain: Vec<File> = if entries.is_empty() {
        let files = Array::from(&get(&transfer, "files"));
        files.iter().map(JsCast::unchecked_into).collect()
    } else {
        Vec::new()
    };
    async move {
        let mut found: Vec<Given> = plain.iter().map(Given::new).collect();
        for entry in entries {
            let entry: Entry = entry.unchecked_into();
            let files = if entry.is_directory() {
                directory(&entry).await
            } else {
                vec![entry]
            };
            for file in files {
                if let Some(file) = file_of(&file).await {
                    found.push(Given::new(&file));
                }
            }
        }
        found
    }
}

/// The files of a folder, without those of its folders.
async fn directory(entry: &Entry) -> Vec<Entry> {
    let reader = entry.create_reader();
    let mut files = Vec::new();
    // The browser gives some at a time, and none at the end.
    loop {
        let batch = Promise::new(&mut |found, failed| reader.read_entries(&found, &failed));
        let batch = JsFuture::from(batch).await.map(|batch| Array::from(&batch));
        match batch {
            Ok(batch) if batch.length() > 0 => {
                let entries = batch.iter().map(JsCast::unchecked_into::<Entry>);
                files.extend(entries.filter(|entry| !entry.is_directory()));
            }
            _ => return files,
        }
    }
}

async fn file_of(entry: &Entry) -> Option<File> {
    let file = Promise::new(&mut |found, failed| entry.file(&found, &failed));
    JsFuture::from(file).await.ok().map(JsCast::unchecked_into)
}

/// Lets the browser save a text under a name.
pub(super) fn save(name: &str, mime: &str, text: &str) {
    save_part(name, mime, &text.into());
}

/// Lets the browser save bytes under a name.
pub(in crate::page) fn save_bytes(name: &str, mime: &str, bytes: &[u8]) {
    save_part(name, mime, &js_sys::Uint8Array::from(bytes));
}

fn save_part(name: &str, mime: &str, part: &JsValue) {
    let options = Object::new();
    let document = leptos::prelude::document();
    let set = Reflect::set(&options, &"type".into(), &mime.into());
    assert!(set.is_ok(), "a new object takes a property");
    let blob = Blob::new(&Array::of1(part), &options);
    let address = create_object_url(&blob);
    if let Ok(link) = document.create_element("a") {
        let link: web_sys::HtmlElement = link.unchecked_into();
        // A name of letters is a valid attribute name, so neither call fails.
        let _ = link.set_attribute("href", &address);
        let _ = link.set_attribute("download", name);
        link.click();
    }
    revoke_object_url(&address);
}
