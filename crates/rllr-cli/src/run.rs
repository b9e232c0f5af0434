//! `rllr run`: every method on one task, from the same data, model and seed.

mod method;
mod compare;
mod show;
mod report;

use std::path::PathBuf;

use rllr_task::generate::TaskKind;
use rllr_train::pipeline::{Method, Recipe};

use crate::data::load::bad_input;

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
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    methods: Vec<Method>,
    /// Settings, in TOML; what it leaves out has its default.
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Print the settings that would be used, and stop.
    #[arg(long)]
    print_config: bool,
    /// Print the stages with steps, parameters, estimated memory and time, and stop.
    #[arg(long)]
    dry_run: bool,
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
    if args.dry_run {
        return crate::plan::dry_run(&tasks, &recipe, &methods, args.seed.len(), args.json.into());
    }
    let talk = match (args.json, args.quiet) {
        (true, _) => show::Talk::Json,
        (false, true) => show::Talk::Nothing,
        (false, false) => show::Talk::Lines,
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
    let at = |error: toml::de::Error| bad_input(format!("{}: {error}", path.display()));
    // Once alone, because errors of the merged settings would name no line.
    toml::from_str::<Recipe>(&text).map_err(at)?;
    let changes: toml::Table = toml::from_str(&text).map_err(at)?;
    let mut settings = toml::Table::try_from(Recipe::default())?;
    merge(&mut settings, changes);
    settings.try_into().map_err(at)
}

/// Puts changes into settings, key by key.
///
/// A choice with settings of its own is a table with one key, the choice's name: another choice replaces it.
fn merge(settings: &mut toml::Table, changes: toml::Table) {
    for (key, change) in changes {
        match (settings.get_mut(&key), change) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) if !is_other_choice(old, &new) => {
                merge(old, new);
            }
            (_, change) => {
                settings.insert(key, change);
            }
        }
    }
}

fn is_other_choice(old: &toml::Table, new: &toml::Table) -> bool {
    old.len() == 1 && new.len() == 1 && old.keys().ne(new.keys())
}

fn task_kind(name: &str) -> anyhow::Result<TaskKind> {
    let found = TaskKind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| {
        let names = TaskKind::ALL.map(TaskKind::name);
        bad_input(format!("--tasks: found {name:?}, expected {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file leaves out keeps the run's own default, in nested settings too; another choice replaces a choice.
    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let path = std::env::temp_dir().join(format!("rllr-recipe-{}.toml", std::process::id()));
        let text = "ppo_steps = 3\n[sft]\nepochs = 2\n[ppo.kl_controller.adaptive]\nkl_coef = 0.1\ntarget = 6.0\nhorizon = 100.0\n";
        std::fs::write(&path, text).unwrap();
        let args = RunArgs {
            tasks: Vec::new(),
            methods: Vec::new(),
            config: Some(path.clone()),
            print_config: false,
            dry_run: false,
            seed: vec![0],
            out: None,
            json: false,
            quiet: false,
        };
        let default = Recipe::default();
        let found = read_recipe(&args).unwrap();
        assert_eq!((found.ppo_steps, found.sft.epochs), (3, 2));
        assert_eq!(found.sft.learning_rate, default.sft.learning_rate);
        assert_eq!(found.ppo.batch_size, default.ppo.batch_size);
        let expected = rllr_train::KlController::Adaptive {
            kl_coef: 0.1,
            target: 6.0,
            horizon: 100.0,
        };
        assert_eq!(found.ppo.kl_controller, expected);

        std::fs::write(&path, "[sft]\nepoch = 2\n").unwrap();
        let message = read_recipe(&args).unwrap_err().to_string();
        assert!(
            message.contains("epoch") && message.contains("line 2"),
            "{message}"
        );
    }
}
