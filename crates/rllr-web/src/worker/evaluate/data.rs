//! From a source of data to the examples of each task.

use std::collections::BTreeMap;

use rllr_task::generate::TaskKind;
use rllr_task::read::{
    Column, Columns, Delimiter, Header, Quoting, ReadError, ReadOptions, TableForm, labelled_examples, table,
};
use rllr_task::{Example, Task, Tasks};

use super::data_file;
use crate::protocol::models::{DataSource, TableMapping};
use crate::worker::failure;
use crate::worker::models::Trouble;
use crate::worker::models::given::File;

/// Reads the examples, by task in the order of their names; of each at most `limit`.
pub(super) async fn read(
    source: &DataSource,
    files: &[File],
    limit: Option<usize>,
) -> Result<Vec<(Task, Vec<Example>)>, Trouble> {
    let tasks = Tasks::builtin();
    let (name, examples) = match source {
        DataSource::Embedded { task_name } => (task_name.as_str(), embedded(task_name)),
        DataSource::Given { file, table } => {
            let bytes = bytes(&file.name, files).await?;
            let examples = match table {
                Some(mapping) => mapped(&bytes, &file.name, mapping, &tasks)?,
                None => lines(&bytes, &file.name, &tasks)
                    .map_err(|error| Trouble::Refused(failure::bad_data(&error)))?,
            };
            (file.name.as_str(), examples)
        }
    };
    if examples.is_empty() {
        return Err(Trouble::Refused(failure::no_examples(name)));
    }
    let mut by_task: BTreeMap<String, Vec<Example>> = BTreeMap::new();
    for example in examples {
        by_task.entry(example.task.clone()).or_default().push(example);
    }
    let parts = by_task.into_iter().map(|(name, mut examples)| {
        examples.truncate(limit.unwrap_or(usize::MAX));
        let task = tasks
            .get(&name)
            .expect("every example's task was looked up")
            .clone();
        (task, examples)
    });
    Ok(parts.filter(|(_, examples)| !examples.is_empty()).collect())
}

/// The bytes of the file that travelled with the request.
pub(super) async fn bytes(name: &str, files: &[File]) -> Result<Vec<u8>, Trouble> {
    let refuse = |said: &str| Trouble::Refused(failure::unreadable_file(name, said));
    let file = data_file(files).ok_or_else(|| refuse("the browser did not send it along"))?;
    file.read().await.map_err(|said| refuse(&said))
}

/// The embedded test set of a task; empty for a task that has none.
pub(super) fn embedded(task_name: &str) -> Vec<Example> {
    let kind = TaskKind::ALL.into_iter().find(|kind| kind.name() == task_name);
    kind.map(TaskKind::test_examples).unwrap_or_default()
}

/// The examples of JSON lines.
pub(super) fn lines(bytes: &[u8], name: &str, tasks: &Tasks) -> Result<Vec<Example>, ReadError> {
    let rows = labelled_examples(bytes, tasks, ReadOptions::new(name)).read_all();
    rows.map(|(examples, _)| examples)
}

/// The examples of a table.
pub(super) fn mapped(
    bytes: &[u8],
    name: &str,
    mapping: &TableMapping,
    tasks: &Tasks,
) -> Result<Vec<Example>, Trouble> {
    let task = tasks
        .get(&mapping.task_name)
        .map_err(|error| Trouble::Refused(failure::bad_mapping(&error)))?;
    let rows = table(bytes, task, form(mapping)?, ReadOptions::new(name)).read_all();
    rows.map(|(examples, _)| examples)
        .map_err(|error| Trouble::Refused(failure::bad_data(&error)))
}

/// The mapping in the reader's words.
pub(super) fn form(mapping: &TableMapping) -> Result<TableForm, Trouble> {
    let TableMapping {
        task_name: _,
        delimiter,
        quoting,
        header,
        columns,
        labels,
    } = mapping;
    let column = |field: &str| columns.get(field).copied().map(Column::Index);
    let word = |field: &str, found: &str| {
        Trouble::Refused(failure::bad_mapping(&format!("{field}: found “{found}”")))
    };
    Ok(TableForm {
        delimiter: match delimiter.as_str() {
            "comma" => Delimiter::Comma,
            "tab" => Delimiter::Tab,
            "semicolon" => Delimiter::Semicolon,
            other => return Err(word("delimiter", other)),
        },
        quoting: match quoting.as_str() {
            "double" => Quoting::Double,
            "none" => Quoting::None,
            other => return Err(word("quoting", other)),
        },
        header: match header.as_str() {
            "first_line" => Header::FirstLine,
            "absent" => Header::Absent,
            other => return Err(word("header", other)),
        },
        columns: Columns {
            id: column("id"),
            text: column("text"),
            text_a: column("text_a"),
            text_b: column("text_b"),
            label: column("label"),
            rationale: column("rationale"),
            score: column("score"),
            source: column("source"),
        },
        labels: labels.clone(),
    })
}
