//! The views of the evaluator, from the whole panel down to its parts.

#![allow(unreachable_pub, reason = "Leptos' component macro writes `pub` items")]

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::desk::{Phase, Slot};
use super::store::EvaluateStore;
use super::{files, text};

mod data_choice;
mod examples;
mod mapping_form;
mod matrix_table;
mod measures;
mod model_choice;
mod options;
mod probabilities;
mod status;

pub(in crate::page) use probabilities::Probabilities;
pub(in crate::page) use status::Failed;

#[component]
pub(in crate::page) fn EvaluatePanel(
    store: EvaluateStore,
    webgpu: RwSignal<Option<crate::protocol::WebGpuSupport>>,
) -> impl IntoView {
    let has_results = Memo::new(move |_| store.read(|desk| desk.results(Slot::First).is_some()));
    view! {
        <section aria-labelledby="evaluate-heading" data-testid="evaluate-panel">
            <h2 id="evaluate-heading">{text::HEADING}</h2>
            <p>{text::INTRO}</p>
            <model_choice::ModelChooser store/>
            <data_choice::DataChooser store/>
            <options::Options store webgpu/>
            <Buttons store/>
            <status::Status store/>
            <Show when=move || has_results.get()>
                <h3>{text::RESULTS}</h3>
                <measures::Measures store/>
                <matrix_table::MatrixTable store/>
                <examples::Examples store/>
            </Show>
        </section>
    }
}

#[component]
fn Buttons(store: EvaluateStore) -> impl IntoView {
    let missing = Memo::new(move |_| {
        if store.model_source().is_none() {
            Some(text::NO_MODEL_YET)
        } else if store.data_source().is_none() {
            Some(text::NO_DATA_YET)
        } else if store.options().is_none() {
            Some(text::OPTION_BAD_NUMBER)
        } else {
            None
        }
    });
    let is_off = move || store.is_busy() || missing.get().is_some();
    let has_first = Memo::new(move |_| store.read(|desk| desk.results(Slot::First).is_some()));
    let cannot_stop = move || {
        let phase = store.read(|desk| desk.phase());
        !phase.is_busy() || phase == Phase::Stopping
    };
    view! {
        <div class="buttons">
            <button
                type="button"
                class="primary"
                data-testid="evaluate"
                disabled=is_off
                on:click=move |_| store.evaluate(Slot::First)
            >
                {text::EVALUATE}
            </button>
            <button
                type="button"
                data-testid="evaluate-second"
                disabled=move || is_off() || !has_first.get()
                on:click=move |_| store.evaluate(Slot::Second)
            >
                {text::EVALUATE_SECOND}
            </button>
            <button type="button" data-testid="evaluate-stop" disabled=cannot_stop on:click=move |_| store.stop()>
                {text::STOP}
            </button>
        </div>
        <p class="note" data-testid="evaluate-missing">{move || missing.get()}</p>
    }
}

/// A place where files can be dropped; there is a button beside it that does the same.
#[component]
fn DropPlace(
    testid: &'static str,
    hint: &'static str,
    on_files: impl Fn(Vec<files::Given>) + Copy + 'static,
) -> impl IntoView {
    let is_over = RwSignal::new(false);
    let dropped = move |event: leptos::ev::DragEvent| {
        event.prevent_default();
        is_over.set(false);
        let event: &JsValue = &event;
        let files = files::of_drop(event);
        leptos::task::spawn_local(async move { on_files(files.await) });
    };
    view! {
        <p
            class="drop"
            class:over=is_over
            data-testid=testid
            on:dragover=move |event| {
                event.prevent_default();
                is_over.set(true);
            }
            on:dragleave=move |_| is_over.set(false)
            on:drop=dropped
        >
            {hint}
        </p>
    }
}
