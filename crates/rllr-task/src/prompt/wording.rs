//! One paraphrase of a task's question, with places for the example's texts.

use std::collections::BTreeMap;

use crate::task::{Fields, Task};

/// One paraphrase of a task's question.
///
/// Places are written `{text}`, `{text_a}`, `{text_b}`, `{choices}` (one line per option) and `{labels}`
/// (the label words as a phrase); `{{` and `}}` stand for braces.
/// A wording names every text of its task, so that no prompt leaves one out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Place(Place),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `text` or `text_a`.
    First,
    /// `text_b`.
    Second,
    Choices,
    Labels,
}

/// What was found and what was expected.
type Mismatch = (String, String);

impl Wording {
    /// Reads a wording for a task with these fields.
    ///
    /// # Errors
    /// What was found and what was expected: an unknown or missing place, an open brace, or no text.
    pub fn parse(source: String, fields: Fields) -> Result<Self, Mismatch> {
        let places = allowed(fields);
        let pieces = split(&source, places)?;
        for (name, place) in places {
            if *place != Place::Labels && !pieces.contains(&Piece::Place(*place)) {
                return Err((format!("{source:?}"), format!("a wording with {{{name}}}")));
            }
        }
        Ok(Self { source, pieces })
    }

    /// The wording as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The question about these texts. Braces inside the texts are left alone.
    pub(super) fn fill(&self, task: &Task, texts: [&str; 2], choices: &BTreeMap<String, String>) -> String {
        let length: usize = texts.iter().map(|text| text.len()).sum();
        let mut filled = String::with_capacity(self.source.len() + length + 64);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => filled.push_str(text),
                Piece::Place(Place::First) => filled.push_str(texts[0]),
                Piece::Place(Place::Second) => filled.push_str(texts[1]),
                Piece::Place(Place::Labels) => filled.push_str(&task.label_list()),
                Piece::Place(Place::Choices) => {
                    let lines: Vec<String> = choices
                        .iter()
                        .map(|(letter, text)| format!("{letter}: {text}"))
                        .collect();
                    filled.push_str(&lines.join("\n"));
                }
            }
        }
        filled
    }
}

/// The places of a wording, all but `{labels}` required.
fn allowed(fields: Fields) -> &'static [(&'static str, Place)] {
    match fields {
        Fields::Text => &[("text", Place::First), ("labels", Place::Labels)],
        Fields::Pair => &[
            ("text_a", Place::First),
            ("text_b", Place::Second),
            ("labels", Place::Labels),
        ],
        Fields::Choices => &[
            ("text", Place::First),
            ("choices", Place::Choices),
            ("labels", Place::Labels),
        ],
    }
}

fn split(source: &str, places: &[(&str, Place)]) -> Result<Vec<Piece>, Mismatch> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = source;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let tail = &rest[at..];
        if tail.starts_with("{{") || tail.starts_with("}}") {
            literal.push_str(&tail[..1]);
            rest = &tail[2..];
            continue;
        }
        let names = || {
            places
                .iter()
                .map(|(name, _)| format!("{{{name}}}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let unpaired = || {
            (
                format!("a single brace in {source:?}"),
                "`{{` or `}}`, or a place".to_owned(),
            )
        };
        let inside = tail.strip_prefix('{').ok_or_else(unpaired)?;
        let (name, after) = inside.split_once('}').ok_or_else(unpaired)?;
        let place = places.iter().find(|(known, _)| *known == name);
        let (_, place) = place.ok_or_else(|| (format!("{{{name}}} in {source:?}"), names()))?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Place(*place));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}
