//! `rllr data`: looking at labelled texts before anything is trained on them.

pub mod load;
pub mod output;
pub mod rows;

mod floors;
mod inspect;
mod leaks;
mod split;

use load::DataSource;

/// Arguments of `rllr data`.
#[derive(Clone, Debug, clap::Args)]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum DataCommand {
    /// Count rows, labels, rationales and text lengths of each task and split.
    Inspect(InspectArgs),
    /// Split rows so that no text is on two sides.
    Split(SplitArgs),
    /// Find training rows that repeat or nearly repeat a held-out text.
    Leaks(LeaksArgs),
    /// Measure what counting words reaches on each task: the floor for every model.
    Floors(FloorsArgs),
}

/// Arguments of `rllr data inspect`.
#[derive(Clone, Debug, clap::Args)]
pub struct InspectArgs {
    #[command(flatten)]
    source: DataSource,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
}

/// Arguments of `rllr data split`.
#[derive(Clone, Debug, clap::Args)]
pub struct SplitArgs {
    #[command(flatten)]
    source: DataSource,
    /// Shares of the parts train, dev and test.
    #[arg(long, value_delimiter = ',', default_values_t = [0.8, 0.1, 0.1], value_name = "A,B,C")]
    shares: Vec<f64>,
    /// Directory for `<task>/train.jsonl`, `<task>/dev.jsonl` and `<task>/test.jsonl`.
    #[arg(long, value_name = "DIR")]
    out: std::path::PathBuf,
    /// Seed of the split.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
}

/// Arguments of `rllr data leaks`.
#[derive(Clone, Debug, clap::Args)]
pub struct LeaksArgs {
    #[command(flatten)]
    source: DataSource,
    /// The split that models are trained on; all others count as held out.
    #[arg(long, default_value = "train", value_name = "SPLIT")]
    train: String,
    /// Print so many leaking texts.
    #[arg(long, default_value_t = 5, value_name = "N")]
    show: usize,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
}

/// Arguments of `rllr data floors`.
#[derive(Clone, Debug, clap::Args)]
pub struct FloorsArgs {
    #[command(flatten)]
    source: DataSource,
    /// The split that the baselines learn from.
    #[arg(long, default_value = "train", value_name = "SPLIT")]
    train: String,
    /// The split that they are measured on.
    #[arg(long, default_value = "dev", value_name = "SPLIT")]
    eval: String,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs one of the commands.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for data that cannot be read, with file, line, field, what was
/// found and what was expected.
pub fn run(args: DataArgs) -> anyhow::Result<()> {
    match args.command {
        DataCommand::Inspect(args) => inspect::run(&args),
        DataCommand::Split(args) => split::run(&args),
        DataCommand::Leaks(args) => leaks::run(&args),
        DataCommand::Floors(args) => floors::run(&args),
    }
}
