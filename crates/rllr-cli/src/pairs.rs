//! `rllr pairs`: building preference pairs, and finding out what pairs of any origin teach.

mod build;
mod inspect;
mod show;

use std::path::PathBuf;

use crate::data::load::DataSource;

/// Arguments of `rllr pairs`.
#[derive(Clone, Debug, clap::Args)]
pub struct PairsArgs {
    #[command(subcommand)]
    command: PairsCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum PairsCommand {
    /// Build preference pairs from labelled texts, and report what they give away.
    Build(BuildArgs),
    /// Report how many pairs of a file are about labels, about style, or unreadable, and what they give away.
    Inspect(InspectArgs),
}

/// Arguments of `rllr pairs build`.
#[derive(Clone, Debug, clap::Args)]
pub struct BuildArgs {
    #[command(flatten)]
    source: DataSource,
    /// What the two responses differ in.
    #[arg(long, value_enum, default_value_t = Kind::Label)]
    kind: Kind,
    /// The split that is used.
    #[arg(long, default_value = "train")]
    split: String,
    /// Layout of the responses.
    #[arg(long, value_enum, default_value_t = Format::RationaleThenLabel)]
    format: Format,
    /// Which of a task's prompt wordings is used, from 0.
    #[arg(long, default_value_t = 0, value_name = "N")]
    wording: usize,
    /// Set the gold label against so many wrong ones, drawn at random. Default: against each.
    #[arg(long, value_name = "N")]
    wrong_labels: Option<usize>,
    /// Let the two rationales of a pair have different authors. A reward model then learns to tell authors apart.
    #[arg(long)]
    any_writer: bool,
    /// Use only rationales that the data has. Default: a rule writes where no author wrote for every label.
    #[arg(long)]
    no_rules: bool,
    /// Longest prompt and response together, in characters. Texts are cut, responses are not.
    #[arg(long, value_name = "N")]
    max_chars: Option<usize>,
    /// Refuse to write if more than this share of the pairs is too long, identical or repeated.
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    max_lost: f64,
    /// Of judged rationales of one input, use at most so many rows.
    #[arg(long, default_value_t = 3, value_name = "N")]
    per_item: usize,
    /// Directory for `pairs.jsonl` and `report.json`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON lines instead of tables.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

/// Arguments of `rllr pairs inspect`.
#[derive(Clone, Debug, clap::Args)]
pub struct InspectArgs {
    /// A JSONL file with prompt, chosen and rejected on each line. May be repeated.
    #[arg(long = "data", required = true, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// The task of pairs that name none.
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Definitions of further tasks, in TOML. May be repeated.
    #[arg(long, value_name = "FILE.toml")]
    task_file: Vec<PathBuf>,
    /// Layout of the responses.
    #[arg(long, value_enum, default_value_t = Format::RationaleThenLabel)]
    format: Format,
    /// Print so many pairs.
    #[arg(long, default_value_t = 2, value_name = "N")]
    show: usize,
    /// Seed of the cross-validation.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON lines instead of tables.
    #[arg(long)]
    json: bool,
}

/// What the responses of a pair differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The label: gold against wrong, each with its rationale (RLLR).
    Label,
    /// The rationale, by people's votes (RLHF). Reads rows with `better` and `worse`.
    Judged,
    /// The rationale: its own against that of another example with the same label.
    OtherExample,
    /// The rationale: its own against one for a wrong label.
    WrongLabel,
    /// The rationale: its own against its own words in random order.
    ShuffledWords,
}

/// Layout of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// First the rationale, then the label.
    RationaleThenLabel,
    /// First the label, then the rationale.
    LabelThenRationale,
    /// The label alone.
    LabelOnly,
}

impl From<Format> for rllr_task::ResponseFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::RationaleThenLabel => Self::RationaleThenLabel,
            Format::LabelThenRationale => Self::LabelThenRationale,
            Format::LabelOnly => Self::LabelOnly,
        }
    }
}

/// Runs one of the commands.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for data that cannot be used, with file, line, field, what was
/// found and what was expected.
pub fn run(args: PairsArgs) -> anyhow::Result<()> {
    match args.command {
        PairsCommand::Build(args) => build::run(&args),
        PairsCommand::Inspect(args) => inspect::run(&args),
    }
}
