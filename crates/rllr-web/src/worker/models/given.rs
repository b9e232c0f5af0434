//! Files that the visitor gave, as they travel beside a request.

use std::cell::RefCell;
use std::collections::VecDeque;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::probe::message;

#[wasm_bindgen]
extern "C" {
    /// The browser's `File`.
    #[derive(Clone)]
    pub(crate) type File;

    #[wasm_bindgen(method, js_name = slice)]
    fn part(this: &File, start: f64, end: f64) -> File;

    #[wasm_bindgen(method, js_name = arrayBuffer, catch)]
    async fn array_buffer(this: &File) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn size(this: &File) -> f64;
}

thread_local! {
    /// The files of the requests that were not carried out yet; requests are carried out in their order.
    static WAITING: RefCell<VecDeque<Vec<File>>> = const { RefCell::new(VecDeque::new()) };
}

/// Takes a message apart: a text, or a list of a text and files, which then wait for their request.
pub(crate) fn text_of(message: &JsValue) -> String {
    if !Array::is_array(message) {
        return message.as_string().unwrap_or_default();
    }
    let mut parts = message.unchecked_ref::<Array>().iter();
    let text = parts.next().and_then(|text| text.as_string());
    let files = parts.map(JsCast::unchecked_into).collect();
    WAITING.with_borrow_mut(|waiting| waiting.push_back(files));
    text.unwrap_or_default()
}

/// The files of the request that is carried out now: the oldest that wait.
pub(crate) fn take() -> Vec<File> {
    WAITING.with_borrow_mut(|waiting| waiting.pop_front().unwrap_or_default())
}

impl File {
    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a length is a whole number, and no file has 2^53 bytes"
        )]
        let bytes = self.size() as u64;
        bytes
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// What the browser says: the file was moved, or changed since it was given.
    pub(crate) async fn read(&self) -> Result<Vec<u8>, String> {
        let buffer = self.array_buffer().await.map_err(|error| message(&error))?;
        Ok(Uint8Array::new(&buffer).to_vec())
    }

    /// Reads some bytes.
    ///
    /// # Errors
    /// As [`File::read`].
    pub(crate) async fn read_part(&self, start: u64, end: u64) -> Result<Vec<u8>, String> {
        self.part(start as f64, end as f64).read().await
    }
}
