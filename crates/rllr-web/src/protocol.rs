//! What the page and its worker say to each other.
//!
//! The page sends [`Request`]s, the worker answers with [`Event`]s.
//! Both travel through `postMessage` as one JSON string each, so that a message can be read in the browser's
//! console and a test can send one by hand.
//!
//! The order of a run: [`Event::Ready`] once, when the worker has started and can take requests;
//! `Probe` → `Probed`; `SelfCheck` → `SelfChecked`; `Train` → `Started`, one `Step` per training step,
//! then `Finished`, or `Stopped` after a `Stop`; `Run` → many `Live`, then `Completed`. [`Event::Failed`] and
//! [`Event::Broken`] may replace any answer. `Train` is what the benchmarks ask for; the page asks for `Run`.
//!
//! This module does not know the DOM, Burn or the clock.

pub mod models;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::live::{LiveEvent, LiveSettings};
use models::{ModelEvent, ModelRequest};

pub use crate::settings::{Field, SettingsError, TrainSettings};

/// What the page asks of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Look for a WebGPU adapter from inside the worker: some browsers offer WebGPU to pages only.
    Probe,
    /// Compare a device with the CPU before it is trusted. Answered by [`Event::SelfChecked`].
    SelfCheck {
        /// The device to check.
        device: DeviceChoice,
    },
    /// Train the model from its seeded start. Answered by [`Event::Started`], then one [`Event::Step`] a step.
    Train {
        /// Where to train.
        device: DeviceChoice,
        /// Size, batch and schedule of the run. The worker validates them again.
        settings: TrainSettings,
    },
    /// Run the whole method. Answered by [`Event::Live`]s, then [`Event::Completed`].
    ///
    /// Checkpoints that were sent before, as objects beside these messages, are gone on from; and what the run told
    /// before is kept with them.
    Run {
        /// Where to compute.
        device: DeviceChoice,
        /// What is run. The worker validates it again.
        settings: LiveSettings,
        /// Milliseconds of work before a break; 0 for a run that begins.
        spent_ms: f64,
        /// Whether the page knows already what the reward models say, from before a break.
        inspected: bool,
        /// When the run began, in milliseconds since 1970.
        begun_ms: f64,
    },
    /// Make one step of a held run, and hold it again. Answered by [`Event::Resumed`] and [`Event::Paused`].
    StepOnce,
    /// Hold the run after the step in progress. Answered by [`Event::Paused`].
    Pause,
    /// Go on with a held run. Answered by [`Event::Resumed`].
    Resume,
    /// End the run after the step in progress. Answered by [`Event::Stopped`], also when no run is in progress.
    Stop,
    /// Something about models that are measured and tried. Answered by [`Event::Model`].
    Model(ModelRequest),
}

/// Where the worker computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// The CPU backend, in WebAssembly.
    Cpu,
    /// The adapter that `navigator.gpu` gives, hardware or software.
    #[serde(rename = "webgpu")]
    WebGpu,
}

/// What the worker tells the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// The worker has started and takes requests.
    Ready,
    /// Answer to [`Request::Probe`].
    Probed {
        /// What was found.
        webgpu: WebGpuSupport,
    },
    /// Answer to [`Request::SelfCheck`]. A device whose report has not passed must not be used.
    SelfChecked {
        /// The device that was checked.
        device: DeviceChoice,
        /// How far it is from the CPU.
        report: SelfCheckSummary,
    },
    /// The model is built; the first step follows.
    Started {
        /// Where it trains.
        device: DeviceChoice,
        /// How many numbers the model learns.
        parameters: u64,
    },
    /// One training step is done. All numbers are finite: a loss that is not is a [`Event::Failed`].
    Step {
        /// Number of this step; the first is 1.
        step: usize,
        /// Mean cross-entropy per token before the update, nats.
        loss: f64,
        /// Global L2 norm of the gradient before clipping.
        grad_norm: f64,
        /// Wall time of this step, with the reading of the loss. The first one includes shader compilation.
        milliseconds: f64,
        /// Training tokens per second of this step.
        tokens_per_second: f64,
    },
    /// Something happened in the run of the whole method.
    Live {
        /// Milliseconds of work since the run began, without pauses.
        at_ms: f64,
        /// What happened.
        happened: LiveEvent,
    },
    /// The last checkpoint is kept by the browser, so that a reload of the page can go on from it.
    Kept,
    /// The last checkpoint is kept in the page alone. The run goes on.
    NotKept(Failure),
    /// The run of the whole method is done.
    Completed,
    /// The run is held.
    Paused,
    /// The held run goes on.
    Resumed,
    /// All steps are done.
    Finished {
        /// Steps done.
        steps: usize,
        /// Wall time of the whole run without pauses, seconds.
        seconds: f64,
        /// Median wall time of a step, without the first (which compiles shaders) where there are more.
        milliseconds_per_step_median: f64,
        /// Loss of the first step, nats per token.
        first_loss: f64,
        /// Loss of the last step, nats per token.
        last_loss: f64,
    },
    /// The run ended on request.
    Stopped,
    /// A request could not be carried out. The worker takes no more requests after this one.
    Failed(Failure),
    /// Answer to [`Request::Model`].
    Model(ModelEvent),
    /// The device or the program broke: a fresh worker can go on where the last checkpoint was written. This one takes no
    /// more requests.
    Broken(Failure),
}

/// Whether there is a WebGPU adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebGpuSupport {
    /// There is one.
    Available(Adapter),
    /// There is none.
    Unavailable(NoAdapter),
}

/// A WebGPU adapter as the browser describes it. Browsers leave out what they will not tell: empty strings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// `GPUAdapterInfo.vendor`, such as `intel` or `google`.
    pub vendor: String,
    /// `GPUAdapterInfo.architecture`, such as `gen-12lp` or `swiftshader`.
    pub architecture: String,
    /// `GPUAdapterInfo.device`, a vendor's own number.
    pub device: String,
    /// `GPUAdapterInfo.description`, a name for people.
    pub description: String,
    /// Whether the browser calls it a fallback adapter.
    pub is_fallback: bool,
}

impl Adapter {
    /// Whether the adapter computes on the CPU: then our own CPU backend is faster, and the page says so.
    ///
    /// `SwiftShader` (Chrome) and WARP (Windows) call themselves fallback adapters, lavapipe (Mesa) does not.
    pub fn is_software(&self) -> bool {
        let names = format!("{} {} {}", self.architecture, self.device, self.description).to_lowercase();
        let software = [
            "swiftshader",
            "llvmpipe",
            "lavapipe",
            "warp",
            "microsoft basic render",
        ];
        self.is_fallback || software.iter().any(|name| names.contains(name))
    }
}

/// Why there is no WebGPU adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoAdapter {
    /// `navigator.gpu` is hidden because the page came over plain HTTP from another machine.
    InsecureContext,
    /// The browser has no `navigator.gpu`.
    ApiMissing,
    /// `navigator.gpu` exists, but `requestAdapter` gave null.
    NoneOffered,
    /// `requestAdapter` failed with this message.
    RequestFailed(String),
}

/// The result of the self-check of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfCheckSummary {
    /// Whether every row agrees. Only then the device may be used.
    pub passed: bool,
    /// One row per compared quantity.
    pub rows: Vec<CheckRow>,
    /// One sentence for people: what was compared, or what is wrong.
    pub message: String,
}

/// One compared quantity of the self-check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRow {
    /// What was compared, in words.
    pub name: String,
    /// The largest difference from the CPU, or `None` if the device gave something that is not a finite number.
    /// (JSON has no NaN: `serde_json` writes `null`, which is read back as `None`.)
    pub largest_difference: Option<f64>,
    /// The largest difference that is allowed.
    pub tolerance: f64,
    /// Whether the difference is allowed.
    pub passed: bool,
}

/// Why something did not work, in the four parts that every error of the page has. Plain sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What happened.
    pub what: String,
    /// What was found.
    pub have: String,
    /// What would have been needed.
    pub need: String,
    /// What the user can do next.
    pub next: String,
}

/// A message that is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error("expected a {expected} as JSON, found {found:?}: {source}")]
pub struct ProtocolError {
    /// `request` or `event`.
    pub expected: &'static str,
    /// The first characters of the message.
    pub found: String,
    /// What the JSON reader says.
    pub source: serde_json::Error,
}

impl Request {
    /// The message as JSON.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If it is not JSON, or not a request.
    pub fn from_json(text: &str) -> Result<Self, ProtocolError> {
        from_json(text, "request")
    }
}

impl Event {
    /// The message as JSON.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If it is not JSON, or not an event.
    pub fn from_json(text: &str) -> Result<Self, ProtocolError> {
        from_json(text, "event")
    }
}

fn to_json(message: &impl Serialize) -> String {
    serde_json::to_string(message)
        .expect("our messages have string keys and no custom serializer, so writing cannot fail")
}

fn from_json<T: DeserializeOwned>(text: &str, expected: &'static str) -> Result<T, ProtocolError> {
    serde_json::from_str(text).map_err(|source| ProtocolError {
        expected,
        found: text.chars().take(200).collect(),
        source,
    })
}

#[cfg(test)]
mod tests;
