//! The program `rllr`.
#![allow(clippy::print_stderr, reason = "the one place where errors are printed")]

use std::process::ExitCode;

use clap::Parser as _;
use rllr_cli::commands::Cli;
use rllr_cli::exit::exit_code;

fn main() -> ExitCode {
    // Clap itself ends the program with code 2 on bad usage.
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit_code(&error)
        }
    }
}
