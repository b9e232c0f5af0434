//! Reads both sentences into their parts and counts the agreeing ones.

use super::{PARTS, rows};
use crate::generate::wording::{has_phrase, words};

/// The label's index: the number of agreeing parts; `None` when a part is not found.
pub(in crate::generate) fn read(first: &str, second: &str) -> Option<usize> {
    let (first, second) = (meaning(first)?, meaning(second)?);
    Some(
        first
            .iter()
            .zip(second)
            .filter(|(one, other)| **one == *other)
            .count(),
    )
}

/// The row of each part, whatever the order of the sentence.
fn meaning(text: &str) -> Option<[usize; PARTS]> {
    let words = words(text);
    let mut found = [0; PARTS];
    for (part, found) in found.iter_mut().enumerate() {
        *found = rows(part)
            .iter()
            .position(|row| row.iter().any(|way| has_phrase(&words, way)))?;
    }
    Some(found)
}
