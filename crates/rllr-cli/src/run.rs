//! `rllr run`: every method on one task, from the same data, model and seed.

mod compare;
mod report;

use std::path::PathBuf;

use rllr_task::generate::TaskKind;
use rllr_train::pipeline::Recipe;

use crate::data::load::bad_input;

pub use compare::Method;

/// Arguments of `rllr run`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// The embedded tasks, one after the other.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "film_sentiment",
        value_name = "A,B"
    )]
    tasks: Vec<String>,
    /// The methods that are compared. Default all.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "A,B")]
    methods: Vec<Method>,
    /// Settings, in TOML; what it leaves out has its default.
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Print the settings that would be used, and stop.
    #[arg(long)]
    print_config: bool,
    /// Seed of everything that is drawn. May be given several times by commas; results are then reported over seeds.
    #[arg(long, value_delimiter = ',', default_value = "0", value_name = "N,M")]
    seed: Vec<u64>,
    /// File for the results, JSON lines: one a task, method and seed.
    #[arg(long, value_name = "FILE.jsonl")]
    out: Option<PathBuf>,
    /// Print every event as a JSON line instead of tables.
    #[arg(long)]
    json: bool,
    /// Print nothing but the table at the end.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

/// Runs the comparison.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for unknown tasks and settings; otherwise when a stage fails.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    let recipe = read_recipe(args)?;
    if args.print_config {
        crate::terminal::say!("{}", toml::to_string_pretty(&recipe)?.trim_end());
        return Ok(());
    }
    let tasks: Vec<TaskKind> = args
        .tasks
        .iter()
        .map(|name| task_kind(name))
        .collect::<anyhow::Result<_>>()?;
    let methods = if args.methods.is_empty() {
        Method::ALL.to_vec()
    } else {
        args.methods.clone()
    };
    let talk = match (args.json, args.quiet) {
        (true, _) => compare::Talk::Json,
        (false, true) => compare::Talk::Nothing,
        (false, false) => compare::Talk::Lines,
    };
    let mut results = Vec::new();
    for task in tasks {
        for &seed in &args.seed {
            let recipe = Recipe {
                seed,
                ..recipe.clone()
            };
            results.extend(compare::compare(task, &recipe, &methods, talk)?);
            if let Some(path) = &args.out {
                crate::data::output::write_json_lines(path, &results)?;
            }
        }
    }
    report::print(&results, args.json)
}

fn read_recipe(args: &RunArgs) -> anyhow::Result<Recipe> {
    let Some(path) = &args.config else {
        return Ok(Recipe::default());
    };
    let text =
        std::fs::read_to_string(path).map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| bad_input(format!("{}: {error}", path.display())))
}

fn task_kind(name: &str) -> anyhow::Result<TaskKind> {
    let found = TaskKind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| {
        let names = TaskKind::ALL.map(TaskKind::name);
        bad_input(format!("--tasks: found {name:?}, expected {}", names.join(", ")))
    })
}
