//! Eight pairs, two keys.

use leptos::prelude::*;

use crate::live::DrawnPair;
use crate::page::reward::annotator::{Preference, ROUND, Round};
use crate::page::text;

#[component]
pub(super) fn Annotator(shown: Vec<DrawnPair>) -> impl IntoView {
    let body = if shown.is_empty() {
        view! { <p class="note">{text::ANNOTATOR_NONE}</p> }.into_any()
    } else {
        view! { <OneRound shown/> }.into_any()
    };
    view! {
        <section aria-labelledby="annotator-heading" data-testid="annotator-panel">
            <h3 id="annotator-heading">{text::ANNOTATOR_HEADING}</h3>
            <p>{text::ANNOTATOR_INTRO}</p>
            {body}
        </section>
    }
}

#[component]
fn OneRound(shown: Vec<DrawnPair>) -> impl IntoView {
    debug_assert!(shown.len() <= ROUND, "a round has at most {ROUND} pairs");
    let all = shown.len();
    let round = RwSignal::new(Round::default());
    let choose = move |preference: Preference| round.update(|round| round.choose(preference, all));
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        if let Some(preference) = Preference::of_key(&event.key()) {
            event.prevent_default();
            choose(preference);
        }
    };
    let shown = StoredValue::new(shown);
    let question = move || {
        let asked = round.with(|round| round.asks(all));
        asked.map(|number| {
            let pair = shown.with_value(|shown| shown[number].clone());
            let [first, second] = pair.answers;
            view! {
                <p class="note" data-testid="annotator-progress">{text::annotator_progress(number + 1, all)}</p>
                <blockquote>{pair.text}</blockquote>
                <div class="cards">
                    <div class="card"><p class="answer">{first.response}</p></div>
                    <div class="card"><p class="answer">{second.response}</p></div>
                </div>
            }
        })
    };
    let outcome = move || {
        let outcome = shown.with_value(|shown| {
            let pairs: Vec<&DrawnPair> = shown.iter().collect();
            round.with(|round| round.outcome(&pairs))
        });
        outcome.map(
            |outcome| view! { <p data-testid="annotator-outcome">{text::annotator_outcome(&outcome)}</p> },
        )
    };
    view! {
        // The keys count in the whole group, so that nobody has to aim.
        <div class="annotator" tabindex="0" role="group" aria-labelledby="annotator-heading" data-testid="annotator" on:keydown=on_key>
            <div aria-live="polite">{question}{outcome}</div>
            <Buttons round all/>
        </div>
    }
}

#[component]
fn Buttons(round: RwSignal<Round>, all: usize) -> impl IntoView {
    let choose = move |preference: Preference| round.update(|round| round.choose(preference, all));
    let is_over = move || round.with(|round| round.asks(all).is_none());
    let is_new = move || round.with(|round| *round == Round::default());
    let [first_label, second_label] = text::ANNOTATOR_BUTTONS;
    view! {
        <div class="buttons">
            <button type="button" data-testid="prefer-1" disabled=is_over on:click=move |_| choose(Preference::First)>
                {first_label}
            </button>
            <button type="button" data-testid="prefer-2" disabled=is_over on:click=move |_| choose(Preference::Second)>
                {second_label}
            </button>
            <button
                type="button"
                class="small"
                data-testid="annotator-undo"
                disabled=is_new
                on:click=move |_| round.update(Round::undo)
            >
                {text::ANNOTATOR_UNDO}
            </button>
            <button
                type="button"
                class="small"
                data-testid="annotator-again"
                disabled=move || !is_over()
                on:click=move |_| round.set(Round::default())
            >
                {text::ANNOTATOR_AGAIN}
            </button>
        </div>
    }
}
