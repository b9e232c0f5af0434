//! The texts that a tokenizer or a new model is trained on.

use std::fs;
use std::path::{Path, PathBuf};

use rllr_task::{Answer, Example, Input, ResponseFormat, Task};

use crate::data::load::{DataSource, Part, bad_input};

/// What texts are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A row gives what a policy reads and writes about it; long texts are cut into pieces.
    Tokenizer,
    /// A row gives one document without its label; text files are cut at lines with [`DOCUMENT_END`].
    Pretraining,
}

/// The line between two documents of a text file.
pub(crate) const DOCUMENT_END: &str = "<|endoftext|>";

/// Texts, and where they are from.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) texts: Vec<String>,
    /// Rows of labelled texts.
    pub(crate) rows: usize,
    /// Plain text files.
    pub(crate) text_files: usize,
    /// Files with rows that were skipped, a line each.
    pub(crate) skipped: Vec<String>,
}

impl Texts {
    /// Reads what the arguments name.
    ///
    /// - `split`: the split of labelled rows that is read; `train` where there is one, else everything, when not given
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for paths without texts and rows that cannot be used.
    pub(crate) fn read(source: &DataSource, split: Option<&str>, purpose: Purpose) -> anyhow::Result<Self> {
        let mut texts = Self::default();
        let mut labelled = Vec::new();
        for path in &source.data {
            let files = text_files(path)?;
            for file in &files {
                texts.read_text_file(file, purpose)?;
            }
            // A directory may have both; of text files alone no rows are asked for.
            if files.is_empty() || path.is_dir() && has_labelled(path)? {
                labelled.push(path.clone());
            }
        }
        if !labelled.is_empty() {
            let source = DataSource {
                data: labelled,
                ..source.clone()
            };
            texts.read_labelled(&source, split, purpose)?;
        }
        Ok(texts)
    }

    fn read_labelled(
        &mut self,
        source: &DataSource,
        split: Option<&str>,
        purpose: Purpose,
    ) -> anyhow::Result<()> {
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
                match purpose {
                    Purpose::Tokenizer => self.texts.extend(texts_of(task, example, number)?),
                    Purpose::Pretraining => self.texts.push(document_of(example)),
                }
            }
            self.rows += examples.len();
        }
        self.skipped = loaded.skipped();
        Ok(())
    }

    fn read_text_file(&mut self, path: &Path, purpose: Purpose) -> anyhow::Result<()> {
        let at = |error: &dyn std::fmt::Display| bad_input(format!("{}: {error}", path.display()));
        let bytes = fs::read(path).map_err(|error| at(&error))?;
        let text = String::from_utf8(bytes).map_err(|error| at(&error))?;
        let text = text.trim_start_matches('\u{feff}');
        match purpose {
            Purpose::Tokenizer => self.texts.extend(chunks(text).map(str::to_owned)),
            Purpose::Pretraining => self.texts.extend(documents(text).map(str::to_owned)),
        }
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

/// An example's texts and what was written about it, a line each, without its label: a model that has read it knows how
/// such texts go on, and no answer.
fn document_of(example: &Example) -> String {
    let mut lines: Vec<&str> = match &example.input {
        Input::Text(text) => vec![text],
        Input::Pair { text_a, text_b } => vec![text_a, text_b],
    };
    lines.extend(example.choices.values().map(String::as_str));
    lines.extend(example.rationale.as_deref());
    lines.extend(example.rationales.values().map(String::as_str));
    lines.extend(example.others.iter().map(|other| other.text.as_str()));
    lines.join("\n")
}

/// The documents of a text file: what is between lines of [`DOCUMENT_END`].
fn documents(text: &str) -> impl Iterator<Item = &str> {
    let documents = text.split(DOCUMENT_END).map(str::trim);
    documents.filter(|document| !document.is_empty())
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

    /// Labels are not in it; explanations are, those for wrong labels too.
    #[test]
    fn a_document_has_no_label() {
        let tasks = Tasks::builtin();
        let row = r#"{"id":"x","task":"mnli","text_a":"A dog runs.","text_b":"A cat sleeps.","label":"contradiction",
            "rationale":"Dogs are no cats.","rationales":{"neutral":"It may be both."}}"#;
        let row = row.replace('\n', " ");
        let rows = labelled_examples(row.as_bytes(), &tasks, ReadOptions::new("test"));
        let (examples, _) = rows.read_all().unwrap();
        assert_eq!(
            document_of(&examples[0]),
            "A dog runs.\nA cat sleeps.\nDogs are no cats.\nIt may be both."
        );
    }

    #[test]
    fn a_text_file_holds_documents() {
        let text = "One day.\n<|endoftext|>\nTwo\ndays.\n<|endoftext|>\n";
        assert_eq!(documents(text).collect::<Vec<_>>(), ["One day.", "Two\ndays."]);
        assert_eq!(documents(" \n").count(), 0);
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
