//! `rllr pairs inspect`.

use crate::terminal::say;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_task::Tasks;
use rllr_task::pairs::{PairKind, PreferencePair};
use serde::Deserialize;

use super::InspectArgs;
use super::show::{print_summaries, summarise};
use crate::data::load::{DataSource, bad_input};
use crate::data::output::print_json;

/// A line of a preference file: ours, or any with these three texts.
#[derive(Deserialize)]
struct Line {
    prompt: String,
    chosen: String,
    rejected: String,
    kind: Option<PairKind>,
    task: Option<String>,
    id: Option<String>,
    chosen_by: Option<String>,
    rejected_by: Option<String>,
}

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let InspectArgs {
        data,
        task,
        task_file,
        format,
        show,
        seed,
        json,
    } = args;
    let source = DataSource {
        data: Vec::new(),
        tasks: Vec::new(),
        task_file: task_file.clone(),
        skip_bad_lines: false,
    };
    let tasks = source.tasks()?;
    let mut by_task: BTreeMap<String, Vec<PreferencePair>> = BTreeMap::new();
    for path in data {
        for pair in read(path, task.as_deref(), &tasks)? {
            by_task.entry(pair.task.clone()).or_default().push(pair);
        }
    }
    if by_task.is_empty() {
        return Err(bad_input(
            "--data: found no pair, expected at least one".to_owned(),
        ));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(*seed);
    let mut summaries = Vec::new();
    for (name, pairs) in &by_task {
        let task = tasks.get(name)?;
        summaries.push(summarise(name, pairs, |_| Some(task), (*format).into(), &mut rng));
    }
    if *json {
        return summaries.iter().try_for_each(print_json);
    }
    for pair in by_task.values().flatten().take(*show) {
        say!(
            "{}\n{}\n  chosen:   {:?}\n  rejected: {:?}\n",
            pair.id,
            pair.prompt.trim_end(),
            pair.chosen,
            pair.rejected
        );
    }
    print_summaries(&summaries);
    Ok(())
}

fn read(path: &Path, default_task: Option<&str>, tasks: &Tasks) -> anyhow::Result<Vec<PreferencePair>> {
    let at = |line: usize, message: &dyn std::fmt::Display| {
        bad_input(format!("{}, line {line}: {message}", path.display()))
    };
    let file = File::open(path).map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|error| at(number, &error))?;
        if line.trim().is_empty() {
            continue;
        }
        let Line {
            prompt,
            chosen,
            rejected,
            kind,
            task,
            id,
            chosen_by,
            rejected_by,
        } = serde_json::from_str(&line).map_err(|error| {
            at(
                number,
                &format!("found {error}, expected an object with the texts prompt, chosen and rejected"),
            )
        })?;
        let missing = || {
            at(
                number,
                &"field `task`: found nothing, expected a task, or the option --task",
            )
        };
        let task = task
            .or_else(|| default_task.map(str::to_owned))
            .ok_or_else(missing)?;
        tasks
            .get(&task)
            .map_err(|error| at(number, &format!("field `task`: {error}")))?;
        pairs.push(PreferencePair {
            prompt,
            chosen,
            rejected,
            // Only a file of ours says; what a pair is about is found out from its labels.
            kind: kind.unwrap_or(PairKind::Rationale),
            task,
            id: id.unwrap_or_else(|| format!("line {number}")),
            chosen_by,
            rejected_by,
        });
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str, task: Option<&str>) -> anyhow::Result<Vec<PreferencePair>> {
        let path = std::env::temp_dir().join(format!("rllr-pairs-{}-{name}.jsonl", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let read = read(&path, task, &Tasks::builtin());
        std::fs::remove_file(path).unwrap();
        read
    }

    #[test]
    fn pairs_of_other_programs_need_a_task() {
        let line = r#"{"prompt":"p","chosen":"a","rejected":"b"}"#;
        let pairs = read_text("other", &format!("{line}\n\n"), Some("sst2")).unwrap();
        assert_eq!(
            (pairs.len(), pairs[0].task.as_str(), pairs[0].id.as_str()),
            (1, "sst2", "line 1")
        );
        let error = read_text("none", line, None).unwrap_err().to_string();
        assert!(
            error.ends_with("line 1: field `task`: found nothing, expected a task, or the option --task"),
            "{error}"
        );
    }

    #[test]
    fn broken_lines_are_named() {
        let error = read_text("broken", "{\"prompt\":\"p\"}", Some("sst2"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 1: found missing field `chosen`"), "{error}");
        let unknown = read_text(
            "unknown",
            r#"{"prompt":"p","chosen":"a","rejected":"b","task":"nope"}"#,
            None,
        );
        let error = unknown.unwrap_err().to_string();
        assert!(error.contains("field `task`: task: found `nope`"), "{error}");
    }
}
