//! Rewards by rationale and label under both reward models, and an answer whose label is flipped.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use crate::live::{ByModel, InspectedInput, Inspection};
use crate::page::reward::matrix::{Matrix, Place, Shares, moved, sensitivity, shade, shares};
use crate::page::{numbers, text};

/// The tables, for the ids of their cells.
const TABLES: [&str; 2] = ["ordinary", "label"];

#[component]
pub(super) fn MatrixPanel(inspection: Inspection) -> impl IntoView {
    let Inspection {
        labels,
        inputs,
        sensitivity,
        ..
    } = inspection;
    let chosen = RwSignal::new(0_usize);
    let options: Vec<String> = inputs
        .iter()
        .enumerate()
        .map(|(number, input)| text::input_option(number + 1, &input.text))
        .collect();
    let shown = move || {
        let input = inputs.get(chosen.get()).cloned();
        input.map(|input| view! { <OneInput input labels=labels.clone() overall=sensitivity/> })
    };
    let option = |(number, name): (usize, String)| view! { <option value=number.to_string()>{name}</option> };
    view! {
        <section aria-labelledby="matrix-heading" data-testid="matrix-panel">
            <h3 id="matrix-heading">{text::MATRIX_HEADING}</h3>
            <p>{text::MATRIX_INTRO}</p>
            <label class="input-choice">
                <b>{text::INPUT_LABEL}</b>
                <select
                    data-testid="matrix-input"
                    on:change:target=move |event| chosen.set(event.target().value().parse().unwrap_or(0))
                >
                    {options.into_iter().enumerate().map(option).collect_view()}
                </select>
            </label>
            {shown}
        </section>
    }
}

#[component]
fn OneInput(input: InspectedInput, labels: Vec<String>, overall: ByModel<f64>) -> impl IntoView {
    let gold = input.gold;
    let place = RwSignal::new(Place {
        row: gold,
        column: gold,
    });
    let ByModel {
        ordinary,
        label_sensitive,
    } = input.scores.clone();
    view! {
        <blockquote data-testid="matrix-text">{input.text.clone()}</blockquote>
        <div class="matrices">
            <Table
                table=0
                heading=text::ORDINARY_MODEL
                matrix=ordinary
                labels=labels.clone()
                rationales=input.rationales.clone()
                gold
                place
            />
            <Table
                table=1
                heading=text::LABEL_MODEL
                matrix=label_sensitive
                labels=labels.clone()
                rationales=input.rationales.clone()
                gold
                place
            />
        </div>
        <Flip input labels overall place/>
    }
}

fn cell_id(table: usize, Place { row, column }: Place) -> String {
    format!("matrix-{}-{row}-{column}", TABLES[table])
}

#[component]
fn Table(
    table: usize,
    heading: &'static str,
    matrix: Vec<Vec<f64>>,
    labels: Vec<String>,
    rationales: Vec<String>,
    gold: usize,
    place: RwSignal<Place>,
) -> impl IntoView {
    let count = labels.len();
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        if let Some(to) = moved(place.get_untracked(), &event.key(), count) {
            event.prevent_default();
            place.set(to);
            focus(&cell_id(table, to));
        }
    };
    let head = |(label, name): (usize, &String)| {
        let mark =
            (label == gold).then(|| view! { <span aria-label=text::GOLD_LABEL>{text::GOLD_MARK}</span> });
        view! { <th scope="col">{name.clone()} " " {mark}</th> }
    };
    let row = |row: usize| {
        let cells = (0..count).map(|column| {
            let at = Place { row, column };
            let value = numbers::signed(matrix[row][column]);
            let is_selected = move || place.get() == at;
            view! {
                <td
                    id=cell_id(table, at)
                    data-testid=cell_id(table, at)
                    class=format!("shade-{}", shade(&matrix, at))
                    class:selected=is_selected
                    tabindex=move || if is_selected() { "0" } else { "-1" }
                    aria-selected=move || is_selected().to_string()
                    aria-label=text::cell_label(&labels[row], &labels[column], &value)
                    on:click=move |_| place.set(at)
                >
                    {value.clone()}
                </td>
            }
        });
        view! {
            <tr>
                <th scope="row" title=rationales[row].clone()>{labels[row].clone()}</th>
                {cells.collect_view()}
            </tr>
        }
    };
    view! {
        <div class="scroll">
            <table role="grid" class="matrix" data-testid=format!("matrix-{}", TABLES[table]) on:keydown=on_key>
                <caption>{heading}</caption>
                <thead>
                    <tr>
                        <th scope="col">{text::MATRIX_CORNER}</th>
                        {labels.iter().enumerate().map(head).collect_view()}
                    </tr>
                </thead>
                <tbody>{(0..count).map(row).collect_view()}</tbody>
            </table>
            {shares_line(table, &matrix)}
        </div>
    }
}

/// What makes the differences between the cells.
fn shares_line(table: usize, matrix: &Matrix) -> impl IntoView + use<> {
    let line = shares(matrix).map(|Shares { rationale, label }| {
        text::shares(&numbers::percent(rationale), &numbers::percent(label))
    });
    line.map(|line| view! { <p class="note" data-testid=format!("shares-{}", TABLES[table])>{line}</p> })
}

fn focus(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        // A cell that cannot take the focus is still selected.
        let _ = element.focus();
    }
}

/// The answer of the selected cell, and a label for it.
#[component]
fn Flip(
    input: InspectedInput,
    labels: Vec<String>,
    overall: ByModel<f64>,
    place: RwSignal<Place>,
) -> impl IntoView {
    let InspectedInput {
        gold,
        rationales,
        scores,
        ..
    } = input;
    let choice = |(column, name): (usize, String)| {
        view! {
            <label class="tab">
                <input
                    type="radio"
                    name="flip"
                    data-testid=format!("flip-{column}")
                    prop:checked=move || place.get().column == column
                    on:change=move |_| place.update(|place| place.column = column)
                />
                <span>{name} {(column == gold).then_some(text::GOLD_MARK)}</span>
            </label>
        }
    };
    let answer = move || rationales.get(place.get().row).cloned();
    let row = move |testid: &'static str, name: &'static str, matrix: Vec<Vec<f64>>, overall: f64| {
        view! { <FlipRow testid name matrix overall gold place/> }
    };
    view! {
        <div data-testid="flip-panel">
            <h4>{text::FLIP_HEADING}</h4>
            <p class="note">{text::FLIP_INTRO}</p>
            <blockquote>{answer}</blockquote>
            <fieldset class="tabs">
                <legend>{text::FLIP_LABEL}</legend>
                {labels.into_iter().enumerate().map(choice).collect_view()}
            </fieldset>
            <div class="scroll" aria-live="polite">
                <table>
                    <thead>
                        <tr>{text::FLIP_COLUMNS.map(|name| view! { <th scope="col">{name}</th> }).collect_view()}</tr>
                    </thead>
                    <tbody>
                        {row("ordinary", text::ORDINARY_MODEL, scores.ordinary.clone(), overall.ordinary)}
                        {row("label", text::LABEL_MODEL, scores.label_sensitive.clone(), overall.label_sensitive)}
                    </tbody>
                </table>
            </div>
            <p class="note">{text::SENSITIVITY_EXPLAINED}</p>
        </div>
    }
}

/// The scores of one reward model.
#[component]
fn FlipRow(
    testid: &'static str,
    name: &'static str,
    matrix: Vec<Vec<f64>>,
    overall: f64,
    gold: usize,
    place: RwSignal<Place>,
) -> impl IntoView {
    let here = sensitivity(&matrix, gold).map_or_else(|| text::NOTHING_YET.to_owned(), numbers::short);
    let matrix = StoredValue::new(matrix);
    let score_of = move |row: usize, column: usize| matrix.with_value(|matrix| matrix[row][column]);
    let score = move || {
        let Place { row, column } = place.get();
        numbers::signed(score_of(row, column))
    };
    let change = move || {
        let Place { row, column } = place.get();
        numbers::signed(score_of(row, column) - score_of(row, gold))
    };
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td data-testid=format!("flip-score-{testid}")>{score}</td>
            <td data-testid=format!("flip-change-{testid}")>{change}</td>
            <td data-testid=format!("sensitivity-{testid}")>
                {text::sensitivity(&here, &numbers::short(overall))}
            </td>
        </tr>
    }
}
