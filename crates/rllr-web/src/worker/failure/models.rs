//! What the worker says about models and data that cannot be used.

use rllr_task::read::{BadLine, ReadError};

use super::failure;
use crate::delivery::download::DownloadError;
use crate::delivery::manifest::ManifestError;
use crate::fetch::FetchError;
use crate::protocol::Failure;

pub(in crate::worker) fn bad_model(have: &str) -> Failure {
    failure(
        "The model cannot be used.",
        have,
        "A directory in Hugging Face's layout of a supported model: config.json, model.safetensors and tokenizer.json that belong together.",
        "Choose all files of one model, or another model.",
    )
}

pub(in crate::worker) fn no_manifest(name: &str, error: &FetchError) -> Failure {
    let have = match error {
        FetchError::Broken(said) => said.clone(),
        FetchError::Status(status) => format!("the host answered with status {status}"),
        FetchError::Stopped => "stopped".to_owned(),
    };
    failure(
        &format!("The list of the pieces of the model “{name}” could not be fetched."),
        &have,
        "A connection to this page's host.",
        "Check the network connection and try again.",
    )
}

pub(in crate::worker) fn bad_manifest(name: &str, error: &ManifestError) -> Failure {
    failure(
        &format!("The list of the pieces of the model “{name}” cannot be used."),
        &error.to_string(),
        "A list that this page's version understands.",
        "Load the page again. If it happens again, tell whoever runs this page.",
    )
}

pub(in crate::worker) fn download(error: &DownloadError) -> Failure {
    match error {
        DownloadError::Damaged { .. } => failure(
            "A piece of the model arrived damaged, every time.",
            &error.to_string(),
            "The bytes that the list of pieces promises.",
            "Try again later. If it happens again, the host's copy is damaged: tell whoever runs this page.",
        ),
        DownloadError::Network { .. } | DownloadError::Stopped => failure(
            "A piece of the model could not be fetched.",
            &error.to_string(),
            "A connection to this page's host.",
            "Check the network connection and try again: the pieces that have arrived are kept.",
        ),
    }
}

pub(in crate::worker) fn not_kept(reason: &str) -> String {
    format!("The model is used, but not kept for the next visit: {reason}.")
}

pub(in crate::worker) fn damaged_piece(file: &str) -> String {
    format!("A piece of the model was damaged ({file}); it is fetched again.")
}

/// Texts that are longer than the model can read.
pub(in crate::worker) fn texts_cut(task: &str, cut: usize, all: usize, positions: usize) -> String {
    format!("{task}: {cut} of {all} texts were cut, because the model reads {positions} tokens at most.")
}

pub(in crate::worker) fn bad_data(error: &ReadError) -> Failure {
    let next = "Correct the line, or leave it out; then choose the file again.";
    match error {
        ReadError::Bad(bad) => {
            let BadLine {
                file,
                line,
                field,
                found,
                expected,
            } = bad;
            let place = if field.is_empty() {
                format!("line {line}")
            } else {
                format!("line {line}, field “{field}”")
            };
            failure(
                &format!("The file {file} cannot be read."),
                &format!("{place}: {found}"),
                expected,
                next,
            )
        }
        ReadError::Io { file, line, source } => failure(
            &format!("The file {file} cannot be read."),
            &format!("line {line}: {source}"),
            "A text, plain or compressed with gzip.",
            next,
        ),
    }
}

pub(in crate::worker) fn unreadable_file(name: &str, said: &str) -> Failure {
    failure(
        &format!("The file {name} cannot be read."),
        said,
        "A file that is still where it was, unchanged since it was chosen.",
        "Choose the file again.",
    )
}

pub(in crate::worker) fn no_examples(name: &str) -> Failure {
    failure(
        &format!("There are no examples in {name}."),
        "0 examples",
        "At least one example.",
        "Choose another file.",
    )
}

pub(in crate::worker) fn cannot_answer(error: &impl ToString) -> Failure {
    failure(
        "The model cannot answer these examples.",
        &error.to_string(),
        "Examples of the task, and texts that the model can read.",
        "Choose other data, another model, or other settings.",
    )
}

pub(in crate::worker) fn bad_mapping(have: &impl ToString) -> Failure {
    failure(
        "The columns cannot be read like this.",
        &have.to_string(),
        "A task, and a column for each of its texts and for the label.",
        "Choose them in the form.",
    )
}

pub(in crate::worker) fn cannot_compare(have: &str) -> Failure {
    failure(
        "The two models cannot be compared.",
        have,
        "Answers of both to the same examples.",
        "Evaluate both on the same data.",
    )
}
