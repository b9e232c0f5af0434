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
pub mod answering;
pub mod evaluate;
pub mod models;
pub mod settings;
pub mod stages;
pub mod run;
pub mod pretrain;
pub mod plan;
pub mod report;
pub mod rationales;
pub mod hub;
pub mod page_run;
pub mod checkpoint_directory;
pub mod sinks;
pub mod doctor;
pub mod interrupts;
pub mod hashes;
pub mod devices;
pub mod threads;
pub mod exit;
pub mod terminal;

#[cfg(test)]
mod test_server;
