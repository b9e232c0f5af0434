//! The run that the browser keeps, and checkpoints as files.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use crate::page::evaluate::files;
use crate::page::evaluate::view::Failed;
use crate::page::kept;
use crate::page::session::{Keeping, Phase};
use crate::page::store::Store;
use crate::page::text;

#[component]
pub(super) fn KeptPanel(store: Store) -> impl IntoView {
    let not_kept = Memo::new(move |_| {
        store.read(|session| match session.keeping() {
            Keeping::InTheTab(failure) => Some(failure.clone()),
            Keeping::Unknown | Keeping::InTheBrowser => None,
        })
    });
    let problem = move || {
        let failure = store.kept_problem.get();
        failure.map(|failure| view! { <Failed failure testid="kept-problem"/> })
    };
    let warning = move || {
        let failure = not_kept.get();
        failure.map(|failure| view! { <Failed failure testid="not-kept"/> })
    };
    view! {
        <Offered store/>
        <CheckpointFile store/>
        {problem}
        {warning}
    }
}

#[component]
fn Offered(store: Store) -> impl IntoView {
    let is_busy = Memo::new(move |_| store.read(|session| session.phase().is_busy()));
    move || {
        let offer = store.offer.get()?;
        Some(view! {
            <section class="offer" aria-labelledby="kept-heading" data-testid="kept-run">
                <h3 id="kept-heading">{text::KEPT_HEADING}</h3>
                <p data-testid="kept-about">{text::kept_offer(&offer.time, offer.place)}</p>
                <div class="buttons">
                    <button
                        type="button"
                        data-testid="kept-go-on"
                        disabled=move || is_busy.get()
                        on:click=move |_| kept::go_on_with_the_offer(store)
                    >
                        {text::go_on_button(&offer.time)}
                    </button>
                    <button type="button" data-testid="kept-forget" on:click=move |_| kept::forget_the_offer(store)>
                        {text::FORGET_BUTTON}
                    </button>
                </div>
            </section>
        })
    }
}

#[component]
fn CheckpointFile(store: Store) -> impl IntoView {
    let is_busy = Memo::new(move |_| store.read(|session| session.phase().is_busy()));
    let has_checkpoint = Memo::new(move |_| store.read(|session| session.run().saved.is_some()));
    let may_go_on = Memo::new(move |_| {
        store.read(|session| {
            matches!(session.phase(), Phase::Stopped | Phase::Failed) && session.run().can_go_on()
        })
    });
    let go_on = move |_| {
        if let Some(run) = kept::run_of_this_page(store) {
            kept::go_on(store, run);
        }
    };
    let given = move |event: leptos::ev::Event| {
        let input: web_sys::HtmlInputElement = event_target(&event);
        let files = files::of_input(&JsValue::from(input.clone()));
        // The same file can be chosen again.
        input.set_value("");
        if let Some(file) = files.into_iter().next() {
            kept::upload(store, file);
        }
    };
    view! {
        <div class="buttons">
            <Show when=move || may_go_on.get()>
                <button type="button" data-testid="go-on-here" on:click=go_on>{text::GO_ON_HERE_BUTTON}</button>
            </Show>
            <button
                type="button"
                data-testid="checkpoint-download"
                disabled=move || !has_checkpoint.get() && store.offer.with(Option::is_none)
                on:click=move |_| kept::download(store)
            >
                {text::DOWNLOAD_BUTTON}
            </button>
        </div>
        <label class="field">
            <span>{text::UPLOAD_LABEL}</span>
            <input
                type="file"
                accept=".tar"
                data-testid="checkpoint-upload"
                disabled=move || is_busy.get()
                on:change=given
            />
        </label>
        <p class="note">{text::CHECKPOINT_NOTE}</p>
    }
}
