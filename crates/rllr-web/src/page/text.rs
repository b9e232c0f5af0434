//! Every English sentence of the page that is not in `index.html`.
//!
//! The sentences of the worker (self-check rows, its failures) come from the worker.

mod kept;
mod live;
mod problems;
mod reward;

pub use kept::*;
pub use live::*;
pub use problems::*;
pub use reward::*;

use super::browser::Family;
use super::session::Phase;
use crate::live::LiveField as Field;
use crate::protocol::{Adapter, DeviceChoice, SelfCheckSummary};

/// Headings.
pub const DEVICE_HEADING: &str = "This device";
/// Heading of the self-check.
pub const CHECK_HEADING: &str = "Self-check";
/// Heading of an error.
pub const FAILURE_HEADING: &str = "This did not work";

/// Label of the browser's row.
pub const BROWSER: &str = "Browser";
/// Label of the adapter's row.
pub const WEBGPU: &str = "WebGPU adapter";
/// Label of the SIMD row.
pub const SIMD: &str = "WebAssembly SIMD";
/// SIMD is there: without it, `web/start.js` does not start the page.
pub const SIMD_YES: &str = "yes";
/// Shown until the adapter is known.
pub const PROBING: &str = "looking…";
/// A badge beside a software adapter.
pub const SOFTWARE_ADAPTER: &str = "software adapter";
/// What a software adapter means.
pub const SOFTWARE_EXPLAINED: &str = "This adapter has no GPU behind it: it computes on the CPU, \
    more slowly than the CPU backend of this page. The CPU is therefore preselected.";
/// Nothing was said about the adapter.
pub const ADAPTER_UNNAMED: &str = "available, not described by the browser";

/// What the self-check is.
pub const CHECK_INTRO: &str = "Some graphics drivers compute wrong numbers without any error. Before a device is \
    used, a small model runs on it and on the CPU, and the results are compared.";
/// Button.
pub const CHECK_BUTTON: &str = "Check this device";
/// Before the first check.
pub const CHECK_NONE: &str = "Not run yet. Training runs it first.";
/// Column headings of the table of checks.
pub const CHECK_COLUMNS: [&str; 4] = ["Quantity", "Largest difference", "Tolerance", "Agrees"];
/// A check agrees.
pub const AGREES: &str = "yes";
/// A check does not agree.
pub const DISAGREES: &str = "no";
/// The device gave NaN or infinity.
pub const NOT_FINITE: &str = "not a finite number";

/// Legend of the device choice.
pub const DEVICE_CHOICE: &str = "Compute on";
/// Why a device is disabled after a failed check.
pub const DEVICE_REJECTED: &str = "failed the self-check";
/// The folded settings.
pub const SETTINGS: &str = "Settings";
/// Button.
pub const RESET: &str = "Reset";
/// Button.
pub const RESET_ALL: &str = "Reset all settings";
/// Link to the settings.
pub const PERMALINK: &str = "Link to these settings";
/// Before the list of ignored parts of the link.
pub const LINK_IGNORED: &str = "Parts of the link were ignored:";
/// A part of the link without `=`.
pub const LINK_NO_VALUE: &str = "expected name=value";
/// A setting twice in the link.
pub const LINK_GIVEN_TWICE: &str = "given twice; the first value counts";

/// Button.
pub const PAUSE_BUTTON: &str = "Pause";
/// Button.
pub const RESUME_BUTTON: &str = "Resume";
/// Button.
pub const STOP_BUTTON: &str = "Stop";
/// Button.
pub const TRY_AGAIN_BUTTON: &str = "Try again";
/// Button.
pub const USE_CPU_BUTTON: &str = "Use the CPU instead";

/// Labels of the status line.
pub const STATUS_DEVICE: &str = "Device";
/// Label of the step time.
pub const STATUS_STEP_TIME: &str = "Time per step";
/// Label of the speed.
pub const STATUS_SPEED: &str = "Tokens per second";
/// Label of the size.
pub const STATUS_PARAMETERS: &str = "Parameters";
/// Label of the load time.
pub const STATUS_LOAD: &str = "Program loaded in";
/// Label of the seed.
pub const STATUS_SEED: &str = "Seed";
/// Label of the version.
pub const STATUS_VERSION: &str = "Version";
/// In place of a number that is not known yet.
pub const NOTHING_YET: &str = "–";

/// The message at a setting that cannot be used.
pub fn field_error(expected: &str) -> String {
    format!("Please enter {expected}.")
}

/// A device's name.
pub fn device(device: DeviceChoice) -> &'static str {
    match device {
        DeviceChoice::Cpu => "CPU",
        DeviceChoice::WebGpu => "WebGPU",
    }
}

/// A device's name, with the warning that it is software.
pub fn device_in_status(choice: DeviceChoice, adapter: Option<&Adapter>) -> String {
    match (choice, adapter) {
        (DeviceChoice::WebGpu, Some(adapter)) if adapter.is_software() => {
            format!("{} ({SOFTWARE_ADAPTER})", device(choice))
        }
        _ => device(choice).to_owned(),
    }
}

/// Why a device is preselected.
pub fn device_reason(choice: DeviceChoice, adapter: Option<&Adapter>) -> &'static str {
    match (choice, adapter) {
        (DeviceChoice::Cpu, None) => "works everywhere",
        (DeviceChoice::Cpu, Some(adapter)) if adapter.is_software() => {
            "faster here: the adapter is a software one"
        }
        (DeviceChoice::Cpu, Some(_)) => "works everywhere, and fast for very small models",
        (DeviceChoice::WebGpu, Some(adapter)) if adapter.is_software() => SOFTWARE_ADAPTER,
        (DeviceChoice::WebGpu, _) => "computes on the GPU",
    }
}

/// What the browser tells about an adapter, in one line.
pub fn adapter(adapter: &Adapter) -> String {
    let Adapter {
        vendor,
        architecture,
        device,
        description,
        is_fallback: _,
    } = adapter;
    let parts: Vec<&str> = [vendor, architecture, device, description]
        .into_iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        ADAPTER_UNNAMED.to_owned()
    } else {
        parts.join(", ")
    }
}

/// A family's name.
pub fn browser_name(family: Family) -> &'static str {
    match family {
        Family::Chrome => "Chrome",
        Family::Edge => "Edge",
        Family::Firefox => "Firefox",
        Family::Safari => "Safari",
        Family::Other => "Unknown browser",
    }
}

/// What is going on, in one sentence for the status and for screen readers.
pub fn phase(phase: Phase, choice: Option<DeviceChoice>, last_step: Option<usize>) -> String {
    let device = choice.map_or("the device", device);
    let steps = match last_step {
        None => "before the first step".to_owned(),
        Some(step) => format!("after step {step}"),
    };
    match phase {
        Phase::Idle if choice.is_some() => format!("Self-check of {device} passed."),
        Phase::Idle => "Ready.".to_owned(),
        Phase::Loading => "Loading the computing program…".to_owned(),
        Phase::Probing => "Looking for the WebGPU adapter…".to_owned(),
        Phase::Checking => format!("Checking {device}…"),
        Phase::Starting => format!("Building the model on {device}…"),
        Phase::Training => format!("Training on {device}."),
        Phase::Recovering => "The computing program was lost. Going on from the last checkpoint…".to_owned(),
        Phase::Pausing => "Pausing…".to_owned(),
        Phase::Paused => format!("Paused {steps}."),
        Phase::Stopping => "Stopping…".to_owned(),
        Phase::Stopped => format!("Stopped {steps}."),
        Phase::Finished => format!("Finished {steps}."),
        Phase::Failed => "Failed: see the message.".to_owned(),
    }
}

/// The caption of the table behind the chart.
pub fn table_caption(shown: usize, all: usize) -> String {
    if shown == all {
        format!("All {all} steps")
    } else {
        format!("{shown} of {all} steps, evenly spread")
    }
}

/// The caption of the table of checks.
pub fn check_caption(choice: DeviceChoice) -> String {
    format!("Self-check of {}", device(choice))
}

/// The verdict of a self-check.
pub fn check_verdict(report: &SelfCheckSummary) -> String {
    let verdict = if report.passed {
        "Passed."
    } else {
        "Failed: this device is not used."
    };
    format!("{verdict} {}", report.message).trim_end().to_owned()
}

/// A part of the link that names no setting.
pub fn link_unknown_setting() -> String {
    let names: Vec<_> = Field::ALL.into_iter().map(Field::name).collect();
    format!("expected one of {}", names.join(", "))
}

/// A part of the link whose value cannot be used.
pub fn link_bad_value(expected: &str) -> String {
    format!("expected {expected}")
}

/// A remark in brackets after a device's name.
pub fn in_brackets(reason: &str) -> String {
    format!("({reason})")
}

/// A time.
pub fn milliseconds(number: &str) -> String {
    format!("{number} ms")
}

/// The worker sent something that is not text.
pub const MESSAGE_NOT_TEXT: &str = "A message came that is not text.";
/// The browser gave an error without a message.
pub const NO_DETAILS: &str = "The browser gives no details; its console may.";

/// The version line: what to quote in a bug report.
pub fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match crate::COMMIT {
        Some(commit) => format!("{version}, commit {commit}"),
        None => format!("{version}, commit not recorded"),
    }
}

/// Read aloud around removed words.
pub const REMOVED: &str = "removed: ";
/// Read aloud around added words.
pub const ADDED: &str = "added: ";
