//! The commands and their arguments.

use clap::{Parser, Subcommand};

use crate::{convert, data, doctor, evaluate, pairs, pretrain, rationales, report, run, stages, tokenizer};

/// Trains language models for natural-language understanding with a label-sensitive reward (RLLR).
#[derive(Debug, Parser)]
#[command(name = "rllr", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the devices of this machine and whether each computes right.
    Doctor(doctor::DoctorArgs),
    /// Look at labelled texts: counts, splits, leaks, floors.
    Data(data::DataArgs),
    /// Build preference pairs, or say what kinds of pairs a file holds.
    Pairs(pairs::PairsArgs),
    /// Bring a model into Hugging Face's layout, with other numbers or in other files.
    Convert(convert::ConvertArgs),
    /// Let a model answer labelled texts and say how good the answers are.
    Eval(evaluate::EvalArgs),
    /// Compare the methods: fine-tuning, reward models, reinforcement learning, evaluation, in one directory.
    Run(run::RunArgs),
    /// Show what a run came to: one HTML file, Markdown and JSON.
    Report(report::ReportArgs),
    /// Let a language model argue for right and wrong labels, for training.
    Rationales(Box<rationales::RationalesArgs>),
    /// Teach a model to answer, by demonstrations.
    Sft(stages::SftArgs),
    /// Train a reward model on preference pairs.
    Reward(stages::RewardArgs),
    /// Reinforce a policy by reward models, or by a rule that knows the right label.
    Ppo(stages::PpoArgs),
    /// Teach a smaller model what a larger one would write.
    Distill(stages::DistillArgs),
    /// Let a model write.
    Generate(stages::GenerateArgs),
    /// Train a tokenizer, or see what one makes of a text.
    Tokenizer(tokenizer::TokenizerArgs),
    /// Train a new model to predict the next token of plain texts.
    Pretrain(pretrain::PretrainArgs),
}

impl Cli {
    /// Runs the chosen command.
    ///
    /// # Errors
    ///
    /// The command's error, with an [`ExitError`](crate::exit::ExitError) inside where the exit code is not 1.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Doctor(args) => doctor::run(args),
            Command::Data(args) => data::run(args),
            Command::Pairs(args) => pairs::run(args),
            Command::Convert(args) => convert::run(&args),
            Command::Eval(args) => evaluate::run(&args),
            Command::Run(args) => run::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Rationales(args) => rationales::run(&args),
            Command::Sft(args) => stages::sft(&args),
            Command::Reward(args) => stages::reward(&args),
            Command::Ppo(args) => stages::ppo(&args),
            Command::Distill(args) => stages::distill(&args),
            Command::Generate(args) => stages::generate(&args),
            Command::Tokenizer(args) => tokenizer::run(args),
            Command::Pretrain(args) => pretrain::run(&args),
        }
    }
}
