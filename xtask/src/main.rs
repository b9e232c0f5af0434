//! `cargo xtask`: the project's chores. See `cargo xtask --help`.
#![allow(clippy::print_stderr, reason = "a program for a terminal")]

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use xtask::bench::Bench;
use xtask::demo::Then;
use xtask::project::Project;
use xtask::test::Stage;
use xtask::{bench, check, demo, golden, setup, test};

/// The project's chores. Exit codes: 0 done, 1 failed, 2 bad usage.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing: the browser's target, tools, a browser; quick when nothing is.
    Setup,
    /// Lint, format, document and check dependencies, as the build machine does; fast things first.
    Check,
    /// Run every test, natively and in a headless browser; ends with `N passed, M failed`.
    Test {
        /// Run one group only.
        #[arg(long, value_enum)]
        only: Option<Stage>,
    },
    /// Build the page and serve it on 127.0.0.1.
    Demo {
        /// The port; 0 takes any free one.
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Do not open a browser.
        #[arg(long)]
        no_open: bool,
        /// Build the folder `dist` for a static host, and stop.
        #[arg(long)]
        build_only: bool,
        /// The path under which the page will be found, as in `/rllr/`; when left out, it works under any.
        #[arg(long, value_parser = public_url)]
        public_url: Option<String>,
        /// Build with optimisation: always so, accepted because people type it.
        #[arg(long)]
        release: bool,
    },
    /// Measure; prints one JSON object a line.
    Bench {
        /// What to measure; everything when left out.
        #[arg(value_enum)]
        name: Option<Bench>,
        /// Arguments for the program that measures, such as `--torch`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Make the golden files again; needs Python with torch.
    Golden,
}

fn main() -> ExitCode {
    // Bad usage ends here, with exit code 2.
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    match command {
        Command::Setup => setup::run(&project)?,
        Command::Check => check::run(&project)?,
        Command::Test { only } => {
            if test::run(&project, only)?.failed > 0 {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Demo {
            port,
            no_open,
            build_only,
            public_url,
            release: _,
        } => {
            let then = match (build_only, no_open) {
                (true, _) => Then::Stop,
                (false, true) => Then::Serve,
                (false, false) => Then::ServeAndOpen,
            };
            demo::run(&project, port, public_url.as_deref(), then)?;
        }
        Command::Bench { name, arguments } => bench::run(&project, name, &arguments)?,
        Command::Golden => golden::run(&project)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn public_url(text: &str) -> Result<String, String> {
    if text.starts_with('/') && text.ends_with('/') {
        Ok(text.to_owned())
    } else {
        Err("it must begin and end with `/`, as in `/` or `/rllr/`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn bad_usage_is_refused_with_2() {
        for line in [
            "xtask",
            "xtask fly",
            "xtask test --only moon",
            "xtask demo --port 70000",
            "xtask demo --public-url x",
        ] {
            let error = Arguments::try_parse_from(line.split(' ')).err().unwrap();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn arguments_after_the_benchmark_are_its_own() {
        let parsed = Arguments::try_parse_from(["xtask", "bench", "train-step", "--torch"]).unwrap();
        let Command::Bench { name, arguments } = parsed.command else {
            panic!("not bench")
        };
        assert_eq!(name, Some(Bench::TrainStep));
        assert_eq!(arguments, ["--torch"]);
    }
}
