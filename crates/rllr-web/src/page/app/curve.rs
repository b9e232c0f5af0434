//! The loss curve, and the table behind it for those who do not see a canvas.

use js_sys::Float64Array;
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use crate::page::session::{Run, StepPoint};
use crate::page::store::Store;
use crate::page::{numbers, text};

/// Rows of the table: a screen or two. Longer runs are thinned, and the caption says so.
const TABLE_ROWS: usize = 50;

#[wasm_bindgen]
extern "C" {
    /// What `web/chart.js` returns.
    type Chart;

    #[wasm_bindgen(js_namespace = rllrChart, js_name = create)]
    fn create_chart(element: &JsValue, step_label: &str, loss_label: &str) -> Chart;

    #[wasm_bindgen(method)]
    fn update(this: &Chart, steps: Float64Array, losses: Float64Array);
}

#[component]
pub(super) fn Curve(store: Store) -> impl IntoView {
    let place = NodeRef::<Div>::new();
    let chart = StoredValue::new_local(None::<Chart>);
    Effect::new(move |_| {
        let (steps, losses) = store.read(|session| columns(session.run()));
        let Some(element) = place.get() else { return };
        if steps.length() == 0 && chart.with_value(Option::is_none) {
            return;
        }
        chart.update_value(|chart| {
            let [step_label, loss_label] = text::CURVE_LABELS;
            chart
                .get_or_insert_with(|| create_chart(&element, step_label, loss_label))
                .update(steps, losses);
        });
    });
    let is_empty = Memo::new(move |_| store.read(|session| session.run().steps.is_empty()));
    let label = Memo::new(move |_| store.read(|session| label(session.run())));
    view! {
        <h3>{text::CURVE_HEADING}</h3>
        <figure>
            <Show when=move || is_empty.get()>
                <p class="note" data-testid="curve-empty">{text::CURVE_EMPTY}</p>
            </Show>
            <div
                class="chart"
                role="img"
                aria-label=move || label.get()
                data-testid="curve"
                node_ref=place
                hidden=move || is_empty.get()
            ></div>
            <figcaption>{text::CURVE_CAPTION}</figcaption>
        </figure>
        <CurveTable store/>
    }
}

fn columns(run: &Run) -> (Float64Array, Float64Array) {
    // A step number fits a float exactly: there are at most ten thousand.
    let steps: Vec<f64> = run.steps.iter().map(|point| point.step as f64).collect();
    let losses: Vec<f64> = run.steps.iter().map(|point| point.loss).collect();
    (steps.as_slice().into(), losses.as_slice().into())
}

fn label(run: &Run) -> String {
    match (run.steps.first(), run.steps.last()) {
        (Some(first), Some(last)) => {
            text::curve_label(last.step, &numbers::short(first.loss), &numbers::short(last.loss))
        }
        _ => text::CURVE_EMPTY.to_owned(),
    }
}

#[component]
fn CurveTable(store: Store) -> impl IntoView {
    let is_open = RwSignal::new(false);
    let opened = move |event: leptos::ev::Event| {
        is_open.set(event_target::<web_sys::HtmlDetailsElement>(&event).open())
    };
    let table = move || is_open.get().then(|| store.read(|session| table(session.run())));
    view! {
        <details data-testid="curve-table" on:toggle=opened>
            <summary>{text::TABLE_SUMMARY}</summary>
            <div class="scroll">{table}</div>
        </details>
    }
}

fn table(run: &Run) -> impl IntoView + use<> {
    let rows = numbers::thin(&run.steps, TABLE_ROWS);
    let caption = text::table_caption(rows.len(), run.steps.len());
    view! {
        <table>
            <caption>{caption}</caption>
            <thead>
                <tr>{text::TABLE_COLUMNS.map(|name| view! { <th scope="col">{name}</th> }).collect_view()}</tr>
            </thead>
            <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
}

fn row(point: StepPoint) -> impl IntoView {
    view! {
        <tr>
            <th scope="row">{point.step}</th>
            <td>{format!("{:.4}", point.loss)}</td>
            <td>{numbers::short(point.grad_norm)}</td>
            <td>{numbers::short(point.milliseconds)}</td>
        </tr>
    }
}
