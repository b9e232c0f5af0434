//! `rllr run`: the whole comparison in one directory.

mod directory;
mod data;
mod group;
mod methods;
mod pairs;
mod results;
mod report;
mod dry_run;

use std::path::{Path, PathBuf};

use rllr_train::pipeline::{Method, ModelPlan, Recipe};
use serde_json::json;

use crate::data::load::bad_input;
use crate::data::output::write_whole;
use crate::devices::DeviceName;
use crate::hashes;
use crate::hub;
use crate::report::read::read_run;
use crate::settings::{SettingsArgs, to_toml};
use crate::stages::{Context, SAVE_SECONDS, Talk, TalkArgs};
use crate::terminal::say;
use data::Examples;
use directory::{Reuse, RunDirectory};
use group::Group;
use results::{Results, RunResult};

/// Name of the group when one model learns all tasks.
const ALL_TASKS: &str = "all-tasks";

/// Arguments of `rllr run`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RunArgs {
    /// Labelled texts: a JSONL file, or a directory with `tasks/`, `<task>/<split>.jsonl`. Trained on `train`, measured
    /// on `dev`. May be repeated. Default: the embedded tasks, whose examples the program draws.
    #[arg(long, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// The tasks. Default those of the settings; with --data and settings that name none, all that the data has.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    tasks: Vec<String>,
    /// Definitions of further tasks, in TOML. May be repeated.
    #[arg(long, value_name = "FILE.toml")]
    task_file: Vec<PathBuf>,
    /// Directory of a pretrained model that every method begins with, or a name of the hub, `org/name`. Default a new
    /// model.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// The methods that are compared. Default those of the settings: all.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    methods: Vec<Method>,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Seeds of everything that is drawn: everything is done once for each. Default those of the settings: 0.
    #[arg(long, value_delimiter = ',', value_name = "N,M")]
    seed: Vec<u64>,
    /// Directory of the run. What is there and unchanged is not done again.
    #[arg(long, default_value = "rllr-run", value_name = "DIR")]
    out: PathBuf,
    /// auto, cpu, webgpu or webgpu:N.
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceName>,
    /// Go on with stages that are half-done.
    #[arg(long)]
    resume: bool,
    /// Time between two checkpoints.
    #[arg(long, default_value_t = SAVE_SECONDS, value_name = "N")]
    save_seconds: u64,
    /// Do everything again.
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    /// Print the stages with steps, parameters, estimated memory and time, and stop.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    talk: TalkArgs,
}

/// Runs the comparison.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for settings, data and models that do not fit,
/// [`ExitError::NoDevice`](crate::exit::ExitError) when the device cannot be used; otherwise when a stage fails, and after
/// Ctrl-C.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    // 1. Settings and data.
    let mut recipe = effective(args)?;
    if args.settings.print_config {
        say!("{}", to_toml(&recipe)?.trim_end());
        return Ok(());
    }
    let model = match &args.model {
        Some(path) => Some(hub::model_directory(path)?),
        None => None,
    };
    if args.dry_run {
        return dry_run::print(args, &mut recipe, model.as_deref());
    }
    let examples = Examples::read(&args.data, &args.task_file, &recipe.compare.tasks)?;
    if recipe.compare.tasks.is_empty() {
        recipe.compare.tasks = examples.names();
    }
    if let Some(path) = &model {
        crate::models::read_model(path, &crate::devices::cpu())?;
    }

    // 2. The directory.
    let device = args.device.unwrap_or(DeviceName::Auto);
    let context = Context::open(device, args.talk.talk(), args.save_seconds)?;
    let directory = RunDirectory::open(&args.out, args.reuse())?;
    describe(args, &recipe, model.as_deref(), &examples, &directory)?;

    // 3. Every group with every seed.
    let mut results = Results::open(&directory);
    let mut shown = Vec::new();
    for (name, tasks) in groups(&recipe) {
        for &seed in &recipe.compare.seeds {
            let group = Group {
                context: &context,
                directory: &directory,
                examples: &examples,
                name: name.clone(),
                tasks: tasks.clone(),
                recipe: Recipe {
                    seed,
                    ..recipe.clone()
                },
                model: model.as_deref(),
            };
            group.run(|found| {
                for result in found {
                    tell(context.talk, &result)?;
                    shown.push(result.clone());
                    results.add(result)?;
                }
                Ok(())
            })?;
        }
    }
    conclude(args, context.talk, &shown)
}

impl RunArgs {
    /// What of an earlier run is kept.
    fn reuse(&self) -> Reuse {
        match (self.resume, self.force) {
            (true, _) => Reuse::HalfDone,
            (_, true) => Reuse::Nothing,
            _ => Reuse::Finished,
        }
    }
}

/// Writes the report, and prints the table for people.
fn conclude(args: &RunArgs, talk: Talk, shown: &[RunResult]) -> anyhow::Result<()> {
    let page = crate::report::write_report(&read_run(&args.out)?, &args.out.join("report"))?;
    if talk == Talk::Json {
        return Ok(());
    }
    report::print(shown);
    say!(
        "\neverything is in {}, and shown in {}",
        args.out.display(),
        page.display()
    );
    Ok(())
}

/// The settings, with what the command line says of tasks, methods and seeds.
fn effective(args: &RunArgs) -> anyhow::Result<Recipe> {
    let default = if args.data.is_empty() && args.model.is_none() {
        Some("embedded")
    } else {
        None
    };
    let mut recipe = args.settings.read(default)?;
    if !args.tasks.is_empty() {
        recipe.compare.tasks = args.tasks.clone();
    } else if !args.data.is_empty() && !args.settings.names("compare", "tasks")? {
        recipe.compare.tasks.clear();
    }
    if !args.methods.is_empty() {
        recipe.compare.methods = args.methods.clone();
    }
    if !args.seed.is_empty() {
        recipe.compare.seeds = args.seed.clone();
    }
    let mut seen = std::collections::BTreeSet::new();
    recipe.compare.seeds.retain(|seed| seen.insert(*seed));
    let positions = recipe.model.max_position_embeddings;
    if args.model.is_none() && recipe.prompt_tokens(positions) < 8 {
        return Err(bad_input(format!(
            "settings: model.max_position_embeddings: found {positions}, expected room for prompts beside the longest answer"
        )));
    }
    Ok(recipe)
}

/// What one model learns: each task alone, or all together.
fn groups(recipe: &Recipe) -> Vec<(String, Vec<String>)> {
    let tasks = &recipe.compare.tasks;
    match recipe.data.models {
        ModelPlan::OneForAll => vec![(ALL_TASKS.to_owned(), tasks.clone())],
        ModelPlan::OnePerTask => {
            let alone = tasks.iter().map(|task| (task.clone(), vec![task.clone()]));
            alone.collect()
        }
    }
}

/// The version of Burn that computes, which Cargo tells no program; a test compares it with the manifest.
const BURN: &str = "0.22.1";

/// Writes `run.json` and `config.toml`.
fn describe(
    args: &RunArgs,
    recipe: &Recipe,
    model: Option<&Path>,
    examples: &Examples,
    directory: &RunDirectory,
) -> anyhow::Result<()> {
    let model = match model {
        None => None,
        Some(path) => Some(json!({ "path": path, "sha256": hashes::of_path(path)? })),
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    directory.write_run_file(&json!({
        "format": 1,
        "program": concat!("rllr ", env!("CARGO_PKG_VERSION")),
        "burn": BURN,
        "system": { "os": std::env::consts::OS, "arch": std::env::consts::ARCH, "cores": cores },
        "device": args.device.map_or("auto".to_owned(), |device| device.to_string()),
        "command": std::env::args().collect::<Vec<_>>(),
        "tasks": recipe.compare.tasks,
        "methods": recipe.compare.methods,
        "seeds": recipe.compare.seeds,
        "groups": groups(recipe).into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "model": model,
        "data": examples.files,
    }))?;
    let text = to_toml(recipe)?;
    write_whole(&directory.root().join("config.toml"), |out| {
        Ok(out.write_all(text.as_bytes())?)
    })
}

/// Says a result to people or programs.
fn tell(talk: Talk, result: &RunResult) -> anyhow::Result<()> {
    if talk == Talk::Json {
        say!(
            "{}",
            json!({ "event": "result", "result": serde_json::to_value(result)? })
        );
    }
    talk.tell(&result.described());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::BURN;

    #[test]
    fn the_version_of_burn_is_the_manifests() {
        let manifest = include_str!("../../../Cargo.toml");
        assert!(manifest.contains(&format!("burn = {{ version = \"={BURN}\"")));
    }
}
