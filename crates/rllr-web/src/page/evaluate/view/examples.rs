//! The examples with what the model answered.

use leptos::prelude::*;

use super::Probabilities;
use super::measures::{measured, shown_slot, shown_task};
use crate::page::evaluate::desk::Slot;
use crate::page::evaluate::results::Outcome;
use crate::page::evaluate::store::EvaluateStore;
use crate::page::evaluate::text;
use crate::protocol::models::AnsweredRow;

/// So many examples are shown at first, and so many more with each press of the button.
const SHOWN: usize = 20;

/// What is shown of the examples.
#[derive(Clone, PartialEq)]
struct Shown {
    rows: Vec<(AnsweredRow, Option<AnsweredRow>)>,
    passing: usize,
    all: usize,
    labels: Vec<String>,
}

#[component]
pub(super) fn Examples(store: EvaluateStore) -> impl IntoView {
    let most = RwSignal::new(SHOWN);
    // Another filter, model or task begins at the top again.
    Effect::new(move |_| {
        store.filter.track();
        store.shown.track();
        store.shown_task.track();
        most.set(SHOWN);
    });
    let shown = Memo::new(move |_| shown(store, most.get()));
    let count = move || {
        shown
            .get()
            .map(|shown| text::shown(shown.rows.len(), shown.passing, shown.all))
    };
    let has_more = move || shown.get().is_some_and(|shown| shown.rows.len() < shown.passing);
    let items = move || {
        shown.get().map(|Shown { rows, labels, .. }| {
            let item = |(row, other)| view! { <Row row other labels=labels.clone()/> };
            rows.into_iter().map(item).collect_view()
        })
    };
    view! {
        <h3>{text::EXAMPLES}</h3>
        <Filters store/>
        <p role="status" data-testid="examples-count">{count}</p>
        <ul class="examples" data-testid="examples">{items}</ul>
        <Show when=has_more>
            <button
                type="button"
                class="small"
                data-testid="examples-more"
                on:click=move |_| most.update(|most| *most += SHOWN)
            >
                {text::SHOW_MORE}
            </button>
        </Show>
    }
}

fn shown(store: EvaluateStore, most: usize) -> Option<Shown> {
    let (slot, task, filter) = (shown_slot(store), shown_task(store), store.filter.get());
    store.read(|desk| {
        let results = desk.results(slot)?;
        let other = desk.results(if slot == Slot::First {
            Slot::Second
        } else {
            Slot::First
        });
        let passing = results.visible(&task, &filter, other);
        let pair = |row: &&AnsweredRow| ((*row).clone(), other.and_then(|other| other.row(row)).cloned());
        Some(Shown {
            rows: passing.iter().take(most).map(pair).collect(),
            passing: passing.len(),
            all: results.of_task(&task).count(),
            labels: measured(results, &task)?.labels.clone(),
        })
    })
}

#[component]
fn Filters(store: EvaluateStore) -> impl IntoView {
    let has_second = Memo::new(move |_| store.read(|desk| desk.results(Slot::Second).is_some()));
    let has_cell = move || store.filter.with(|filter| filter.cell.is_some());
    let options = move || {
        let offered = Outcome::ALL
            .into_iter()
            .filter(|outcome| *outcome != Outcome::Differing || has_second.get());
        offered
            .map(|outcome| {
                let is_chosen = move || store.filter.with(|filter| filter.outcome == outcome);
                view! { <option value=outcome.name() prop:selected=is_chosen>{text::outcome(outcome)}</option> }
            })
            .collect_view()
    };
    let changed = move |event: leptos::ev::Event| {
        let outcome = Outcome::from_name(&event_target_value(&event)).unwrap_or_default();
        store.filter.update(|filter| filter.outcome = outcome);
    };
    view! {
        <div class="filters">
            <label class="field">
                <span>{text::SEARCH}</span>
                <input
                    type="search"
                    data-testid="examples-search"
                    prop:value=move || store.filter.with(|filter| filter.search.clone())
                    on:input:target=move |event| store.filter.update(|filter| filter.search = event.target().value())
                />
            </label>
            <label class="field">
                <span>{text::OUTCOME}</span>
                <select
                    data-testid="examples-outcome" on:change=changed
                >
                    {options}
                </select>
            </label>
            <Show when=has_cell>
                <button
                    type="button"
                    class="small"
                    data-testid="examples-all-cells"
                    on:click=move |_| store.filter.update(|filter| filter.cell = None)
                >
                    {text::SHOW_ALL_CELLS}
                </button>
            </Show>
        </div>
    }
}

#[component]
fn Row(row: AnsweredRow, other: Option<AnsweredRow>, labels: Vec<String>) -> impl IntoView {
    let verdict = text::verdict(row.correct, row.prediction.as_deref(), &row.label);
    let class = if row.correct { "good" } else { "bad" };
    let texts = row
        .texts
        .into_iter()
        .map(|text| view! { <p class="example-text">{text}</p> })
        .collect_view();
    let rationale = if row.rationale.is_empty() {
        text::NO_RATIONALE.to_owned()
    } else {
        row.rationale
    };
    let probs = row.label_probs.map(|probs| {
        view! { <Probabilities labels probs chosen=row.prediction.clone()/> }
    });
    let other = other.map(|other| {
        let verdict = text::verdict(other.correct, other.prediction.as_deref(), &other.label);
        view! {
            <dt>{text::OTHER_ANSWER}</dt>
            <dd>{verdict} <br/> <q>{other.rationale}</q></dd>
        }
    });
    let id = row.id.clone();
    view! {
        <li data-testid="example" data-id=id>
            {texts}
            <p class=class>{verdict}</p>
            <details>
                <summary>{text::DETAILS}</summary>
                <dl class="facts">
                    <dt>{text::RATIONALE}</dt>
                    <dd data-testid="example-rationale">{rationale}</dd>
                    <dt>{text::RESPONSE}</dt>
                    <dd class="written">{row.response}</dd>
                    <dt>{text::ID}</dt>
                    <dd>{row.id}</dd>
                    {other}
                </dl>
                {probs}
            </details>
        </li>
    }
}
