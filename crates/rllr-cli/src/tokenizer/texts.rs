//! The texts that a tokenizer is trained on.

use std::fs;
use std::path::{Path, PathBuf};

use rllr_task::{Answer, Example, ResponseFormat, Task};

use super::TrainArgs;
use crate::data::load::{DataSource, Part, bad_input};

/// Texts, and where they are from.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) texts: Vec<String>,
    /// Rows of labelled texts.
    pub(super) rows: usize,
    /// Plain text files.
    pub(super) text_files: usize,
    /// Files with rows that were skipped, a line each.
    pub(super) skipped: Vec<String>,
}

impl Texts {
    /// Reads what the arguments name.
    pub(super) fn read(args: &TrainArgs) -> anyhow::Result<Self> {
        let mut texts = Self::default();
        let mut labelled = Vec::new();
        for path in &args.source.data {
            let files = text_files(path)?;
            for file in &files {
                texts.read_text_file(file)?;
            }
            // A directory may have both; of text files alone no rows are asked for.
            if files.is_empty() || path.is_dir() && has_labelled(path)? {
                labelled.push(path.clone());
            }
        }
        if !labelled.is_empty() {
            let source = DataSource {
                data: labelled,
                ..args.source.clone()
            };
            texts.read_labelled(&source, args.split.as_deref())?;
        }
        Ok(texts)
    }

    fn read_labelled(&mut self, source: &DataSource, split: Option<&str>) -> anyhow::Result<()> {
        let loaded = source.load()?;
        let has_train = loaded.split("train").next().is_some();
        let split = split.or(has_train.then_some("train"));
        let wanted = |part: &&Part| split.is_none_or(|split| part.split == split);
        let mut parts = loaded.parts.iter().filter(wanted).peekable();
        if parts.peek().is_none() {
            let found: Vec<String> = loaded.parts.iter().map(Part::name).collect();
            let message = match split {
                Some(split) => format!(
                    "--split: found {}, expected a part named {split}",
                    found.join(", ")
                ),
                None => "--data: no rows of these tasks found".to_owned(),
            };
            return Err(bad_input(message));
        }
        for Part { task, examples, .. } in parts {
            let task = loaded.tasks.get(task)?;
            for (number, example) in examples.iter().enumerate() {
                self.texts.extend(texts_of(task, example, number)?);
            }
            self.rows += examples.len();
        }
        self.skipped = loaded.skipped();
        Ok(())
    }

    fn read_text_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let at = |error: &dyn std::fmt::Display| bad_input(format!("{}: {error}", path.display()));
        let bytes = fs::read(path).map_err(|error| at(&error))?;
        let text = String::from_utf8(bytes).map_err(|error| at(&error))?;
        self.texts
            .extend(chunks(text.trim_start_matches('\u{feff}')).map(str::to_owned));
        self.text_files += 1;
        Ok(())
    }
}

/// What a policy reads and writes about an example: the prompt with the answer, and every other explanation as the
/// answer that it argues for.
fn texts_of(task: &Task, example: &Example, number: usize) -> anyhow::Result<Vec<String>> {
    let bad = |error: &dyn std::fmt::Display| bad_input(error.to_string());
    let format = ResponseFormat::RationaleThenLabel;
    let gold = task.gold_label(example).map_err(|error| bad(&error))?;
    // All wordings of the question in turn.
    let wording = number % task.prompts.len().max(1);
    let prompt = task
        .prompt(example, wording, format)
        .map_err(|error| bad(&error))?;
    let answer = Answer::new(example.rationale.as_deref().unwrap_or_default(), gold);
    let mut texts = vec![format!("{}{}", prompt.text, answer.print(task, format))];
    let by_label = example.rationales.iter();
    let by_others = example.others.iter().map(|other| (&other.label, &other.text));
    for (label, text) in by_label.chain(by_others) {
        match task.label(label) {
            Some(label) => texts.push(Answer::new(text, label).print(task, format)),
            None => texts.push(text.clone()),
        }
    }
    Ok(texts)
}

/// The text files at a path: itself, or those in a directory, sorted.
fn text_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let is_text = |path: &Path| path.extension().is_some_and(|extension| extension == "txt");
    if !path.is_dir() {
        return Ok(if is_text(path) {
            vec![path.to_owned()]
        } else {
            Vec::new()
        });
    }
    let mut files: Vec<PathBuf> = entries(path)?
        .into_iter()
        .filter(|path| path.is_file() && is_text(path))
        .collect();
    files.sort();
    Ok(files)
}

/// Whether a directory has files of rows, itself or in directories of tasks.
fn has_labelled(directory: &Path) -> anyhow::Result<bool> {
    for path in entries(directory)? {
        let name = path.to_string_lossy();
        let is_rows = name.ends_with(".jsonl") || name.ends_with(".jsonl.gz");
        if is_rows || path.is_dir() && has_labelled(&path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn entries(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let at = |error: std::io::Error| bad_input(format!("{}: {error}", directory.display()));
    fs::read_dir(directory)
        .map_err(at)?
        .map(|entry| Ok(entry.map_err(at)?.path()))
        .collect()
}

/// A long text in pieces that end where a line ends and the next one does not begin with white space: there every
/// splitting ends a word, and a piece is small beside the tables that the tokenizer makes for each of its bytes.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    const LEAST_BYTES: usize = 1 << 16;
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let ends = rest.match_indices('\n').map(|(at, _)| at + 1);
        let ends_a_word = |end: &usize| !rest[*end..].starts_with(char::is_whitespace);
        let end = ends.filter(ends_a_word).find(|end| *end >= LEAST_BYTES);
        let (piece, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use rllr_task::Tasks;
    use rllr_task::read::{ReadOptions, labelled_examples};

    use super::*;

    #[test]
    fn an_example_gives_what_the_policy_reads_and_writes() {
        let tasks = Tasks::builtin();
        let row = r#"{"id":"x","task":"sst2","text":"a gem","label":"positive","rationale":"It is praised.",
            "rationales":{"negative":"It is short."},"others":[{"by":"p","label":"positive","text":"Gems are good."}]}"#;
        let row = row.replace('\n', " ");
        let rows = labelled_examples(row.as_bytes(), &tasks, ReadOptions::new("test"));
        let (examples, _) = rows.read_all().unwrap();
        let task = tasks.get("sst2").unwrap();
        let texts = texts_of(task, &examples[0], 0).unwrap();
        assert!(
            texts[0].contains("a gem") && texts[0].ends_with("\nIt is praised.\nLabel: positive"),
            "{}",
            texts[0]
        );
        assert_eq!(
            texts[1..],
            ["It is short.\nLabel: negative", "Gems are good.\nLabel: positive"]
        );
        assert!(task.prompts.len() > 1, "there is another wording");
        assert_ne!(
            texts_of(task, &examples[0], 1).unwrap()[0],
            texts[0],
            "in another wording"
        );
    }

    #[test]
    fn long_texts_are_cut_between_words() {
        let text = format!("{}\n  indented\n{}", "word ".repeat(20_000), "end");
        let pieces: Vec<&str> = chunks(&text).collect();
        assert_eq!(pieces.concat(), text);
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[1], "end");
        assert_eq!(chunks("").count(), 0);
        assert_eq!(chunks("short\ntext").count(), 1);
    }
}
