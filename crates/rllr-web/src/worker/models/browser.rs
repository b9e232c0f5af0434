//! Network and storage of the browser, for [`crate::delivery`].

use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::delivery::download::{Freshness, GoOn, Network, NetworkError, Store};
use crate::fetch::{self, Copies, FetchError};
use crate::probe::message;

/// Name of the cache with the pieces of models. The service worker leaves it alone.
const CACHE: &str = "rllr-models-1";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: u32) -> i32;

    #[wasm_bindgen(extends = js_sys::Object)]
    type CacheStorage;

    #[wasm_bindgen(method, catch)]
    async fn open(this: &CacheStorage, name: &str) -> Result<JsValue, JsValue>;

    /// The browser's `Cache`.
    type Cache;

    #[wasm_bindgen(method, js_name = "match", catch)]
    async fn find(this: &Cache, address: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn put(this: &Cache, address: &str, response: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, js_name = delete, catch)]
    async fn forget(this: &Cache, address: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = Response)]
    type NewResponse;

    #[wasm_bindgen(constructor, js_class = "Response", catch)]
    fn with_bytes(bytes: &Uint8Array) -> Result<NewResponse, JsValue>;

    #[wasm_bindgen(method, js_name = arrayBuffer, js_class = "Response", catch)]
    async fn array_buffer(this: &NewResponse) -> Result<JsValue, JsValue>;
}

/// Waits for a number of milliseconds.
pub(super) async fn wait(milliseconds: u32) {
    let waited = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, milliseconds);
    });
    JsFuture::from(waited)
        .await
        .expect("this promise is never rejected");
}

/// The files of one folder of the page's host.
pub(super) struct Host {
    /// Relative to the worker, with a slash at its end.
    pub(super) folder: String,
}

impl Network for Host {
    async fn fetch(
        &self,
        file: &str,
        freshness: Freshness,
        progress: &mut dyn FnMut(u64) -> GoOn,
    ) -> Result<Vec<u8>, NetworkError> {
        let copies = match freshness {
            Freshness::AnyCopy => Copies::Default,
            Freshness::FromHost => Copies::Reload,
        };
        let address = format!("{}{file}", self.folder);
        let fetched = fetch::bytes(&address, copies, &mut |bytes| progress(bytes) == GoOn::Yes).await;
        fetched.map_err(|error| match error {
            FetchError::Broken(message) => NetworkError::Broken(message),
            FetchError::Status(status) => NetworkError::Status(status),
            FetchError::Stopped => NetworkError::Stopped,
        })
    }

    async fn wait(&self, milliseconds: u32) {
        wait(milliseconds).await;
    }
}

/// Pieces of models in the browser's cache storage.
pub(super) struct PieceCache {
    cache: Cache,
}

impl PieceCache {
    /// Opens it.
    ///
    /// # Errors
    /// What the browser says; it has no such storage on pages that did not come over HTTPS.
    pub(super) async fn open() -> Result<Self, String> {
        let storage = Reflect::get(&js_sys::global(), &"caches".into()).unwrap_or(JsValue::UNDEFINED);
        if storage.is_undefined() {
            return Err(NO_STORAGE.to_owned());
        }
        let storage: CacheStorage = storage.unchecked_into();
        let cache = storage.open(CACHE).await.map_err(|error| message(&error))?;
        Ok(Self {
            cache: cache.unchecked_into(),
        })
    }

    /// The key as the address of a request; nothing is ever fetched from it.
    fn address(key: &str) -> String {
        format!("models/pieces/{key}")
    }
}

/// Why there is no storage.
const NO_STORAGE: &str =
    "the browser offers no storage here; it does on https:// and on this computer's own pages";

impl Store for PieceCache {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let response = self.cache.find(&Self::address(key)).await.ok()?;
        if response.is_undefined() {
            return None;
        }
        let response: NewResponse = response.unchecked_into();
        let buffer = response.array_buffer().await.ok()?;
        Some(Uint8Array::new(&buffer).to_vec())
    }

    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), String> {
        let said = |error: JsValue| message(&error);
        let response = NewResponse::with_bytes(&Uint8Array::from(bytes)).map_err(said)?;
        self.cache
            .put(&Self::address(key), &response)
            .await
            .map_err(said)?;
        Ok(())
    }

    async fn remove(&self, key: &str) {
        // If it cannot be removed, it is found damaged again the next time.
        let _ = self.cache.forget(&Self::address(key)).await;
    }
}
