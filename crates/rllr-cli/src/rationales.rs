//! `rllr rationales`: a language model argues for the right label of an example, and for the wrong ones.
//!
//! The writer is a server that speaks the protocol of `OpenAI`'s chat completions, or a model on this machine.

mod requests;
mod answers;
mod spending;
mod back_off;
mod answer_file;
mod client;
mod sending;
mod policy;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rllr_task::Example;

use crate::data::load::{DataSource, Loaded, bad_input};
use crate::data::output::write_json_lines;
use crate::devices::DeviceName;
use crate::terminal::say;

use requests::{WriterRequest, wanted_requests};

/// Arguments of `rllr rationales`.
#[derive(Clone, Debug, clap::Args)]
pub struct RationalesArgs {
    #[command(flatten)]
    source: DataSource,
    /// Address of a server, such as `https://api.openai.com/v1`. Without it `--model` is a directory.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The server's name for the model; or the directory of a model that writes on this machine.
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Environment variable with the key; it is sent to the endpoint and nowhere kept. Unset: no key is sent.
    #[arg(long, default_value = "OPENAI_API_KEY", value_name = "NAME")]
    key_variable: String,
    /// The split that is used where the data has several. Default: everything that `--data` names.
    #[arg(long, value_name = "SPLIT")]
    split: Option<String>,
    /// Only the first so many examples of each task and split.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Wrong labels by example that are argued for, drawn by the seed. Default all.
    #[arg(long, value_name = "N")]
    wrong: Option<usize>,
    /// Seed of that choice, and of what a model on this machine draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// File for the examples with their rationales, JSON lines.
    #[arg(long, value_name = "FILE.jsonl")]
    out: PathBuf,
    /// File that keeps every answer, so that none is paid for twice. Default: `--out` with `.answers` behind it.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Requests that wait for the server at one time.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    parallel: u32,
    /// Attempts for a request, the first one included.
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    attempts: u32,
    /// Seconds until a request that is not answered counts as failed.
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    timeout: f64,
    /// Most tokens of a rationale.
    #[arg(long, default_value_t = 80, value_name = "N")]
    max_new_tokens: u32,
    /// What the server calls that limit; some models want `max_completion_tokens`.
    #[arg(long, default_value = "max_tokens", value_name = "FIELD")]
    length_field: String,
    /// Randomness of the writing; 0 is none. Default: the server's own; none for a model on this machine.
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Stop before more tokens than these have been read and written together.
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
    /// Stop before more than this has been spent, in the currency of the prices.
    #[arg(long, value_name = "MONEY", requires = "prices")]
    max_cost: Option<f64>,
    /// Prices of a million tokens read and of a million written.
    #[arg(long, value_name = "READ,WRITTEN", value_delimiter = ',', num_args = 1..=2)]
    prices: Vec<f64>,
    /// Which of a task's prompt wordings a model on this machine reads, from 0.
    #[arg(long, default_value_t = 0, value_name = "N")]
    wording: usize,
    /// Where a model on this machine computes: auto, cpu, webgpu or webgpu:N.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: DeviceName,
    /// Print the closing numbers as JSON.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Written {
    /// Examples that were written out.
    pub examples: usize,
    /// Rationales in them by this writer.
    pub rationales: usize,
    /// Answers that were there before.
    pub known_answers: usize,
    /// Tokens that were read in this run.
    pub read_tokens: u64,
    /// Tokens that were written in this run.
    pub written_tokens: u64,
    /// What that cost, where prices are known.
    pub cost: Option<f64>,
    /// Rationales that ended at `--max-new-tokens`, and were cut at the end of a sentence where there is one.
    pub cut: usize,
    /// Requests without an answer.
    pub unanswered: usize,
}

/// Writes the rationales.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for data, settings, a key or a model that cannot be used; otherwise
/// when requests stay without an answer. What was answered is kept.
pub fn run(args: &RationalesArgs) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second one ends the program at once.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let key = match std::env::var(&args.key_variable) {
        Ok(key) if !key.trim().is_empty() => Some(client::Key::new(key.trim())),
        _ => None,
    };
    write(args, key, &stop)
}

fn write(args: &RationalesArgs, key: Option<client::Key>, stop: &AtomicBool) -> anyhow::Result<()> {
    check(args)?;
    // 1. Which rationales are wanted.
    let loaded = args.source.load()?;
    let examples = wanted_examples(args, &loaded)?;
    let requests = wanted_requests(&loaded.tasks, &examples, args.wrong, args.seed)?;

    // 2. The writer writes; every answer is kept at once.
    let outcome = match &args.endpoint {
        Some(endpoint) => {
            let client = client::Client::new(endpoint, key, args.timeout)?;
            sending::send_all(
                &requests,
                &client,
                &sending_config(args),
                &answers_path(args),
                stop,
            )?
        }
        None => policy::write_all(
            &requests,
            &loaded.tasks,
            &policy_config(args),
            &answers_path(args),
            stop,
        )?,
    };

    // 3. Examples with every rationale that was wanted.
    let rows = with_rationales(&examples, &requests, &outcome.texts);
    write_json_lines(&args.out, &rows)?;
    let written = Written {
        examples: rows.len(),
        rationales: outcome.texts.len(),
        ..outcome.written
    };
    report(args, &written, requests.len())?;
    if let Some(reason) = outcome.stopped {
        anyhow::bail!(
            "{reason}; {} of {} rationales are written. The same command goes on from there",
            written.rationales,
            requests.len()
        );
    }
    Ok(())
}

fn check(args: &RationalesArgs) -> anyhow::Result<()> {
    let bad = |text: &str| Err(bad_input(text.to_owned()));
    if args.max_new_tokens == 0 {
        return bad("--max-new-tokens: found 0, expected at least 1");
    }
    if !(args.timeout.is_finite() && args.timeout > 0.0 && args.timeout <= 3600.0) {
        return bad("--timeout: expected more than 0 and at most 3600 seconds");
    }
    if args
        .temperature
        .is_some_and(|temperature| !temperature.is_finite() || temperature < 0.0)
    {
        return bad("--temperature: expected 0 or more");
    }
    if !matches!(args.prices.len(), 0 | 2)
        || args.prices.iter().any(|price| !price.is_finite() || *price < 0.0)
    {
        return bad(
            "--prices: expected two numbers of 0 or more, for a million tokens read and a million written",
        );
    }
    if args.max_cost.is_some_and(|cost| !cost.is_finite() || cost < 0.0) {
        return bad("--max-cost: expected 0 or more");
    }
    Ok(())
}

fn wanted_examples<'a>(args: &RationalesArgs, loaded: &'a Loaded) -> anyhow::Result<Vec<&'a Example>> {
    let parts = loaded
        .parts
        .iter()
        .filter(|part| args.split.as_deref().is_none_or(|split| part.split == split));
    let limit = args.limit.unwrap_or(usize::MAX);
    let examples: Vec<&Example> = parts.flat_map(|part| part.examples.iter().take(limit)).collect();
    if examples.is_empty() {
        return Err(bad_input(
            "--data and --split: found no example, expected at least one".to_owned(),
        ));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = examples.iter().find(|example| !seen.insert(&example.id)) {
        return Err(bad_input(format!(
            "--data: found the id {:?} twice, expected ids that are unique",
            twice.id
        )));
    }
    Ok(examples)
}

fn answers_path(args: &RationalesArgs) -> PathBuf {
    args.answers.clone().unwrap_or_else(|| {
        let mut name = args.out.clone().into_os_string();
        name.push(".answers");
        name.into()
    })
}

fn sending_config(args: &RationalesArgs) -> sending::SendingConfig {
    let prices = match args.prices[..] {
        [read, written] => Some(spending::Prices { read, written }),
        _ => None,
    };
    sending::SendingConfig {
        model: args.model.clone(),
        max_new_tokens: args.max_new_tokens,
        length_field: args.length_field.clone(),
        temperature: args.temperature,
        parallel: args.parallel as usize,
        attempts: args.attempts,
        seed: args.seed,
        first_wait: std::time::Duration::from_secs(1),
        limits: spending::Limits {
            tokens: args.max_tokens,
            cost: args.max_cost,
        },
        prices,
    }
}

fn policy_config(args: &RationalesArgs) -> policy::PolicyConfig {
    policy::PolicyConfig {
        model: PathBuf::from(&args.model),
        device: args.device,
        max_new_tokens: args.max_new_tokens as usize,
        temperature: args.temperature,
        wording: args.wording,
        seed: args.seed,
    }
}

/// The examples for which everything that was asked has been answered.
///
/// Texts of other writers in `rationales` give way: the map is by one writer for every label.
fn with_rationales(
    examples: &[&Example],
    requests: &[WriterRequest<'_>],
    texts: &BTreeMap<usize, String>,
) -> Vec<Example> {
    let mut of_example: BTreeMap<&str, Option<BTreeMap<String, String>>> = BTreeMap::new();
    for (index, request) in requests.iter().enumerate() {
        let entry = of_example
            .entry(&request.example.id)
            .or_insert_with(|| Some(BTreeMap::new()));
        match (texts.get(&index), entry.as_mut()) {
            (Some(text), Some(found)) => {
                found.insert(request.label.to_owned(), text.clone());
            }
            _ => *entry = None,
        }
    }
    let complete = examples.iter().filter_map(|example| {
        let rationales = of_example.get(example.id.as_str())?.clone()?;
        Some(Example {
            rationales,
            ..(*example).clone()
        })
    });
    complete.collect()
}

fn report(args: &RationalesArgs, written: &Written, wanted: usize) -> anyhow::Result<()> {
    if args.json {
        return crate::data::output::print_json(written);
    }
    if args.quiet {
        return Ok(());
    }
    say!(
        "{}: {} examples with {} of {wanted} rationales ({} known before)",
        args.out.display(),
        written.examples,
        written.rationales,
        written.known_answers
    );
    let cost = written
        .cost
        .map_or(String::new(), |cost| format!(", costing {cost:.4}"));
    say!(
        "{} tokens read and {} written{cost}",
        written.read_tokens,
        written.written_tokens
    );
    if written.cut > 0 {
        say!("{} rationales reached --max-new-tokens and were cut", written.cut);
    }
    Ok(())
}

/// Whether somebody asked to stop.
fn stopped(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}
