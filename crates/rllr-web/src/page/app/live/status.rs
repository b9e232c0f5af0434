//! The honest status line: what is going on, on which device, how fast, from which build.

use leptos::prelude::*;

use crate::page::live::view::RunView;
use crate::page::session::{Keeping, Session};
use crate::page::store::{Source, Store};
use crate::page::{numbers, text};

#[component]
pub(super) fn Status(store: Store) -> impl IntoView {
    let phase = Memo::new(move |_| store.read(|session| session.phase()));
    // A sentence of its own, which changes seldom: a screen reader reads each change aloud.
    let sentence = Memo::new(move |_| {
        let phase = phase.get();
        store.read(|session| {
            let last = session.run().last_step().filter(|_| !phase.is_training());
            text::phase(phase, session.device(), last)
        })
    });
    let breaks = Memo::new(move |_| {
        store.read(|session| {
            let times = session.breaks();
            (times > 0).then(|| text::went_on(times, session.run().saved))
        })
    });
    let result = Memo::new(move |_| store.view(result));
    view! {
        <p class="status" role="status" data-testid="status" data-phase=move || phase.get().name()>
            {move || sentence.get()}
        </p>
        {move || breaks.get().map(|text| view! { <p class="note" role="status" data-testid="went-on">{text}</p> })}
        {move || result.get().map(|text| view! { <p data-testid="summary">{text}</p> })}
        <Warnings store/>
        <Figures store/>
    }
}

fn result(view: &RunView) -> Option<String> {
    let answers = view.answers.as_ref()?;
    let accuracy = answers.accuracy;
    Some(text::result(
        &numbers::percent(accuracy.sft),
        &numbers::percent(accuracy.ordinary),
        &numbers::percent(accuracy.label_sensitive),
        answers.examples,
    ))
}

/// The last of the warnings.
#[component]
fn Warnings(store: Store) -> impl IntoView {
    let last = Memo::new(move |_| store.view(|view| view.warnings.last().cloned()));
    move || {
        last.get()
            .map(|warning| view! { <p class="note" data-testid="warning">{warning}</p> })
    }
}

#[component]
fn Figures(store: Store) -> impl IntoView {
    let device = move || match store.source.get() {
        Source::Recorded => store.recorded(|run| run.device.clone()),
        Source::Live => {
            let adapter = store.adapter();
            let device = store.read(Session::device).unwrap_or_else(|| store.device.get());
            text::device_in_status(device, adapter.as_ref())
        }
    };
    let seed = move || match store.source.get() {
        Source::Recorded => store.recorded(|run| run.settings.seed.to_string()),
        Source::Live => store.read(|session| session.settings().seed.to_string()),
    };
    let load = move || {
        let load = store.load_ms.get();
        load.map_or_else(nothing, |ms| text::seconds(&numbers::short(ms / 1000.0)))
    };
    view! {
        <dl class="numbers">
            <Figure label=text::STATUS_DEVICE testid="status-device" value=device/>
            <Figure label=text::STATUS_STAGE testid="status-stage" value=move || store.view(stage)/>
            <Figure label=text::STATUS_STEP testid="status-step" value=move || store.view(step)/>
            <Figure label=text::STATUS_STEP_TIME testid="status-step-time" value=move || store.view(step_time)/>
            <Figure label=text::STATUS_SPEED testid="status-speed" value=move || store.view(speed)/>
            <Figure label=text::STATUS_TIME testid="status-time" value=move || store.view(time)/>
            <Figure label=text::STATUS_CHECKPOINT testid="status-checkpoint" value=move || store.view(checkpoint)/>
            <Figure label=text::STATUS_KEPT testid="status-kept" value=move || store.read(kept)/>
            <Figure label=text::STATUS_PARAMETERS testid="status-parameters" value=move || store.view(parameters)/>
            <Figure label=text::STATUS_LOAD testid="status-load" value=load/>
            <Figure label=text::STATUS_SEED testid="status-seed" value=seed/>
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

fn stage(view: &RunView) -> String {
    view.current
        .map_or_else(nothing, |stage| text::stage(stage).to_owned())
}

fn step(view: &RunView) -> String {
    view.current.map_or_else(nothing, |stage| {
        let (done, total) = view.progress(stage);
        text::stage_progress(done, total)
    })
}

fn step_time(view: &RunView) -> String {
    view.step_ms()
        .map_or_else(nothing, |ms| text::milliseconds(&numbers::short(ms)))
}

fn speed(view: &RunView) -> String {
    view.tokens_per_second().map_or_else(nothing, numbers::short)
}

fn time(view: &RunView) -> String {
    view.parameters
        .map_or_else(nothing, |_| text::seconds(&numbers::short(view.at_ms / 1000.0)))
}

fn checkpoint(view: &RunView) -> String {
    view.saved
        .map_or_else(nothing, |(stage, step)| text::checkpoint(stage, step))
}

fn kept(session: &Session) -> String {
    match session.keeping() {
        Keeping::Unknown => nothing(),
        Keeping::InTheBrowser => text::KEPT_IN_BROWSER.to_owned(),
        Keeping::InTheTab(_) => text::KEPT_IN_TAB.to_owned(),
    }
}

fn parameters(view: &RunView) -> String {
    view.parameters.map_or_else(nothing, numbers::grouped)
}
