//! `rllr tokenizer`: training a tokenizer, and looking at what one does.

pub mod load;

mod train;
mod output;
mod inspect;

use std::path::PathBuf;

use crate::data::load::DataSource;

/// Arguments of `rllr tokenizer`.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenizerArgs {
    #[command(subcommand)]
    command: TokenizerCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum TokenizerCommand {
    /// Train a byte-level BPE on labelled texts, with their prompts and rationales, and on plain text files.
    Train(TrainArgs),
    /// Show a tokenizer, or the tokens of a text.
    Inspect(InspectArgs),
}

/// Arguments of `rllr tokenizer train`.
///
/// `--data` names `.txt` files too, or directories with some.
#[derive(Clone, Debug, clap::Args)]
pub struct TrainArgs {
    #[command(flatten)]
    source: DataSource,
    /// The split that is used. Default: `train` where the data has one, else everything. Text files have no split.
    #[arg(long, value_name = "SPLIT")]
    split: Option<String>,
    /// Number of tokens, 300 to 65536: special ones, 256 bytes and merges.
    #[arg(long, value_name = "N")]
    vocab_size: usize,
    /// How texts are cut into words; no token reaches over two.
    #[arg(long, value_enum, default_value_t = Splitting::Gpt2)]
    splitting: Splitting,
    /// How often a pair of tokens has to occur to become one.
    #[arg(long, default_value_t = 2, value_name = "N")]
    min_frequency: u64,
    /// A further special token, such as `<|user|>`. May be repeated.
    #[arg(long = "special", value_name = "TOKEN")]
    special: Vec<String>,
    /// Directory for `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace a tokenizer that is already there.
    #[arg(long)]
    force: bool,
    /// Print one JSON object instead of a sentence.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

/// Arguments of `rllr tokenizer inspect`.
#[derive(Clone, Debug, clap::Args)]
pub struct InspectArgs {
    /// A model's directory, or a `tokenizer.json`.
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    /// Show the tokens of this text. Default: show what the tokenizer is.
    text: Option<String>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// How texts are cut into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Splitting {
    /// Words with the space before them, numbers of any length.
    Gpt2,
    /// Numbers in groups of three digits, line breaks with what is before them.
    Llama3,
}

impl From<Splitting> for rllr_model::tokenizer::Splitting {
    fn from(splitting: Splitting) -> Self {
        match splitting {
            Splitting::Gpt2 => Self::Gpt2,
            Splitting::Llama3 => Self::Llama3,
        }
    }
}

/// Runs one of the commands.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for data, a tokenizer or an output directory that cannot be used.
pub fn run(args: TokenizerArgs) -> anyhow::Result<()> {
    match args.command {
        TokenizerCommand::Train(args) => train::run(&args),
        TokenizerCommand::Inspect(args) => inspect::run(&args),
    }
}
