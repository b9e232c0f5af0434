//! What can be wrong with a checkpoint, or with the place where it is kept.

use rllr_model::WeightsError;

/// Why checkpoints cannot be written to or read from their store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no room left.
    #[error("{place}: no space is left; the last whole checkpoint is untouched")]
    Full {
        /// File or directory.
        place: String,
    },
    /// It may not be written.
    #[error("{place} cannot be written: {reason}")]
    NotWritable {
        /// File or directory.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// It is not there.
    #[error("{place} is missing")]
    Missing {
        /// File or directory.
        place: String,
    },
    /// Anything else.
    #[error("{place}: {reason}")]
    Failed {
        /// File or directory.
        place: String,
        /// What the system said.
        reason: String,
    },
}

/// Why a checkpoint cannot be written, or a run cannot go on from it.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another version of the format.
    #[error(
        "checkpoint {name} has format {found}, expected {expected}: it was written by another version of rllr"
    )]
    Version {
        /// The checkpoint.
        name: String,
        /// Its format.
        found: u64,
        /// The format of this program.
        expected: u64,
    },
    /// Written by a run with other settings.
    #[error("checkpoint {name} was written with {key} = {found}, this run has {key} = {expected}")]
    OtherConfig {
        /// The checkpoint.
        name: String,
        /// The first setting that differs.
        key: String,
        /// Its value in the checkpoint.
        found: String,
        /// Its value in this run.
        expected: String,
    },
    /// Not the bytes that were written.
    #[error("checkpoint {name}: {file} is damaged: {reason}")]
    Damaged {
        /// The checkpoint.
        name: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Tensors that do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The optimiser's state can only be read by Burn.
    #[error("the optimiser was not made by `resumable`, so its state cannot be kept")]
    NotResumable,
    /// The stage's state cannot be written or read.
    #[error("the state of the stage cannot be kept or read: {0}")]
    State(String),
    /// The stage does not accept the state.
    #[error("the stage cannot go on from the checkpoint: {0}")]
    Stage(String),
}
