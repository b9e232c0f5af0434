//! The device, the primary button with the expected time, and the buttons of a run.

use leptos::html::Details;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;

use super::settings_form;
use crate::live::LiveField;
use crate::page::device_choice::webgpu_refusal;
use crate::page::live::expected_time::expected_cpu_seconds;
use crate::page::session::{Command, Phase};
use crate::page::store::Store;
use crate::page::text;
use crate::protocol::DeviceChoice;

#[component]
pub(super) fn Controls(store: Store, details: NodeRef<Details>) -> impl IntoView {
    view! {
        <DeviceSelector store/>
        <Buttons store details/>
        <p class="note" data-testid="expected-time">{move || expected_time(store)}</p>
        <p class="note">{text::LOADS}</p>
    }
}

fn expected_time(store: Store) -> String {
    match (store.device.get(), store.settings()) {
        (DeviceChoice::WebGpu, _) => text::EXPECTED_TIME_UNKNOWN.to_owned(),
        (DeviceChoice::Cpu, Ok(settings)) => text::expected_time(expected_cpu_seconds(&settings)),
        (DeviceChoice::Cpu, Err(_)) => String::new(),
    }
}

#[component]
fn DeviceSelector(store: Store) -> impl IntoView {
    let refusal = Memo::new(move |_| {
        let found = store.webgpu.get();
        store.read(|session| webgpu_refusal(found.as_ref(), session))
    });
    let webgpu_note = move || {
        let reason = text::device_reason(DeviceChoice::WebGpu, store.adapter().as_ref()).to_owned();
        text::in_brackets(&refusal.get().unwrap_or(reason))
    };
    let cpu_is_rejected = Memo::new(move |_| store.read(|session| session.is_rejected(DeviceChoice::Cpu)));
    let cpu_note = move || {
        let reason = text::device_reason(DeviceChoice::Cpu, store.adapter().as_ref());
        text::in_brackets(if cpu_is_rejected.get() {
            text::DEVICE_REJECTED
        } else {
            reason
        })
    };
    view! {
        <fieldset>
            <legend>{text::DEVICE_CHOICE}</legend>
            <Choice store device=DeviceChoice::Cpu disabled=cpu_is_rejected note=Signal::derive(cpu_note)/>
            <Choice
                store
                device=DeviceChoice::WebGpu
                disabled=Memo::new(move |_| refusal.with(Option::is_some))
                note=Signal::derive(webgpu_note)
            />
        </fieldset>
    }
}

#[component]
fn Choice(store: Store, device: DeviceChoice, disabled: Memo<bool>, note: Signal<String>) -> impl IntoView {
    let testid = testid(device);
    view! {
        <label class="choice">
            <input
                type="radio"
                name="device"
                data-testid=testid
                prop:checked=move || store.device.get() == device
                disabled=disabled
                on:change=move |_| store.device.set(device)
            />
            <b>{text::device(device)}</b>
            <span>{note}</span>
        </label>
    }
}

#[component]
fn Buttons(store: Store, details: NodeRef<Details>) -> impl IntoView {
    let phase = Memo::new(move |_| store.read(|session| session.phase()));
    let is_held = move || phase.get() == Phase::Paused;
    let pause_or_resume = move |_| {
        store.command(if is_held() {
            Command::Resume
        } else {
            Command::Pause
        })
    };
    let may_pause = move || matches!(phase.get(), Phase::Training | Phase::Paused);
    let may_restart = move || phase.get().is_busy() && phase.get() != Phase::Stopping;
    view! {
        <div class="buttons">
            <button
                type="button"
                class="primary"
                data-testid="train"
                disabled=move || phase.get().is_busy()
                on:click=move |_| train(store, details)
            >
                {move || train_label(store, phase.get())}
            </button>
            <button type="button" data-testid="pause" disabled=move || !may_pause() on:click=pause_or_resume>
                {move || if is_held() { text::RESUME_BUTTON } else { text::PAUSE_BUTTON }}
            </button>
            <button
                type="button"
                data-testid="step-once"
                disabled=move || !is_held()
                on:click=move |_| store.command(Command::StepOnce)
            >
                {text::STEP_BUTTON}
            </button>
            <button
                type="button"
                data-testid="stop"
                disabled=move || !may_restart()
                on:click=move |_| store.command(Command::Stop)
            >
                {text::STOP_BUTTON}
            </button>
            <button
                type="button"
                data-testid="restart"
                disabled=move || !may_restart()
                on:click=move |_| train(store, details)
            >
                {text::RESTART_BUTTON}
            </button>
        </div>
    }
}

/// What the primary button says: after a run whether it would be another one.
fn train_label(store: Store, phase: Phase) -> &'static str {
    let is_changed = || {
        store
            .settings()
            .is_ok_and(|settings| store.read(|session| *session.settings() != settings))
    };
    match phase {
        Phase::Finished | Phase::Stopped if is_changed() => text::TRAIN_CHANGED_BUTTON,
        Phase::Finished | Phase::Stopped => text::TRAIN_AGAIN_BUTTON,
        _ => text::TRAIN_BUTTON,
    }
}

/// Trains, or leads the visitor to the setting that cannot be used.
fn train(store: Store, details: NodeRef<Details>) {
    let device = store.device.get_untracked();
    let is_busy = store.read_untracked(|session| session.phase().is_busy());
    match store.settings() {
        Ok(settings) if is_busy => store.command(Command::Restart(device, settings)),
        Ok(settings) => store.command(Command::Train(device, settings)),
        Err(error) => show_field(error.field, details),
    }
}

fn show_field(field: LiveField, details: NodeRef<Details>) {
    if let Some(details) = details.get_untracked() {
        details.set_open(true);
    }
    let input = document().get_element_by_id(&settings_form::input_id(field));
    if let Some(input) = input.and_then(|input| input.dyn_into::<web_sys::HtmlElement>().ok()) {
        // An element that cannot take the focus keeps its message visible.
        let _ = input.focus();
    }
}

/// The `data-testid` of a device's radio button.
fn testid(device: DeviceChoice) -> &'static str {
    match device {
        DeviceChoice::Cpu => "device-cpu",
        DeviceChoice::WebGpu => "device-webgpu",
    }
}
