//! Parts of a kept run as they travel between page and worker, as objects beside the JSON messages:
//! `{ checkpoint, name, files: [[name, Uint8Array], …] }`.
//!
//! `checkpoint` is the stage; or [`MODEL`](super::MODEL) for the files of the model, from the worker, or
//! [`EVENTS`](super::EVENTS) for what the run has told, from the page.

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};

use super::Files;

/// A part of a kept run.
pub struct Part {
    /// The stage's name, or one of the two others.
    pub of: String,
    /// The checkpoint's name.
    pub name: String,
    /// Its files.
    pub files: Files,
}

/// The message.
///
/// # Errors
/// What the browser says when it refuses a property; a new object takes all.
pub fn to_message(of: &str, name: &str, files: &Files) -> Result<JsValue, JsValue> {
    let message = Object::new();
    Reflect::set(&message, &"checkpoint".into(), &of.into())?;
    Reflect::set(&message, &"name".into(), &name.into())?;
    let list = Array::new();
    for (file, bytes) in files {
        list.push(&Array::of2(&file.into(), &Uint8Array::from(bytes.as_slice())));
    }
    Reflect::set(&message, &"files".into(), &list)?;
    Ok(message.into())
}

/// What a message is a part of, if it is one.
pub fn part_of(message: &JsValue) -> Option<String> {
    get(message, "checkpoint").as_string()
}

/// The part, if the message is one.
pub fn from_message(message: &JsValue) -> Option<Part> {
    let mut files = Files::new();
    for file in get(message, "files").dyn_into::<Array>().ok()?.iter() {
        let pair: Array = file.dyn_into().ok()?;
        let bytes: Uint8Array = pair.get(1).dyn_into().ok()?;
        files.insert(pair.get(0).as_string()?, bytes.to_vec());
    }
    Some(Part {
        of: part_of(message)?,
        name: get(message, "name").as_string()?,
        files,
    })
}

/// A property, or `undefined` where there is none.
fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
