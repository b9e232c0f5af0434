//! Reading `tokenizer.json`: everything that would make the tokenizers crate panic is found here first.
//!
//! The crate trusts its files: an index that is not there, a merge of unknown tokens or a template that names no such
//! token end the program, and in a page nobody can catch that.
//! So the file is read as plain JSON, checked, reduced to the keys that the crate knows, and only then given to it.
//! What cannot be contained is time and memory: a hostile pattern or vocabulary may take long or fill the memory.
//! What was found by giving the crate damaged files is listed at the checks.

mod vocabulary;
mod components;
mod post_processor;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use self::vocabulary::Vocabulary;
use super::error::{TokenizerError, shown, value_error};

/// Ids from here on are refused: nobody has so many tokens, and tables over all ids would fill the memory.
const FIRST_REFUSED_ID: u32 = 1 << 24;

/// A tokenizer that passed, and what else its file says.
pub(super) struct Checked {
    pub(super) inner: tokenizers::Tokenizer,
    /// One more than the largest id.
    pub(super) vocab_size: usize,
    /// Special tokens that the post-processor puts before a single text.
    pub(super) prefix: Vec<u32>,
    /// Special tokens that it puts behind a single text.
    pub(super) suffix: Vec<u32>,
    /// Whether the decoder joins byte tokens such as `<0xE2>`, so that later ids can change earlier text.
    pub(super) byte_fallback: bool,
}

/// Reads and checks `tokenizer.json`.
///
/// `truncation` and `padding` are left out: both are the caller's explicit choice.
pub(super) fn read(bytes: &[u8]) -> Result<Checked, TokenizerError> {
    let file = "tokenizer.json";
    let json: Value =
        serde_json::from_slice(bytes).map_err(|source| TokenizerError::Json { file, source })?;
    let Value::Object(mut json) = json else {
        return Err(value_error("the whole file", shown(Some(&json)), "an object"));
    };
    check_version(&json)?;
    json.insert("truncation".to_owned(), Value::Null);
    json.insert("padding".to_owned(), Value::Null);

    let vocabulary = vocabulary::check(&mut json)?;
    let added = check_added_tokens(&json, &vocabulary)?;
    let known = |id: u32| vocabulary.has_id(id) || added.iter().any(|token| token.id == id);
    let decoder = components::check(&mut json)?;
    let special = post_processor::check(&mut json, known)?;
    let largest = added
        .iter()
        .map(|token| token.id)
        .chain(vocabulary.largest_id())
        .max();

    let inner = serde_json::from_value::<tokenizers::Tokenizer>(Value::Object(json)).map_err(|error| {
        TokenizerError::Refused {
            reason: error.to_string(),
        }
    })?;
    check_given_ids(&inner, &added)?;
    check_searched_texts(&inner, &added)?;
    Ok(Checked {
        inner,
        vocab_size: largest.map_or(0, |id| id as usize + 1),
        prefix: special.prefix,
        suffix: special.suffix,
        byte_fallback: decoder.byte_fallback,
    })
}

fn check_version(json: &Map<String, Value>) -> Result<(), TokenizerError> {
    match json.get("version") {
        None => Ok(()),
        Some(Value::String(version)) if version == "1.0" => Ok(()),
        other => Err(value_error("version", shown(other), "\"1.0\"")),
    }
}

/// One entry of `added_tokens`.
#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    rstrip: bool,
    normalized: bool,
}

fn check_added_tokens(
    json: &Map<String, Value>,
    vocabulary: &Vocabulary,
) -> Result<Vec<AddedToken>, TokenizerError> {
    let entries = match json.get("added_tokens") {
        None => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        other => return Err(value_error("added_tokens", shown(other), "a list")),
    };
    let (mut ids, mut contents) = (BTreeSet::new(), BTreeSet::new());
    let mut added = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let place = format!("added_tokens[{index}]");
        let token = AddedToken::deserialize(entry)
            .map_err(|error| value_error(&place, error, "an added token with all its keys"))?;
        let AddedToken { id, content, .. } = &token;
        if content.is_empty() {
            return Err(value_error(format!("{place}.content"), "an empty text", "a text"));
        }
        // The crate takes a token of the model under the model's id, whatever stands here.
        match vocabulary.id(content) {
            Some(of_model) if of_model != *id => {
                let expected = format!("{of_model}, which model.vocab gives {content:?}");
                return Err(value_error(format!("{place}.id"), id, expected));
            }
            None if vocabulary.has_id(*id) => {
                let expected = "an id that no token of model.vocab has";
                return Err(value_error(format!("{place}.id"), id, expected));
            }
            _ => {}
        }
        check_id(*id, || format!("{place}.id"))?;
        if !ids.insert(*id) {
            return Err(value_error(format!("{place}.id"), id, "an id of its own"));
        }
        if !contents.insert(content.clone()) {
            return Err(value_error(
                format!("{place}.content"),
                content,
                "each token once",
            ));
        }
        added.push(token);
    }
    Ok(added)
}

fn check_id(id: u32, place: impl FnOnce() -> String) -> Result<(), TokenizerError> {
    if id < FIRST_REFUSED_ID {
        return Ok(());
    }
    Err(value_error(
        place(),
        id,
        format!("an id below {FIRST_REFUSED_ID}"),
    ))
}

/// The crate numbers new tokens itself and only warns when the file says otherwise: the model would then read other
/// tokens than it was trained on.
fn check_given_ids(inner: &tokenizers::Tokenizer, added: &[AddedToken]) -> Result<(), TokenizerError> {
    for (index, AddedToken { id, content, .. }) in added.iter().enumerate() {
        if inner.token_to_id(content) != Some(*id) {
            let found = format!("{id} for {content:?}");
            let expected = "the ids behind model.vocab, in order and without holes";
            return Err(value_error(format!("added_tokens[{index}].id"), found, expected));
        }
    }
    Ok(())
}

/// Checks the texts that added tokens are found by; of a token that is `normalized`, what the normaliser makes of it.
fn check_searched_texts(inner: &tokenizers::Tokenizer, added: &[AddedToken]) -> Result<(), TokenizerError> {
    let searched = |token: &AddedToken| inner.id_to_token(token.id).unwrap_or_default();
    // Tokens that are normalized are searched in another step than the others.
    let begins_with_space = |normalized: bool| {
        added
            .iter()
            .find(|token| token.normalized == normalized && searched(token).starts_with(char::is_whitespace))
    };
    let spaced = [begins_with_space(false), begins_with_space(true)];
    for (index, token) in added.iter().enumerate() {
        let place = format!("added_tokens[{index}]");
        let AddedToken { content, .. } = token;
        // The crate would find an empty text everywhere, and cut characters in two.
        if searched(token).is_empty() {
            let found = format!("{content:?}, of which the normalizer leaves nothing");
            return Err(value_error(place, found, "a token that is not normalized"));
        }
        // White space behind a token with `rstrip` is the token's. Another token that begins inside it makes the crate
        // panic or repeat text.
        if token.rstrip
            && let Some(other) = spaced[usize::from(token.normalized)]
        {
            let found = format!("rstrip of {content:?} beside {:?}", other.content);
            return Err(value_error(
                place,
                found,
                "no other token that begins with white space",
            ));
        }
    }
    Ok(())
}
