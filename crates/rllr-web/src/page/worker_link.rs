//! The worker as the page holds it: started here, written to here, ended when dropped.

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
    // The browser calls these: they live as long as the worker.
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(JsValue)>,
}

/// What arrives from a worker: an event, or the message of an error that ended it.
pub(super) type Arrival = Result<Event, String>;

impl WorkerLink {
    /// Starts a worker.
    ///
    /// # Errors
    /// What the browser says when it refuses to make one. A file that is missing arrives later, as an [`Arrival`].
    pub(super) fn start(on_arrival: impl Fn(Arrival) + Clone + 'static) -> Result<Self, String> {
        // The build in the address: a cache never mixes the files of two builds.
        let build = format!(
            "{LOADER}?build={}-{}",
            env!("CARGO_PKG_VERSION"),
            crate::COMMIT.unwrap_or_default()
        );
        let worker = Worker::new(&build).map_err(|error| message(&error))?;

        let arrival = on_arrival.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let text = event.data().as_string();
            let text = text.ok_or_else(|| text::MESSAGE_NOT_TEXT.to_owned());
            arrival(text.and_then(|text| Event::from_json(&text).map_err(|error| error.to_string())));
        });
        let on_error = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            let said = js_sys::Reflect::get(&event, &"message".into())
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
            _on_message: on_message,
            _on_error: on_error,
        })
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
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.set_onmessageerror(None);
        self.worker.terminate();
    }
}
