//! Where a run's events go: a file of JSON lines, TensorBoard, a terminal.

mod json_lines;
mod progress;
mod status_line;
mod tensorboard;

pub use json_lines::JsonLines;
pub use progress::Progress;
pub use status_line::StatusLine;
pub use tensorboard::TensorBoard;
