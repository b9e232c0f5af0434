//! Which column of a table is what.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use crate::page::evaluate::store::EvaluateStore;
use crate::page::evaluate::{mapping, text};
use crate::protocol::Failure;
use crate::protocol::models::{Inspected, TableMapping, TableSight, TaskForm};

#[component]
pub(super) fn MappingForm(store: EvaluateStore) -> impl IntoView {
    let inspected = Memo::new(move |_| store.read(|desk| desk.inspected().cloned()));
    // Each choice makes the form anew: the focus goes back to where it was.
    let focused = StoredValue::new(None::<String>);
    Effect::new(move |_| {
        inspected.track();
        if let Some(id) = focused.get_value() {
            request_animation_frame(move || focus_on(&id));
        }
    });
    let remember = move |_| {
        let active = document().active_element();
        focused.set_value(
            active
                .map(|element| element.id())
                .filter(|id| id.starts_with("mapping-")),
        );
    };
    move || {
        let Inspected { table, known, .. } = inspected.get()?;
        let sight = table?;
        Some(view! {
            <div on:change=remember>
                <Form store sight known/>
            </div>
        })
    }
}

fn focus_on(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        // A field that cannot take the focus can still be clicked on.
        let _ = element.focus();
    }
}

#[component]
fn Form(store: EvaluateStore, sight: TableSight, known: Vec<TaskForm>) -> impl IntoView {
    let mapping = sight.mapping.clone();
    let task = mapping::task(&mapping, &known).cloned();
    let lacks = mapping::lacks(&mapping, &known);
    let problem = if lacks.is_empty() {
        sight.problem.clone()
    } else {
        None
    };
    let words = task
        .as_ref()
        .map(|task| view! { <Words store sight=sight.clone() task=task.clone()/> });
    let columns = mapping::fields(task.as_ref())
        .into_iter()
        .map(|field| view! { <ColumnChoice store field mapping=mapping.clone() names=sight.names.clone()/> })
        .collect_view();
    view! {
        <fieldset class="mapping" data-testid="mapping">
            <legend>{text::MAPPING}</legend>
            <p class="note">{text::MAPPING_INTRO}</p>
            <Sample sight=sight.clone()/>
            <TaskChoice store mapping=mapping.clone() known/>
            {columns}
            <HeaderChoice store mapping/>
            {words}
            <ul class="bad" data-testid="mapping-lacks" aria-live="polite">
                {lacks.iter().map(|lack| view! { <li>{text::lack(lack)}</li> }).collect_view()}
            </ul>
            {problem.map(|failure| view! { <Problem failure/> })}
        </fieldset>
    }
}

#[component]
fn Problem(failure: Failure) -> impl IntoView {
    let Failure { what, have, need, .. } = failure;
    view! {
        <p class="bad" role="alert" data-testid="mapping-problem">
            {what} " " {text::found_and_needed(&have, &need)}
        </p>
    }
}

#[component]
fn Sample(sight: TableSight) -> impl IntoView {
    let head = sight
        .names
        .into_iter()
        .map(|name| view! { <th scope="col">{name}</th> })
        .collect_view();
    let row = |row: Vec<String>| {
        let cells = row
            .into_iter()
            .map(|cell| view! { <td>{cell}</td> })
            .collect_view();
        view! { <tr>{cells}</tr> }
    };
    view! {
        <div class="scroll">
            <table class="sample" data-testid="mapping-sample">
                <caption>{text::MAPPING_SAMPLE}</caption>
                <thead>
                    <tr>{head}</tr>
                </thead>
                <tbody>{sight.sample.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn TaskChoice(store: EvaluateStore, mapping: TableMapping, known: Vec<TaskForm>) -> impl IntoView {
    let current = mapping.task_name.clone();
    let options = mapping::offered(&known)
        .map(|task| {
            let is_chosen = task.name == current;
            let label = format!("{} ({})", task.title, task.name);
            view! { <option value=task.name.clone() selected=is_chosen>{label}</option> }
        })
        .collect_view();
    let changed = move |event: leptos::ev::Event| {
        let name = event_target_value(&event);
        if let Some(task) = known.iter().find(|task| task.name == name) {
            store.inspect(Some(mapping::with_task(&mapping, task)));
        }
    };
    view! {
        <label class="field">
            <span>{text::TASK_CHOICE}</span>
            <select id="mapping-task" data-testid="mapping-task" disabled=move || store.is_busy() on:change=changed>
                <option value="">{text::MAPPING_NONE}</option>
                {options}
            </select>
        </label>
    }
}

#[component]
fn ColumnChoice(
    store: EvaluateStore,
    field: String,
    mapping: TableMapping,
    names: Vec<String>,
) -> impl IntoView {
    let current = mapping.columns.get(&field).copied();
    let options = names
        .into_iter()
        .enumerate()
        .map(|(number, name)| view! { <option value=number.to_string() selected=current == Some(number)>{name}</option> })
        .collect_view();
    let label = text::field(&field);
    let testid = format!("mapping-{field}");
    let changed = move |event: leptos::ev::Event| {
        let column = event_target_value(&event).parse().ok();
        store.inspect(Some(mapping::with_column(&mapping, &field, column)));
    };
    view! {
        <label class="field">
            <span>{label}</span>
            <select id=testid.clone() data-testid=testid disabled=move || store.is_busy() on:change=changed>
                <option value="">{text::MAPPING_NONE}</option>
                {options}
            </select>
        </label>
    }
}

#[component]
fn HeaderChoice(store: EvaluateStore, mapping: TableMapping) -> impl IntoView {
    let has_header = mapping.header == "first_line";
    let changed = move |event: leptos::ev::Event| {
        let header = if event_target_checked(&event) {
            "first_line"
        } else {
            "absent"
        };
        store.inspect(Some(TableMapping {
            header: header.to_owned(),
            ..mapping.clone()
        }));
    };
    view! {
        <label class="choice">
            <input
                type="checkbox"
                id="mapping-header"
                data-testid="mapping-header"
                checked=has_header
                disabled=move || store.is_busy()
                on:change=changed
            />
            <span>{text::MAPPING_HEADER}</span>
        </label>
    }
}

#[component]
fn Words(store: EvaluateStore, sight: TableSight, task: TaskForm) -> impl IntoView {
    let unknown: Vec<(String, Option<String>)> = mapping::unknown_words(&sight, &task)
        .into_iter()
        .map(|(word, label)| (word.to_owned(), label))
        .collect();
    if unknown.is_empty() {
        return None;
    }
    let choice = move |(word, label): (String, Option<String>)| {
        let options = task
            .labels
            .iter()
            .map(|name| {
                let is_chosen = label.as_ref() == Some(name);
                view! { <option value=name.clone() selected=is_chosen>{name.clone()}</option> }
            })
            .collect_view();
        let shown = text::word_label(&word);
        let testid = format!("mapping-word-{word}");
        let mapping = sight.mapping.clone();
        let changed = move |event: leptos::ev::Event| {
            let mut mapping = mapping.clone();
            mapping.labels.insert(word.clone(), event_target_value(&event));
            store.inspect(Some(mapping));
        };
        view! {
            <label class="field">
                <span>{shown}</span>
                <select id=testid.clone() data-testid=testid disabled=move || store.is_busy() on:change=changed>
                    <option value="">{text::MAPPING_NONE}</option>
                    {options}
                </select>
            </label>
        }
    };
    Some(view! {
        <p class="note">{text::MAPPING_WORDS}</p>
        {unknown.into_iter().map(choice).collect_view()}
    })
}
