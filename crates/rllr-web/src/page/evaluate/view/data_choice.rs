//! Which examples: an embedded test set, or the visitor's file.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::DropPlace;
use super::mapping_form::MappingForm;
use crate::page::evaluate::store::{DataChoice, EvaluateStore};
use crate::page::evaluate::tasks::EMBEDDED;
use crate::page::evaluate::{files, text};

/// The value of the choice of the visitor's own file; no task has this name.
const OWN: &str = "*";

#[component]
pub(super) fn DataChooser(store: EvaluateStore) -> impl IntoView {
    let chosen = move |event: leptos::ev::Event| {
        let value = event_target_value(&event);
        store.data.set(if value == OWN {
            DataChoice::Own
        } else {
            DataChoice::Embedded(value)
        });
    };
    let option = |name: &'static str, title: &'static str| {
        let is_chosen = move || {
            store
                .data
                .with(|data| matches!(data, DataChoice::Embedded(chosen) if chosen == name))
        };
        view! { <option value=name prop:selected=is_chosen>{title}</option> }
    };
    let options = EMBEDDED.map(|task| option(task.name, task.title));
    let is_own = Memo::new(move |_| store.data.get() == DataChoice::Own);
    view! {
        <fieldset>
            <legend>{text::DATA}</legend>
            <label class="field">
                <span>{text::DATA_CHOICE}</span>
                <select data-testid="evaluate-data" on:change=chosen>
                    {options.collect_view()}
                    <option value=OWN prop:selected=move || is_own.get()>{text::OWN_DATA}</option>
                </select>
            </label>
            <div hidden=move || !is_own.get()>
                <OwnData store/>
            </div>
        </fieldset>
    }
}

#[component]
fn OwnData(store: EvaluateStore) -> impl IntoView {
    let given = move |event: leptos::ev::Event| {
        let input: web_sys::HtmlInputElement = event_target(&event);
        let files = files::of_input(&JsValue::from(input.clone()));
        input.set_value("");
        store.give_data(files);
    };
    let about = move || {
        let name = store.own_data.get()?.name;
        let tasks: Vec<(String, usize)> = store.read(|desk| {
            let tasks = desk.inspected().map(|inspected| inspected.tasks.clone());
            tasks.unwrap_or_default().into_iter().collect()
        });
        Some(if tasks.is_empty() {
            name
        } else {
            format!("{name}. {}", text::inspected(&tasks))
        })
    };
    view! {
        <label class="field">
            <span>{text::DATA_FILE}</span>
            <input
                type="file"
                accept=".jsonl,.json,.csv,.tsv,.txt,.gz"
                data-testid="evaluate-data-file"
                disabled=move || store.is_busy()
                on:change=given
            />
        </label>
        <DropPlace testid="evaluate-data-drop" hint=text::DATA_DROP on_files=move |files| store.give_data(files)/>
        <p class="note" data-testid="evaluate-own-data" aria-live="polite">{about}</p>
        <MappingForm store/>
    }
}
