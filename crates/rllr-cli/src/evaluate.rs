//! `rllr eval`: a model answers the examples of tasks, and is measured against the gold labels.

use std::path::PathBuf;
use std::time::Instant;

use burn::tensor::Device;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_eval::{AnswerMode, Answering, AnsweringConfig, AnsweringError, Evaluation, Prediction};
use rllr_model::{CausalLm, LoraAdapter, PeftAdapter, Tokenizer};
use serde::Serialize;

use crate::answering::SideBySide;
use crate::data::load::{DataSource, Loaded, Part, bad_input};
use crate::data::output::{percent, print_json, table, write_json_lines, write_whole};
use crate::devices::{self, DeviceName};
use crate::hub;
use crate::model_directory::ModelDirectory;
use crate::pairs::Format;
use crate::terminal::{say, warning};
use crate::tokenizer::load::read_tokenizer;

/// Arguments of `rllr eval`.
#[derive(Clone, Debug, clap::Args)]
pub struct EvalArgs {
    /// Directory of the model, with its tokenizer; or a name of the hub, `org/name`.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Directory of a PEFT adapter for the model.
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    #[command(flatten)]
    source: DataSource,
    /// The split that is used where the data has several. Default: everything that `--data` names.
    #[arg(long, value_name = "SPLIT")]
    split: Option<String>,
    /// Where a label comes from.
    #[arg(long, value_enum, default_value_t = Mode::Generate)]
    mode: Mode,
    /// Layout of the answers.
    #[arg(long, value_enum, default_value_t = Format::RationaleThenLabel)]
    format: Format,
    /// Which of a task's prompt wordings is used, from 0.
    #[arg(long, default_value_t = 0, value_name = "N")]
    wording: usize,
    /// Most tokens of an answer.
    #[arg(long, default_value_t = 512, value_name = "N")]
    max_new_tokens: usize,
    /// Examples that are answered together.
    #[arg(long, default_value_t = 64, value_name = "N")]
    batch_size: usize,
    /// Only the first so many examples of each task.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// File for the results, one JSON object; a list of them where the data holds several tasks.
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// File for every answer, JSON lines.
    #[arg(long, value_name = "FILE.jsonl")]
    predictions: Option<PathBuf>,
    /// auto, cpu, webgpu or webgpu:N.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: DeviceName,
    /// Seed of the bootstrap intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

/// Where a label comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// The model writes an answer, which is parsed.
    Generate,
    /// The most probable label, without a rationale.
    Likelihood,
}

/// What is written for one task.
#[derive(Serialize)]
struct Measured {
    #[serde(flatten)]
    evaluation: Evaluation,
    /// Time for all answers.
    seconds: f64,
    /// Tokens that the model wrote, by second; 0 where it wrote none.
    tokens_per_second: f64,
}

/// Everything that answers.
struct Loaders {
    model: CausalLm,
    adapter: Option<LoraAdapter>,
    tokenizer: Tokenizer,
    /// Where all of them are.
    device: Device,
}

/// Evaluates a model.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for a model or data that cannot be used,
/// [`ExitError::NoDevice`](crate::exit::ExitError) for a device that is not there.
pub fn run(args: &EvalArgs) -> anyhow::Result<()> {
    // 1. Data and model.
    let loaded = args.source.load()?;
    let parts = wanted(args, &loaded)?;
    let device = devices::open(args.device)?;
    let answerer = load(args, &device)?;

    // 2. Answers, task by task.
    let (mut measured, mut predictions) = (Vec::new(), Vec::new());
    for part in parts {
        let (result, answers) = measure(args, &loaded, &part, &answerer)?;
        measured.push(result);
        predictions.extend(answers);
    }

    // 3. Files, then what people read.
    if let Some(path) = &args.predictions {
        write_json_lines(path, &predictions)?;
    }
    if let Some(path) = &args.out {
        write_whole(path, |file| {
            match &measured[..] {
                [one] => serde_json::to_writer_pretty(&mut *file, one)?,
                several => serde_json::to_writer_pretty(&mut *file, several)?,
            }
            Ok(file.write_all(b"\n")?)
        })?;
    }
    if args.json {
        measured.iter().try_for_each(print_json)?;
    } else if !args.quiet {
        print_table(&measured);
    }
    Ok(())
}

/// The parts that are to be answered, cut to `--limit`.
fn wanted(args: &EvalArgs, loaded: &Loaded) -> anyhow::Result<Vec<Part>> {
    let split = args.split.as_deref();
    let chosen = loaded
        .parts
        .iter()
        .filter(|part| split.is_none_or(|split| part.split == split));
    let mut parts: Vec<Part> = chosen.cloned().collect();
    for part in &mut parts {
        part.examples.truncate(args.limit.unwrap_or(usize::MAX));
    }
    parts.retain(|part| !part.examples.is_empty());
    if parts.is_empty() {
        let found: Vec<String> = loaded.parts.iter().map(Part::name).collect();
        return Err(bad_input(format!(
            "--data and --split: found no example among the parts [{}], expected at least one",
            found.join(", ")
        )));
    }
    Ok(parts)
}

fn load(args: &EvalArgs, device: &Device) -> anyhow::Result<Loaders> {
    let path = hub::model_directory(&args.model)?;
    let directory = ModelDirectory::open(&path)?;
    let tokenizer = read_tokenizer(&path)?;
    let config = directory.config()?;
    tokenizer
        .check_fits(config.vocab_size)
        .map_err(|error| bad_input(format!("{}: {error}", args.model.display())))?;
    let adapter = match &args.adapter {
        None => None,
        Some(path) => {
            let file = |name: &str| {
                let path = path.join(name);
                std::fs::read(&path).map_err(|error| bad_input(format!("{}: {error}", path.display())))
            };
            let text = String::from_utf8_lossy(&file("adapter_config.json")?).into_owned();
            let read = PeftAdapter::from_files(&text, &file("adapter_model.safetensors")?, &config, device);
            let read = read.map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
            Some(read.adapter)
        }
    };
    Ok(Loaders {
        model: directory.load(device)?,
        adapter,
        tokenizer,
        device: device.clone(),
    })
}

fn measure(
    args: &EvalArgs,
    loaded: &Loaded,
    part: &Part,
    answerer: &Loaders,
) -> anyhow::Result<(Measured, Vec<Prediction>)> {
    let task = loaded.tasks.get(&part.task)?;
    let config = AnsweringConfig {
        mode: match args.mode {
            Mode::Generate => AnswerMode::Generate,
            Mode::Likelihood => AnswerMode::Likelihood,
        },
        format: args.format.into(),
        wording: args.wording,
        batch_size: args.batch_size,
        max_new_tokens: args.max_new_tokens,
    };
    let positions = answerer.model.decoder().max_positions();
    let at = |error: AnsweringError| bad_input(format!("task {}: {error}", part.name()));
    let answering =
        Answering::new(task, &answerer.tokenizer, &part.examples, positions, &config).map_err(at)?;
    if answering.shortened() > 0 && !args.quiet {
        warning!(
            "task {}: {} of {} texts were cut, because the model knows {} positions",
            part.name(),
            answering.shortened(),
            part.examples.len(),
            positions.unwrap_or_default()
        );
    }
    let lm = match &answerer.adapter {
        Some(adapter) => answerer.model.with_adapter(adapter),
        None => answerer.model.without_adapter(),
    };
    let decoding = lm.for_decoding();
    let start = Instant::now();
    let mut answering = SideBySide::new(answering, &answerer.device);
    let (mut done, total) = answering.progress();
    while done < total {
        answering.step(decoding.as_lm())?;
        (done, _) = answering.progress();
    }
    let answering = answering.finish();
    let seconds = start.elapsed().as_secs_f64();
    let predictions = answering.predictions();
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let measured = Measured {
        evaluation: Evaluation::new(task, &part.examples, &predictions, &mut rng)?,
        seconds,
        tokens_per_second: answering.new_tokens() as f64 / seconds.max(f64::MIN_POSITIVE),
    };
    Ok((measured, predictions))
}

fn print_table(measured: &[Measured]) {
    let graded = measured
        .iter()
        .any(|measured| measured.evaluation.pearson.is_some());
    let mut header = vec![
        "task",
        "examples",
        "accuracy",
        "95 % interval",
        "macro F1",
        "no answer",
    ];
    if graded {
        header.extend(["Pearson", "Spearman"]);
    }
    header.extend(["seconds", "tokens/s"]);
    let rows = measured.iter().map(|measured| {
        let Measured {
            evaluation,
            seconds,
            tokens_per_second,
        } = measured;
        let [lo, hi] = evaluation.accuracy_ci95;
        let mut row = vec![
            evaluation.task.clone(),
            evaluation.n.to_string(),
            percent(evaluation.accuracy),
            format!("{} to {}", percent(lo), percent(hi)),
            percent(evaluation.macro_f1),
            percent(evaluation.invalid_rate),
        ];
        if graded {
            for correlation in [evaluation.pearson, evaluation.spearman] {
                row.push(correlation.map_or("-".to_owned(), |value| format!("{value:.3}")));
            }
        }
        row.extend([format!("{seconds:.1}"), format!("{tokens_per_second:.0}")]);
        row
    });
    say!("{}", table(&header, rows.collect()));
}
