//! The worker as the page holds it: started here, written to here, ended when dropped.
//!
//! A worker that ends by itself tells nobody. So each one holds a lock of the browser as long as it lives
//! (`web/worker-loader.js`), and the page waits for the same lock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker};

use super::text;
use crate::probe::message;
use crate::protocol::{Event, Request};

/// Relative to the page, so that it works under any path.
const LOADER: &str = "worker-loader.js";

/// A running worker. Dropping it terminates it, and no event of it arrives afterwards.
pub(super) struct WorkerLink {
    worker: Worker,
    /// False when the page has ended it: then its death is no news.
    is_wanted: Rc<Cell<bool>>,
    on_checkpoint: OnCheckpoint,
    // The browser calls these: they live as long as the worker.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(JsValue)>,
}

/// What is done with a checkpoint.
type OnCheckpoint = Rc<RefCell<Box<dyn Fn(JsValue)>>>;

/// What arrives from a worker: an event, or the message of an error that ended it.
pub(super) type Arrival = Result<Event, String>;

impl WorkerLink {
    /// Starts a worker.
    ///
    /// # Errors
    /// What the browser says when it refuses to make one. A file that is missing arrives later, as an [`Arrival`].
    pub(super) fn start(on_arrival: impl Fn(Arrival) + Clone + 'static) -> Result<Self, String> {
        let lock = format!("rllr-worker-{}-{}", js_sys::Date::now(), js_sys::Math::random());
        // The build in the address: a cache never mixes the files of two builds.
        let build = format!(
            "{LOADER}?build={}-{}",
            env!("CARGO_PKG_VERSION"),
            crate::COMMIT.unwrap_or_default()
        );
        let worker = named_worker(&build, &lock).map_err(|error| message(&error))?;

        let is_wanted = Rc::new(Cell::new(true));
        let on_checkpoint: OnCheckpoint = Rc::new(RefCell::new(Box::new(drop)));
        let checkpoints = on_checkpoint.clone();
        let arrival = on_arrival.clone();
        let (watched, died) = (is_wanted.clone(), on_arrival.clone());
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if event.data().is_object() {
                return checkpoints.borrow()(event.data());
            }
            let text = event.data().as_string();
            let text = text.ok_or_else(|| text::MESSAGE_NOT_TEXT.to_owned());
            let said = text.and_then(|text| Event::from_json(&text).map_err(|error| error.to_string()));
            if matches!(said, Ok(Event::Ready)) {
                watch(&lock, watched.clone(), died.clone());
            }
            arrival(said);
        });
        let on_error = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            let said = Reflect::get(&event, &"message".into())
                .ok()
                .and_then(|text| text.as_string());
            on_arrival(Err(said
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| text::NO_DETAILS.to_owned())));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        worker.set_onmessageerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self {
            worker,
            is_wanted,
            on_checkpoint,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    /// Says what is done with its checkpoints; otherwise they are dropped.
    pub(super) fn keeping(self, on_checkpoint: impl Fn(JsValue) + 'static) -> Self {
        *self.on_checkpoint.borrow_mut() = Box::new(on_checkpoint);
        self
    }

    /// Sends a checkpoint that came from another worker.
    ///
    /// # Errors
    /// What the browser says when it refuses the message.
    pub(super) fn send_checkpoint(&self, checkpoint: &JsValue) -> Result<(), String> {
        self.worker
            .post_message(checkpoint)
            .map_err(|error| message(&error))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// What the browser says when it refuses the message.
    pub(super) fn send(&self, request: &Request) -> Result<(), String> {
        self.worker
            .post_message(&request.to_json().into())
            .map_err(|error| message(&error))
    }

    /// Sends a request about models with the files that it names: a list of its text and the files.
    ///
    /// # Errors
    /// What the browser says when it refuses the message.
    pub(super) fn send_with_files(&self, request: &Request, files: &[JsValue]) -> Result<(), String> {
        let parts = js_sys::Array::of1(&request.to_json().into());
        for file in files {
            parts.push(file);
        }
        self.worker.post_message(&parts).map_err(|error| message(&error))
    }
}

impl Drop for WorkerLink {
    fn drop(&mut self) {
        self.is_wanted.set(false);
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.set_onmessageerror(None);
        self.worker.terminate();
    }
}

/// Starts a worker under a name, which it knows. In the address the name would be lost: a worker whose file comes out of
/// the service worker's cache has the address that the file was kept under.
fn named_worker(address: &str, name: &str) -> Result<Worker, JsValue> {
    let constructor: Function = Reflect::get(&js_sys::global(), &"Worker".into())?.dyn_into()?;
    let options = js_sys::Object::new();
    Reflect::set(&options, &"name".into(), &name.into())?;
    let arguments = js_sys::Array::of2(&address.into(), &options);
    Reflect::construct(&constructor, &arguments)?.dyn_into()
}

/// Waits for the lock that a worker holds as long as it lives. Browsers without locks, and pages over plain HTTP, learn of
/// such a death by nothing; its errors still arrive.
fn watch(lock: &str, is_wanted: Rc<Cell<bool>>, on_arrival: impl Fn(Arrival) + 'static) {
    let died = Closure::once_into_js(move || {
        if is_wanted.get() {
            on_arrival(Err(text::WORKER_DIED.to_owned()));
        }
    });
    let ask = || -> Result<JsValue, JsValue> {
        let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
        let locks = Reflect::get(&navigator, &"locks".into())?;
        let request: Function = Reflect::get(&locks, &"request".into())?.dyn_into()?;
        request.call2(&locks, &lock.into(), &died)
    };
    // No locks, no news: see above.
    drop(ask());
}
