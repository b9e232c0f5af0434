//! Margins of pairs under both reward models, and the answers of a chosen pair.

use leptos::prelude::*;

use crate::live::{ByModel, InspectedPair, Inspection, PairDifference};
use crate::page::reward::margins::{Bar, bars, ranked};
use crate::page::{numbers, text};

#[component]
pub(super) fn Margins(inspection: Inspection) -> impl IntoView {
    let pairs = inspection.pairs;
    let chosen = RwSignal::new(None::<usize>);
    let of = |model: fn(ByModel<[f64; 2]>) -> [f64; 2]| bars(&pairs, model);
    let (ordinary, label) = (of(|scores| scores.ordinary), of(|scores| scores.label_sensitive));
    view! {
        <section aria-labelledby="margins-heading" data-testid="margins-panel">
            <h3 id="margins-heading">{text::MARGINS_HEADING}</h3>
            <p>{text::MARGINS_INTRO}</p>
            <div class="matrices">
                <Bars heading=text::ORDINARY_MODEL testid="margins-ordinary" bars=ordinary chosen/>
                <Bars heading=text::LABEL_MODEL testid="margins-label" bars=label chosen/>
            </div>
            <Chosen pairs chosen/>
        </section>
    }
}

fn kind_class(kind: PairDifference) -> &'static str {
    match kind {
        PairDifference::Label => "kind-label",
        PairDifference::Rationale => "kind-rationale",
    }
}

#[component]
fn Bars(
    heading: &'static str,
    testid: &'static str,
    bars: Vec<Bar>,
    chosen: RwSignal<Option<usize>>,
) -> impl IntoView {
    let counts = ranked(&bars).map(|ranked| {
        let line = text::ranked(ranked.kind, ranked.right, ranked.all);
        view! { <li><span class=format!("key {}", kind_class(ranked.kind)) aria-hidden="true"></span>{line}</li> }
    });
    let row = move |bar: Bar| {
        let Bar {
            pair,
            kind,
            margin,
            length,
            probability,
        } = bar;
        // The drawing is 200 wide, its middle is a margin of 0.
        let (x, width) = if length < 0.0 {
            (100.0 + 100.0 * length, -100.0 * length)
        } else {
            (100.0, 100.0 * length)
        };
        view! {
            <tr class:selected=move || chosen.get() == Some(pair)>
                <th scope="row">
                    <button
                        type="button"
                        class="small link"
                        aria-pressed=move || (chosen.get() == Some(pair)).to_string()
                        on:click=move |_| chosen.set(Some(pair))
                    >
                        {pair + 1}
                        <span class="hidden-text">{text::pair_kind(kind)}</span>
                    </button>
                </th>
                <td>{numbers::signed(margin)}</td>
                <td class="bar">
                    <svg viewBox="0 0 200 12" preserveAspectRatio="none" aria-hidden="true">
                        <rect class=kind_class(kind) x=x.to_string() y="1" width=width.to_string() height="10"/>
                        <line class="zero" x1="100" x2="100" y1="0" y2="12"/>
                    </svg>
                </td>
                <td>{numbers::percent(probability)}</td>
            </tr>
        }
    };
    view! {
        <div class="scroll">
            <table class="margins" data-testid=testid>
                <caption>{heading}</caption>
                <thead>
                    <tr>{text::MARGINS_COLUMNS.map(|name| view! { <th scope="col">{name}</th> }).collect_view()}</tr>
                </thead>
                <tbody>{bars.into_iter().map(row).collect_view()}</tbody>
            </table>
            <ul class="legend">{counts.into_iter().collect_view()}</ul>
        </div>
    }
}

/// The answers of the chosen pair.
#[component]
fn Chosen(pairs: Vec<InspectedPair>, chosen: RwSignal<Option<usize>>) -> impl IntoView {
    let shown = move || {
        let pair = chosen.get().and_then(|pair| pairs.get(pair).cloned());
        match pair {
            None => view! { <p class="note">{text::PAIR_NONE}</p> }.into_any(),
            Some(pair) => view! {
                <blockquote>{pair.text}</blockquote>
                <dl class="facts">
                    <dt>{text::PAIR_CHOSEN}</dt>
                    <dd class="answer">{pair.chosen}</dd>
                    <dt>{text::PAIR_REJECTED}</dt>
                    <dd class="answer">{pair.rejected}</dd>
                </dl>
            }
            .into_any(),
        }
    };
    view! { <div aria-live="polite" data-testid="margins-pair">{shown}</div> }
}
