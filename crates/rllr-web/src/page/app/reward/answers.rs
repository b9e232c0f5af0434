//! What the models answer before and after reinforcement learning.

use leptos::prelude::*;

use super::Inspected;
use crate::live::{AnsweredInput, Answers, ScoredAnswer};
use crate::page::word_diff::{view::Words, word_diff};
use crate::page::{numbers, text};

#[component]
pub(super) fn BeforeAfter(answers: Memo<Option<Answers>>, inspection: Inspected) -> impl IntoView {
    let shown = move || match (answers.get(), inspection.get()) {
        (Some(answers), Some(inspection)) => view! { <Inputs answers labels=inspection.labels/> }.into_any(),
        _ => view! { <p class="note">{text::ANSWERS_NONE}</p> }.into_any(),
    };
    view! {
        <section aria-labelledby="answers-heading" data-testid="answers-panel">
            <h3 id="answers-heading">{text::ANSWERS_HEADING}</h3>
            <p>{text::ANSWERS_INTRO}</p>
            {shown}
        </section>
    }
}

#[component]
fn Inputs(answers: Answers, labels: Vec<String>) -> impl IntoView {
    let chosen = RwSignal::new(0_usize);
    let option = |(number, input): (usize, &AnsweredInput)| {
        view! { <option value=number.to_string()>{text::input_option(number + 1, &input.text)}</option> }
    };
    let options = answers.inputs.iter().enumerate().map(option).collect_view();
    let shown = move || {
        let input = answers.inputs.get(chosen.get()).cloned();
        input.map(|input| one_input(input, &labels))
    };
    view! {
        <label class="input-choice">
            <b>{text::INPUT_LABEL}</b>
            <select
                data-testid="answers-input"
                on:change:target=move |event| chosen.set(event.target().value().parse().unwrap_or(0))
            >
                {options}
            </select>
        </label>
        {shown}
    }
}

fn one_input(input: AnsweredInput, labels: &[String]) -> impl IntoView + use<> {
    let AnsweredInput {
        text: asked,
        gold,
        answers,
    } = input;
    let before = answers.sft.response.clone();
    let three = [
        ("answer-sft", &answers.sft),
        ("answer-ordinary", &answers.ordinary),
        ("answer-label", &answers.label_sensitive),
    ];
    let cards = three
        .iter()
        .zip(text::ANSWERS_COLUMNS)
        .map(|((testid, answer), heading)| {
            view! {
                <div class="card" data-testid=*testid>
                    <h4>{heading}</h4>
                    <p class="answer"><Words changes=word_diff(&before, &answer.response)/></p>
                    {chip(answer, gold, labels)}
                    <p class="note">{scores(answer)}</p>
                </div>
            }
        });
    let cards = cards.collect_view();
    view! {
        <blockquote>{asked}</blockquote>
        <div class="cards">{cards}</div>
    }
}

/// The label of an answer, and whether it is right.
fn chip(answer: &ScoredAnswer, gold: usize, labels: &[String]) -> impl IntoView + use<> {
    let is_right = answer.label == Some(gold);
    let word = answer
        .label
        .map_or_else(|| text::NO_LABEL.to_owned(), |label| labels[label].clone());
    let verdict = if is_right { text::RIGHT } else { text::WRONG };
    view! { <p class=if is_right { "good" } else { "bad" }><b>{word}</b> ": " {verdict}</p> }
}

fn scores(answer: &ScoredAnswer) -> String {
    text::both_scores(
        &numbers::signed(answer.scores.ordinary),
        &numbers::signed(answer.scores.label_sensitive),
    )
}
