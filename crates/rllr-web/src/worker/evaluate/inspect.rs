//! What is in a file, before anything is computed.

use std::collections::BTreeMap;

use rllr_task::read::{
    Column, Delimiter, Header, Quoting, TableForm, column_words, fitting_tasks, recognise_table,
};
use rllr_task::task::Fields;
use rllr_task::{Example, Task, Tasks};

use super::data;
use crate::protocol::models::{DataSource, Inspected, ModelEvent, TableMapping, TableSight, TaskForm};
use crate::worker::failure;
use crate::worker::models::Trouble;
use crate::worker::models::given::File;

/// So many rows are shown.
const SAMPLE: usize = 3;

/// More different words than this are no labels.
const MOST_WORDS: usize = 200;

pub(super) async fn inspect(source: &DataSource, files: &[File]) -> Result<ModelEvent, Trouble> {
    let known = Tasks::builtin();
    let (examples, table) = match source {
        DataSource::Embedded { task_name } => (data::embedded(task_name), None),
        DataSource::Given { file, table } => {
            let bytes = data::bytes(&file.name, files).await?;
            match table {
                Some(mapping) => mapped(&bytes, &file.name, mapping.clone(), &known)?,
                None if is_table(&file.name, &bytes) => {
                    let mapping = suggestion(&bytes, &known);
                    mapped(&bytes, &file.name, mapping, &known)?
                }
                None => {
                    let examples = data::lines(&bytes, &file.name, &known)
                        .map_err(|error| Trouble::Refused(failure::bad_data(&error)))?;
                    if examples.is_empty() {
                        return Err(Trouble::Refused(failure::no_examples(&file.name)));
                    }
                    (examples, None)
                }
            }
        }
    };
    let mut tasks = BTreeMap::new();
    for example in examples {
        *tasks.entry(example.task).or_insert(0) += 1;
    }
    Ok(ModelEvent::Inspected(Inspected {
        tasks,
        table,
        known: known.iter().map(form_of).collect(),
    }))
}

/// A file that is called a table is one; any other is one unless it begins as JSON does.
fn is_table(name: &str, bytes: &[u8]) -> bool {
    let name = name.to_lowercase();
    let name = name.trim_end_matches(".gz");
    if name.ends_with(".csv") || name.ends_with(".tsv") {
        return true;
    }
    let is_json = name.ends_with(".jsonl") || name.ends_with(".json");
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    // Compressed bytes tell nothing, and a byte-order mark begins with 0xEF.
    !is_json && !matches!(first, Some(b'{' | b'[' | 0x1f | 0xef) | None)
}

/// Reads a table with a mapping, as far as it goes, and shows what it looks like.
fn mapped(
    bytes: &[u8],
    name: &str,
    mapping: TableMapping,
    tasks: &Tasks,
) -> Result<(Vec<Example>, Option<TableSight>), Trouble> {
    let form = data::form(&mapping)?;
    let look = recognise_table(bytes);
    let label = mapping.columns.get("label").copied();
    let words = label.and_then(|column| column_words(bytes, &form, column, MOST_WORDS));
    let (examples, problem) = match data::mapped(bytes, name, &mapping, tasks) {
        Ok(examples) => (examples, None),
        Err(Trouble::Refused(failure)) => (Vec::new(), Some(failure)),
        Err(other) => return Err(other),
    };
    let sight = TableSight {
        mapping,
        names: look.names,
        sample: look.sample.into_iter().take(SAMPLE).collect(),
        words: words.unwrap_or_default(),
        problem,
    };
    Ok((examples, Some(sight)))
}

/// The mapping that the file suggests.
fn suggestion(bytes: &[u8], tasks: &Tasks) -> TableMapping {
    let TableForm {
        delimiter,
        quoting,
        header,
        columns,
        labels: _,
    } = recognise_table(bytes).form;
    let form = TableForm {
        delimiter,
        quoting,
        header,
        columns: columns.clone(),
        labels: BTreeMap::new(),
    };
    let number = |column: &Option<Column>| match column {
        Some(Column::Index(number)) => Some(*number),
        Some(Column::Name(_)) | None => None,
    };
    let words = number(&columns.label).and_then(|label| column_words(bytes, &form, label, MOST_WORDS));
    let fitting = words.and_then(|words| {
        let name = fitting_tasks(tasks, &columns, &words).next()?.name.clone();
        Some(name)
    });
    let named = [
        ("id", &columns.id),
        ("text", &columns.text),
        ("text_a", &columns.text_a),
        ("text_b", &columns.text_b),
        ("label", &columns.label),
        ("rationale", &columns.rationale),
        ("score", &columns.score),
    ];
    let numbered = named
        .into_iter()
        .filter_map(|(field, column)| Some((field.to_owned(), number(column)?)));
    TableMapping {
        task_name: fitting.unwrap_or_default(),
        delimiter: match delimiter {
            Delimiter::Comma => "comma",
            Delimiter::Tab => "tab",
            Delimiter::Semicolon => "semicolon",
        }
        .to_owned(),
        quoting: match quoting {
            Quoting::Double => "double",
            Quoting::None => "none",
        }
        .to_owned(),
        header: match header {
            Header::FirstLine => "first_line",
            Header::Absent => "absent",
        }
        .to_owned(),
        columns: numbered.collect(),
        labels: BTreeMap::new(),
    }
}

fn form_of(task: &Task) -> TaskForm {
    let fields: &[&str] = match task.fields {
        Fields::Text | Fields::Choices => &["text"],
        Fields::Pair => &["text_a", "text_b"],
    };
    TaskForm {
        name: task.name.clone(),
        title: task.title.clone(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        labels: task.labels.iter().map(|label| label.word.clone()).collect(),
        has_choices: task.fields == Fields::Choices,
    }
}
