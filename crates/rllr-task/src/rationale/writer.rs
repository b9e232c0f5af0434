//! The door for other writers of rationales: a language model behind an HTTP endpoint, or the policy itself.

use std::collections::BTreeMap;
use std::future::Future;

use super::RuleKind;
use crate::example::{Example, Input};
use crate::task::ExampleError;

/// Something that can argue for any label of an example.
///
/// One writer must write for the gold label and for the wrong ones, so that author and style do not give the gold
/// label away. The futures carry no `Send` bound: every program of this project runs them on one thread, and in the
/// page they could not have it.
pub trait RationaleWriter {
    /// The writer's name, which goes into the data (`rationale_by`, `by`).
    fn name(&self) -> &str;

    /// Writes one text that argues that `label` is the answer, whether it is or not.
    ///
    /// # Errors
    ///
    /// [`RationaleError`] if the label is unknown or the writer fails.
    fn write(&self, example: &Example, label: &str) -> impl Future<Output = Result<String, RationaleError>>;
}

/// What goes wrong while rationales are written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RationaleError {
    /// A rule cannot be learned from nothing.
    #[error("no training examples: a rule for rationales is learned from at least one")]
    NoExamples,
    /// An example does not fit its task.
    #[error(transparent)]
    Example(#[from] ExampleError),
    /// A label outside the task's label set.
    #[error("example {id}: unknown label; expected one of {}; found {found:?}", expected.join(", "))]
    UnknownLabel {
        /// The example.
        id: String,
        /// The label found.
        found: String,
        /// The task's label set.
        expected: Vec<String>,
    },
    /// An example that the rule was not made for, such as a text pair under a rule for single texts.
    #[error(
        "example {id}: its texts or options do not fit the rule {kind:?}, which was learned from other examples"
    )]
    OtherInput {
        /// The example.
        id: String,
        /// The rule.
        kind: RuleKind,
    },
    /// The writer answered with white space only.
    #[error("example {id}, label {label}: {writer} wrote an empty rationale")]
    Empty {
        /// The example.
        id: String,
        /// The label that was to be argued for.
        label: String,
        /// The writer's name.
        writer: String,
    },
    /// The writer itself failed: no connection, refused request, unreadable answer.
    #[error("example {id}, label {label}: {writer} failed: {reason}")]
    Writer {
        /// The example.
        id: String,
        /// The label that was to be argued for.
        label: String,
        /// The writer's name.
        writer: String,
        /// What the writer says happened.
        reason: String,
    },
}

/// Lets one writer argue for each of the labels; the answer maps label to text, as in `Example::rationales`.
///
/// # Errors
///
/// The first error of the writer, or [`RationaleError::Empty`].
pub async fn write_rationales(
    writer: &impl RationaleWriter,
    example: &Example,
    labels: &[&str],
) -> Result<BTreeMap<String, String>, RationaleError> {
    let mut texts = BTreeMap::new();
    for &label in labels {
        let text = writer.write(example, label).await?;
        let text = text.trim();
        if text.is_empty() {
            return Err(RationaleError::Empty {
                id: example.id.clone(),
                label: label.to_owned(),
                writer: writer.name().to_owned(),
            });
        }
        texts.insert(label.to_owned(), text.to_owned());
    }
    Ok(texts)
}

/// The request to a language model: argue for `label`, in a form that does not say whether it is right.
///
/// `meaning` is the label word's description. The same request for the gold label and for wrong ones; hedging
/// ("although", "even if") is ruled out, since models hedge when they argue against their own belief.
pub fn rationale_request(example: &Example, label: &str, meaning: &str) -> String {
    let mut text = match &example.input {
        Input::Text(text) => format!("Text: {text}\n"),
        Input::Pair { text_a, text_b } => format!("Text A: {text_a}\nText B: {text_b}\n"),
    };
    for (letter, option) in &example.choices {
        text.push_str(&format!("{letter}: {option}\n"));
    }
    format!(
        "{text}Answer: {label} ({meaning})\n\n\
         Give the reason for this answer in one plain sentence of at most 25 words. \
         Point at the words of the text that support it. \
         Do not hedge, do not mention other answers, and do not comment on whether the answer is right."
    )
}

#[cfg(test)]
mod tests {
    use super::super::RuleWriter;
    use super::super::test_task::films;
    use super::*;
    use std::future::ready;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use wasm_bindgen_test::wasm_bindgen_test;

    fn example(text: &str) -> Example {
        Example {
            id: "films-1".to_owned(),
            task: "films".to_owned(),
            input: Input::Text(text.to_owned()),
            label: "negative".to_owned(),
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

    /// The futures of these tests never wait.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!("the writers of these tests answer at once"),
        }
    }

    /// Stands for a language model: repeats the request's words, or fails.
    struct Scripted(Result<&'static str, &'static str>);

    impl RationaleWriter for Scripted {
        fn name(&self) -> &str {
            "scripted"
        }

        fn write(
            &self,
            example: &Example,
            label: &str,
        ) -> impl Future<Output = Result<String, RationaleError>> {
            ready(
                self.0
                    .map(|text| format!("{text}{label} "))
                    .map_err(|reason| RationaleError::Writer {
                        id: example.id.clone(),
                        label: label.to_owned(),
                        writer: self.name().to_owned(),
                        reason: reason.to_owned(),
                    }),
            )
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn one_writer_argues_for_every_label() {
        let texts = now(write_rationales(
            &Scripted(Ok(" for ")),
            &example("dull"),
            &["negative", "positive"],
        ));
        let expected = [("negative", "for negative"), ("positive", "for positive")]
            .map(|(label, text)| (label.to_owned(), text.to_owned()));
        assert_eq!(texts, Ok(expected.into()));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_rule_is_a_writer() {
        let rule = RuleWriter::fit(&films(), &[example("a dull plot")]).expect("the example fits");
        let texts = now(write_rationales(&rule, &example("a dull film"), &["negative"]));
        let expected = BTreeMap::from([("negative".to_owned(), "It says \"dull\" and \"film\".".to_owned())]);
        assert_eq!(texts, Ok(expected));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn failures_name_example_label_and_writer() {
        let error = now(write_rationales(
            &Scripted(Err("status 503")),
            &example("dull"),
            &["positive"],
        ));
        let text = error.expect_err("the writer fails").to_string();
        assert_eq!(
            text,
            "example films-1, label positive: scripted failed: status 503"
        );
        let error = now(write_rationales(&Scripted(Ok(" ")), &example("dull"), &[" "]));
        let text = error.expect_err("white space is no rationale").to_string();
        assert_eq!(
            text,
            "example films-1, label  : scripted wrote an empty rationale"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn requests_for_right_and_wrong_labels_differ_in_the_answer_only() {
        let row = example("a dull film");
        let right = rationale_request(&row, "negative", "the critic dislikes it");
        let wrong = rationale_request(&row, "positive", "the critic likes it");
        assert!(
            right.starts_with("Text: a dull film\nAnswer: negative (the critic dislikes it)\n"),
            "{right}"
        );
        let swapped = right.replace(
            "negative (the critic dislikes it)",
            "positive (the critic likes it)",
        );
        assert_eq!(swapped, wrong, "nothing else tells which label is gold");
    }
}
