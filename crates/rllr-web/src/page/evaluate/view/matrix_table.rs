//! The confusion matrix: a table whose cells choose the examples below.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use super::measures::{measured, shown_slot, shown_task};
use crate::page::evaluate::matrix::{Matrix, Place};
use crate::page::evaluate::store::EvaluateStore;
use crate::page::evaluate::text;

#[component]
pub(super) fn MatrixTable(store: EvaluateStore) -> impl IntoView {
    let matrix = Memo::new(move |_| {
        let (slot, task) = (shown_slot(store), shown_task(store));
        store.read(|desk| Some(Matrix::new(measured(desk.results(slot)?, &task)?)))
    });
    view! {
        <h3 id="matrix-heading">{text::MATRIX}</h3>
        <p class="note" id="matrix-hint">{text::MATRIX_HINT}</p>
        {move || matrix.get().map(|matrix| view! { <Cells store matrix/> })}
    }
}

#[component]
fn Cells(store: EvaluateStore, matrix: Matrix) -> impl IntoView {
    // One cell is in the order of the focus; the arrow keys walk to the others.
    let focus = RwSignal::new(Place::default());
    let head = matrix
        .predicted
        .iter()
        .map(|label| {
            let name = label.clone().unwrap_or_else(|| text::NO_ANSWER.to_owned());
            view! { <th scope="col">{name}</th> }
        })
        .collect_view();
    let rows = (0..matrix.gold.len())
        .map(|row| {
            let cells = (0..matrix.predicted.len())
                .map(|column| {
                    view! { <Cell store matrix=matrix.clone() place=Place { row, column } focus/> }
                })
                .collect_view();
            view! { <tr><th scope="row">{matrix.gold[row].clone()}</th>{cells}</tr> }
        })
        .collect_view();
    view! {
        <div class="scroll">
            <table class="confusion" data-testid="matrix" aria-labelledby="matrix-heading" aria-describedby="matrix-hint">
                <thead>
                    <tr><th scope="col">{text::GOLD}</th>{head}</tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Cell(store: EvaluateStore, matrix: Matrix, place: Place, focus: RwSignal<Place>) -> impl IntoView {
    let cell = matrix.cell(place);
    let count = matrix.counts[place.row][place.column];
    let name = text::cell(count, &cell.gold, cell.predicted.as_deref());
    let class = format!(
        "share-{}{}",
        matrix.shade(place),
        if matrix.is_right(place) { " right" } else { "" }
    );
    let is_chosen = {
        let cell = cell.clone();
        Memo::new(move |_| store.filter.with(|filter| filter.cell.as_ref() == Some(&cell)))
    };
    let choose = move |_| {
        focus.set(place);
        let cell = (!is_chosen.get_untracked()).then(|| cell.clone());
        store.filter.update(|filter| filter.cell = cell);
    };
    let walk = move |event: leptos::ev::KeyboardEvent| {
        if let Some(next) = matrix.after_key(place, &event.key()) {
            event.prevent_default();
            focus.set(next);
            focus_on(next);
        }
    };
    view! {
        <td class=class>
            <button
                type="button"
                id=id(place)
                data-testid=id(place)
                aria-label=name
                aria-pressed=move || if is_chosen.get() { "true" } else { "false" }
                tabindex=move || if focus.get() == place { "0" } else { "-1" }
                on:click=choose
                on:keydown=walk
            >
                {count}
            </button>
        </td>
    }
}

fn id(place: Place) -> String {
    format!("cell-{}-{}", place.row, place.column)
}

fn focus_on(place: Place) {
    let element = document().get_element_by_id(&id(place));
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        // A cell that cannot take the focus can still be clicked on.
        let _ = element.focus();
    }
}
