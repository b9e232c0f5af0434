//! The charts of a run, and the table behind each for those who do not see a canvas.

use std::time::Duration;

use js_sys::{Array, Float64Array};
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use crate::page::live::curves::{Chart, LineRun, Part, Shading, charts, overlaid};
use crate::page::live::view::RunView;
use crate::page::store::{Source, Store};
use crate::page::{numbers, text};

/// Rows of a table: a screen or two. Longer runs are thinned, and the caption says so.
const TABLE_ROWS: usize = 50;

#[wasm_bindgen]
extern "C" {
    /// What `web/chart.js` returns.
    #[wasm_bindgen(js_name = Chart)]
    type Drawing;

    #[wasm_bindgen(js_namespace = rllrChart, js_name = create)]
    fn create(element: &JsValue, step_label: &str, labels: Array, styles: Array, is_shaded: bool) -> Drawing;

    #[wasm_bindgen(method)]
    fn update(this: &Drawing, steps: Float64Array, lines: Array);

    #[wasm_bindgen(method)]
    fn destroy(this: &Drawing);
}

#[component]
pub(super) fn Charts(store: Store) -> impl IntoView {
    let part = RwSignal::new(Part::Ppo);
    // A live run leads to the charts of its stage, until the visitor chooses others in that stage.
    let current = Memo::new(move |_| {
        let is_live = store.source.get() == Source::Live;
        let stage = store.view(|view| view.current);
        if is_live {
            stage.map_or(Part::Sft, Part::of)
        } else {
            Part::Ppo
        }
    });
    Effect::new(move |_| part.set(current.get()));
    let tab = move |this: Part| {
        view! {
            <label class="tab">
                <input
                    type="radio"
                    name="part"
                    data-testid=format!("part-{}", this.name())
                    prop:checked=move || part.get() == this
                    on:change=move |_| part.set(this)
                />
                <span>{text::part(this)}</span>
            </label>
        }
    };
    // The charts of a part are always the same ones: only their data change.
    let drawn = move || {
        let part = part.get();
        let count = store.view_untracked(|view| charts(view, part).len());
        (0..count)
            .map(|index| view! { <OneChart store part index/> })
            .collect_view()
    };
    let is_overlaid = Memo::new(move |_| store.behind(|_| ()).is_some());
    let overlay = move || {
        let is_other = store.read(|session| store.recorded(|run| run.settings != *session.settings()));
        let other = if is_other { text::OVERLAID_OTHER } else { "" };
        is_overlaid
            .get()
            .then(|| view! { <p class="note" data-testid="overlaid">{text::OVERLAID}{other}</p> })
    };
    view! {
        <fieldset class="tabs">
            <legend>{text::PARTS_LABEL}</legend>
            {Part::ALL.map(tab).collect_view()}
        </fieldset>
        {overlay}
        <div class="charts" data-testid="charts">{drawn}</div>
    }
}

#[component]
fn OneChart(store: Store, part: Part, index: usize) -> impl IntoView {
    let chart = Memo::new(move |_| {
        let of = |view: &RunView| charts(view, part).swap_remove(index);
        let shown = store.view(of);
        match store.behind(of) {
            Some(recorded) => overlaid(&shown, &recorded),
            None => shown,
        }
    });
    let first = chart.get_untracked();
    let place = NodeRef::<Div>::new();
    let drawing = StoredValue::new_local(None::<Drawn>);
    // Each chart is drawn in a task of its own: all at once would keep the page from answering for longer than 50 ms.
    let is_due = StoredValue::new(false);
    let draw_now = move || {
        // The chart may be gone when its turn comes.
        let _ = is_due.try_set_value(false);
        let (Some(Some(element)), Some(chart)) = (place.try_get_untracked(), chart.try_get_untracked())
        else {
            return;
        };
        let _ = drawing.try_update_value(|drawing| redraw(drawing, &element, &chart));
    };
    Effect::new(move |_| {
        chart.track();
        if place.get().is_some() && !is_due.get_value() {
            is_due.set_value(true);
            set_timeout(draw_now, Duration::ZERO);
        }
    });
    on_cleanup(move || {
        drawing.try_update_value(|drawing| {
            if let Some(drawing) = drawing.take() {
                drawing.drawing.destroy();
            }
        });
    });
    let is_empty = Memo::new(move |_| chart.with(|chart| chart.steps.is_empty()));
    let label = Memo::new(move |_| chart.with(label));
    view! {
        <figure class="one-chart" data-testid=format!("chart-{}", first.id)>
            <h3>{first.heading}</h3>
            <Show when=move || is_empty.get()>
                <p class="note">{text::CHART_EMPTY}</p>
            </Show>
            <div
                class="chart"
                role="img"
                aria-label=move || label.get()
                node_ref=place
                hidden=move || is_empty.get()
            ></div>
            <figcaption>{first.caption}</figcaption>
            <Table chart id=first.id/>
        </figure>
    }
}

/// A drawing with the number of its lines.
struct Drawn {
    lines: usize,
    drawing: Drawing,
}

impl Drawn {
    fn new(element: &JsValue, chart: &Chart) -> Self {
        let labels = chart.lines.iter().map(|line| JsValue::from(&line.label));
        // The second word of a style, if it has one, says that the line is of the recorded run.
        let style = |name: &str, run| match run {
            LineRun::Shown => name.to_owned(),
            LineRun::Recorded => format!("{name} recorded"),
        };
        let styles = chart
            .lines
            .iter()
            .map(|line| JsValue::from(style(line.style.name(), line.run)));
        let is_shaded = chart.shading == Shading::BetweenTheFirstTwo;
        Self {
            lines: chart.lines.len(),
            drawing: create(
                element,
                text::STEP_AXIS,
                labels.collect(),
                styles.collect(),
                is_shaded,
            ),
        }
    }
}

/// Draws a chart anew, once there is something to draw.
fn redraw(drawing: &mut Option<Drawn>, element: &JsValue, chart: &Chart) {
    if chart.steps.is_empty() && drawing.is_none() {
        return;
    }
    // The lines of a drawing are fixed: others make another one.
    if let Some(old) = drawing.take_if(|old| old.lines != chart.lines.len()) {
        old.drawing.destroy();
    }
    draw(
        &drawing.get_or_insert_with(|| Drawn::new(element, chart)).drawing,
        chart,
    );
}

fn draw(drawing: &Drawing, chart: &Chart) {
    let line = |values: &Vec<Option<f64>>| -> JsValue {
        let values = values
            .iter()
            .map(|value| value.map_or(JsValue::NULL, JsValue::from));
        values.collect::<Array>().into()
    };
    let lines = chart.lines.iter().map(|one| line(&one.values)).collect();
    drawing.update(chart.steps.as_slice().into(), lines);
}

fn label(chart: &Chart) -> String {
    let last = |values: &[Option<f64>]| values.iter().rev().flatten().next().copied().map(numbers::short);
    let lines: Vec<_> = chart
        .lines
        .iter()
        .map(|line| (line.label.clone(), last(&line.values)))
        .collect();
    text::chart_label(chart.heading, &lines)
}

#[component]
fn Table(chart: Memo<Chart>, id: &'static str) -> impl IntoView {
    let is_open = RwSignal::new(false);
    let opened = move |event: leptos::ev::Event| {
        is_open.set(event_target::<web_sys::HtmlDetailsElement>(&event).open())
    };
    let rows = move || is_open.get().then(|| chart.with(table));
    view! {
        <details data-testid=format!("table-{id}") on:toggle=opened>
            <summary>{text::CHART_TABLE}</summary>
            <div class="scroll">{rows}</div>
        </details>
    }
}

fn table(chart: &Chart) -> impl IntoView + use<> {
    let all: Vec<usize> = (0..chart.steps.len()).collect();
    let shown = numbers::thin(&all, TABLE_ROWS);
    let caption = text::table_caption(shown.len(), all.len());
    let row = |index: usize| {
        let cells = chart.lines.iter().map(|line| {
            let value = line.values[index];
            view! { <td>{value.map_or_else(|| text::NOTHING_YET.to_owned(), |value| format!("{value:.4}"))}</td> }
        });
        view! { <tr><th scope="row">{chart.steps[index].to_string()}</th>{cells.collect_view()}</tr> }
    };
    let heads = chart
        .lines
        .iter()
        .map(|line| view! { <th scope="col">{line.label.clone()}</th> });
    view! {
        <table>
            <caption>{caption}</caption>
            <thead><tr><th scope="col">{text::STEP_AXIS}</th>{heads.collect_view()}</tr></thead>
            <tbody>{shown.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
}
