//! The parts `normalizer`, `pre_tokenizer` and `decoder` of `tokenizer.json`.

use serde_json::{Map, Value};

use super::super::error::{TokenizerError, shown, value_error};

/// A component's type, and the keys that the crate reads of it.
///
/// The crate guesses the type of what it does not recognise; with exactly these keys there is nothing to guess.
type Known = (&'static str, &'static [&'static str]);

/// `Precompiled` (T5, XLM-RoBERTa) is left out: the crate indexes its table without looking, so that a damaged one
/// panics at some text.
const NORMALIZERS: [Known; 13] = [
    ("NFC", &[]),
    ("NFD", &[]),
    ("NFKC", &[]),
    ("NFKD", &[]),
    ("Nmt", &[]),
    ("Lowercase", &[]),
    ("StripAccents", &[]),
    ("ByteLevel", &[]),
    ("Strip", &["strip_left", "strip_right"]),
    ("Prepend", &["prepend"]),
    ("Replace", &["pattern", "content"]),
    (
        "BertNormalizer",
        &["clean_text", "handle_chinese_chars", "strip_accents", "lowercase"],
    ),
    ("Sequence", &["normalizers"]),
];

const PRE_TOKENIZERS: [Known; 12] = [
    ("BertPreTokenizer", &[]),
    ("Whitespace", &[]),
    ("WhitespaceSplit", &[]),
    ("UnicodeScripts", &[]),
    ("ByteLevel", &["add_prefix_space", "trim_offsets", "use_regex"]),
    ("Delimiter", &["delimiter"]),
    ("Digits", &["individual_digits"]),
    ("FixedLength", &["length"]),
    (
        "Metaspace",
        &[
            "replacement",
            "add_prefix_space",
            "prepend_scheme",
            "split",
            "str_rep",
        ],
    ),
    ("Punctuation", &["behavior"]),
    ("Split", &["pattern", "behavior", "invert"]),
    ("Sequence", &["pretokenizers"]),
];

/// `CTC` is left out: it is for speech, and may leave no token, which another decoder does not expect.
const DECODERS: [Known; 9] = [
    ("Fuse", &[]),
    ("ByteFallback", &[]),
    ("BPEDecoder", &["suffix"]),
    ("ByteLevel", &["add_prefix_space", "trim_offsets", "use_regex"]),
    (
        "Metaspace",
        &[
            "replacement",
            "add_prefix_space",
            "prepend_scheme",
            "split",
            "str_rep",
        ],
    ),
    ("Replace", &["pattern", "content"]),
    ("Strip", &["content", "start", "stop"]),
    ("WordPiece", &["prefix", "cleanup"]),
    ("Sequence", &["decoders"]),
];

/// Longest pattern and replacement, in bytes. Those of GPT-4 and DeepSeek have a few hundred.
const LONGEST_PATTERN: usize = 16_384;

/// Sequences of sequences, at most.
const DEEPEST: usize = 8;

/// What reading text back depends on.
pub(super) struct Decoder {
    pub(super) byte_fallback: bool,
}

/// Checks the three parts and leaves in them only what the crate reads.
pub(super) fn check(json: &mut Map<String, Value>) -> Result<Decoder, TokenizerError> {
    for (part, known) in [
        ("normalizer", NORMALIZERS.as_slice()),
        ("pre_tokenizer", PRE_TOKENIZERS.as_slice()),
        ("decoder", DECODERS.as_slice()),
    ] {
        if let Some(component) = json.get_mut(part).filter(|component| !component.is_null()) {
            check_component(component, known, part, DEEPEST)?;
        }
    }
    let byte_fallback = json.get("decoder").is_some_and(has_byte_fallback);
    Ok(Decoder { byte_fallback })
}

fn has_byte_fallback(decoder: &Value) -> bool {
    let list = decoder.get("decoders").and_then(Value::as_array);
    decoder.get("type").is_some_and(|name| name == "ByteFallback")
        || list.is_some_and(|decoders| decoders.iter().any(has_byte_fallback))
}

fn check_component(
    component: &mut Value,
    known: &[Known],
    place: &str,
    depth: usize,
) -> Result<(), TokenizerError> {
    let Value::Object(keys) = component else {
        return Err(value_error(place, shown(Some(component)), "an object or null"));
    };
    let name = type_of(keys, known, place)?;
    for (key, value) in keys.iter_mut() {
        let at = format!("{place}.{key}");
        match (name, key.as_str()) {
            ("Sequence", "type") => {}
            ("Sequence", _) => check_sequence(value, known, &at, depth)?,
            // The crate counts what it put before the text, and looks behind its end for nothing.
            ("Prepend", "prepend") if value == "" => {
                return Err(value_error(at, "an empty text", "a text"));
            }
            (_, "pattern") => {
                let text = check_pattern(value, &at)?;
                // Text that is put before the first character belongs to no character, and the crate's next step then
                // begins to count behind it. Reading text back does not count.
                if place.starts_with("normalizer") && may_match_nothing(text) {
                    let expected =
                        "a pattern that always takes a character, without look-around, `|`, `*` and `?`";
                    return Err(value_error(at, format!("{text:?}"), expected));
                }
            }
            (_, "content" | "prepend" | "suffix" | "prefix") => drop(check_text(value, &at)?),
            // A length of 0 makes the crate cut nothing for ever, that is: panic.
            ("FixedLength", "length") if value.as_u64() == Some(0) => {
                return Err(value_error(at, 0, "at least 1"));
            }
            // The crate counts below zero on tokens that are shorter.
            ("Strip", "stop") if value.as_u64() != Some(0) => {
                return Err(value_error(at, shown(Some(value)), "0"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Names the component's type and leaves only the keys that the crate reads of it.
fn type_of(
    keys: &mut Map<String, Value>,
    known: &[Known],
    place: &str,
) -> Result<&'static str, TokenizerError> {
    let found = keys.get("type");
    let Some((name, read)) = known
        .iter()
        .find(|(name, _)| found.is_some_and(|found| found == name))
    else {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        return Err(value_error(
            format!("{place}.type"),
            shown(found),
            format!("one of {}", names.join(", ")),
        ));
    };
    keys.retain(|key, _| key == "type" || read.contains(&key.as_str()));
    Ok(name)
}

fn check_sequence(
    parts: &mut Value,
    known: &[Known],
    place: &str,
    depth: usize,
) -> Result<(), TokenizerError> {
    let Value::Array(parts) = parts else {
        return Err(value_error(place, shown(Some(parts)), "a list"));
    };
    if depth == 0 {
        return Err(value_error(
            place,
            "a sequence in a sequence in a sequence …",
            "fewer",
        ));
    }
    for (index, part) in parts.iter_mut().enumerate() {
        check_component(part, known, &format!("{place}[{index}]"), depth - 1)?;
    }
    Ok(())
}

/// The text of a pattern.
fn check_pattern<'a>(pattern: &'a Value, place: &str) -> Result<&'a str, TokenizerError> {
    let text = pattern.get("String").or_else(|| pattern.get("Regex"));
    match text {
        Some(text) => check_text(text, place),
        None => Err(value_error(place, shown(Some(pattern)), "a String or a Regex")),
    }
}

/// Whether a pattern may match where there is no character. Says yes when in doubt.
fn may_match_nothing(pattern: &str) -> bool {
    let mut rest = pattern.chars();
    let mut takes_a_character = false;
    while let Some(c) = rest.next() {
        match c {
            '|' | '*' | '?' | '^' | '$' | '{' | '(' => {
                let behind = rest.as_str();
                // Repetitions from 1 on.
                if c == '{' && behind.starts_with(|c: char| ('1'..='9').contains(&c)) {
                    continue;
                }
                return true;
            }
            '\\' => match rest.next() {
                Some('s' | 'S' | 'd' | 'D' | 'w' | 'W' | 'n' | 'r' | 't' | 'p' | 'P') => {
                    takes_a_character = true
                }
                Some(escaped) if escaped.is_ascii_punctuation() => takes_a_character = true,
                _ => return true,
            },
            '[' => {
                // A class takes a character, whatever is in it. Its end: the first bracket that is not escaped and
                // not the first character.
                let inside = rest.as_str();
                let inside = inside.strip_prefix('^').unwrap_or(inside);
                if inside.starts_with(']') || inside.contains(['[', '&']) {
                    return true;
                }
                let mut escaped = false;
                while let Some(c) = rest.next().filter(|c| escaped || *c != ']') {
                    escaped = c == '\\' && !escaped;
                }
                takes_a_character = true;
            }
            '+' | '}' | '0'..='9' | ',' => {}
            _ => takes_a_character = true,
        }
    }
    !takes_a_character
}

fn check_text<'a>(text: &'a Value, place: &str) -> Result<&'a str, TokenizerError> {
    match text.as_str() {
        Some(text) if text.len() <= LONGEST_PATTERN => Ok(text),
        Some(text) => Err(value_error(
            place,
            format!("{} bytes", text.len()),
            format!("at most {LONGEST_PATTERN} bytes"),
        )),
        None => Err(value_error(place, shown(Some(text)), "a text")),
    }
}
