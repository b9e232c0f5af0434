//! The columns of a table, as the visitor maps them.

use crate::protocol::models::{TableMapping, TableSight, TaskForm};

/// What a mapping lacks before a table can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The task.
    Task,
    /// A column for this field.
    Column(String),
}

/// The fields of a task's examples that need a column, then those that may have one.
pub fn fields(task: Option<&TaskForm>) -> Vec<String> {
    let texts = task.map_or_else(|| vec!["text".to_owned()], |task| task.fields.clone());
    let others = ["label", "rationale", "id"].map(str::to_owned);
    texts.into_iter().chain(others).collect()
}

/// What is still to be chosen.
pub fn lacks(mapping: &TableMapping, known: &[TaskForm]) -> Vec<Lack> {
    let Some(task) = task(mapping, known) else {
        return vec![Lack::Task];
    };
    let has = |field: &str| mapping.columns.contains_key(field);
    let needed = task.fields.iter().map(String::as_str).chain(["label"]);
    needed
        .filter(|field| !(has(field) || (*field == "label" && has("score"))))
        .map(|field| Lack::Column(field.to_owned()))
        .collect()
}

/// The task of a mapping.
pub fn task<'k>(mapping: &TableMapping, known: &'k [TaskForm]) -> Option<&'k TaskForm> {
    known.iter().find(|task| task.name == mapping.task_name)
}

/// Tasks that a table can be mapped to: those whose labels are words of their own.
pub fn offered(known: &[TaskForm]) -> impl Iterator<Item = &TaskForm> {
    known.iter().filter(|task| !task.has_choices)
}

/// The same mapping for another task: texts move to the fields that the task has.
pub fn with_task(mapping: &TableMapping, task: &TaskForm) -> TableMapping {
    let mut mapping = TableMapping {
        task_name: task.name.clone(),
        ..mapping.clone()
    };
    let first = ["text", "text_a"]
        .iter()
        .find_map(|field| mapping.columns.remove(*field));
    let second = mapping.columns.remove("text_b");
    for (field, column) in task.fields.iter().zip([first, second]) {
        if let Some(column) = column {
            mapping.columns.insert(field.clone(), column);
        }
    }
    mapping.labels.clear();
    mapping
}

/// The same mapping with another column for a field, or with none. A column stands for one field only.
pub fn with_column(mapping: &TableMapping, field: &str, column: Option<usize>) -> TableMapping {
    let mut mapping = mapping.clone();
    mapping.columns.remove(field);
    if let Some(column) = column {
        mapping.columns.retain(|_, other| *other != column);
        mapping.columns.insert(field.to_owned(), column);
    }
    if field == "label" {
        mapping.labels.clear();
    }
    mapping
}

/// The words of the file that are no labels of the task, with what they stand for so far.
pub fn unknown_words<'s>(sight: &'s TableSight, task: &TaskForm) -> Vec<(&'s str, Option<String>)> {
    let words = sight.words.iter().filter(|word| !task.labels.contains(word));
    words
        .map(|word| (word.as_str(), sight.mapping.labels.get(word).cloned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn task_form(name: &str, fields: &[&str]) -> TaskForm {
        TaskForm {
            name: name.to_owned(),
            title: name.to_owned(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            labels: vec!["no".to_owned(), "yes".to_owned()],
            has_choices: false,
        }
    }

    fn mapping(columns: &[(&str, usize)]) -> TableMapping {
        TableMapping {
            task_name: "pair".to_owned(),
            delimiter: "comma".to_owned(),
            quoting: "double".to_owned(),
            header: "first_line".to_owned(),
            columns: columns
                .iter()
                .map(|(field, column)| ((*field).to_owned(), *column))
                .collect(),
            labels: BTreeMap::new(),
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_lacks_is_named() {
        let known = [
            task_form("pair", &["text_a", "text_b"]),
            task_form("single", &["text"]),
        ];
        let lack = |columns: &[(&str, usize)]| lacks(&mapping(columns), &known);
        assert_eq!(
            lack(&[("text_a", 0)]),
            [
                Lack::Column("text_b".to_owned()),
                Lack::Column("label".to_owned())
            ]
        );
        assert!(lack(&[("text_a", 0), ("text_b", 1), ("label", 2)]).is_empty());
        assert!(
            lack(&[("text_a", 0), ("text_b", 1), ("score", 2)]).is_empty(),
            "a graded task"
        );
        let unknown = TableMapping {
            task_name: String::new(),
            ..mapping(&[])
        };
        assert_eq!(lacks(&unknown, &known), [Lack::Task]);
        assert_eq!(
            fields(known.first()),
            ["text_a", "text_b", "label", "rationale", "id"]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn another_task_keeps_the_texts_where_it_can() {
        let single = task_form("single", &["text"]);
        let pair = task_form("pair", &["text_a", "text_b"]);
        let one = with_task(&mapping(&[("text_a", 0), ("text_b", 1), ("label", 2)]), &single);
        assert_eq!(one.columns, mapping(&[("text", 0), ("label", 2)]).columns);
        assert_eq!(
            with_task(&one, &pair).columns,
            mapping(&[("text_a", 0), ("label", 2)]).columns
        );
        let moved = with_column(&one, "rationale", Some(2));
        assert_eq!(moved.columns, mapping(&[("text", 0), ("rationale", 2)]).columns);
        assert_eq!(
            with_column(&moved, "rationale", None).columns,
            mapping(&[("text", 0)]).columns
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn words_that_are_no_labels_are_asked_for() {
        let mut sight = TableSight {
            mapping: mapping(&[("label", 0)]),
            names: Vec::new(),
            sample: Vec::new(),
            words: ["yes", "0", "1"].map(str::to_owned).to_vec(),
            problem: None,
        };
        sight.mapping.labels.insert("1".to_owned(), "yes".to_owned());
        let task = task_form("single", &["text"]);
        assert_eq!(
            unknown_words(&sight, &task),
            [("0", None), ("1", Some("yes".to_owned()))]
        );
    }
}
