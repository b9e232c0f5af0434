//! What the page says of runs that are kept.

use super::checkpoint;
use crate::kept_run::KeptRunError;
use crate::live::StageName;
use crate::protocol::Failure;

/// Heading of the offer.
pub const KEPT_HEADING: &str = "A run is kept in this browser";
/// Button.
pub const FORGET_BUTTON: &str = "Forget it";
/// Button: a run that was stopped or failed.
pub const GO_ON_HERE_BUTTON: &str = "Go on from the last checkpoint";
/// Button.
pub const DOWNLOAD_BUTTON: &str = "Download checkpoint";
/// Label of a file input.
pub const UPLOAD_LABEL: &str = "Go on from a checkpoint that you saved";
/// Below both.
pub const CHECKPOINT_NOTE: &str = "One file with all that a run needs to go on, here or in another browser. The program \
    rllr reads it too: rllr eval --model FILE.tar.";
/// Label of a figure.
pub const STATUS_KEPT: &str = "Checkpoint kept";
/// Value of the figure.
pub const KEPT_IN_BROWSER: &str = "in this browser";
/// Value of the figure.
pub const KEPT_IN_TAB: &str = "in this tab only";

/// What the offered run is.
pub fn kept_offer(time: &str, place: Option<(StageName, usize)>) -> String {
    let place = place.map_or_else(String::new, |(stage, step)| {
        format!(" Its last checkpoint: {}.", checkpoint(stage, step))
    });
    format!("It began at {time}.{place}")
}

/// Button: the kept run.
pub fn go_on_button(time: &str) -> String {
    format!("Go on with the run of {time}")
}

/// A file that is no checkpoint.
pub fn bad_checkpoint_file(name: &str, error: &KeptRunError) -> Failure {
    Failure {
        what: format!("{name} cannot be read as a checkpoint."),
        have: format!("{error}."),
        need: "A whole file that “Download checkpoint” saved, of this version.".to_owned(),
        next: "Choose another file, or begin a new run.".to_owned(),
    }
}

/// A file that the browser cannot read.
pub fn unreadable_file(name: &str, said: &str) -> Failure {
    Failure {
        what: format!("{name} cannot be read."),
        have: said.to_owned(),
        need: "A file that is still where it was when you chose it.".to_owned(),
        next: "Choose it again.".to_owned(),
    }
}

/// A run in the browser's storage that cannot be gone on with.
pub fn kept_run_unreadable(said: &str) -> Failure {
    Failure {
        what: "The run that is kept in this browser cannot be read.".to_owned(),
        have: format!("{said}."),
        need: "A whole checkpoint of this version.".to_owned(),
        next: "Begin a new run; what cannot be read is removed with its first checkpoint.".to_owned(),
    }
}
