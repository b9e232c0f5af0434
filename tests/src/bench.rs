//! Benchmarks that `cargo xtask bench` runs. Native: they drive devices, browsers and PyTorch.

pub mod decode;
pub mod eval;
pub mod load;
pub mod memory;
pub mod page;
pub mod ppo;
mod ppo_iteration;
pub mod sft;
mod torch;
pub mod train_step;

use clap::{Parser, Subcommand};

/// Measures one thing; prints one JSON object a line.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Program {
    #[command(subcommand)]
    bench: Bench,
}

/// What is measured. The names are those of `cargo xtask bench`.
#[derive(Debug, Subcommand)]
enum Bench {
    /// Milliseconds of one training step, for three sizes of model; with `--torch` PyTorch's beside it.
    TrainStep(train_step::Args),
    /// Milliseconds of one step of supervised fine-tuning; with `--torch` PyTorch's beside it.
    Sft(sft::Args),
    /// Tokens a second of prefill and decoding, for two sizes of model and three batches; with `--torch` PyTorch's
    /// beside.
    Model(decode::Args),
    /// Examples a second of an evaluation, by likelihood and by writing; with `--torch` those of transformers beside.
    Eval(eval::Args),
    /// Milliseconds of a PPO iteration by phase; with `--torch` TRL's beside.
    Ppo(ppo::Args),
    /// Training in the built page, in headless Chrome.
    Page(page::Args),
    /// Peak memory of training steps, of scoring, and of PPO iterations.
    Memory(memory::Args),
    /// Memory that loading a model needs beside the model.
    Load(load::Args),
}

/// Runs the benchmark that the command line names.
///
/// # Errors
///
/// When a device, a browser or a reference program cannot be used, or a bound is broken.
pub fn main() -> anyhow::Result<()> {
    match Program::parse().bench {
        Bench::TrainStep(args) => train_step::run(&args),
        Bench::Sft(args) => sft::run(&args),
        Bench::Model(args) => decode::run(&args),
        Bench::Eval(args) => eval::run(&args),
        Bench::Ppo(args) => ppo::run(&args),
        Bench::Page(args) => page::run(&args),
        Bench::Memory(args) => memory::run(&args),
        Bench::Load(args) => load::run(&args),
    }
}

/// Sorts and returns the middle; not a number when there is none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
