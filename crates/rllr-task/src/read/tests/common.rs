//! What the tests of all forms share.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::example::{Example, Explanation, Input};
use crate::read::{Form, OnBadLine, ReadError, ReadOptions, ReadReport, Rows};

/// Default options under a short file name.
pub(super) fn options() -> ReadOptions {
    ReadOptions::new("f")
}

/// The rows and report of a file whose bad records are skipped.
pub(super) fn skip<'a, F: Form>(
    bytes: &'a [u8],
    reader: impl FnOnce(&'a [u8], ReadOptions) -> Rows<&'a [u8], F>,
) -> (Vec<F::Row>, ReadReport) {
    let rows = reader(bytes, options().on_bad_line(OnBadLine::SkipAndCount));
    rows.read_all().expect("bad records are skipped")
}

/// The message of the error that ends the reading.
pub(super) fn stop<'a, F: Form>(
    bytes: &'a [u8],
    reader: impl FnOnce(&'a [u8], ReadOptions) -> Rows<&'a [u8], F>,
) -> String {
    match reader(bytes, options()).read_all() {
        Ok((rows, _)) => panic!("{} rows were read, an error was expected", rows.len()),
        Err(error @ (ReadError::Bad(_) | ReadError::Io { .. })) => error.to_string(),
    }
}

/// One line of the uniform form.
pub(super) fn line(id: &str) -> String {
    format!("{{\"id\":\"{id}\",\"task\":\"sst2\",\"text\":\"a gem\",\"label\":\"positive\"}}")
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(any::<String>(), any::<String>(), 0..3)
}

prop_compose! {
    /// Any example at all.
    pub(super) fn any_example()(
        words in prop::array::uniform5(any::<String>()),
        second in prop::option::of(any::<String>()),
        rationale in prop::option::of(any::<String>()),
        rationale_by in prop::option::of(any::<String>()),
        rationales in texts(),
        choices in texts(),
        evidence in prop::collection::btree_map(any::<String>(), prop::collection::vec(any::<String>(), 0..3), 0..3),
        others in prop::collection::vec(prop::array::uniform3(any::<String>()), 0..3),
        // Hundredths, as a decimal number survives printing and reading; any bits need not.
        score in prop::option::of((0..500_i32).prop_map(|hundredths| f64::from(hundredths) / 100.0)),
        source in prop::option::of(any::<String>()),
    ) -> Example {
        let [id, task, label, text, unused] = words;
        let input = match second {
            Some(text_b) => Input::Pair { text_a: text, text_b },
            None => Input::Text(text + &unused),
        };
        let others = others.into_iter().map(|[by, label, text]| Explanation { by, label, text }).collect();
        Example { id, task, input, label, rationale, rationale_by, rationales, choices, evidence, others, score, source }
    }
}
