//! Fetching files beside the page, from the page and from the worker alike.
//!
//! Declared here and not taken from `web-sys`: one feature more of it would compile the GPU backend once more.

use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::probe::message;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch, catch)]
    async fn js_fetch(address: &str, options: &JsValue) -> Result<JsValue, JsValue>;

    type Response;

    #[wasm_bindgen(method, getter)]
    fn ok(this: &Response) -> bool;

    #[wasm_bindgen(method, getter)]
    fn status(this: &Response) -> u16;

    #[wasm_bindgen(method, getter)]
    fn body(this: &Response) -> Option<Stream>;

    type Stream;

    #[wasm_bindgen(method, js_name = getReader, catch)]
    fn get_reader(this: &Stream) -> Result<Reader, JsValue>;

    type Reader;

    #[wasm_bindgen(method, catch)]
    async fn read(this: &Reader) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn cancel(this: &Reader) -> Result<JsValue, JsValue>;
}

/// Why a file did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// No answer, or the connection broke: what the browser says.
    Broken(String),
    /// The host answered with this status.
    Status(u16),
    /// `progress` was false.
    Stopped,
}

/// The browser's way with its own copies: the `cache` of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// As the host allows.
    Default,
    /// Ask the host, and replace the copy.
    Reload,
}

/// Fetches a file. `progress` is told how many bytes are here; when it is false, the download ends.
///
/// # Errors
/// [`FetchError`].
pub async fn bytes(
    address: &str,
    copies: Copies,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<u8>, FetchError> {
    let broken = |error: JsValue| FetchError::Broken(message(&error));
    let options = Object::new();
    let cache = match copies {
        Copies::Default => "default",
        Copies::Reload => "reload",
    };
    Reflect::set(&options, &"cache".into(), &cache.into()).map_err(broken)?;
    let response: Response = js_fetch(address, &options)
        .await
        .map_err(broken)?
        .unchecked_into();
    if !response.ok() {
        return Err(FetchError::Status(response.status()));
    }
    let mut all = Vec::new();
    let Some(body) = response.body() else {
        return Ok(all);
    };
    let reader = body.get_reader().map_err(broken)?;
    loop {
        let chunk = reader.read().await.map_err(broken)?;
        let value = Reflect::get(&chunk, &"value".into()).map_err(broken)?;
        if value.is_undefined() {
            return Ok(all);
        }
        let chunk: Uint8Array = value.unchecked_into();
        let start = all.len();
        all.resize(start + chunk.length() as usize, 0);
        chunk.copy_to(&mut all[start..]);
        if !progress(all.len() as u64) {
            // It is not wanted any more: how the cancelling ends does not matter.
            let _ = reader.cancel().await;
            return Err(FetchError::Stopped);
        }
    }
}

/// Fetches a text.
///
/// # Errors
/// [`FetchError`].
pub async fn text(address: &str) -> Result<String, FetchError> {
    let bytes = bytes(address, Copies::Default, &mut |_| true).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
