//! Which model: one of the page's, or the visitor's files.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::DropPlace;
use crate::page::evaluate::store::{CatalogState, EvaluateStore, ModelChoice};
use crate::page::evaluate::{files, text};

/// The value of the choice of the visitor's own model; no folder has this name.
const OWN: &str = "*";

#[component]
pub(super) fn ModelChooser(store: EvaluateStore) -> impl IntoView {
    let chosen = move |event: leptos::ev::Event| {
        let value = event_target_value(&event);
        store.model.set(if value == OWN {
            ModelChoice::Own
        } else {
            ModelChoice::Shipped(value)
        });
    };
    let options = move || {
        let models = store.catalog.with(|catalog| match catalog {
            CatalogState::Ready(catalog) => catalog.models.clone(),
            CatalogState::Loading | CatalogState::Broken(_) => Vec::new(),
        });
        let option = |model: crate::delivery::manifest::CatalogEntry| {
            let label = text::model_option(&model.title, model.bytes);
            let choice = ModelChoice::Shipped(model.name.clone());
            let is_chosen = move || store.model.with(|model| *model == choice);
            view! { <option value=model.name prop:selected=is_chosen>{label}</option> }
        };
        models.into_iter().map(option).collect_view()
    };
    let is_own = Memo::new(move |_| store.model.get() == ModelChoice::Own);
    view! {
        <fieldset>
            <legend>{text::MODEL}</legend>
            <label class="field">
                <span>{text::MODEL_CHOICE}</span>
                <select data-testid="evaluate-model" on:change=chosen>
                    {options}
                    <option value=OWN prop:selected=move || is_own.get()>{text::OWN_MODEL}</option>
                </select>
            </label>
            <Description store/>
            <div hidden=move || !is_own.get()>
                <OwnModel store/>
            </div>
        </fieldset>
    }
}

/// What is known of the chosen model.
#[component]
fn Description(store: EvaluateStore) -> impl IntoView {
    let note = move || {
        let catalog = store.catalog.with(|catalog| match catalog {
            CatalogState::Loading => Some(text::MODELS_LOADING.to_owned()),
            CatalogState::Broken(message) => Some(message.clone()),
            CatalogState::Ready(catalog) if catalog.models.is_empty() => Some(text::NO_MODELS.to_owned()),
            CatalogState::Ready(_) => None,
        });
        catalog.map(|note| view! { <p class="note" data-testid="evaluate-catalog">{note}</p> })
    };
    let about = move || {
        store.shipped().map(|model| {
            let learnt = (!model.tasks.is_empty()).then(|| text::learnt(&model.tasks));
            let has_card = !model.description.is_empty();
            let card = format!("models/{}/README.md", model.name);
            let card = has_card.then(|| view! { <a href=card target="_blank">{text::MODEL_CARD}</a> });
            view! {
                <p class="note" data-testid="evaluate-about">
                    {model.description} " " {learnt} " " {card}
                </p>
            }
        })
    };
    view! { {note} {about} }
}

#[component]
fn OwnModel(store: EvaluateStore) -> impl IntoView {
    let given = move |event: leptos::ev::Event| {
        let input: web_sys::HtmlInputElement = event_target(&event);
        let files = files::of_input(&JsValue::from(input.clone()));
        // The same files can be chosen again, after they were changed.
        input.set_value("");
        if !files.is_empty() {
            store.give_model(&files);
        }
    };
    let about = move || {
        let files = store.own_model.get();
        let bytes = files.iter().map(|file| file.bytes).sum();
        (!files.is_empty()).then(|| text::given_model(files.len(), bytes))
    };
    view! {
        <label class="field">
            <span>{text::MODEL_FILES}</span>
            <input type="file" multiple data-testid="evaluate-model-files" on:change=given/>
        </label>
        <label class="field">
            <span>{text::MODEL_FOLDER}</span>
            <input type="file" prop:webkitdirectory=true data-testid="evaluate-model-folder" on:change=given/>
        </label>
        <DropPlace
            testid="evaluate-model-drop"
            hint=text::MODEL_DROP
            on_files={move |files: Vec<_>| store.give_model(&files)}
        />
        <p class="note" data-testid="evaluate-own-model" aria-live="polite">{about}</p>
    }
}
