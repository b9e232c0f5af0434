//! What was found: browser, adapter or the reason for none, SIMD.

use leptos::prelude::*;

use crate::page::browser::Browser;
use crate::page::store::Store;
use crate::page::text;
use crate::protocol::WebGpuSupport;

#[component]
pub(super) fn DevicePanel(store: Store) -> impl IntoView {
    let browser = Browser::from_user_agent(&window().navigator().user_agent().unwrap_or_default());
    let name = browser.name();
    let finding = move || match store.webgpu.get() {
        None => text::PROBING.to_owned(),
        Some(WebGpuSupport::Available(adapter)) => text::adapter(&adapter),
        Some(WebGpuSupport::Unavailable(reason)) => format!("none; {}", text::no_adapter_short(&reason)),
    };
    let is_software = move || store.adapter().is_some_and(|adapter| adapter.is_software());
    let hint = move || match store.webgpu.get() {
        Some(WebGpuSupport::Unavailable(reason)) => Some(text::no_adapter_hint(&reason, &browser)),
        Some(WebGpuSupport::Available(adapter)) if adapter.is_software() => {
            Some(text::SOFTWARE_EXPLAINED.to_owned())
        }
        Some(WebGpuSupport::Available(_)) | None => None,
    };
    let found = move || match store.webgpu.get() {
        None => "looking",
        Some(WebGpuSupport::Available(_)) => "available",
        Some(WebGpuSupport::Unavailable(_)) => "unavailable",
    };
    view! {
        <section aria-labelledby="device-heading" data-testid="device-panel">
            <h2 id="device-heading">{text::DEVICE_HEADING}</h2>
            <dl class="facts">
                <dt>{text::BROWSER}</dt>
                <dd data-testid="browser">{name}</dd>
                <dt>{text::WEBGPU}</dt>
                <dd>
                    <span data-testid="webgpu" data-state=found>{finding}</span>
                    " "
                    <Show when=is_software>
                        <span class="badge" data-testid="software-adapter">{text::SOFTWARE_ADAPTER}</span>
                    </Show>
                </dd>
                <dt>{text::SIMD}</dt>
                <dd data-testid="simd">{text::SIMD_YES}</dd>
            </dl>
            {move || hint().map(|hint| view! { <p class="note" data-testid="webgpu-hint">{hint}</p> })}
        </section>
    }
}
