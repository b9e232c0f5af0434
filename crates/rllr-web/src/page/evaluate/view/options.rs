//! How the model is asked, and where it is computed.

use leptos::prelude::*;

use crate::page::evaluate::store::EvaluateStore;
use crate::page::evaluate::text;
use crate::page::text as page_text;
use crate::protocol::models::{Format, Mode};
use crate::protocol::{DeviceChoice, WebGpuSupport};

#[component]
pub(super) fn Options(store: EvaluateStore, webgpu: RwSignal<Option<WebGpuSupport>>) -> impl IntoView {
    view! {
        <fieldset>
            <legend>{text::MODE}</legend>
            <ModeChoice store mode=Mode::Generate label=text::MODE_GENERATE testid="evaluate-generate"/>
            <ModeChoice store mode=Mode::Likelihood label=text::MODE_LIKELIHOOD testid="evaluate-likelihood"/>
        </fieldset>
        <details data-testid="evaluate-options">
            <summary>{text::OPTIONS}</summary>
            <FormatChoice store/>
            <Number value=store.max_new_tokens label=text::OPTION_TOKENS testid="evaluate-tokens" hint=None/>
            <Number
                value=store.limit
                label=text::OPTION_LIMIT
                testid="evaluate-limit"
                hint=Some(text::OPTION_LIMIT_HINT)
            />
            <DeviceSelect store webgpu/>
        </details>
    }
}

#[component]
fn ModeChoice(store: EvaluateStore, mode: Mode, label: &'static str, testid: &'static str) -> impl IntoView {
    view! {
        <label class="choice">
            <input
                type="radio"
                name="evaluate-mode"
                data-testid=testid
                prop:checked=move || store.mode.get() == mode
                on:change=move |_| store.mode.set(mode)
            />
            {label}
        </label>
    }
}

#[component]
fn FormatChoice(store: EvaluateStore) -> impl IntoView {
    let formats = [
        Format::RationaleThenLabel,
        Format::LabelThenRationale,
        Format::LabelOnly,
    ];
    let options = formats.into_iter().enumerate().map(|(index, format)| {
        let is_chosen = move || store.format.get() == format;
        view! { <option value=index.to_string() prop:selected=is_chosen>{text::format(format)}</option> }
    });
    let changed = move |event: leptos::ev::Event| {
        let index: usize = event_target_value(&event).parse().unwrap_or(0);
        store.format.set(formats[index.min(formats.len() - 1)]);
    };
    view! {
        <label class="field">
            <span>{text::OPTION_FORMAT}</span>
            <select data-testid="evaluate-format" on:change=changed>
                {options.collect_view()}
            </select>
        </label>
    }
}

#[component]
fn Number(
    value: RwSignal<String>,
    label: &'static str,
    testid: &'static str,
    hint: Option<&'static str>,
) -> impl IntoView {
    view! {
        <label class="field">
            <span>{label}</span>
            <input
                type="text"
                inputmode="numeric"
                autocomplete="off"
                data-testid=testid
                prop:value=value
                on:input:target=move |event| value.set(event.target().value())
            />
            {hint.map(|hint| view! { <small class="note">{hint}</small> })}
        </label>
    }
}

#[component]
fn DeviceSelect(store: EvaluateStore, webgpu: RwSignal<Option<WebGpuSupport>>) -> impl IntoView {
    let has_webgpu = move || matches!(webgpu.get(), Some(WebGpuSupport::Available(_)));
    let changed = move |event: leptos::ev::Event| {
        store.device.set(match event_target_value(&event).as_str() {
            "webgpu" => DeviceChoice::WebGpu,
            _ => DeviceChoice::Cpu,
        });
    };
    let is_chosen = move |device| move || store.device.get() == device;
    view! {
        <label class="field">
            <span>{text::OPTION_DEVICE}</span>
            <select data-testid="evaluate-device" on:change=changed>
                <option value="cpu" prop:selected=is_chosen(DeviceChoice::Cpu)>{page_text::device(DeviceChoice::Cpu)}</option>
                <option
                    value="webgpu"
                    disabled=move || !has_webgpu()
                    prop:selected=is_chosen(DeviceChoice::WebGpu)
                >{page_text::device(DeviceChoice::WebGpu)}</option>
            </select>
        </label>
    }
}
