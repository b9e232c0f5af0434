//! `cargo xtask bench`: measurements, one JSON object a line on standard output; everything else goes to standard error.

use crate::page;
use crate::process;
use crate::project::{Project, TESTS_PACKAGE};
use crate::setup::{self, BuildTools};
use crate::sizes::{self, FileSize};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bench {
    /// Milliseconds per training step, native; with `--torch` also PyTorch's and the ratio.
    TrainStep,
    /// Milliseconds of a step of supervised fine-tuning, native; with `--torch` also PyTorch's and the ratio.
    Sft,
    /// Tokens per second of prefill and decoding, native; with `--torch` also PyTorch's and the ratio.
    Model,
    /// Examples per second of an evaluation, native; with `--torch` also those of transformers and the ratio.
    Eval,
    /// Milliseconds of a PPO iteration by phase, native; with `--torch` also those of two versions of TRL, whose Pythons
    /// `RLLR_PYTHON_TRL072` and `RLLR_PYTHON_TRL112` name, and the ratios.
    Ppo,
    /// Milliseconds per training step in the page, and the overhead of a dispatch, in headless Chrome.
    Page,
    /// Peak memory of training steps, with and without checkpointing by block, of scoring, and of PPO iterations; native,
    /// Linux.
    Memory,
    /// Compressed size of each wasm file of the page.
    Sizes,
    /// Memory that loading a model needs beside the model.
    Load,
}

impl Bench {
    /// All of them, the quick ones first.
    pub const ALL: [Self; 9] = [
        Self::Load,
        Self::TrainStep,
        Self::Sft,
        Self::Model,
        Self::Eval,
        Self::Ppo,
        Self::Memory,
        Self::Sizes,
        Self::Page,
    ];

    /// The name on the command line, here and of the program that measures.
    fn name(self) -> &'static str {
        match self {
            Self::TrainStep => "train-step",
            Self::Sft => "sft",
            Self::Model => "model",
            Self::Eval => "eval",
            Self::Ppo => "ppo",
            Self::Page => "page",
            Self::Memory => "memory",
            Self::Load => "load",
            Self::Sizes => "sizes",
        }
    }
}

/// The program in the tests' package that measures.
const PROGRAM: &str = "bench";

/// Runs one benchmark, or all; `arguments` go to the program that measures.
///
/// # Errors
/// When something does not build or a program fails.
pub fn run(project: &Project, bench: Option<Bench>, arguments: &[String]) -> Result<()> {
    let Some(bench) = bench else {
        // Arguments are one program's own; which one is meant cannot be told.
        if !arguments.is_empty() {
            bail!(
                "name the benchmark that `{}` is for: cargo xtask bench NAME {0}",
                arguments.join(" ")
            );
        }
        return Bench::ALL
            .into_iter()
            .try_for_each(|bench| one(project, bench, &[]));
    };
    one(project, bench, arguments)
}

fn one(project: &Project, bench: Bench, arguments: &[String]) -> Result<()> {
    if bench == Bench::Sizes {
        return print_sizes(&built_page(project)?);
    }
    let mut cargo = project.cargo();
    cargo.args(["run", "--release", "-p", TESTS_PACKAGE, "--bin", PROGRAM]);
    // Burn's GPU backend takes minutes to compile: only for who measures it.
    if arguments.iter().any(|argument| argument.contains("webgpu")) {
        cargo.args(["--features", "gpu"]);
    }
    cargo.args(["--", bench.name()]).args(arguments);
    if bench == Bench::Page {
        let dist = built_page(project)?;
        setup::ensure_browser()?.apply(project, &mut cargo)?;
        cargo.env("RLLR_DIST", dist);
    }
    let mut others = Vec::new();
    let status = process_lines(&mut cargo, &mut others)?;
    if !status.success() {
        bail!("`{}` failed ({status}): {}", bench.name(), others.join("\n"));
    }
    Ok(())
}

/// Runs a program whose standard error the user sees at once, and prints those of its lines that are JSON objects.
fn process_lines(cargo: &mut Command, others: &mut Vec<String>) -> Result<std::process::ExitStatus> {
    eprintln!("$ {}", process::shown(cargo));
    let output = cargo.stderr(Stdio::inherit()).stdin(Stdio::null()).output()?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if is_json_object(line) {
            println!("{line}");
        } else {
            eprintln!("{line}");
            others.push(line.to_owned());
        }
    }
    Ok(output.status)
}

fn is_json_object(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.is_object())
}

fn built_page(project: &Project) -> Result<std::path::PathBuf> {
    let tools = BuildTools::ensure(project)?;
    page::build(project, &tools, None)
}

fn print_sizes(dist: &Path) -> Result<()> {
    for FileSize {
        name,
        bytes,
        gzip_bytes,
    } in sizes::wasm_sizes(dist)?
    {
        let budget = sizes::budget_bytes(&name);
        println!(
            "{}",
            serde_json::json!({
                "bench": "sizes", "file": name, "bytes": bytes, "gzip_bytes": gzip_bytes, "gzip_budget_bytes": budget,
            })
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_are_results() {
        assert!(is_json_object(r#"{"ms": 1.5}"#));
        for line in ["1.5", "[]", "warm-up", "{", ""] {
            assert!(!is_json_object(line), "{line}");
        }
    }
}
