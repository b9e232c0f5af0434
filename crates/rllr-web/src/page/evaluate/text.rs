//! What evaluator and try-out say.

mod problems;
mod progress;

pub use problems::*;
pub use progress::*;

use super::desk::Slot;
use super::mapping::Lack;
use super::results::Outcome;
use crate::page::numbers;
use crate::protocol::models::{Comparison, Format};

/// Heading of the evaluator.
pub const HEADING: &str = "Evaluate a model";
/// What it is for.
pub const INTRO: &str = "A model answers a test set in this page, and you see where it is right, where it is not, and \
    what it wrote. The numbers are those of “rllr eval”. Models and texts stay on this device.";
/// Legend.
pub const MODEL: &str = "Model";
/// Legend.
pub const DATA: &str = "Examples";
/// Label of the choice of a model.
pub const MODEL_CHOICE: &str = "Which model";
/// Label of the choice of data.
pub const DATA_CHOICE: &str = "Which examples";
/// The choice of the visitor's own model.
pub const OWN_MODEL: &str = "Your own model…";
/// The choice of the visitor's own data.
pub const OWN_DATA: &str = "Your own file…";
/// The visitor's own model in tables.
pub const OWN_MODEL_NAME: &str = "your model";
/// While the list of models is fetched.
pub const MODELS_LOADING: &str = "Looking for this page's models…";
/// The host has no models.
pub const NO_MODELS: &str = "This page was published without a model: choose your own.";
/// Link to the description of a model.
pub const MODEL_CARD: &str = "About this model";
/// Label of a file input.
pub const MODEL_FILES: &str = "Files of a model";
/// Label of a directory input.
pub const MODEL_FOLDER: &str = "or its folder";
/// Label of a file input.
pub const DATA_FILE: &str = "JSONL, CSV or TSV file";
/// What can be dropped on the model's place.
pub const MODEL_DROP: &str =
    "Or drop the folder or its files here: config.json, model.safetensors, tokenizer.json.";
/// What can be dropped on the data's place.
pub const DATA_DROP: &str =
    "Or drop the file here. JSON lines have the fields id, task, text (or text_a and text_b) and label.";
/// Legend.
pub const MODE: &str = "How the model is asked";
/// A mode.
pub const MODE_GENERATE: &str = "It writes a rationale and a label";
/// A mode.
pub const MODE_LIKELIHOOD: &str = "Its most probable label, without a rationale (fast)";
/// The folded options.
pub const OPTIONS: &str = "Options";
/// Label.
pub const OPTION_FORMAT: &str = "Layout of the answers";
/// Label.
pub const OPTION_TOKENS: &str = "Most tokens of an answer";
/// Label.
pub const OPTION_LIMIT: &str = "Only the first examples";
/// Below it.
pub const OPTION_LIMIT_HINT: &str = "Empty: all of them.";
/// Label.
pub const OPTION_DEVICE: &str = "Compute on";
/// A number that cannot be used.
pub const OPTION_BAD_NUMBER: &str = "Please enter a whole number from 1 to 100000.";
/// Button.
pub const EVALUATE: &str = "Evaluate";
/// Button.
pub const EVALUATE_SECOND: &str = "Compare with this model";
/// Button.
pub const STOP: &str = "Stop";
/// Why a button is off.
pub const NO_MODEL_YET: &str = "Choose a model first.";
/// Why a button is off.
pub const NO_DATA_YET: &str = "Choose examples first.";

/// Heading of the results.
pub const RESULTS: &str = "Results";
/// Heading of the first column.
pub const MEASURE: &str = "Measure";
/// Names of the measures.
pub const MEASURES: [&str; 8] = [
    "Accuracy",
    "95 % interval",
    "Macro F1",
    "Responses that are no answer",
    "Pearson correlation",
    "Spearman correlation",
    "Seconds",
    "Tokens per second",
];
/// The size of a model.
pub const PARAMETERS: &str = "Parameters";
/// Label of the choice of a task.
pub const TASK_CHOICE: &str = "Task";
/// Legend of the choice of a model's results.
pub const SHOWN_MODEL: &str = "Show the answers of";
/// Button.
pub const SAVE_JSON: &str = "Save the numbers (JSON)";
/// Button.
pub const SAVE_CSV: &str = "Save the answers (CSV)";
/// Button.
pub const SAVE_LINES: &str = "Save the answers (JSON lines)";

/// Heading of the confusion matrix.
pub const MATRIX: &str = "Confusion matrix";
/// What to do with it.
pub const MATRIX_HINT: &str = "Rows are gold labels, columns predicted ones. Choose a cell, with the arrow keys and Enter too, \
    to see its examples below; choose it again to see all.";
/// Heading of the column of responses that are no answer.
pub const NO_ANSWER: &str = "no answer";
/// Heading of the rows.
pub const GOLD: &str = "Gold label";

/// Heading of the examples.
pub const EXAMPLES: &str = "Examples and answers";
/// Label of the search.
pub const SEARCH: &str = "Search";
/// Label of the filter.
pub const OUTCOME: &str = "Show";
/// Button.
pub const SHOW_ALL_CELLS: &str = "All cells";
/// Button.
pub const SHOW_MORE: &str = "Show more";
/// The folded rest of an example.
pub const DETAILS: &str = "Rationale and probabilities";
/// Label of an id.
pub const ID: &str = "Id";
/// Label of a rationale.
pub const RATIONALE: &str = "Rationale";
/// A response without one.
pub const NO_RATIONALE: &str = "none";
/// Label of a whole response.
pub const RESPONSE: &str = "What the model wrote";
/// Caption of label probabilities.
pub const PROBABILITIES: &str = "Probability of each label, after the rationale where there is one";
/// Columns of the same.
pub const PROBABILITY_COLUMNS: [&str; 2] = ["Label", "Probability"];
/// Label of the second model's answer.
pub const OTHER_ANSWER: &str = "The other model";

/// Heading of the columns' form.
pub const MAPPING: &str = "Which column is what?";
/// Above it.
pub const MAPPING_INTRO: &str =
    "The first rows of the file are below. What could be told from it is filled in.";
/// A choice in the form.
pub const MAPPING_NONE: &str = "–";
/// Label of the header's box.
pub const MAPPING_HEADER: &str = "The first row holds the names of the columns";
/// Above the words that are no labels.
pub const MAPPING_WORDS: &str = "Words of the file that are no labels of the task. What do they stand for?";
/// What is wrong with a file, and how it should be.
pub fn found_and_needed(found: &str, needed: &str) -> String {
    format!("Found: {found}. Needed: {needed}.")
}

/// Caption of the first rows.
pub const MAPPING_SAMPLE: &str = "First rows";

/// Heading of the try-out.
pub const TRY_HEADING: &str = "Try it";
/// What it is.
pub const TRY_INTRO: &str = "Write a text, and the model chosen above answers it word by word. Change a word and ask again: both answers \
    are compared.";
/// Button.
pub const ASK: &str = "Ask the model";
/// Button.
pub const TRY_EXAMPLE: &str = "Take the example text";
/// Heading.
pub const ANSWER: &str = "Answer";
/// Label.
pub const LABEL: &str = "Label";
/// Heading.
pub const COMPARED_WITH_BEFORE: &str = "Compared with the answer before";
/// Columns of the comparison.
pub const BEFORE_COLUMNS: [&str; 4] = ["Label", "Before", "Now", "Change"];
/// Labels of what changed.
pub const CHANGED: [&str; 3] = ["Text", "Rationale", "Label"];

/// Name of a layout.
pub fn format(format: Format) -> &'static str {
    match format {
        Format::RationaleThenLabel => "rationale, then label",
        Format::LabelThenRationale => "label, then rationale",
        Format::LabelOnly => "label only",
    }
}

/// Name of a filter.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::All => "all answers",
        Outcome::Right => "right answers",
        Outcome::Wrong => "wrong answers",
        Outcome::Invalid => "responses that are no answer",
        Outcome::Differing => "answers in which the models differ",
    }
}

/// Name of one of our fields.
pub fn field(name: &str) -> &'static str {
    match name {
        "text" => "Text",
        "text_a" => "First text",
        "text_b" => "Second text",
        "label" => "Gold label",
        "rationale" => "Rationale (may be missing)",
        "id" => "Id (may be missing)",
        _ => "Score",
    }
}

/// A number of bytes.
pub fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes >= 1e6 {
        format!("{:.1} MB", bytes / 1e6)
    } else {
        format!("{:.0} kB", (bytes / 1e3).max(1.0))
    }
}

/// A shipped model in the choice.
pub fn model_option(title: &str, size: u64) -> String {
    format!("{title} ({})", bytes(size))
}

/// What a model has learnt.
pub fn learnt(tasks: &[String]) -> String {
    format!("Tasks that it has learnt: {}.", tasks.join(", "))
}

/// The visitor's model.
pub fn given_model(files: usize, size: u64) -> String {
    let files = if files == 1 {
        "1 file".to_owned()
    } else {
        format!("{files} files")
    };
    format!("Your model: {files}, {}.", bytes(size))
}

/// An embedded test set.
pub fn embedded_data(title: &str) -> String {
    format!("the page's test set “{title}”")
}

/// A share.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A change of a share, in points.
pub fn points(change: f64) -> String {
    format!("{:+.1}", 100.0 * change)
}

/// A label before and now.
pub fn from_to(before: &str, now: &str) -> String {
    if before == now {
        format!("{now}, as before")
    } else {
        format!("{before} → {now}")
    }
}

/// An interval of shares.
pub fn interval([lo, hi]: [f64; 2]) -> String {
    format!("{} to {}", percent(lo), percent(hi))
}

/// A model's place in tables.
pub fn slot(slot: Slot, model: &str) -> String {
    format!("{}: {model}", slot.index() + 1)
}

/// Caption of the table of measures.
pub fn measures_caption(task: &str, data: &str, n: usize) -> String {
    format!("{task}, {n} examples from {data}")
}

/// Which model is better, and how sure that is.
pub fn comparison(comparison: &Comparison, first: &str, second: &str) -> String {
    let Comparison {
        difference,
        interval: [lo, hi],
        bootstrap_p,
        only_first,
        only_second,
        exact_p,
    } = comparison;
    let points = |share: f64| format!("{:.1}", 100.0 * share);
    let verdict = if *exact_p >= 0.05 {
        "The difference may well be chance.".to_owned()
    } else if *difference > 0.0 {
        format!("“{first}” is better, and chance is an unlikely reason.")
    } else {
        format!("“{second}” is better, and chance is an unlikely reason.")
    };
    let bootstrap = bootstrap_p.map_or_else(String::new, |p| format!(", paired bootstrap p = {p:.3}"));
    format!(
        "{verdict} “{first}” has {} points of accuracy more (95 % interval {} to {}). Only it has {only_first} examples \
         right, only “{second}” has {only_second}; exact paired test (McNemar) p = {exact_p:.3}{bootstrap}.",
        points(*difference),
        points(*lo),
        points(*hi),
    )
}

/// The name of a cell for those who hear it without its place.
pub fn cell(count: usize, gold: &str, predicted: Option<&str>) -> String {
    match predicted {
        Some(predicted) => format!("{count} with gold label {gold}, predicted {predicted}"),
        None => format!("{count} with gold label {gold}, without an answer"),
    }
}

/// How many examples are shown.
pub fn shown(shown: usize, passing: usize, all: usize) -> String {
    if passing == all {
        format!("{shown} of {all} examples")
    } else {
        format!("{shown} of {passing} that pass the filter, of {all} examples")
    }
}

/// An answer in the list.
pub fn verdict(correct: bool, prediction: Option<&str>, gold: &str) -> String {
    match prediction {
        Some(label) if correct => format!("right: {label}"),
        Some(label) => format!("wrong: {label} instead of {gold}"),
        None => format!("no answer instead of {gold}"),
    }
}

/// What is in the visitor's file.
pub fn inspected(tasks: &[(String, usize)]) -> String {
    let parts: Vec<String> = tasks
        .iter()
        .map(|(task, count)| format!("{count} of {task}"))
        .collect();
    format!("Examples in the file: {}.", parts.join(", "))
}

/// What is still to be chosen.
pub fn lack(lack: &Lack) -> String {
    match lack {
        Lack::Task => "Choose the task.".to_owned(),
        Lack::Column(name) => format!("Choose the column of: {}.", field(name).to_lowercase()),
    }
}

/// Where a word of the file is mapped.
pub fn word_label(word: &str) -> String {
    format!("“{word}” means")
}

/// Tokens and time of an answer.
pub fn answer_cost(tokens: usize, seconds: f64) -> String {
    format!("{tokens} tokens in {} s", numbers::short(seconds))
}
