//! The honest status line: what is going on, on which device, how fast, from which build.

use leptos::prelude::*;

use crate::page::session::Session;
use crate::page::store::Store;
use crate::page::{numbers, text};

/// The shown speed is the median of this many last steps: single steps jump.
const RECENT: usize = 20;

#[component]
pub(super) fn StatusPanel(store: Store) -> impl IntoView {
    let phase = Memo::new(move |_| store.read(|session| session.phase()));
    // A sentence of its own, which changes seldom: a screen reader reads each change aloud.
    let sentence = Memo::new(move |_| {
        let phase = phase.get();
        store.read(|session| {
            let last = session.run().steps.last().filter(|_| !phase.is_training());
            text::phase(phase, session.device(), last.map(|point| point.step))
        })
    });
    let summary = Memo::new(move |_| store.read(summary));
    let device = move || {
        let adapter = store.adapter();
        let device = store.read(Session::device).unwrap_or_else(|| store.device.get());
        text::device_in_status(device, adapter.as_ref())
    };
    let load = move || {
        store
            .load_ms
            .get()
            .map(|ms| format!("{} s", numbers::short(ms / 1000.0)))
    };
    view! {
        <p class="status" role="status" data-testid="status" data-phase=move || phase.get().name()>
            {move || sentence.get()}
        </p>
        {move || summary.get().map(|text| view! { <p data-testid="summary">{text}</p> })}
        <dl class="numbers">
            <Figure label=text::STATUS_DEVICE testid="status-device" value=device/>
            <Figure label=text::STATUS_STEP testid="status-step" value=move || store.read(step)/>
            <Figure label=text::STATUS_LOSS testid="status-loss" value=move || store.read(loss)/>
            <Figure label=text::STATUS_STEP_TIME testid="status-step-time" value=move || store.read(step_time)/>
            <Figure label=text::STATUS_SPEED testid="status-speed" value=move || store.read(speed)/>
            <Figure label=text::STATUS_PARAMETERS testid="status-parameters" value=move || store.read(parameters)/>
            <Figure label=text::STATUS_LOAD testid="status-load" value=move || load().unwrap_or_else(nothing)/>
            <Figure label=text::STATUS_FIRST_STEP testid="status-first-step" value=move || store.read(first_step)/>
            <Figure label=text::STATUS_SEED testid="status-seed" value=move || store.read(seed)/>
            <Figure label=text::STATUS_VERSION testid="status-version" value=text::version/>
        </dl>
    }
}

#[component]
fn Figure(
    label: &'static str,
    testid: &'static str,
    value: impl Fn() -> String + Send + Sync + 'static,
) -> impl IntoView {
    // One node, changed only when its text does.
    let value = Memo::new(move |_| value());
    view! {
        <div>
            <dt>{label}</dt>
            <dd data-testid=testid>{move || value.get()}</dd>
        </div>
    }
}

fn nothing() -> String {
    text::NOTHING_YET.to_owned()
}

fn step(session: &Session) -> String {
    let all = session.settings().steps;
    session
        .run()
        .steps
        .last()
        .map_or_else(nothing, |point| text::step_of(point.step, all))
}

fn loss(session: &Session) -> String {
    session
        .run()
        .steps
        .last()
        .map_or_else(nothing, |point| numbers::short(point.loss))
}

fn step_time(session: &Session) -> String {
    let recent = session
        .run()
        .steps
        .iter()
        .skip(1)
        .rev()
        .take(RECENT)
        .map(|point| point.milliseconds);
    numbers::median(recent).map_or_else(nothing, |ms| text::milliseconds(&numbers::short(ms)))
}

fn speed(session: &Session) -> String {
    let recent = session
        .run()
        .steps
        .iter()
        .skip(1)
        .rev()
        .take(RECENT)
        .map(|point| point.tokens_per_second);
    numbers::median(recent).map_or_else(nothing, numbers::short)
}

fn first_step(session: &Session) -> String {
    let first = session.run().steps.first();
    first.map_or_else(nothing, |point| {
        text::milliseconds(&numbers::short(point.milliseconds))
    })
}

fn parameters(session: &Session) -> String {
    session.run().parameters.map_or_else(nothing, numbers::grouped)
}

fn seed(session: &Session) -> String {
    session
        .run()
        .parameters
        .map_or_else(nothing, |_| session.settings().seed.to_string())
}

fn summary(session: &Session) -> Option<String> {
    let finished = session.run().finished?;
    Some(text::summary(
        &numbers::short(finished.seconds),
        &numbers::short(finished.milliseconds_per_step_median),
        &numbers::short(finished.first_loss),
        &numbers::short(finished.last_loss),
    ))
}
