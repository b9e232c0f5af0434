//! `rllr pairs build`.

use crate::terminal::say;
use std::fs::File;
use std::io::BufReader;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_task::pairs::{
    Corruption, PairConfig, PairReport, Pairs, PreferencePair, Writers, WrongLabels,
    corrupted_rationale_pairs, judged_rationale_pairs, label_sensitive_pairs,
};
use rllr_task::rationale::{RuleWriter, fill_rationales};
use rllr_task::read::{RationaleJudgement, ReadError, ReadOptions, rationale_judgements};
use rllr_task::{Example, Task, Tasks};

use super::show::{TaskSummary, print_summaries, summarise};
use super::{BuildArgs, Kind};
use crate::data::load::{Part, bad_input};
use crate::data::output::{print_json, write_json_lines, write_whole};

pub(super) fn run(args: &BuildArgs) -> anyhow::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let config = config_of(args);
    // 1. Pairs, task by task.
    let tasks = args.source.tasks()?;
    let built = match args.kind {
        Kind::Judged => judged(args, &tasks, &config, &mut rng)?,
        _ => from_examples(args, &config, &mut rng)?,
    };
    let report = checked_total(args, &built)?;

    // 2. What they are and what they give away.
    let mut summaries = Vec::new();
    for part in &built {
        let task_of = |_: &PreferencePair| tasks.get(&part.task).ok();
        let written_by_rule = part.written_by_rule;
        let summary = summarise(&part.task, &part.pairs.pairs, task_of, config.format, &mut rng);
        summaries.push(TaskSummary {
            build: Some(part.pairs.report.clone()),
            written_by_rule,
            ..summary
        });
    }

    // 3. Files, then what people read.
    write_json_lines(
        &args.out.join("pairs.jsonl"),
        built.iter().flat_map(|part| &part.pairs.pairs),
    )?;
    write_whole(&args.out.join("report.json"), |file| {
        serde_json::to_writer_pretty(&mut *file, &summaries)?;
        Ok(file.write_all(b"\n")?)
    })?;
    if args.json {
        summaries.iter().try_for_each(print_json)?;
    } else if !args.quiet {
        print_summaries(&summaries);
        say!(
            "\n{} pairs written to {}",
            report.pairs,
            args.out.join("pairs.jsonl").display()
        );
    }
    Ok(())
}

fn config_of(args: &BuildArgs) -> PairConfig {
    PairConfig {
        format: args.format.into(),
        wording: args.wording,
        wrong_labels: args.wrong_labels.map_or(WrongLabels::Each, WrongLabels::Sample),
        writers: if args.any_writer {
            Writers::Any
        } else {
            Writers::Same
        },
        max_length: args.max_chars,
    }
}

/// The counts of all tasks together, unless too much was lost.
fn checked_total(args: &BuildArgs, built: &[Built]) -> anyhow::Result<PairReport> {
    if !(0.0..=1.0).contains(&args.max_lost) {
        return Err(bad_input(format!(
            "--max-lost: found {}, expected a share from 0 to 1",
            args.max_lost
        )));
    }
    let mut total = PairReport::default();
    for part in built {
        total.add(&part.pairs.report);
    }
    total
        .refuse_above(args.max_lost)
        .map_err(|error| bad_input(format!("--max-lost: {error}")))?;
    if total.pairs == 0 {
        let reasons: Vec<String> = total
            .dropped
            .iter()
            .map(|(reason, count)| format!("{count} {}", reason.describe()))
            .collect();
        let message = format!(
            "no pair could be built from {} rows ({})",
            total.examples,
            reasons.join(", ")
        );
        return Err(bad_input(message));
    }
    Ok(total)
}

/// The pairs of one task.
struct Built {
    task: String,
    written_by_rule: usize,
    pairs: Pairs,
}

fn from_examples(args: &BuildArgs, config: &PairConfig, rng: &mut ChaCha8Rng) -> anyhow::Result<Vec<Built>> {
    let loaded = args.source.load()?;
    let mut built = Vec::new();
    for Part { task, examples, .. } in loaded.split(&args.split) {
        let definition = loaded.tasks.get(task)?;
        let mut examples = examples.clone();
        let written_by_rule = if args.no_rules {
            0
        } else {
            write_by_rule(definition, &mut examples)?
        };
        let pairs = pairs_of(args.kind, definition, &examples, config, rng)
            .map_err(|error| bad_input(format!("task {task}: {error}")))?;
        built.push(Built {
            task: task.clone(),
            written_by_rule,
            pairs,
        });
    }
    if built.is_empty() {
        let found: Vec<String> = loaded.parts.iter().map(Part::name).collect();
        let found = if found.is_empty() {
            "nothing".to_owned()
        } else {
            found.join(", ")
        };
        return Err(bad_input(format!(
            "--split: found {found}, expected a part named {}",
            args.split
        )));
    }
    Ok(built)
}

/// Fills in rationales; the rule learns from the same examples, never from held-out ones.
fn write_by_rule(task: &Task, examples: &mut [Example]) -> anyhow::Result<usize> {
    let rule = RuleWriter::fit(task, examples)?;
    let mut written = 0;
    for example in examples {
        written += usize::from(fill_rationales(example, &rule)?);
    }
    Ok(written)
}

fn pairs_of(
    kind: Kind,
    task: &Task,
    examples: &[Example],
    config: &PairConfig,
    rng: &mut ChaCha8Rng,
) -> Result<Pairs, rllr_task::pairs::PairError> {
    let length = |text: &str| text.chars().count();
    let corruption = match kind {
        Kind::Label | Kind::Judged => return label_sensitive_pairs(task, examples, config, length, rng),
        Kind::OtherExample => Corruption::OtherExample,
        Kind::WrongLabel => Corruption::WrongLabel,
        Kind::ShuffledWords => Corruption::ShuffledWords,
    };
    corrupted_rationale_pairs(task, examples, corruption, config, length, rng)
}

fn judged(
    args: &BuildArgs,
    tasks: &Tasks,
    config: &PairConfig,
    rng: &mut ChaCha8Rng,
) -> anyhow::Result<Vec<Built>> {
    let mut rows: Vec<RationaleJudgement> = Vec::new();
    for path in &args.source.data {
        let path = if path.is_dir() {
            path.join(format!("{}.jsonl", args.split))
        } else {
            path.clone()
        };
        let name = path.display().to_string();
        let file = File::open(&path).map_err(|error| bad_input(format!("{name}: {error}")))?;
        let read = rationale_judgements(BufReader::new(file), ReadOptions::new(name)).read_all();
        rows.extend(read.map_err(|error: ReadError| bad_input(error.to_string()))?.0);
    }
    let wanted = |base: &String| args.source.tasks.is_empty() || args.source.tasks.contains(base);
    let mut bases: Vec<String> = rows.iter().map(|row| row.base.clone()).filter(wanted).collect();
    bases.sort();
    bases.dedup();
    let mut built = Vec::new();
    for base in bases {
        let of_base: Vec<RationaleJudgement> = rows.iter().filter(|row| row.base == base).cloned().collect();
        let length = |text: &str| text.chars().count();
        let pairs = judged_rationale_pairs(tasks, &of_base, args.per_item, config, length, rng)
            .map_err(|error| bad_input(format!("task {base}: {error}")))?;
        built.push(Built {
            task: base,
            written_by_rule: 0,
            pairs,
        });
    }
    Ok(built)
}
