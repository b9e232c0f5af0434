//! What the page says when something is missing or did not work.

use super::device;
use crate::page::browser::{Browser, Family};
use crate::protocol::{DeviceChoice, Failure, NoAdapter, SelfCheckSummary};

/// Why there is no adapter, in a few words.
pub fn no_adapter_short(reason: &NoAdapter) -> &'static str {
    match reason {
        NoAdapter::InsecureContext => "hidden: the page was not loaded over HTTPS",
        NoAdapter::ApiMissing => "not offered by this browser",
        NoAdapter::NoneOffered => "the browser offers no adapter",
        NoAdapter::RequestFailed(_) => "asking for an adapter failed",
    }
}

/// Why there is no adapter, and what helps in this browser.
pub fn no_adapter_hint(reason: &NoAdapter, browser: &Browser) -> String {
    let hint = match reason {
        NoAdapter::InsecureContext => {
            "Browsers show WebGPU only to pages from https:// addresses and from this computer (http://localhost)."
        }
        NoAdapter::RequestFailed(message) => {
            return format!("The browser said: {message}. Training uses the CPU.");
        }
        NoAdapter::ApiMissing | NoAdapter::NoneOffered => match (browser.family, browser.on_linux) {
            (Family::Chrome | Family::Edge, true) => {
                "On Linux, Chrome and Edge need version 144 and a supported GPU, or the switch \
                 “Unsafe WebGPU Support” at chrome://flags."
            }
            (Family::Chrome | Family::Edge, false) => {
                "Chrome and Edge have WebGPU from version 113 (Android: 121). If yours is newer, switch on graphics \
                 acceleration in the settings (“System”) and update the graphics driver."
            }
            (Family::Firefox, true) => {
                "Firefox for Linux does not offer WebGPU by default yet. Chrome 144 may."
            }
            (Family::Firefox, false) => "Firefox has WebGPU from version 141 (Windows) and 145 (macOS).",
            (Family::Safari, _) => "Safari has WebGPU from version 26.",
            (Family::Other, _) => "Current Chrome, Edge, Firefox and Safari have WebGPU.",
        },
    };
    format!("{hint} Training uses the CPU.")
}

/// The page sees an adapter, the worker sees none.
pub fn no_adapter_in_worker(reason: &NoAdapter) -> Failure {
    Failure {
        what: "WebGPU cannot be used for computing here.".to_owned(),
        have: format!(
            "An adapter in the page; in a background worker: {}.",
            no_adapter_short(reason)
        ),
        need: "An adapter in a background worker, so that the page does not freeze.".to_owned(),
        next: "Use the CPU, or try a newer version of the browser.".to_owned(),
    }
}

/// A device's numbers differ from the CPU's.
pub fn self_check_failed(choice: DeviceChoice, report: &SelfCheckSummary) -> Failure {
    let failed: Vec<&str> = report
        .rows
        .iter()
        .filter(|row| !row.passed)
        .map(|row| row.name.as_str())
        .collect();
    let next = match choice {
        DeviceChoice::WebGpu => "Use the CPU. An update of the browser or of the graphics driver may help.",
        DeviceChoice::Cpu => "Try a current version of another browser.",
    };
    Failure {
        what: format!("{} failed the self-check and is not used.", device(choice)),
        have: format!("Wrong numbers in: {}. {}", failed.join(", "), report.message)
            .trim_end()
            .to_owned(),
        need: "Agreement within the tolerance of every row.".to_owned(),
        next: next.to_owned(),
    }
}

/// The worker's program did not load.
pub fn worker_not_loaded(message: &str) -> Failure {
    Failure {
        what: "The computing program could not be loaded.".to_owned(),
        have: message.to_owned(),
        need: "The files worker-loader.js, worker.js and worker_bg.wasm beside this page.".to_owned(),
        next: "Check the network connection and try again.".to_owned(),
    }
}

/// The worker died.
pub fn worker_broke(message: &str, last_step: Option<usize>) -> Failure {
    let when = last_step.map_or_else(String::new, |step| format!(" after step {step}"));
    Failure {
        what: format!("The computing program broke{when}."),
        have: message.to_owned(),
        need: "Enough memory, and a device that stays available.".to_owned(),
        next: "Try again: that starts a fresh program. If it breaks again, use the CPU or a smaller model."
            .to_owned(),
    }
}

/// The labels of the four parts of a [`Failure`].
pub const FAILURE_PARTS: [&str; 4] = ["What happened", "Found", "Needed", "What you can do"];
