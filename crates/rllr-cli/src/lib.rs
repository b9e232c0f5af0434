//! The native program `rllr`: arguments, files, devices and what people read in a terminal.
//!
//! The program is a thin face over the core crates; what it computes is theirs.

pub mod commands;
pub mod data;
pub mod pairs;
pub mod convert;
pub mod model_directory;
mod texts;
pub mod tokenizer;
pub mod evaluate;
pub mod run;
pub mod pretrain;
pub mod checkpoint_directory;
pub mod sinks;
pub mod doctor;
pub mod devices;
pub mod exit;
pub mod terminal;
