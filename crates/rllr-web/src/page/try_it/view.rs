//! The views of the try-out.

#![allow(unreachable_pub, reason = "Leptos' component macro writes `pub` items")]

use std::collections::BTreeMap;

use leptos::prelude::*;

use super::change::{Asked, Changed, changed};
use crate::page::evaluate::desk::{Desk, Job, JobKind, Phase};
use crate::page::evaluate::store::EvaluateStore;
use crate::page::evaluate::tasks::{EMBEDDED, embedded};
use crate::page::evaluate::text;
use crate::page::evaluate::view::{Failed, Probabilities};
use crate::page::word_diff::view::Words;
use crate::protocol::models::{AskedAnswer, ModelRequest};

/// What is asked, and what was answered before.
#[derive(Clone, Copy)]
struct Asking {
    task: RwSignal<String>,
    texts: RwSignal<BTreeMap<String, String>>,
    /// The last answer that is complete, and the one before it.
    last: RwSignal<Option<Asked>>,
    before: RwSignal<Option<Asked>>,
}

impl Asking {
    fn new() -> Self {
        let first = EMBEDDED[0].name;
        Self {
            task: RwSignal::new(first.to_owned()),
            texts: RwSignal::new(example_texts(first)),
            last: RwSignal::new(None),
            before: RwSignal::new(None),
        }
    }

    /// Keeps an answer when it is complete.
    fn keep(self, desk: &Desk) {
        let Some(answer) = desk.answer() else { return };
        let Some(Job {
            request: ModelRequest::Ask { task_name, texts, .. },
            ..
        }) = desk.job()
        else {
            return;
        };
        let asked = Asked {
            task: task_name.clone(),
            texts: texts.clone(),
            answer: answer.clone(),
        };
        if self.last.with_untracked(|last| last.as_ref() != Some(&asked)) {
            let last = self.last.get_untracked();
            self.before.set(last);
            self.last.set(Some(asked));
        }
    }
}

fn example_texts(task: &str) -> BTreeMap<String, String> {
    let fields = embedded(task).fields.iter();
    fields
        .map(|(field, text)| ((*field).to_owned(), (*text).to_owned()))
        .collect()
}

#[component]
pub(in crate::page) fn TryItPanel(store: EvaluateStore) -> impl IntoView {
    let asking = Asking::new();
    Effect::new(move |_| store.read(|desk| asking.keep(desk)));
    let ask = move |_| {
        let (Some((model, _)), Some(options)) = (store.model_source(), store.options()) else {
            return;
        };
        store.begin(Job {
            kind: JobKind::Ask,
            request: ModelRequest::Ask {
                device: store.device(),
                model,
                task_name: asking.task.get_untracked(),
                texts: asking.texts.get_untracked(),
                options,
            },
        });
    };
    let has_model = Memo::new(move |_| store.model_source().is_some());
    let is_off = move || store.is_busy() || !has_model.get() || store.options().is_none();
    let cannot_stop = move || {
        store.read(|desk| !is_ours(desk) || !desk.phase().is_busy() || desk.phase() == Phase::Stopping)
    };
    view! {
        <section aria-labelledby="try-heading" data-testid="try-panel">
            <h2 id="try-heading">{text::TRY_HEADING}</h2>
            <p>{text::TRY_INTRO}</p>
            <Question asking/>
            <div class="buttons">
                <button type="button" class="primary" data-testid="try-ask" disabled=is_off on:click=ask>
                    {text::ASK}
                </button>
                <button type="button" data-testid="try-stop" disabled=cannot_stop on:click=move |_| store.stop()>
                    {text::STOP}
                </button>
            </div>
            <p class="note">{move || (!has_model.get()).then_some(text::NO_MODEL_YET)}</p>
            <Answer store/>
            {move || comparison(asking).map(|changed| view! { <Comparison changed/> })}
        </section>
    }
}

fn is_ours(desk: &Desk) -> bool {
    desk.job().is_some_and(|job| job.kind == JobKind::Ask)
}

fn comparison(asking: Asking) -> Option<Changed> {
    changed(&asking.before.get()?, &asking.last.get()?)
}

#[component]
fn Question(asking: Asking) -> impl IntoView {
    let options = EMBEDDED.map(|task| {
        let is_chosen = move || asking.task.with(|chosen| chosen == task.name);
        view! { <option value=task.name prop:selected=is_chosen>{task.title}</option> }
    });
    let changed = move |event: leptos::ev::Event| {
        let name = event_target_value(&event);
        asking.texts.set(example_texts(&name));
        asking.task.set(name);
    };
    let fields = move || {
        let task = asking.task.get();
        let field = |(name, _): &(&'static str, &str)| {
            let name = *name;
            let value = move || {
                asking
                    .texts
                    .with(|texts| texts.get(name).cloned().unwrap_or_default())
            };
            view! {
                <label class="field wide">
                    <span>{text::field(name)}</span>
                    <textarea
                        rows="3"
                        data-testid=format!("try-{name}")
                        prop:value=value
                        on:input:target=move |event| {
                            let value = event.target().value();
                            asking.texts.update(|texts| drop(texts.insert(name.to_owned(), value)));
                        }
                    ></textarea>
                </label>
            }
        };
        embedded(&task).fields.iter().map(field).collect_view()
    };
    view! {
        <label class="field">
            <span>{text::TASK_CHOICE}</span>
            <select data-testid="try-task" on:change=changed>
                {options.collect_view()}
            </select>
        </label>
        {fields}
        <button
            type="button"
            class="small"
            data-testid="try-example"
            on:click=move |_| asking.texts.set(example_texts(&asking.task.get_untracked()))
        >
            {text::TRY_EXAMPLE}
        </button>
    }
}

#[component]
fn Answer(store: EvaluateStore) -> impl IntoView {
    let sentence = Memo::new(move |_| store.read(|desk| is_ours(desk).then(|| text::status(desk))));
    let phase = Memo::new(move |_| store.read(|desk| desk.phase()));
    let written = Memo::new(move |_| store.read(|desk| desk.written().to_owned()));
    let answer = Memo::new(move |_| store.read(|desk| desk.answer().cloned()));
    let failure = Memo::new(move |_| store.read(|desk| desk.failure().filter(|_| is_ours(desk)).cloned()));
    view! {
        <p class="status" role="status" data-testid="try-status" data-phase=move || phase.get().name()>
            {move || sentence.get()}
        </p>
        {move || failure.get().map(|failure| view! { <Failed failure testid="try-failure"/> })}
        <Show when=move || !written.with(String::is_empty)>
            <h3>{text::ANSWER}</h3>
        </Show>
        // Not read aloud piece by piece: the status says the label when the answer is complete.
        <p class="written" data-testid="try-written">{move || written.get()}</p>
        {move || answer.get().map(|answer| view! { <Complete answer/> })}
    }
}

#[component]
fn Complete(answer: AskedAnswer) -> impl IntoView {
    let AskedAnswer {
        label,
        labels,
        label_probs,
        new_tokens,
        seconds,
        ..
    } = answer;
    let shown = label.clone().unwrap_or_else(|| text::NO_ANSWER.to_owned());
    let cost = (new_tokens > 0).then(|| text::answer_cost(new_tokens, seconds));
    view! {
        <p>
            {text::LABEL} ": " <b class="badge label" data-testid="try-label">{shown}</b> " "
            <span class="note">{cost}</span>
        </p>
        {label_probs.map(|probs| view! { <Probabilities labels probs chosen=label/> })}
    }
}

#[component]
fn Comparison(changed: Changed) -> impl IntoView {
    let Changed {
        texts,
        rationale,
        labels: [before, now],
        probs,
    } = changed;
    let [text_name, rationale_name, label_name] = text::CHANGED;
    let word = |label: Option<String>| label.unwrap_or_else(|| text::NO_ANSWER.to_owned());
    let texts = texts
        .into_iter()
        .map(|changes| view! { <dt>{text_name}</dt><dd><Words changes/></dd> })
        .collect_view();
    let row = |(label, before, now): (String, f64, f64)| {
        view! {
            <tr>
                <th scope="row">{label}</th>
                <td>{text::percent(before)}</td>
                <td>{text::percent(now)}</td>
                <td>{text::points(now - before)}</td>
            </tr>
        }
    };
    let head = text::BEFORE_COLUMNS.map(|name| view! { <th scope="col">{name}</th> });
    view! {
        <div data-testid="try-comparison">
            <h3>{text::COMPARED_WITH_BEFORE}</h3>
            <dl class="facts">
                {texts}
                <dt>{rationale_name}</dt>
                <dd>{if rationale.is_empty() { text::NO_RATIONALE } else { "" }} <Words changes=rationale/></dd>
                <dt>{label_name}</dt>
                <dd data-testid="try-labels">{text::from_to(&word(before), &word(now))}</dd>
            </dl>
            <table data-testid="try-change">
                <thead><tr>{head.collect_view()}</tr></thead>
                <tbody>{probs.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
