//! Results as files.

use serde::Serialize;

use super::results::Results;
use crate::protocol::models::{AnsweredRow, Measured};

/// The measurements as `rllr eval --out` writes them: one object, or a list where there are several tasks.
pub fn json(results: &Results) -> String {
    let text = match &results.measured[..] {
        [one] => serde_json::to_string_pretty(one),
        several => serde_json::to_string_pretty(several),
    };
    let text = text.expect("our structs have string keys and no custom serializer, so writing cannot fail");
    format!("{text}\n")
}

/// An answer as `rllr eval --predictions` writes it.
#[derive(Serialize)]
struct Prediction<'a> {
    id: &'a str,
    task: &'a str,
    prediction: Option<&'a str>,
    label: &'a str,
    response: &'a str,
    correct: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_probs: Option<&'a [f64]>,
}

/// The answers as JSON lines.
pub fn json_lines(results: &Results) -> String {
    let line = |row: &AnsweredRow| {
        let prediction = Prediction {
            id: &row.id,
            task: &row.task,
            prediction: row.prediction.as_deref(),
            label: &row.label,
            response: &row.response,
            correct: row.correct,
            label_probs: row.label_probs.as_deref(),
        };
        let text = serde_json::to_string(&prediction)
            .expect("our structs have string keys and no custom serializer, so writing cannot fail");
        format!("{text}\n")
    };
    results.rows.iter().map(line).collect()
}

/// The answers of a task as CSV (RFC 4180), with a column for the probability of each label.
pub fn csv(results: &Results, measured: &Measured) -> String {
    let rows: Vec<&AnsweredRow> = results.of_task(&measured.task).collect();
    let texts = rows.iter().map(|row| row.texts.len()).max().unwrap_or(1);
    let mut header: Vec<String> = ["id", "task", "label", "prediction", "correct"]
        .map(str::to_owned)
        .to_vec();
    header.extend(text_columns(texts));
    header.extend(["rationale", "response"].map(str::to_owned));
    header.extend(
        measured
            .labels
            .iter()
            .map(|label| format!("probability of {label}")),
    );
    let mut text = line(&header);
    for row in rows {
        let mut cells = vec![
            row.id.clone(),
            row.task.clone(),
            row.label.clone(),
            row.prediction.clone().unwrap_or_default(),
            row.correct.to_string(),
        ];
        cells.extend((0..texts).map(|index| row.texts.get(index).cloned().unwrap_or_default()));
        cells.extend([row.rationale.clone(), row.response.clone()]);
        let probability = |index: usize| {
            let probs = row.label_probs.as_ref()?;
            probs.get(index).map(f64::to_string)
        };
        cells.extend((0..measured.labels.len()).map(|index| probability(index).unwrap_or_default()));
        text.push_str(&line(&cells));
    }
    text
}

fn text_columns(count: usize) -> Vec<String> {
    match count {
        0 | 1 => vec!["text".to_owned()],
        2 => vec!["text_a".to_owned(), "text_b".to_owned()],
        more => (1..=more).map(|number| format!("text_{number}")).collect(),
    }
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell; in quotes where a reader would otherwise end it too early.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::super::matrix::tests::measured;
    use super::super::results::tests::row;
    use super::*;

    fn results() -> Results {
        let mut with_probs = row(0, "a", Some("a"));
        with_probs.label_probs = Some(vec![0.75, 0.25]);
        with_probs.texts = vec!["He said \"no, no\"".to_owned()];
        Results {
            measured: vec![measured(vec![vec![1, 0], vec![0, 0]], vec![0, 1])],
            rows: vec![with_probs, row(1, "b", None)],
            ..Results::default()
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn csv_is_quoted_where_it_has_to_be() {
        let results = results();
        let expected = "id,task,label,prediction,correct,text,rationale,response,probability of a,probability of b\r\n\
             t-0,t,a,a,true,\"He said \"\"no, no\"\"\",Because.,\"Because.\nLabel: a\",0.75,0.25\r\n\
             t-1,t,b,,false,Text number 1,,Hm,,\r\n";
        assert_eq!(csv(&results, &results.measured[0]), expected);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn json_is_that_of_the_command_line() {
        let mut results = results();
        let one: serde_json::Value = serde_json::from_str(&json(&results)).expect("it is JSON");
        let names: Vec<&String> = one.as_object().expect("one task").keys().collect();
        let expected = [
            "task",
            "n",
            "accuracy",
            "accuracy_ci95",
            "macro_f1",
            "invalid_rate",
            "labels",
            "confusion",
            "invalid",
            "seconds",
            "tokens_per_second",
        ];
        assert_eq!(names, expected);
        results.measured.push(results.measured[0].clone());
        let two: serde_json::Value = serde_json::from_str(&json(&results)).expect("it is JSON");
        assert_eq!(two.as_array().map(Vec::len), Some(2));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn json_lines_hold_one_answer_each() {
        let text = json_lines(&results());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            r#"{"id":"t-0","task":"t","prediction":"a","label":"a","response":"Because.\nLabel: a","correct":true,"label_probs":[0.75,0.25]}"#
        );
        assert!(lines[1].contains(r#""prediction":null"#) && !lines[1].contains("label_probs"));
    }
}
