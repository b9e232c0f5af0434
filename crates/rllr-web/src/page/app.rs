//! The views, from the whole page down to its parts.

#![allow(unreachable_pub, reason = "Leptos' component macro writes `pub` items")]

use leptos::mount::mount_to;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use super::evaluate::store::EvaluateStore;
use super::evaluate::view::EvaluatePanel;
use super::permalink;
use super::store::Store;
use super::try_it::view::TryItPanel;

mod device_panel;

mod live;

mod reward;

mod check_panel;

/// Fills the page. Called once, by the page's program.
///
/// # Panics
/// If the page has no element `app`: then it is not our `index.html`.
pub fn start() {
    let root = document()
        .get_element_by_id("app")
        .expect("index.html has the element `app`");
    root.set_text_content(None);
    root.set_attribute("aria-busy", "false")
        .expect("an attribute name of letters is valid");
    mount_to(root.unchecked_into(), App).forget();
}

#[component]
fn App() -> impl IntoView {
    let store = Store::new();
    keep_address_up_to_date(store);
    let models = EvaluateStore::new();
    view! {
        <device_panel::DevicePanel store/>
        <live::RunPanel store/>
        <reward::RewardPanels store/>
        <EvaluatePanel store=models webgpu=store.webgpu/>
        <TryItPanel store=models/>
        <check_panel::CheckPanel store/>
    }
}

/// The address follows the form, and the form follows a link that is clicked in the page.
fn keep_address_up_to_date(store: Store) {
    Effect::new(move |before: Option<()>| {
        let Ok(settings) = store.settings() else { return };
        // The first time, the address is what the form was read from; ignored parts stay visible in it.
        if before.is_none() {
            return;
        }
        let location = window().location();
        let path = format!(
            "{}{}",
            location.pathname().unwrap_or_default(),
            location.search().unwrap_or_default()
        );
        let fragment = permalink::write(&settings);
        let address = if fragment.is_empty() {
            path
        } else {
            format!("{path}#{fragment}")
        };
        if let Ok(history) = window().history() {
            // A page in a sandbox may not change its address; the link beside the form still works.
            let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&address));
        }
    });
    let handle = window_event_listener(leptos::ev::hashchange, move |_| {
        let hash = window().location().hash().unwrap_or_default();
        // `#main` is the skip link's.
        if hash != "#main" {
            store.follow_the_link();
        }
    });
    on_cleanup(move || handle.remove());
}
