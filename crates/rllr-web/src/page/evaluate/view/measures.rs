//! The numbers: one column for each model, and what tells them apart.

use leptos::prelude::*;

use crate::page::evaluate::desk::{Desk, Slot};
use crate::page::evaluate::results::Results;
use crate::page::evaluate::store::EvaluateStore;
use crate::page::evaluate::{export, files, tasks, text};
use crate::page::numbers;
use crate::protocol::models::Measured;

/// The task that is shown: the chosen one where the results have it, else their first.
pub(super) fn shown_task(store: EvaluateStore) -> String {
    let chosen = store.shown_task.get();
    let names = store.read(task_names);
    if names.contains(&chosen) {
        chosen
    } else {
        names.into_iter().next().unwrap_or_default()
    }
}

/// The model whose answers are shown: the first, where there is no second.
pub(super) fn shown_slot(store: EvaluateStore) -> Slot {
    let chosen = store.shown.get();
    if store.read(|desk| desk.results(chosen).is_some()) {
        chosen
    } else {
        Slot::First
    }
}

/// The measurement of a task.
pub(super) fn measured<'r>(results: &'r Results, task: &str) -> Option<&'r Measured> {
    results.measured.iter().find(|measured| measured.task == task)
}

fn task_names(desk: &Desk) -> Vec<String> {
    let results = desk.results(Slot::First);
    let measured = results.map(|results| &results.measured[..]).unwrap_or_default();
    measured.iter().map(|measured| measured.task.clone()).collect()
}

#[component]
pub(super) fn Measures(store: EvaluateStore) -> impl IntoView {
    let comparison = Memo::new(move |_| {
        store.read(|desk| {
            let [first, second] =
                Slot::ALL.map(|slot| desk.results(slot).map(|results| results.origin.model.clone()));
            let names = (
                text::slot(Slot::First, &first?),
                text::slot(Slot::Second, &second?),
            );
            Some(text::comparison(desk.comparison()?, &names.0, &names.1))
        })
    });
    view! {
        <TaskChoice store/>
        {move || table(store)}
        {move || comparison.get().map(|words| view! { <p data-testid="evaluate-comparison">{words}</p> })}
        <Exports store/>
    }
}

/// Only where the data holds several tasks.
#[component]
fn TaskChoice(store: EvaluateStore) -> impl IntoView {
    let names = Memo::new(move |_| store.read(task_names));
    move || {
        let names = names.get();
        (names.len() > 1).then(|| {
            let option = |name: String| {
                let own = name.clone();
                let is_chosen = move || shown_task(store) == own;
                view! { <option value=name.clone() prop:selected=is_chosen>{name.clone()}</option> }
            };
            view! {
                <label class="field">
                    <span>{text::TASK_CHOICE}</span>
                    <select
                        data-testid="evaluate-task"
                        on:change=move |event| store.shown_task.set(event_target_value(&event))
                    >
                        {names.into_iter().map(option).collect_view()}
                    </select>
                </label>
            }
        })
    }
}

fn table(store: EvaluateStore) -> Option<impl IntoView + use<>> {
    let task = shown_task(store);
    store.read(|desk| {
        let columns: Vec<(String, Measured, String)> = Slot::ALL
            .into_iter()
            .filter_map(|slot| {
                let results = desk.results(slot)?;
                let name = text::slot(slot, &results.origin.model);
                let parameters = results
                    .origin
                    .parameters
                    .map_or_else(String::new, numbers::grouped);
                Some((name, measured(results, &task)?.clone(), parameters))
            })
            .collect();
        let (_, first, _) = columns.first()?;
        let data = desk.results(Slot::First)?.origin.data.clone();
        let title = tasks::EMBEDDED.iter().find(|embedded| embedded.name == task);
        let title = title.map_or(task.clone(), |embedded| embedded.title.to_owned());
        let caption = text::measures_caption(&title, &data, first.n);
        let head = columns
            .iter()
            .map(|(name, ..)| view! { <th scope="col">{name.clone()}</th> })
            .collect_view();
        let body = rows(&columns)
            .into_iter()
            .map(|(name, testid, cells)| {
                let cells = cells
                    .into_iter()
                    .map(|cell| view! { <td>{cell}</td> })
                    .collect_view();
                view! { <tr data-testid=testid><th scope="row">{name}</th>{cells}</tr> }
            })
            .collect_view();
        Some(view! {
            <div class="scroll">
                <table data-testid="evaluate-measures">
                    <caption>{caption}</caption>
                    <thead>
                        <tr><th scope="col">{text::MEASURE}</th>{head}</tr>
                    </thead>
                    <tbody>{body}</tbody>
                </table>
            </div>
        })
    })
}

/// Name, `data-testid` and cells of each row; rows that no model has are left out.
fn rows(columns: &[(String, Measured, String)]) -> Vec<(&'static str, &'static str, Vec<String>)> {
    let of = |value: &dyn Fn(&Measured) -> Option<String>| -> Option<Vec<String>> {
        let cells: Vec<Option<String>> = columns.iter().map(|(_, measured, _)| value(measured)).collect();
        let is_empty = cells.iter().all(Option::is_none);
        (!is_empty).then(|| cells.into_iter().map(Option::unwrap_or_default).collect())
    };
    let three = |value: Option<f64>| value.map(|value| format!("{value:.3}"));
    let [accuracy, interval, f1, invalid, pearson, spearman, seconds, speed] = text::MEASURES;
    let rows = [
        (
            accuracy,
            "measure-accuracy",
            of(&|m| Some(text::percent(m.accuracy))),
        ),
        (
            interval,
            "measure-interval",
            of(&|m| Some(text::interval(m.accuracy_ci95))),
        ),
        (f1, "measure-f1", of(&|m| Some(text::percent(m.macro_f1)))),
        (
            invalid,
            "measure-invalid",
            of(&|m| Some(text::percent(m.invalid_rate))),
        ),
        (pearson, "measure-pearson", of(&|m| three(m.pearson))),
        (spearman, "measure-spearman", of(&|m| three(m.spearman))),
        (
            seconds,
            "measure-seconds",
            of(&|m| Some(numbers::short(m.seconds))),
        ),
        (
            speed,
            "measure-speed",
            of(&|m| (m.tokens_per_second > 0.0).then(|| numbers::short(m.tokens_per_second))),
        ),
    ];
    let parameters: Vec<String> = columns
        .iter()
        .map(|(_, _, parameters)| parameters.clone())
        .collect();
    let rows = rows
        .into_iter()
        .filter_map(|(name, testid, cells)| Some((name, testid, cells?)));
    rows.chain([(text::PARAMETERS, "measure-parameters", parameters)])
        .collect()
}

#[component]
fn Exports(store: EvaluateStore) -> impl IntoView {
    let with = move |save: &dyn Fn(&Results)| {
        let slot = shown_slot(store);
        store.read(|desk| desk.results(slot).map(save));
    };
    let save_json = move |_| {
        with(&|results| files::save("evaluation.json", "application/json", &export::json(results)));
    };
    let save_lines = move |_| {
        with(&|results| {
            files::save(
                "predictions.jsonl",
                "application/jsonl",
                &export::json_lines(results),
            )
        });
    };
    let save_csv = move |_| {
        let task = shown_task(store);
        with(&|results| {
            if let Some(measured) = measured(results, &task) {
                files::save("predictions.csv", "text/csv", &export::csv(results, measured));
            }
        });
    };
    view! {
        <ShownModel store/>
        <div class="buttons">
            <button type="button" class="small" data-testid="save-json" on:click=save_json>{text::SAVE_JSON}</button>
            <button type="button" class="small" data-testid="save-csv" on:click=save_csv>{text::SAVE_CSV}</button>
            <button type="button" class="small" data-testid="save-lines" on:click=save_lines>{text::SAVE_LINES}</button>
        </div>
    }
}

/// Whose answers are shown and saved; only where there are two models.
#[component]
fn ShownModel(store: EvaluateStore) -> impl IntoView {
    let names = Memo::new(move |_| {
        store.read(|desk| {
            let name = |slot| Some(text::slot(slot, &desk.results(slot)?.origin.model));
            Some([name(Slot::First)?, name(Slot::Second)?])
        })
    });
    move || {
        names.get().map(|names| {
            let choice = |(slot, name): (Slot, String)| {
                view! {
                    <label class="choice">
                        <input
                            type="radio"
                            name="shown-model"
                            data-testid=format!("shown-{}", slot.index() + 1)
                            prop:checked=move || shown_slot(store) == slot
                            on:change=move |_| store.shown.set(slot)
                        />
                        {name}
                    </label>
                }
            };
            view! {
                <fieldset>
                    <legend>{text::SHOWN_MODEL}</legend>
                    {Slot::ALL.into_iter().zip(names).map(choice).collect_view()}
                </fieldset>
            }
        })
    }
}
