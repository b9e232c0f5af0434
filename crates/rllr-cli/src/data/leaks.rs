//! `rllr data leaks`.

use crate::terminal::say;
use rllr_task::hygiene::{Leak, LeakConfig, LeakKind, Part as TextPart, find_leaks};
use serde::Serialize;

use super::LeaksArgs;
use super::load::{Part, bad_input};
use super::output::{percent, print_json, table};
use super::split::texts_of;

/// One leaking row, as JSON.
#[derive(Clone, Debug, Serialize)]
struct LeakLine<'a> {
    training: &'a str,
    held_out: &'a str,
    #[serde(flatten)]
    kind: LeakKind,
}

pub(super) fn run(args: &LeaksArgs) -> anyhow::Result<()> {
    let loaded = args.source.load()?;
    let (training, held_out): (Vec<&Part>, Vec<&Part>) =
        loaded.parts.iter().partition(|part| part.split == args.train);
    if training.is_empty() || held_out.is_empty() {
        let message = format!(
            "--train {}: found {} training and {} other parts, expected at least one of each",
            args.train,
            training.len(),
            held_out.len()
        );
        return Err(bad_input(message));
    }
    let [training_texts, held_out_texts] =
        [&training, &held_out].map(|parts| parts.iter().map(|part| text_part(part)).collect::<Vec<_>>());
    let report = find_leaks(&training_texts, &held_out_texts, &LeakConfig::default())?;
    let ids = |leak: &Leak| {
        let training = &training[leak.training_part].examples[leak.training_row];
        let held_out = &held_out[leak.held_out_part].examples[leak.held_out_row];
        (training, held_out)
    };
    if args.json {
        for leak in &report.leaks {
            let (training, held_out) = ids(leak);
            print_json(&LeakLine {
                training: &training.id,
                held_out: &held_out.id,
                kind: leak.kind,
            })?;
        }
        return Ok(());
    }
    if report.counts.is_empty() {
        say!("No training row repeats a held-out text.");
        return Ok(());
    }
    let rows = report
        .counts
        .iter()
        .map(|count| {
            let numbers = [count.equal_rows, count.near_rows].map(|count| count.to_string());
            [
                vec![count.training.clone(), count.held_out.clone()],
                numbers.to_vec(),
            ]
            .concat()
        })
        .collect();
    say!(
        "{}",
        table(&["training", "held out", "equal rows", "near copies"], rows)
    );
    for leak in report.leaks.iter().take(args.show) {
        let (training, held_out) = ids(leak);
        say!("\n{} ({})", training.id, describe(leak.kind));
        say!("  {}", texts_of(training).join(" | "));
        say!("{}\n  {}", held_out.id, texts_of(held_out).join(" | "));
    }
    Ok(())
}

fn text_part(part: &Part) -> TextPart<'_> {
    TextPart {
        name: part.name(),
        rows: part.examples.iter().map(texts_of).collect(),
    }
}

fn describe(kind: LeakKind) -> String {
    match kind {
        LeakKind::Equal => "equal texts".to_owned(),
        LeakKind::Contains(share) => format!("holds {} of the held-out text", percent(share)),
        LeakKind::LiesInside(share) => format!("{} of it lies in the held-out text", percent(share)),
    }
}
