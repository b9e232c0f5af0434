//! Chores: what a user or a build machine runs through `cargo xtask`.
//!
//! Four modules are also used by the project's tests: [`serve`], [`constructors`], [`models`] and [`sizes`].
//! The rest reads in the order of the commands: find the project, install, check, build, test, show, measure.
//!
//! It does not contain anything of the method itself, and no other crate but the tests depends on it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "these are programs for a terminal"
)]

pub mod project;

pub mod process;

pub mod setup;

pub mod check;

pub mod page;

pub mod models;

pub mod offline;

pub mod serve;

pub mod demo;

pub mod test;

pub mod counts;

pub mod constructors;

pub mod sizes;

pub mod strip;

pub mod bench;

pub mod golden;
