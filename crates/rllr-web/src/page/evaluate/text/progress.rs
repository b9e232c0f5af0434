//! What is going on, in words.

use super::{bytes, percent};
use crate::page::evaluate::desk::{Desk, Job, JobKind, Loading, Phase};
use crate::page::numbers;
use crate::page::text;
use crate::protocol::DeviceChoice;

/// How much of a model is here.
pub fn loading(loading: Loading) -> String {
    let Loading { done, total, cached } = loading;
    let kept = if cached > 0 {
        format!(", {} of it kept from before", bytes(cached))
    } else {
        String::new()
    };
    format!("{} of {}{kept}", bytes(done), bytes(total))
}

/// What is going on, in one sentence for the status and for screen readers.
pub fn status(desk: &Desk) -> String {
    let job = desk.job();
    let device = job
        .and_then(|job| job.request.device())
        .map_or("the device", text::device);
    match desk.phase() {
        Phase::Idle => "Ready.".to_owned(),
        Phase::Starting => "Loading the computing program…".to_owned(),
        Phase::Probing => "Looking for the WebGPU adapter…".to_owned(),
        Phase::Checking => format!("Checking {device}…"),
        Phase::Working => working(desk, job),
        Phase::Stopping => "Stopping…".to_owned(),
        Phase::Stopped => match desk.progress() {
            Some((done, all)) => format!("Stopped after {done} of {all} examples."),
            None => "Stopped.".to_owned(),
        },
        Phase::Finished => finished(desk, job),
        Phase::Failed => "Failed: see the message.".to_owned(),
    }
}

fn working(desk: &Desk, job: Option<&Job>) -> String {
    match job.map(|job| &job.kind) {
        Some(JobKind::Inspect) => "Reading the file…".to_owned(),
        Some(JobKind::Compare) => "Comparing the two models…".to_owned(),
        _ if desk.loading().is_some() => "Loading the model…".to_owned(),
        Some(JobKind::Ask) => "The model answers…".to_owned(),
        Some(JobKind::Evaluate(..)) => "The model answers the examples…".to_owned(),
        None => String::new(),
    }
}

fn finished(desk: &Desk, job: Option<&Job>) -> String {
    match job.map(|job| &job.kind) {
        Some(JobKind::Inspect) => "The file was read.".to_owned(),
        Some(JobKind::Compare) => "Both models are evaluated and compared.".to_owned(),
        Some(JobKind::Evaluate(slot, _)) => {
            let measured = desk.results(*slot).and_then(|results| results.measured.first());
            measured.map_or_else(
                || "Finished.".to_owned(),
                |measured| {
                    format!(
                        "Finished: {} of {} examples.",
                        percent(measured.accuracy),
                        measured.n
                    )
                },
            )
        }
        Some(JobKind::Ask) => {
            let label = desk.answer().and_then(|answer| answer.label.clone());
            label.map_or_else(
                || "The response is no answer.".to_owned(),
                |label| format!("The answer is “{label}”."),
            )
        }
        None => String::new(),
    }
}

/// Examples answered so far.
pub fn progress(done: usize, all: usize) -> String {
    format!("{done} of {all} examples")
}

/// The device, with what its self-check found.
pub fn checked(device: DeviceChoice, largest: f64) -> String {
    format!(
        "Self-check of {}: agrees with the CPU to {}.",
        text::device(device),
        numbers::short(largest)
    )
}
