//! What the worker says when something does not work.

mod models;

pub(super) use models::*;

use burn::tensor::wgpu::WgpuInitError;
use rllr_train::SelfCheckError;

use crate::protocol::{Failure, ProtocolError, SettingsError};

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
