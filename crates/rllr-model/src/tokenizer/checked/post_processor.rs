//! The part `post_processor` of `tokenizer.json`: which special tokens stand around a text.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::error::{TokenizerError, shown, value_error};

/// The special tokens around a single text.
#[derive(Default)]
pub(super) struct Around {
    pub(super) prefix: Vec<u32>,
    pub(super) suffix: Vec<u32>,
}

/// The keys that the crate reads. It ignores the name of the type and takes what fits first; with exactly these keys
/// only the right one fits.
const KEYS: [(&str, &[&str]); 4] = [
    ("ByteLevel", &["add_prefix_space", "trim_offsets", "use_regex"]),
    ("TemplateProcessing", &["single", "pair", "special_tokens"]),
    ("BertProcessing", &["sep", "cls"]),
    (
        "RobertaProcessing",
        &["sep", "cls", "trim_offsets", "add_prefix_space"],
    ),
];

#[derive(Deserialize)]
struct Template {
    single: Vec<Piece>,
    pair: Vec<Piece>,
    special_tokens: BTreeMap<String, SpecialToken>,
}

#[derive(Deserialize)]
enum Piece {
    Sequence { id: Sequence },
    SpecialToken { id: String },
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
enum Sequence {
    A,
    B,
}

#[derive(Deserialize)]
struct SpecialToken {
    ids: Vec<u32>,
    tokens: Vec<String>,
}

#[derive(Deserialize)]
struct ClassAndSeparator {
    sep: (String, u32),
    cls: (String, u32),
}

/// Checks `post_processor`; `known` says which ids have a token.
pub(super) fn check(
    json: &mut Map<String, Value>,
    known: impl Fn(u32) -> bool,
) -> Result<Around, TokenizerError> {
    let Some(part) = json.get_mut("post_processor").filter(|part| !part.is_null()) else {
        return Ok(Around::default());
    };
    let place = "post_processor";
    if part.get("type").is_none_or(|name| name != "Sequence") {
        return Ok(check_one(part, place, &known)?.unwrap_or_default());
    }
    let Some(Value::Array(parts)) = part.get_mut("processors") else {
        let found = shown(part.get("processors"));
        return Err(value_error("post_processor.processors", found, "a list"));
    };
    let mut around = None;
    for (index, part) in parts.iter_mut().enumerate() {
        let place = format!("{place}.processors[{index}]");
        let found = check_one(part, &place, &known)?;
        // The crate is not written for a second one: it counts on one or two texts, not on pieces of them.
        if around.is_some() && found.is_some() {
            let expected = "at most one processor that adds special tokens";
            return Err(value_error(place, "a second one", expected));
        }
        around = around.or(found);
    }
    if let Value::Object(keys) = part {
        keys.retain(|key, _| ["type", "processors"].contains(&key.as_str()));
    }
    Ok(around.unwrap_or_default())
}

/// Checks one processor; what it adds, if it is of the kind that adds.
fn check_one(
    part: &mut Value,
    place: &str,
    known: impl Fn(u32) -> bool,
) -> Result<Option<Around>, TokenizerError> {
    let Value::Object(keys) = part else {
        return Err(value_error(place, shown(Some(part)), "an object"));
    };
    let found = keys.get("type");
    let Some((name, read)) = KEYS
        .iter()
        .find(|(name, _)| found.is_some_and(|found| found == name))
    else {
        let names: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
        return Err(value_error(
            format!("{place}.type"),
            shown(found),
            format!("one of {}", names.join(", ")),
        ));
    };
    keys.retain(|key, _| key == "type" || read.contains(&key.as_str()));
    let refused = |error: serde_json::Error| value_error(place, error, format!("the keys of {name}"));
    match *name {
        "TemplateProcessing" => {
            let template = Template::deserialize(&*part).map_err(refused)?;
            check_template(&template, place, known).map(Some)
        }
        "BertProcessing" | "RobertaProcessing" => {
            let ClassAndSeparator { sep, cls } = ClassAndSeparator::deserialize(&*part).map_err(refused)?;
            for (key, (token, id)) in [("sep", &sep), ("cls", &cls)] {
                check_known(*id, token, &format!("{place}.{key}"), &known)?;
            }
            Ok(Some(Around {
                prefix: vec![cls.1],
                suffix: vec![sep.1],
            }))
        }
        _ => Ok(None),
    }
}

/// A template that names no such token, or the second text where there is one, makes the crate panic; one that leaves
/// a text out would lose it in silence.
fn check_template(
    template: &Template,
    place: &str,
    known: impl Fn(u32) -> bool,
) -> Result<Around, TokenizerError> {
    let Template {
        single,
        pair,
        special_tokens,
    } = template;
    for (name, SpecialToken { ids, tokens }) in special_tokens {
        let at = format!("{place}.special_tokens, {name:?}");
        if ids.len() != tokens.len() {
            let found = format!("{} ids and {} tokens", ids.len(), tokens.len());
            return Err(value_error(at, found, "as many ids as tokens"));
        }
        for (id, token) in ids.iter().zip(tokens) {
            check_known(*id, token, &at, &known)?;
        }
    }
    for (key, pieces, expected) in [
        ("single", single, [Sequence::A].as_slice()),
        ("pair", pair, &[Sequence::A, Sequence::B]),
    ] {
        let at = format!("{place}.{key}");
        let sequences: Vec<Sequence> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Sequence { id } => Some(*id),
                Piece::SpecialToken { .. } => None,
            })
            .collect();
        let each_once = sequences.len() == expected.len() && expected.iter().all(|s| sequences.contains(s));
        if !each_once {
            let expected = if key == "single" {
                "the text A once"
            } else {
                "the texts A and B once each"
            };
            return Err(value_error(at, format!("{} texts", sequences.len()), expected));
        }
        for piece in pieces {
            if let Piece::SpecialToken { id } = piece
                && !special_tokens.contains_key(id)
            {
                return Err(value_error(at, format!("{id:?}"), "a key of special_tokens"));
            }
        }
    }
    Ok(around(single, special_tokens))
}

fn around(single: &[Piece], special_tokens: &BTreeMap<String, SpecialToken>) -> Around {
    let mut around = Around::default();
    let mut before = true;
    for piece in single {
        match piece {
            Piece::Sequence { .. } => before = false,
            Piece::SpecialToken { id } => {
                let ids = special_tokens
                    .get(id)
                    .map(|token| token.ids.as_slice())
                    .unwrap_or_default();
                if before {
                    &mut around.prefix
                } else {
                    &mut around.suffix
                }
                .extend(ids);
            }
        }
    }
    around
}

fn check_known(id: u32, token: &str, place: &str, known: impl Fn(u32) -> bool) -> Result<(), TokenizerError> {
    if known(id) {
        return Ok(());
    }
    Err(value_error(
        place,
        format!("id {id} for {token:?}"),
        "the id of a token",
    ))
}
