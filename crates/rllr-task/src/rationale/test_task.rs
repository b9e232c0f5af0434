//! Small tasks for the tests of this module.

use crate::task::{Task, Tasks};

/// A task `rows` with these fields (`text`, `pair` or `choices`) and label words.
pub(super) fn rows(fields: &str, labels: &[&str]) -> Task {
    task("rows", fields, labels)
}

/// A sentiment task `films`.
pub(super) fn films() -> Task {
    task("films", "text", &["negative", "positive"])
}

fn task(name: &str, fields: &str, labels: &[&str]) -> Task {
    let (fields, prompt) = match fields {
        "text" => (r#"["text"]"#, "{text}"),
        "pair" => (r#"["text_a", "text_b"]"#, "{text_a} / {text_b}"),
        _ => (r#"["text", "choices"]"#, "{text} {choices}"),
    };
    let labels: Vec<String> = labels
        .iter()
        .map(|word| format!(r#"{{ word = "{word}", description = "the answer {word}" }}"#))
        .collect();
    let toml = format!(
        "[[task]]\nname = \"{name}\"\nfields = {fields}\nlabels = [{}]\nprompts = [\"{prompt}\"]\n",
        labels.join(", ")
    );
    Tasks::from_toml(&toml)
        .and_then(|tasks| tasks.get(name).cloned())
        .expect("the definition is valid")
}
