//! What is going on, how far it is, and what did not work.

use leptos::prelude::*;

use crate::page::evaluate::desk::{Desk, JobKind, Phase};
use crate::page::evaluate::store::EvaluateStore;
use crate::page::evaluate::text;
use crate::page::text as page_text;
use crate::protocol::{DeviceChoice, Failure};

/// Whether the desk is busy with what this panel has asked for.
fn is_ours(desk: &Desk) -> bool {
    desk.job().is_none_or(|job| job.kind != JobKind::Ask)
}

#[component]
pub(super) fn Status(store: EvaluateStore) -> impl IntoView {
    let phase = Memo::new(move |_| store.read(|desk| desk.phase()));
    // A sentence of its own, which changes seldom: a screen reader reads each change aloud.
    let sentence = Memo::new(move |_| store.read(|desk| is_ours(desk).then(|| text::status(desk))));
    let failure = Memo::new(move |_| store.read(|desk| desk.failure().filter(|_| is_ours(desk)).cloned()));
    let notices = Memo::new(move |_| store.read(|desk| desk.notices().to_vec()));
    let check = move || {
        store.read(|desk| {
            // The CPU is what others are compared with.
            let device = desk
                .job()?
                .request
                .device()
                .filter(|device| *device != DeviceChoice::Cpu)?;
            let report = desk.check(device)?;
            let differences = report.rows.iter().filter_map(|row| row.largest_difference);
            let passed = report
                .passed
                .then(|| text::checked(device, differences.fold(0.0, f64::max)))?;
            Some(view! { <p class="note" data-testid="evaluate-check">{passed}</p> })
        })
    };
    view! {
        <p class="status" role="status" data-testid="evaluate-status" data-phase=move || phase.get().name()>
            {move || sentence.get()}
        </p>
        <Progress store/>
        {check}
        <ul class="note" data-testid="evaluate-notices" aria-live="polite">
            {move || notices.get().into_iter().map(|notice| view! { <li>{notice}</li> }).collect_view()}
        </ul>
        {move || failure.get().map(|failure| view! { <Failed failure testid="evaluate-failure"/> })}
    }
}

/// How far the model's download, or the work on the examples, is.
#[component]
fn Progress(store: EvaluateStore) -> impl IntoView {
    let state = Memo::new(move |_| {
        store.read(|desk| {
            if !matches!(desk.phase(), Phase::Working | Phase::Stopping) {
                return None;
            }
            if let Some(loading) = desk.loading() {
                return Some((loading.done, loading.total.max(1), text::loading(loading)));
            }
            let (done, all) = desk.progress()?;
            Some((done as u64, all as u64, text::progress(done, all)))
        })
    });
    move || {
        state.get().map(|(done, all, words)| {
            view! {
                <label class="progress" data-testid="evaluate-progress">
                    <progress max=all.to_string() value=done.to_string()></progress>
                    <span>{words}</span>
                </label>
            }
        })
    }
}

/// A failure in its four parts.
#[component]
pub(in crate::page) fn Failed(failure: Failure, testid: &'static str) -> impl IntoView {
    let Failure {
        what,
        have,
        need,
        next,
    } = failure;
    let [what_label, have_label, need_label, next_label] = page_text::FAILURE_PARTS;
    view! {
        <section class="failure" role="alert" data-testid=testid>
            <h3>{page_text::FAILURE_HEADING}</h3>
            <dl class="facts">
                <dt>{what_label}</dt>
                <dd>{what}</dd>
                <dt>{have_label}</dt>
                <dd>{have}</dd>
                <dt>{need_label}</dt>
                <dd>{need}</dd>
                <dt>{next_label}</dt>
                <dd>{next}</dd>
            </dl>
        </section>
    }
}
