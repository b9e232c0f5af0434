//! Exit codes, the same for every command.

use std::process::ExitCode;

/// How a command ended badly. Any other error is a failed run.
#[derive(Debug, thiserror::Error)]
pub enum ExitError {
    /// Bad usage, configuration or input: the message names what was found and what was expected.
    #[error("{0}")]
    BadInput(String),
    /// No device can be used.
    #[error("{0}")]
    NoDevice(String),
}

/// 1 for a failed run, 2 for bad usage, configuration or input, 3 when no device can be used.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<ExitError>() {
        Some(ExitError::BadInput(_)) => ExitCode::from(2),
        Some(ExitError::NoDevice(_)) => ExitCode::from(3),
        None => ExitCode::FAILURE,
    }
}
