//! The part `model` of `tokenizer.json`.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::super::error::{TokenizerError, shortened, shown, value_error};
use super::check_id;

/// The tokens of the model, without added ones.
pub(super) struct Vocabulary {
    ids: HashMap<String, u32>,
    used: HashSet<u32>,
}

impl Vocabulary {
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    pub(super) fn has_id(&self, id: u32) -> bool {
        self.used.contains(&id)
    }

    pub(super) fn largest_id(&self) -> Option<u32> {
        self.used.iter().max().copied()
    }

    fn insert(&mut self, token: &str, id: u32, place: &str) -> Result<(), TokenizerError> {
        check_id(id, || format!("{place}, token {:?}", shortened(token)))?;
        if !self.used.insert(id) {
            let at = format!("{place}, token {:?}", shortened(token));
            return Err(value_error(at, format!("id {id} again"), "an id of its own"));
        }
        self.ids.insert(token.to_owned(), id);
        Ok(())
    }
}

/// Checks `model`, and names its type where an old file does not.
pub(super) fn check(json: &mut Map<String, Value>) -> Result<Vocabulary, TokenizerError> {
    let Some(Value::Object(model)) = json.get_mut("model") else {
        return Err(value_error("model", shown(json.get("model")), "an object"));
    };
    let model_type = match model.get("type") {
        Some(Value::String(name)) => name.clone(),
        None => guessed_type(model).to_owned(),
        other => return Err(value_error("model.type", shown(other), "a text")),
    };
    let (keys, vocabulary): (&[&str], _) = match model_type.as_str() {
        "BPE" => (&BPE_KEYS, check_bpe(model)?),
        "WordPiece" => (&WORD_PIECE_KEYS, map_vocabulary(model)?),
        "WordLevel" => (&WORD_LEVEL_KEYS, map_vocabulary(model)?),
        "Unigram" => (&UNIGRAM_KEYS, list_vocabulary(model)?),
        other => {
            let expected = "BPE, WordPiece, WordLevel or Unigram";
            return Err(value_error("model.type", other, expected));
        }
    };
    model.retain(|key, _| keys.contains(&key.as_str()));
    // Without a type the crate tries one after the other, and may take another than the one that was checked.
    model.insert("type".to_owned(), Value::String(model_type));
    Ok(vocabulary)
}

const BPE_KEYS: [&str; 9] = [
    "dropout",
    "unk_token",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
    "vocab",
    "merges",
];
const WORD_PIECE_KEYS: [&str; 4] = [
    "unk_token",
    "continuing_subword_prefix",
    "max_input_chars_per_word",
    "vocab",
];
const WORD_LEVEL_KEYS: [&str; 2] = ["unk_token", "vocab"];
const UNIGRAM_KEYS: [&str; 3] = ["vocab", "unk_id", "byte_fallback"];

/// Files from before the key `type` existed.
fn guessed_type(model: &Map<String, Value>) -> &'static str {
    if model.contains_key("merges") {
        "BPE"
    } else if matches!(model.get("vocab"), Some(Value::Array(_))) {
        "Unigram"
    } else if model.contains_key("max_input_chars_per_word") {
        "WordPiece"
    } else {
        "WordLevel"
    }
}

/// A vocabulary of tokens and ids.
fn map_vocabulary(model: &Map<String, Value>) -> Result<Vocabulary, TokenizerError> {
    let place = "model.vocab";
    let Some(Value::Object(vocab)) = model.get("vocab") else {
        return Err(value_error(
            place,
            shown(model.get("vocab")),
            "an object of tokens and ids",
        ));
    };
    let mut vocabulary = Vocabulary {
        ids: HashMap::with_capacity(vocab.len()),
        used: HashSet::with_capacity(vocab.len()),
    };
    for (token, id) in vocab {
        let id = id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| {
            let at = format!("{place}, token {:?}", shortened(token));
            value_error(at, shown(Some(id)), "an id")
        })?;
        vocabulary.insert(token, id, place)?;
    }
    Ok(vocabulary)
}

/// A vocabulary of tokens and scores; a token's id is its place.
fn list_vocabulary(model: &Map<String, Value>) -> Result<Vocabulary, TokenizerError> {
    let place = "model.vocab";
    let Some(Value::Array(vocab)) = model.get("vocab") else {
        return Err(value_error(
            place,
            shown(model.get("vocab")),
            "a list of tokens and scores",
        ));
    };
    let mut vocabulary = Vocabulary {
        ids: HashMap::with_capacity(vocab.len()),
        used: HashSet::with_capacity(vocab.len()),
    };
    for (id, entry) in vocab.iter().enumerate() {
        let at = || format!("{place}[{id}]");
        let token = match entry.as_array().map(Vec::as_slice) {
            Some([Value::String(token), Value::Number(_)]) if !token.is_empty() => token,
            _ => {
                return Err(value_error(
                    at(),
                    shown(Some(entry)),
                    "a token that is not empty, and its score",
                ));
            }
        };
        let id = u32::try_from(id).map_err(|_| value_error(at(), id, "an id"))?;
        if vocabulary.ids.contains_key(token) {
            return Err(value_error(
                at(),
                format!("{:?} again", shortened(token)),
                "each token once",
            ));
        }
        vocabulary.insert(token, id, place)?;
    }
    Ok(vocabulary)
}

/// Merges of unknown tokens, or into unknown ones, overflow a buffer of the crate; a prefix that does not begin the
/// second part makes it cut out of bounds.
fn check_bpe(model: &Map<String, Value>) -> Result<Vocabulary, TokenizerError> {
    let vocabulary = map_vocabulary(model)?;
    match model.get("dropout") {
        None | Some(Value::Null) => {}
        Some(number) if number.as_f64() == Some(0.0) => {}
        other => {
            let expected = "null: with dropout a text has other tokens each time";
            return Err(value_error("model.dropout", shown(other), expected));
        }
    }
    let prefix = match model.get("continuing_subword_prefix") {
        None | Some(Value::Null) => "",
        Some(Value::String(prefix)) => prefix,
        other => {
            return Err(value_error(
                "model.continuing_subword_prefix",
                shown(other),
                "a text or null",
            ));
        }
    };
    let Some(Value::Array(merges)) = model.get("merges") else {
        return Err(value_error("model.merges", shown(model.get("merges")), "a list"));
    };
    for (index, merge) in merges.iter().enumerate() {
        let at = || format!("model.merges[{index}]");
        // Old files write a comment as the first merge.
        if merge.as_str().is_some_and(|line| line.starts_with("#version")) {
            continue;
        }
        let Some((first, second)) = parts(merge) else {
            return Err(value_error(at(), shown(Some(merge)), "two tokens"));
        };
        let Some(rest) = second.strip_prefix(prefix) else {
            let expected = format!("a second token that begins with {prefix:?}");
            return Err(value_error(at(), format!("{:?}", shortened(second)), expected));
        };
        let merged = format!("{first}{rest}");
        for token in [first, second, &merged] {
            if vocabulary.id(token).is_none() {
                return Err(value_error(
                    at(),
                    format!("{:?}", shortened(token)),
                    "a token of model.vocab",
                ));
            }
        }
    }
    Ok(vocabulary)
}

/// The two tokens of a merge, in both forms: `["a", "b"]` and `"a b"`.
fn parts(merge: &Value) -> Option<(&str, &str)> {
    match merge {
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(first), Value::String(second)] => Some((first, second)),
            _ => None,
        },
        Value::String(line) => {
            let (first, second) = line.split_once(' ')?;
            (!second.contains(' ')).then_some((first, second))
        }
        _ => None,
    }
}
