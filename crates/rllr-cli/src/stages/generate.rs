//! `rllr generate`: a model writes.

use std::path::PathBuf;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_model::tokenizer::SpecialTokens;
use rllr_model::{Decoding, GenerationConfig, LogProbs, Sampling, Uniforms};
use rllr_task::ResponseFormat;
use serde::Serialize;

use super::context::{Context, SAVE_SECONDS, Talk};
use crate::data::load::{DataSource, bad_input};
use crate::data::output::{print_json, write_json_lines};
use crate::devices::DeviceName;
use crate::models::{LoadedModel, read_model};
use crate::pairs::Format;
use crate::terminal::say;

/// Arguments of `rllr generate`.
#[derive(Clone, Debug, clap::Args)]
pub struct GenerateArgs {
    /// Directory of the model, with its tokenizer.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// A text that is continued. May be repeated.
    #[arg(long, value_name = "TEXT", required_unless_present = "data")]
    prompt: Vec<String>,
    /// Labelled texts whose prompts are answered: a JSONL file, or a directory. May be repeated.
    #[arg(long, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Only these tasks.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    tasks: Vec<String>,
    /// Definitions of further tasks, in TOML. May be repeated.
    #[arg(long, value_name = "FILE.toml")]
    task_file: Vec<PathBuf>,
    /// Only this split.
    #[arg(long, value_name = "SPLIT")]
    split: Option<String>,
    /// Layout of the answers to labelled texts.
    #[arg(long, value_enum, default_value_t = Format::RationaleThenLabel)]
    format: Format,
    /// Only the first so many examples of each task.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Answers to each prompt.
    #[arg(long, default_value_t = 1, value_name = "N")]
    samples: usize,
    /// Most tokens of an answer.
    #[arg(long, default_value_t = 128, value_name = "N")]
    max_new_tokens: usize,
    /// 0: always the most probable token; otherwise tokens are drawn, and above 0 logits are divided by it.
    #[arg(long, default_value_t = 0.0, value_name = "T")]
    temperature: f32,
    /// Draw from the most probable tokens of this much probability.
    #[arg(long, default_value_t = 1.0, value_name = "P")]
    top_p: f32,
    /// Draw from so many most probable tokens; 0 for all.
    #[arg(long, default_value_t = 0, value_name = "N")]
    top_k: usize,
    /// Prompts that are continued together.
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch_size: usize,
    /// File for the answers, JSON lines.
    #[arg(long, value_name = "FILE.jsonl")]
    out: Option<PathBuf>,
    /// Seed of what is drawn.
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// auto, cpu, webgpu or webgpu:N.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceName,
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

/// What is continued, and what came of it.
#[derive(Clone, Debug, Serialize)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    prompt: String,
    response: String,
}

/// Continues prompts.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for a model, prompts or settings that do not fit; otherwise when the
/// device or the disk fails.
pub(crate) fn run(args: &GenerateArgs) -> anyhow::Result<()> {
    for (flag, value) in [("--samples", args.samples), ("--batch-size", args.batch_size)] {
        if value == 0 {
            return Err(bad_input(format!("{flag}: found 0, expected at least 1")));
        }
    }
    let mut asked = prompts(args)?;
    let context = Context::open(args.device, Talk::of(args.json, args.quiet), SAVE_SECONDS)?;
    let model = read_model(&args.model, &context.device)?;
    write(args, &context, &model, &mut asked)?;
    if let Some(path) = &args.out {
        write_json_lines(path, &asked)?;
    }
    for row in &asked {
        match context.talk {
            Talk::Json => print_json(row)?,
            Talk::People if args.out.is_none() => say!("{}", row.response),
            _ => {}
        }
    }
    Ok(())
}

/// What is continued, each as often as there are to be answers.
fn prompts(args: &GenerateArgs) -> anyhow::Result<Vec<Written>> {
    let mut asked: Vec<Written> = Vec::new();
    let mut ask = |id, task, prompt: String| {
        let row = Written {
            id,
            task,
            prompt,
            response: String::new(),
        };
        asked.extend(std::iter::repeat_n(row, args.samples));
    };
    for prompt in &args.prompt {
        ask(None, None, prompt.clone());
    }
    if args.data.is_empty() {
        return Ok(asked);
    }
    let source = DataSource {
        data: args.data.clone(),
        tasks: args.tasks.clone(),
        task_file: args.task_file.clone(),
        skip_bad_lines: false,
    };
    let loaded = source.load()?;
    let split = args.split.as_deref();
    for part in &loaded.parts {
        if split.is_some_and(|split| part.split != split) {
            continue;
        }
        let task = loaded.tasks.get(&part.task)?;
        for example in part.examples.iter().take(args.limit.unwrap_or(usize::MAX)) {
            let prompt = task.prompt(example, 0, ResponseFormat::from(args.format));
            let prompt = prompt.map_err(|error| bad_input(error.to_string()))?;
            ask(Some(example.id.clone()), Some(part.task.clone()), prompt.text);
        }
    }
    if asked.is_empty() {
        let found: Vec<String> = loaded.parts.iter().map(crate::data::load::Part::name).collect();
        let found = found.join(", ");
        return Err(bad_input(format!(
            "--data and --split: found no example among [{found}]"
        )));
    }
    Ok(asked)
}

fn write(
    args: &GenerateArgs,
    context: &Context,
    model: &LoadedModel,
    asked: &mut [Written],
) -> anyhow::Result<()> {
    let special = model.tokenizer.special_token_ids();
    let decoding = if args.temperature > 0.0 {
        Decoding::Sampling(Sampling {
            temperature: args.temperature,
            top_k: (args.top_k > 0).then_some(args.top_k),
            top_p: args.top_p,
        })
    } else {
        Decoding::Greedy
    };
    let pad = special.pad.filter(|pad| !special.stop.contains(pad));
    let config = GenerationConfig {
        max_new_tokens: args.max_new_tokens,
        decoding,
        stop_token_ids: special.stop.clone(),
        forbidden_token_ids: pad.into_iter().collect(),
        log_probs: LogProbs::Omitted,
        ..GenerationConfig::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    // Each row has random numbers of its own, however many are continued together.
    let uniforms = match decoding {
        Decoding::Greedy => Uniforms::none(asked.len()),
        Decoding::Sampling(_) => Uniforms::draw(&config, asked.len(), &mut rng),
    };
    let layout = model.lm.without_adapter().for_decoding();
    let (mut done, total) = (0, asked.len());
    let driver = context.driver("generate");
    driver.pull(
        "prompts",
        &mut done,
        |done| (*done, total),
        |done| {
            let end = (*done + args.batch_size).min(total);
            let rows = &mut asked[*done..end];
            let prompts: Vec<Vec<u32>> = rows
                .iter()
                .map(|row| model.tokenizer.encode_prompt(&row.prompt))
                .collect::<Result<_, _>>()?;
            let numbers = uniforms.rows(*done..end);
            let started = layout.as_lm().start_generation(&prompts, &config, &numbers);
            let mut generating = started.map_err(|error| bad_input(error.to_string()))?;
            pollster::block_on(generating.run()).context("generating")?;
            let generation = pollster::block_on(generating.finish())?;
            for (row, written) in rows.iter_mut().zip(&generation.rows) {
                row.response = model.tokenizer.decode(&written.tokens, SpecialTokens::Skip)?;
            }
            *done = end;
            Ok(())
        },
    )
}
