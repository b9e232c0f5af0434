//! What a run will need, before anything of it is done.

use std::path::Path;

use rllr_model::{CausalLmConfig, Tokenizer};
use rllr_train::pipeline::{Recipe, TaskExamples, Training, max_tokens, train_tokenizer};
use rllr_train::plan::{ComparisonRows, PlannedModel, StageRows, TrainedPart, comparison_stages};

use super::data::Examples;
use super::{RunArgs, groups};
use crate::devices;
use crate::hub;
use crate::model_directory::ModelDirectory;
use crate::plan::{PlanForm, measured_speed, print_plan};
use crate::stages::Talk;
use crate::terminal::say;
use crate::threads::workers_for;
use crate::tokenizer::load::read_tokenizer;

/// Examples of a task that a tokenizer is tried on.
const TRIED: usize = 400;

/// Rows of a task that are assumed where its data is not there and the settings want all of it.
const ASSUMED_ROWS: usize = 10_000;

/// Tokens that are assumed of a prompt and of a response where there is no data.
const ASSUMED_TOKENS: [usize; 2] = [96, 48];

/// Bytes of a frozen weight: a run keeps frozen models as F32.
const FROZEN_WEIGHT_BYTES: u64 = 4;

/// The rows of a group, and how they are known.
struct Known {
    rows: ComparisonRows,
    how: &'static str,
}

/// Prints the stages of every group.
pub(super) fn print(args: &RunArgs, recipe: &mut Recipe, model: Option<&Path>) -> anyhow::Result<()> {
    let examples = Examples::read(&args.data, &args.task_file, &recipe.compare.tasks);
    let examples = match examples {
        Ok(examples) => Some(examples),
        // Settings such as the paper's can be planned before their data is there.
        Err(_) if args.data.is_empty() => None,
        Err(error) => return Err(error),
    };
    if let (true, Some(examples)) = (recipe.compare.tasks.is_empty(), &examples) {
        recipe.compare.tasks = examples.names();
    }
    let mut speed = None;
    for (name, tasks) in groups(recipe) {
        let (config, known) = known(recipe, model, examples.as_ref(), &tasks)?;
        let trained = match &recipe.training {
            Training::Full => TrainedPart::Full,
            Training::Adapter(lora) => TrainedPart::Adapter(lora),
        };
        let planned = PlannedModel {
            config: &config,
            trained,
            frozen_weight_bytes: FROZEN_WEIGHT_BYTES,
            workers: workers_for(&devices::cpu()).count(),
        };
        let stages = comparison_stages(recipe, &recipe.compare.methods, &planned, &known.rows)?;
        let speed = match speed {
            Some(speed) => speed,
            None => *speed.insert(measured_speed(&config, &devices::cpu())?),
        };
        let form = match args.talk.talk() {
            Talk::Json => PlanForm::JsonLines,
            Talk::People | Talk::Nothing => PlanForm::Table,
        };
        if form == PlanForm::Table {
            say!("{name}:");
        }
        let about = format!(
            "{} Time is work at {:.1} billion operations a second, measured on this machine's processor just now.",
            known.how,
            speed / 1e9
        );
        print_plan(&stages, recipe.compare.seeds.len(), speed, &about, form)?;
    }
    Ok(())
}

/// The model's sizes and the rows of its stages.
fn known(
    recipe: &Recipe,
    model: Option<&Path>,
    examples: Option<&Examples>,
    tasks: &[String],
) -> anyhow::Result<(CausalLmConfig, Known)> {
    let config = match model {
        Some(path) => ModelDirectory::open(&hub::model_directory(path)?)?.config()?,
        None => recipe.model.config(recipe.tokenizer.vocab_size),
    };
    let most = max_tokens(recipe, &config);
    let Some(examples) = examples else {
        let known = Known {
            rows: assumed(recipe, tasks, most),
            how: "The data is not there: 10,000 rows a task where the settings want all, and prompts of 96 and responses of 48 \
                  tokens on the average are assumed.",
        };
        return Ok((config, known));
    };
    let made: anyhow::Result<Vec<TaskExamples>> = tasks
        .iter()
        .map(|name| Ok(examples.make(name, recipe)?.0))
        .collect();
    let made = made?;
    let tokenizer = match model {
        Some(path) => read_tokenizer(path)?,
        None => tried_tokenizer(recipe, &made)?,
    };
    let known = Known {
        rows: ComparisonRows::measure(recipe, &made, &tokenizer, most)?,
        how: "Rows are counted, and tokens of the first of each task.",
    };
    Ok((config, known))
}

/// A tokenizer of some examples: its texts have about as many tokens as with the run's own.
fn tried_tokenizer(recipe: &Recipe, tasks: &[TaskExamples]) -> anyhow::Result<Tokenizer> {
    let some: Vec<TaskExamples> = tasks
        .iter()
        .map(|examples| TaskExamples {
            sft: examples.sft.iter().take(TRIED).cloned().collect(),
            prompts: Vec::new(),
            held_out: Vec::new(),
            test: Vec::new(),
            task: examples.task.clone(),
        })
        .collect();
    Ok(train_tokenizer(recipe, &some)?)
}

/// Rows where there is no data; the longest ones are as long as the settings allow.
fn assumed(recipe: &Recipe, tasks: &[String], most: usize) -> ComparisonRows {
    let sum = |place: usize| -> usize {
        let counts = tasks
            .iter()
            .map(|task| recipe.data.counts(task)[place].min(ASSUMED_ROWS));
        counts.sum()
    };
    let [prompt, response] = ASSUMED_TOKENS;
    let longest_response = recipe.answering.max_new_tokens.min(most / 2);
    let rows = |count| StageRows {
        count,
        longest_prompt: most - longest_response,
        longest_response,
        mean_len: (prompt + response).min(most) as f64,
    };
    let labels = StageRows {
        longest_response: 8,
        mean_len: (prompt + 8).min(most) as f64,
        ..rows(sum(0))
    };
    ComparisonRows {
        labels,
        rationales: rows(sum(0)),
        // Most of the paper's tasks have two labels.
        label_pairs: rows(sum(0)),
        rationale_pairs: rows(sum(0)),
        questions: rows(sum(1)),
        held_out: rows(sum(2)),
    }
}
