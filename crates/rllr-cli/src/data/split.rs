//! `rllr data split`.

use crate::terminal::say;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_task::hygiene::split_by_text;
use rllr_task::{Example, Input};
use serde::Serialize;

use super::SplitArgs;
use super::load::bad_input;
use super::output::{print_json, table, write_json_lines};

const NAMES: [&str; 3] = ["train", "dev", "test"];

/// One file that was written.
#[derive(Clone, Debug, Serialize)]
struct Written {
    task: String,
    split: &'static str,
    rows: usize,
    file: String,
}

pub(super) fn run(args: &SplitArgs) -> anyhow::Result<()> {
    if args.shares.len() > NAMES.len() {
        let message = format!(
            "--shares: found {} numbers, expected at most 3: train,dev,test",
            args.shares.len()
        );
        return Err(bad_input(message));
    }
    let loaded = args.source.load()?;
    // All files of a task are split anew together.
    let mut by_task: Vec<(String, Vec<Example>)> = Vec::new();
    for part in loaded.parts {
        match by_task.last_mut() {
            Some((task, examples)) if *task == part.task => examples.extend(part.examples),
            _ => by_task.push((part.task, part.examples)),
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let mut written = Vec::new();
    for (task, examples) in &by_task {
        let texts: Vec<Vec<&str>> = examples.iter().map(texts_of).collect();
        let parts = split_by_text(&texts, &args.shares, &mut rng)
            .map_err(|error| bad_input(format!("--shares: {error}")))?;
        for (rows, split) in parts.iter().zip(NAMES) {
            let path = args.out.join(task).join(format!("{split}.jsonl"));
            write_json_lines(&path, rows.iter().map(|&row| &examples[row]))?;
            let file = path.display().to_string();
            written.push(Written {
                task: task.clone(),
                split,
                rows: rows.len(),
                file,
            });
        }
    }
    if args.json {
        return written.iter().try_for_each(print_json);
    }
    let rows = written
        .into_iter()
        .map(
            |Written {
                 task,
                 split,
                 rows,
                 file,
             }| vec![format!("{task}/{split}"), rows.to_string(), file],
        )
        .collect();
    say!("{}", table(&["part", "rows", "file"], rows));
    Ok(())
}

/// The texts of a row that must not be on two sides.
pub(super) fn texts_of(example: &Example) -> Vec<&str> {
    match &example.input {
        Input::Text(text) => vec![text],
        Input::Pair { text_a, text_b } => vec![text_a, text_b],
    }
}
