//! The run: what is shown, the buttons, its progress, its charts.

use leptos::html::Details;
use leptos::prelude::*;

use super::super::store::{Source, Store};
use crate::page::numbers;
use crate::page::text;

mod charts;
mod controls;
mod failure_panel;
mod kept_panel;
mod rail;
mod settings_form;
mod status;

#[component]
pub(super) fn RunPanel(store: Store) -> impl IntoView {
    let details = NodeRef::<Details>::new();
    view! {
        <section aria-labelledby="run-heading" data-testid="run-panel">
            <h2 id="run-heading">{text::RUN_HEADING}</h2>
            <p>{text::RUN_INTRO}</p>
            <controls::Controls store details/>
            <settings_form::SettingsForm store details/>
            <failure_panel::FailurePanel store/>
            <kept_panel::KeptPanel store/>
            <SourceChoice store/>
            <status::Status store/>
            <rail::Rail store/>
            <charts::Charts store/>
            <Sample store/>
        </section>
    }
}

/// Which run is shown: the recorded one, or that of this page.
#[component]
fn SourceChoice(store: Store) -> impl IntoView {
    let has_live = Memo::new(move |_| {
        store.read(|session| session.run().parameters.is_some() || session.phase().is_busy())
    });
    let choice = move |source: Source, testid: &'static str, name: &'static str| {
        let disabled = move || source == Source::Live && !has_live.get();
        let note = move || disabled().then_some(text::NO_LIVE_RUN);
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name="source"
                    data-testid=testid
                    prop:checked=move || store.source.get() == source
                    disabled=disabled
                    on:change=move |_| store.source.set(source)
                />
                <b>{name}</b>
                <span>{note}</span>
            </label>
        }
    };
    let badge = move || match store.source.get() {
        Source::Recorded => text::RECORDED_BADGE,
        Source::Live => text::LIVE_BADGE,
    };
    let origin = move || {
        (store.source.get() == Source::Recorded).then(|| {
            let line = store.recorded(|run| {
                let seconds = run.events.last().map_or(0.0, |event| event.at_ms / 1000.0);
                text::recorded_by(&run.commit, &run.device, &numbers::short(seconds))
            });
            view! { <p class="note" data-testid="recorded-by">{line}</p> }
        })
    };
    view! {
        <fieldset class="sources">
            <legend>{text::SOURCE}</legend>
            {choice(Source::Recorded, "source-recorded", text::SOURCE_RECORDED)}
            {choice(Source::Live, "source-live", text::SOURCE_LIVE)}
            <span class="badge" data-testid="source-badge">{badge}</span>
        </fieldset>
        {origin}
    }
}

/// The last text that a policy wrote.
#[component]
fn Sample(store: Store) -> impl IntoView {
    let sample = Memo::new(move |_| store.view(|view| view.sample.clone()));
    let shown = move || match sample.get() {
        None => view! { <p class="note">{text::SAMPLE_NONE}</p> }.into_any(),
        Some(sample) => {
            let score = sample.score.map(numbers::short);
            view! {
                <figure data-testid="sample">
                    <figcaption>{text::sample_caption(sample.stage, sample.step, score.as_deref())}</figcaption>
                    <pre class="note">{sample.prompt}</pre>
                    <pre>{sample.response}</pre>
                </figure>
            }
            .into_any()
        }
    };
    view! {
        <h3>{text::SAMPLE_HEADING}</h3>
        {shown}
    }
}
