//! The TOML form of tasks, and what makes a definition valid.

use serde::Deserialize;

use super::{Fields, LabelWord, Metric, Task, TaskError, Tasks, Wording};
use crate::answer::MARKER;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    task: Vec<Definition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    name: String,
    title: Option<String>,
    fields: Vec<String>,
    #[serde(default)]
    labels: Vec<LabelDefinition>,
    grades: Option<Grades>,
    prompts: Vec<String>,
    #[serde(default = "accuracy")]
    metric: Metric,
}

fn accuracy() -> Metric {
    Metric::Accuracy
}

/// A label as a bare word, or as a table with what it means.
#[derive(Deserialize)]
#[serde(untagged)]
enum LabelDefinition {
    Word(String),
    Described(Described),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    word: String,
    description: Option<String>,
    value: Option<f64>,
}

/// A scale in equal steps, in place of `labels`: `grades = { lowest = 0.0, highest = 5.0, step = 0.2 }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grades {
    lowest: f64,
    highest: f64,
    step: f64,
}

/// More grades than this are a mistake in `step`, and too many words for a label set.
const MOST_GRADES: u16 = 1000;

/// Reads a task file; see [`Tasks::from_toml`].
pub(super) fn parse(text: &str) -> Result<Tasks, TaskError> {
    let File { task } = toml::from_str(text).map_err(|error| TaskError::Toml(error.to_string()))?;
    let mut tasks = Tasks::default();
    for definition in task {
        let name = definition.name.clone();
        let replaced = tasks.insert(definition.check()?);
        if replaced.is_some() {
            return Err(Problem {
                task: &name,
                field: "name",
            }
            .of("a second task of this name", "other names"));
        }
    }
    Ok(tasks)
}

/// Where a definition is wrong.
struct Problem<'a> {
    task: &'a str,
    field: &'static str,
}

impl Problem<'_> {
    fn of(&self, found: impl Into<String>, expected: impl Into<String>) -> TaskError {
        let Self { task, field } = self;
        TaskError::Definition {
            task: (*task).to_owned(),
            field,
            found: found.into(),
            expected: expected.into(),
        }
    }
}

impl Definition {
    fn check(self) -> Result<Task, TaskError> {
        let Self {
            name,
            title,
            fields,
            labels,
            grades,
            prompts,
            metric,
        } = self;
        let at = |field| Problem { task: &name, field };
        // The name becomes part of file names and of lists separated by commas.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(at("name").of(format!("{name:?}"), "ASCII letters, digits, `_` and `-`"));
        }
        let fields = check_fields(&fields, &at("fields"))?;
        let labels = match grades {
            Some(_) if !labels.is_empty() => {
                return Err(at("grades").of("`labels` and `grades`", "one of the two"));
            }
            Some(grades) => grades.labels(&at("grades"))?,
            None => labels.into_iter().map(LabelDefinition::into_label).collect(),
        };
        check_labels(&labels, fields, &at("labels"))?;
        check_metric(&metric, &labels, &at("metric"))?;
        if prompts.is_empty() {
            return Err(at("prompts").of("an empty list", "at least one wording"));
        }
        let prompts = prompts
            .into_iter()
            .map(|text| {
                Wording::parse(text, fields).map_err(|(found, expected)| at("prompts").of(found, expected))
            })
            .collect::<Result<_, _>>()?;
        let title = title.unwrap_or_else(|| name.clone());
        Ok(Task {
            name,
            title,
            fields,
            labels,
            prompts,
            metric,
        })
    }
}

fn check_fields(fields: &[String], at: &Problem<'_>) -> Result<Fields, TaskError> {
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    match fields[..] {
        ["text"] => Ok(Fields::Text),
        ["text_a", "text_b"] => Ok(Fields::Pair),
        ["text", "choices"] => Ok(Fields::Choices),
        _ => Err(at.of(
            format!("{fields:?}"),
            r#"["text"], ["text_a", "text_b"] or ["text", "choices"]"#,
        )),
    }
}

impl LabelDefinition {
    fn into_label(self) -> LabelWord {
        let Described {
            word,
            description,
            value,
        } = match self {
            Self::Word(word) => Described {
                word,
                description: None,
                value: None,
            },
            Self::Described(described) => described,
        };
        let description = description.unwrap_or_else(|| word.replace('_', " "));
        LabelWord {
            word,
            description,
            value,
        }
    }
}

impl Grades {
    fn labels(self, at: &Problem<'_>) -> Result<Vec<LabelWord>, TaskError> {
        let Self {
            lowest,
            highest,
            step,
        } = self;
        let steps = ((highest - lowest) / step).round();
        let regular = (lowest + steps * step - highest).abs() < 1e-9;
        if !(step > 0.0 && (1.0..f64::from(MOST_GRADES)).contains(&steps) && regular) {
            let found = format!("{lowest} to {highest} in steps of {step}");
            return Err(at.of(found, "two to a thousand grades, the last one at `highest`"));
        }
        let decimals = (0..=6).find(|&places| is_whole(step, places) && is_whole(lowest, places));
        let decimals = decimals.ok_or_else(|| at.of(step.to_string(), "at most six decimal places"))?;
        let grade = |index: u16| {
            // Through the printed form, so that 3 x 0.2 is 0.6 and not 0.6000000000000001.
            let word = format!("{:.decimals$}", lowest + f64::from(index) * step);
            let value = word.parse().unwrap_or(f64::NAN);
            LabelWord {
                description: word.clone(),
                word,
                value: Some(value),
            }
        };
        Ok((0..=MOST_GRADES)
            .take_while(|&index| f64::from(index) <= steps)
            .map(grade)
            .collect())
    }
}

/// Whether `number` has at most this many decimal places.
fn is_whole(number: f64, places: usize) -> bool {
    format!("{number:.places$}")
        .parse::<f64>()
        .is_ok_and(|printed| (printed - number).abs() < 1e-9)
}

fn check_labels(labels: &[LabelWord], fields: Fields, at: &Problem<'_>) -> Result<(), TaskError> {
    if labels.len() < 2 {
        return Err(at.of(format!("{} labels", labels.len()), "two or more"));
    }
    let valued = labels
        .iter()
        .filter(|label| label.value.is_some_and(f64::is_finite))
        .count();
    if labels.iter().any(|label| label.value.is_some()) && valued < labels.len() {
        return Err(at.of(
            "values that are missing or not finite",
            "a number for every label or for none",
        ));
    }
    for (index, LabelWord { word, .. }) in labels.iter().enumerate() {
        let one_line = word.split_whitespace().collect::<Vec<_>>().join(" ");
        if word.is_empty() || one_line != *word || word.starts_with(MARKER) {
            let expected =
                format!("words without outer or doubled white space that do not begin with `{MARKER}`");
            return Err(at.of(format!("{word:?}"), expected));
        }
        // Answers are read without regard to case where the exact word does not occur.
        if labels[..index]
            .iter()
            .any(|other| other.word.to_lowercase() == word.to_lowercase())
        {
            return Err(at.of(format!("{word:?} twice"), "words that differ in more than case"));
        }
        let letter = word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        if fields == Fields::Choices && !letter {
            return Err(at.of(
                format!("{word:?}"),
                "single capital letters, as the task has `choices`",
            ));
        }
    }
    Ok(())
}

fn check_metric(metric: &Metric, labels: &[LabelWord], at: &Problem<'_>) -> Result<(), TaskError> {
    match metric {
        Metric::F1(positive) if labels.iter().all(|label| label.word != *positive) => {
            Err(at.of(format!("f1 of `{positive}`"), "one of the task's labels"))
        }
        Metric::Correlation if labels.iter().any(|label| label.value.is_none()) => Err(at.of(
            "correlation of labels without values",
            "labels with `value`, or `grades`",
        )),
        _ => Ok(()),
    }
}
