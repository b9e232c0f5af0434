//! What the worker says when something does not work.

mod models;

pub(super) use models::*;

use burn::tensor::wgpu::WgpuInitError;
use rllr_train::SelfCheckError;

use crate::protocol::{Failure, ProtocolError, SettingsError};
use crate::story::StoryError;

const TRY_AGAIN: &str = "Try again: that starts a fresh worker.";
const USE_THE_CPU: &str = "Choose the CPU, which computes the same, only slower.";

fn failure(what: &str, have: &str, need: &str, next: &str) -> Failure {
    Failure {
        what: what.to_owned(),
        have: have.to_owned(),
        need: need.to_owned(),
        next: next.to_owned(),
    }
}

pub(super) fn panicked(message: &str) -> Failure {
    failure(
        "The computing program stopped in the middle of its work.",
        message,
        "A device that stays available and has enough memory.",
        &format!("{TRY_AGAIN} If it happens again, choose the CPU or a smaller model."),
    )
}

pub(super) fn bad_request(error: &ProtocolError) -> Failure {
    failure(
        "The worker did not understand a message.",
        &error.to_string(),
        "A request of this page's version.",
        "Load the page again.",
    )
}

pub(super) fn bad_settings(error: &SettingsError) -> Failure {
    failure(
        "A setting cannot be used.",
        &format!("{}: {}", error.field, error.found),
        error.expected,
        "Change the setting, or reset it to its default.",
    )
}

pub(super) fn no_gpu(error: &WgpuInitError) -> Failure {
    failure(
        "The GPU could not be opened.",
        &error.to_string(),
        "A WebGPU adapter that gives a device.",
        USE_THE_CPU,
    )
}

pub(super) fn self_check(error: &SelfCheckError) -> Failure {
    failure(
        "The self-check could not be finished.",
        &error.to_string(),
        "A device that answers.",
        USE_THE_CPU,
    )
}

pub(super) fn device_lost(error: &impl std::fmt::Debug) -> Failure {
    failure(
        "The device stopped answering in the middle of the run.",
        &format!("{error:?}"),
        "A device that stays available and has enough memory.",
        &format!("{TRY_AGAIN} If it happens again, choose the CPU or a smaller model."),
    )
}

pub(super) fn run_broke(error: &StoryError) -> Failure {
    failure(
        "The run broke in the middle.",
        &error.to_string(),
        "A device that stays available and has enough memory.",
        &format!("{TRY_AGAIN} If it happens again, choose the CPU or a smaller model."),
    )
}

pub(super) fn run_failed(error: &StoryError) -> Failure {
    let (need, next) = match error {
        StoryError::NotFinite { .. } => (
            "Finite numbers: a learning rate is too high for this model.",
            "Choose smaller learning rates and train again.",
        ),
        StoryError::NoExamples(_) => (
            "A task with so many different examples.",
            "Choose fewer demonstrations, steps or answers, or another difficulty.",
        ),
        StoryError::Checkpoint { .. } => (
            "An undamaged checkpoint that this version wrote with these settings.",
            "Upload another checkpoint, or begin a new run.",
        ),
        _ => ("Settings that fit together.", "Reset the settings."),
    };
    failure("The run cannot go on.", &error.to_string(), need, next)
}

/// There is no room for a checkpoint. `room`: bytes that the browser gives, and those that are used.
pub(super) fn storage_full(room: Option<(f64, f64)>, needed: usize) -> Failure {
    let megabytes = |bytes: f64| format!("{:.1} MB", bytes / 1e6);
    let have = room.map_or_else(
        || "The browser does not say how much there is.".to_owned(),
        |(quota, usage)| {
            format!(
                "The browser gives this page {}; {} are used.",
                megabytes(quota),
                megabytes(usage)
            )
        },
    );
    failure(
        "The browser’s storage is full: the last checkpoint is kept in this tab only.",
        &have,
        &format!("{} for a checkpoint.", megabytes(needed as f64)),
        "The run goes on. Save its checkpoint with “Download checkpoint” before you close the tab, or make room on the \
         disk: the next checkpoint is tried again.",
    )
}

/// A checkpoint cannot be written.
pub(super) fn checkpoint_not_kept(said: &str) -> Failure {
    failure(
        "The browser did not keep the last checkpoint: it is in this tab only.",
        said,
        "The browser’s permission to keep files for this page.",
        "The run goes on. Save its checkpoint with “Download checkpoint” before you close the tab.",
    )
}

pub(super) fn not_finite(step: usize, loss: f32, grad_norm: f32) -> Failure {
    failure(
        &format!("Step {step} gave a number that is not finite."),
        &format!("loss {loss}, gradient norm {grad_norm}"),
        "Finite numbers: the learning rate is too high for this model.",
        "Choose a smaller learning rate and train again.",
    )
}

pub(super) fn internal(error: &impl ToString) -> Failure {
    failure(
        "The run could not be prepared.",
        &error.to_string(),
        "Settings that fit together.",
        "Reset the settings.",
    )
}
