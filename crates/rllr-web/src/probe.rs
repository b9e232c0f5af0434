//! Asks the browser for a WebGPU adapter. The same code runs in the page and in the worker: the answers may differ.
//!
//! `navigator.gpu` is reached by name. `web-sys` has it only behind an unstable compiler flag.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::protocol::{Adapter, NoAdapter, WebGpuSupport};

/// Whether there is a WebGPU adapter, and which, or why not.
pub async fn webgpu() -> WebGpuSupport {
    let gpu = get(&get(&js_sys::global(), "navigator"), "gpu");
    if gpu.is_undefined() || gpu.is_null() {
        let secure = get(&js_sys::global(), "isSecureContext").is_truthy();
        let reason = if secure {
            NoAdapter::ApiMissing
        } else {
            NoAdapter::InsecureContext
        };
        return WebGpuSupport::Unavailable(reason);
    }
    match request_adapter(&gpu).await {
        Ok(adapter) if adapter.is_null() || adapter.is_undefined() => {
            WebGpuSupport::Unavailable(NoAdapter::NoneOffered)
        }
        Ok(adapter) => WebGpuSupport::Available(describe(&adapter)),
        Err(error) => WebGpuSupport::Unavailable(NoAdapter::RequestFailed(message(&error))),
    }
}

async fn request_adapter(gpu: &JsValue) -> Result<JsValue, JsValue> {
    let request: Function = Reflect::get(gpu, &"requestAdapter".into())?.dyn_into()?;
    let promise: Promise = request.call0(gpu)?.dyn_into()?;
    JsFuture::from(promise).await
}

fn describe(adapter: &JsValue) -> Adapter {
    let info = get(adapter, "info");
    let text = |name| get(&info, name).as_string().unwrap_or_default();
    Adapter {
        vendor: text("vendor"),
        architecture: text("architecture"),
        device: text("device"),
        description: text("description"),
        // The flag moved from the adapter to its info in 2025.
        is_fallback: get(&info, "isFallbackAdapter").is_truthy()
            || get(adapter, "isFallbackAdapter").is_truthy(),
    }
}

/// A property, or `undefined` where there is none.
fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// What a thrown value says.
pub fn message(error: &JsValue) -> String {
    let text = get(error, "message").as_string().or_else(|| error.as_string());
    text.unwrap_or_else(|| format!("{error:?}"))
}
