use std::collections::BTreeMap;
use std::sync::LazyLock;

use wasm_bindgen_test::wasm_bindgen_test;

use super::{Fields, Label, Metric, Task, TaskError, Tasks};
use crate::example::{Example, Input};

/// An example with nothing but what every example has.
fn example(task: &str, input: Input, label: &str) -> Example {
    Example {
        id: "x-1".to_owned(),
        task: task.to_owned(),
        input,
        label: label.to_owned(),
        rationale: None,
        rationale_by: None,
        rationales: BTreeMap::new(),
        choices: BTreeMap::new(),
        evidence: BTreeMap::new(),
        others: Vec::new(),
        score: None,
        source: None,
    }
}

fn text() -> Input {
    Input::Text("a gem".to_owned())
}

fn pair() -> Input {
    Input::Pair {
        text_a: "a".to_owned(),
        text_b: "b".to_owned(),
    }
}

static TASKS: LazyLock<Tasks> = LazyLock::new(Tasks::builtin);

fn builtin(name: &str) -> Task {
    TASKS.get(name).expect("a built-in task").clone()
}

#[wasm_bindgen_test(unsupported = test)]
fn the_papers_tasks_and_snli_are_built_in() {
    let tasks = Tasks::builtin();
    let check = |name: &str, fields, labels: usize, metric: Metric| {
        let task = tasks.get(name).expect("a built-in task");
        assert_eq!(
            (task.fields, task.labels.len(), &task.metric),
            (fields, labels, &metric),
            "{name}"
        );
    };
    let f1 = |word: &str| Metric::F1(word.to_owned());
    check("mr", Fields::Text, 2, Metric::Accuracy);
    check("sst2", Fields::Text, 2, Metric::Accuracy);
    check("app_reviews", Fields::Text, 5, Metric::Accuracy);
    check("ag_news", Fields::Text, 4, Metric::Accuracy);
    check("mrpc", Fields::Pair, 2, f1("paraphrase"));
    check("qqp", Fields::Pair, 2, f1("duplicate"));
    check("mnli", Fields::Pair, 3, Metric::Accuracy);
    check("stsb", Fields::Pair, 6, Metric::Correlation);
    check("snli", Fields::Pair, 3, Metric::Accuracy);
    check("esnli", Fields::Pair, 3, Metric::Accuracy);
    check("qasc", Fields::Choices, 8, Metric::Accuracy);
    check("clinc150", Fields::Text, 151, Metric::Accuracy);
    check("banking77", Fields::Text, 77, Metric::Accuracy);
    assert_eq!(
        tasks.get("app_reviews").map(|t| t.title.as_str()),
        Ok("AppReviews (stand-in)"),
        "its name"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn every_builtin_task_has_several_wordings_and_described_labels() {
    for task in Tasks::builtin().iter() {
        assert!(
            task.prompts.len() >= 3,
            "{} has {} wordings",
            task.name,
            task.prompts.len()
        );
        for (index, wording) in task.prompts.iter().enumerate() {
            let again = task
                .prompts
                .iter()
                .filter(|other| other.source() == wording.source())
                .count();
            assert_eq!(again, 1, "{}, wording {index} occurs twice", task.name);
        }
        for label in &task.labels {
            assert!(
                !label.description.is_empty(),
                "{}, label {} is not described",
                task.name,
                label.word
            );
        }
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn an_unknown_label_names_what_was_found_and_expected() {
    let error = builtin("mnli")
        .gold_label(&example("mnli", pair(), "entailed"))
        .expect_err("no such label");
    let expected = "example `x-1` of task `mnli`, field `label`: found `entailed`, \
                    expected entailment, neutral or contradiction";
    assert_eq!(error.to_string(), expected, "the message");
}

#[wasm_bindgen_test(unsupported = test)]
fn messages_stay_short_whatever_the_file_holds() {
    let error = builtin("clinc150").gold_label(&example("clinc150", text(), &"é".repeat(9999)));
    let message = error.expect_err("no such label").to_string();
    let end = format!(
        "found `{}..`, expected one of 151 labels (accept_reservations, account_blocked, alarm, ..)",
        "é".repeat(60)
    );
    assert!(message.ends_with(&end), "{message}");
}

#[wasm_bindgen_test(unsupported = test)]
fn texts_that_are_not_the_tasks_are_refused() {
    let check = |task: &str, example: &Example, field: &str| {
        let error = builtin(task).gold_label(example).expect_err("a wrong example");
        assert_eq!(error.field, field, "{error}");
    };
    check("sst2", &example("mr", text(), "positive"), "task");
    check("sst2", &example("sst2", pair(), "positive"), "text");
    check("mnli", &example("mnli", text(), "neutral"), "text_a");
    check("csqa", &example("csqa", text(), "A"), "choices");
    let mut question = example("csqa", text(), "C");
    question.choices = [("A", "x"), ("B", "y")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    check("csqa", &question, "label");
    question
        .choices
        .insert("F".to_owned(), "beyond the task's letters".to_owned());
    check("csqa", &question, "choices");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_choice_is_a_letter_of_the_example() {
    let mut question = example("csqa", text(), "B");
    question.choices = [("A", "x"), ("B", "y")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    assert_eq!(
        builtin("csqa").gold_label(&question),
        Ok(Label(1)),
        "B is the second letter"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_score_is_rounded_half_up_to_a_grade() {
    let stsb = builtin("stsb");
    // By hand: floor(score + 0.5), held inside 0 to 5.
    for (score, word) in [
        (0.0, "0"),
        (0.49, "0"),
        (0.5, "1"),
        (2.5, "3"),
        (2.499, "2"),
        (4.5, "5"),
        (5.0, "5"),
        (9.0, "5"),
        (-3.0, "0"),
    ] {
        assert_eq!(
            stsb.nearest_label(score).map(|label| stsb.word(label)),
            Some(word),
            "score {score}"
        );
    }
    assert_eq!(stsb.nearest_label(f64::NAN), None, "no grade is near to NaN");
    assert_eq!(builtin("mr").nearest_label(1.0), None, "a task without a scale");
    assert_eq!(stsb.value(Label(4)), Some(4.0), "the value of a grade");
}

#[wasm_bindgen_test(unsupported = test)]
fn grades_in_small_steps_take_the_label_from_the_score() {
    let file = r#"
        [[task]]
        name = "stsb"
        fields = ["text_a", "text_b"]
        grades = { lowest = 0.0, highest = 5.0, step = 0.2 }
        prompts = ["{text_a} / {text_b}"]
        metric = "correlation"
    "#;
    let tasks = Tasks::from_toml(file).expect("a valid file");
    let task = tasks.get("stsb").expect("the task of the file");
    assert_eq!(task.labels.len(), 26, "0.0, 0.2, .. 5.0");
    assert_eq!(task.labels[3].word, "0.6", "printed without rounding noise");
    assert_eq!(task.labels[3].value, Some(0.6), "and valued without it");
    let mut row = example("stsb", pair(), "4");
    row.score = Some(3.63);
    assert_eq!(
        task.gold_label(&row).map(|label| task.word(label)),
        Ok("3.6"),
        "from the score, not from `4`"
    );
}

fn refused(change: &str, to: &str) -> TaskError {
    let file = r#"
[[task]]
name = "weather"
fields = ["text"]
labels = ["wet", { word = "dry", description = "no rain" }]
prompts = ["{text}: {labels}?"]
metric = "accuracy"
"#;
    Tasks::from_toml(file).expect("the file is valid before the change");
    assert!(file.contains(change), "the change {change} changes something");
    Tasks::from_toml(&file.replacen(change, to, 1)).expect_err("the changed file is refused")
}

#[wasm_bindgen_test(unsupported = test)]
fn a_definition_that_cannot_be_used_names_the_field() {
    let check = |change: &str, to: &str, field: &str| match refused(change, to) {
        TaskError::Definition { field: found, .. } => assert_eq!(found, field, "{to}"),
        TaskError::Toml(message) => assert!(message.contains(field), "{to}: {message}"),
        other @ TaskError::UnknownTask { .. } => panic!("{to}: {other}"),
    };
    check("\"weather\"", "\"the weather\"", "name");
    check("[\"text\"]", "[\"txt\"]", "fields");
    check("\"wet\"", "\"DRY\"", "labels");
    check("\"wet\"", "\" wet\"", "labels");
    check("\"wet\"", "\"Label: wet\"", "labels");
    check("\"wet\", ", "", "labels");
    check("word = \"dry\"", "word = \"dry\", value = 1.0", "labels");
    check("[\"{text}: {labels}?\"]", "[]", "prompts");
    check("{text}:", "{txt}:", "prompts");
    check("{text}:", "it", "prompts");
    check("\"accuracy\"", "{ f1 = \"fog\" }", "metric");
    check("\"accuracy\"", "\"correlation\"", "metric");
    check("\"accuracy\"", "\"accurate\"", "accurate");
    check("metric =", "metrics =", "metrics");
    check("[\"text\"]", "[\"text\", \"choices\"]", "labels");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_second_task_of_one_name_is_refused_within_a_file_and_replaces_across_files() {
    let file =
        "[[task]]\nname = \"mr\"\nfields = [\"text\"]\nlabels = [\"a\", \"b\"]\nprompts = [\"{text}\"]\n";
    assert!(
        Tasks::from_toml(&format!("{file}{file}")).is_err(),
        "two tasks of one name"
    );
    let mut tasks = Tasks::builtin();
    let before = tasks.len();
    tasks.extend(Tasks::from_toml(file).expect("a valid file"));
    assert_eq!(
        tasks.len(),
        before,
        "the user's task takes the place of the built-in one"
    );
    assert_eq!(
        tasks.get("mr").map(|task| task.labels[0].word.as_str()),
        Ok("a"),
        "and it is the user's"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn an_unknown_task_names_the_known_ones() {
    let error = Tasks::builtin()
        .get("sst3")
        .expect_err("there is none")
        .to_string();
    assert!(error.contains("`sst3`") && error.contains("sst2"), "{error}");
}
