//! The folded settings: each with its meaning, default, range and reset.

use leptos::either::Either;
use leptos::html::Details;
use leptos::prelude::*;

use crate::live::{LiveField as Field, LiveSettings};
use crate::page::store::Store;
use crate::page::{permalink, text};

/// The id of a setting's input.
pub(super) fn input_id(field: Field) -> String {
    format!("setting-{field}")
}

#[component]
pub(super) fn SettingsForm(store: Store, details: NodeRef<Details>) -> impl IntoView {
    let reset_all = move |_| Field::ALL.into_iter().for_each(|field| reset(store, field));
    let link = move || {
        store
            .settings()
            .map_or_else(|_| "#".to_owned(), |set| format!("#{}", permalink::write(&set)))
    };
    view! {
        <IgnoredParts store/>
        <details node_ref=details data-testid="settings">
            <summary>{text::SETTINGS}</summary>
            <div class="settings">
                {Field::ALL.map(|field| view! { <Setting store field/> }).collect_view()}
            </div>
            <div class="buttons">
                <button type="button" class="small" data-testid="reset-all" on:click=reset_all>
                    {text::RESET_ALL}
                </button>
            </div>
            <p><a data-testid="permalink" href=link>{text::PERMALINK}</a></p>
        </details>
    }
}

#[component]
fn Setting(store: Store, field: Field) -> impl IntoView {
    let value = store.field(field);
    let default = LiveSettings::default().get(field);
    let is_changed = {
        let default = default.clone();
        move || value.with(|value| value.trim() != default)
    };
    let error = Memo::new(move |_| value.with(|value| LiveSettings::default().set(field, value).err()));
    let (hint_id, error_id) = (format!("hint-{field}"), format!("error-{field}"));
    let error_testid = error_id.clone();
    let described_by = format!("{hint_id} {error_id}");
    view! {
        <div class="setting">
            <label for=input_id(field)>{text::live_field(field).0}</label>
            <div class="row">
                <Value store field described_by/>
                <button
                    type="button"
                    class="small"
                    data-testid=format!("reset-{field}")
                    aria-label=text::live_reset_label(field)
                    disabled=move || !is_changed()
                    on:click=move |_| reset(store, field)
                >
                    {text::RESET}
                </button>
            </div>
            <p class="bad" id=error_id data-testid=error_testid aria-live="polite">
                {move || error.get().map(|error| text::field_error(&error.expected))}
            </p>
            <p class="note" id=hint_id>{text::live_field_hint(field, &default)}</p>
        </div>
    }
}

/// The input of a setting: a list where it is one of a few words.
#[component]
fn Value(store: Store, field: Field, described_by: String) -> impl IntoView {
    let value = store.field(field);
    let error = move || value.with(|value| LiveSettings::default().set(field, value).is_err());
    let is_invalid = move || if error() { "true" } else { "false" };
    match field.words() {
        Some(words) => {
            let option = move |word: &'static str| {
                view! { <option value=word selected=move || value.with(|value| value == word)>{word.replace('_', " ")}</option> }
            };
            Either::Left(view! {
                <select
                    id=input_id(field)
                    data-testid=input_id(field)
                    aria-describedby=described_by
                    prop:value=value
                    on:change:target=move |event| value.set(event.target().value())
                >
                    {words.into_iter().map(option).collect_view()}
                </select>
            })
        }
        None => Either::Right(view! {
            <input
                id=input_id(field)
                data-testid=input_id(field)
                type="text"
                inputmode="decimal"
                autocomplete="off"
                prop:value=value
                aria-invalid=is_invalid
                aria-describedby=described_by
                on:input:target=move |event| value.set(event.target().value())
            />
        }),
    }
}

fn reset(store: Store, field: Field) {
    store.field(field).set(LiveSettings::default().get(field));
}

#[component]
fn IgnoredParts(store: Store) -> impl IntoView {
    let parts = move || {
        let ignored = store.ignored.get();
        let item = |part: permalink::Ignored| view! { <li><code>{part.part}</code>": "{part.reason}</li> };
        (!ignored.is_empty()).then(|| {
            view! {
                <div data-testid="link-ignored" role="status">
                    <p>{text::LINK_IGNORED}</p>
                    <ul>{ignored.into_iter().map(item).collect_view()}</ul>
                </div>
            }
        })
    };
    view! { {parts} }
}
