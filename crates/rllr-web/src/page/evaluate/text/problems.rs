//! What evaluator and try-out say when something does not fit.

use crate::protocol::Failure;

/// The list of models could not be read.
pub fn bad_catalog(message: &str) -> String {
    format!("The list of this page's models cannot be used ({message}): choose your own.")
}

/// The files are no model.
pub fn no_model(names: &[&str], missing: &[&str]) -> Failure {
    let have = if names.is_empty() {
        "no file".to_owned()
    } else {
        names.join(", ")
    };
    Failure {
        what: "These files are not a model.".to_owned(),
        have,
        need: format!("Also {}.", missing.join(", ")),
        next: "Choose the folder of a model in Hugging Face's layout, or all of its files at once."
            .to_owned(),
    }
}

/// Two results that do not belong together.
pub fn other_examples() -> Failure {
    Failure {
        what: "The two models cannot be compared.".to_owned(),
        have: "Answers to different examples.".to_owned(),
        need: "Answers of both models to the same examples.".to_owned(),
        next: "Evaluate the first model on these examples too.".to_owned(),
    }
}
