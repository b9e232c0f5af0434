//! The self-check: a button, and a table for each device that was checked.

use leptos::prelude::*;

use crate::page::session::Command;
use crate::page::store::Store;
use crate::page::{numbers, text};
use crate::protocol::{CheckRow, DeviceChoice, SelfCheckSummary};

#[component]
pub(super) fn CheckPanel(store: Store) -> impl IntoView {
    let is_busy = move || store.read(|session| session.phase().is_busy());
    let report = move |device| Memo::new(move |_| store.read(|session| session.check(device).cloned()));
    let reports = [DeviceChoice::WebGpu, DeviceChoice::Cpu].map(|device| (device, report(device)));
    let none_yet = move || reports.iter().all(|(_, report)| report.with(Option::is_none));
    let tables = reports
        .map(|(device, report)| move || report.get().map(|report| view! { <CheckTable device report/> }));
    view! {
        <section aria-labelledby="check-heading" data-testid="check-panel">
            <h2 id="check-heading">{text::CHECK_HEADING}</h2>
            <p>{text::CHECK_INTRO}</p>
            <Show when=none_yet>
                <p class="note" data-testid="check-none">{text::CHECK_NONE}</p>
            </Show>
            {tables.into_iter().collect_view()}
            <div class="buttons">
                <button
                    type="button"
                    data-testid="check"
                    disabled=is_busy
                    on:click=move |_| store.command(Command::Check(store.device.get_untracked()))
                >
                    {text::CHECK_BUTTON}
                </button>
            </div>
        </section>
    }
}

#[component]
fn CheckTable(device: DeviceChoice, report: SelfCheckSummary) -> impl IntoView {
    let verdict = text::check_verdict(&report);
    let passed = report.passed;
    view! {
        <div class="scroll" data-testid=testid(device) data-passed=passed.to_string()>
            <table>
                <caption>{text::check_caption(device)}</caption>
                <thead>
                    <tr>{text::CHECK_COLUMNS.map(|name| view! { <th scope="col">{name}</th> }).collect_view()}</tr>
                </thead>
                <tbody>{report.rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
        <p class=if passed { "good" } else { "bad" } data-testid="check-verdict">{verdict}</p>
    }
}

fn row(row: CheckRow) -> impl IntoView {
    let CheckRow {
        name,
        largest_difference,
        tolerance,
        passed,
    } = row;
    let difference = largest_difference.map_or_else(|| text::NOT_FINITE.to_owned(), numbers::short);
    let agrees = if passed { text::AGREES } else { text::DISAGREES };
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td>{difference}</td>
            <td>{numbers::short(tolerance)}</td>
            <td class=if passed { "good" } else { "bad" }>{agrees}</td>
        </tr>
    }
}

/// The `data-testid` of a device's table of checks.
fn testid(device: DeviceChoice) -> &'static str {
    match device {
        DeviceChoice::Cpu => "check-cpu",
        DeviceChoice::WebGpu => "check-webgpu",
    }
}
