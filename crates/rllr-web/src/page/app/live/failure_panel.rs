//! An error: what happened, what was found, what was needed, what to do next.

use leptos::prelude::*;

use crate::page::session::Command;
use crate::page::store::Store;
use crate::page::text;
use crate::protocol::{DeviceChoice, Failure};

#[component]
pub(super) fn FailurePanel(store: Store) -> impl IntoView {
    let failure = Memo::new(move |_| store.read(|session| session.failure().cloned()));
    move || failure.get().map(|failure| view! { <Message store failure/> })
}

#[component]
fn Message(store: Store, failure: Failure) -> impl IntoView {
    let Failure {
        what,
        have,
        need,
        next,
    } = failure;
    let [what_label, have_label, need_label, next_label] = text::FAILURE_PARTS;
    let retry = move |_| {
        let device = store
            .read(|session| session.device())
            .unwrap_or(DeviceChoice::Cpu);
        store.command(Command::Retry(device));
    };
    let use_cpu = move |_| {
        store.device.set(DeviceChoice::Cpu);
        store.command(Command::Retry(DeviceChoice::Cpu));
    };
    view! {
        <section class="failure" role="alert" data-testid="failure" aria-labelledby="failure-heading">
            <h3 id="failure-heading">{text::FAILURE_HEADING}</h3>
            <dl class="facts">
                <dt>{what_label}</dt>
                <dd data-testid="failure-what">{what}</dd>
                <dt>{have_label}</dt>
                <dd data-testid="failure-have">{have}</dd>
                <dt>{need_label}</dt>
                <dd data-testid="failure-need">{need}</dd>
                <dt>{next_label}</dt>
                <dd data-testid="failure-next">{next}</dd>
            </dl>
            <div class="buttons">
                <Show when=move || store.read(|session| session.offers_cpu())>
                    <button type="button" class="primary" data-testid="use-cpu" on:click=use_cpu>
                        {text::USE_CPU_BUTTON}
                    </button>
                </Show>
                <button type="button" data-testid="try-again" on:click=retry>
                    {text::TRY_AGAIN_BUTTON}
                </button>
            </div>
        </section>
    }
}
