//! What can be wrong with a tokenizer, or with what it is given.

use serde_json::Value;

/// What is wrong with a tokenizer's files, or with a text or ids that were given to it.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// Not JSON at all.
    #[error("{file} is not readable JSON: {source}")]
    Json {
        /// Name of the file.
        file: &'static str,
        /// What the reader found, with line and column.
        source: serde_json::Error,
    },
    /// Not UTF-8.
    #[error("{file} is not UTF-8 text: {source}")]
    Utf8 {
        /// Name of the file.
        file: &'static str,
        /// Where it is not.
        source: std::str::Utf8Error,
    },
    /// A value that cannot stand there.
    #[error("{file}, {place}: found {found}, expected {expected}")]
    Value {
        /// Name of the file.
        file: &'static str,
        /// The path of keys, such as `model.merges[3]`.
        place: String,
        /// What the file says, shortened.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// The tokenizers crate does not accept what passed our checks.
    #[error("tokenizer.json cannot be used: {reason}")]
    Refused {
        /// What the crate said.
        reason: String,
    },
    /// A text that this tokenizer has no tokens for.
    #[error("the text {text:?} cannot be encoded: {reason}")]
    Encode {
        /// The text, shortened.
        text: String,
        /// What the crate said.
        reason: String,
    },
    /// Ids that the tokenizer's decoder cannot turn into text.
    #[error("{count} ids cannot be decoded: {reason}")]
    Decode {
        /// Number of ids.
        count: usize,
        /// What the crate said.
        reason: String,
    },
    /// An id without a token.
    #[error("id {position} is {found}, and this tokenizer has no such token; its ids are below {vocab_size}")]
    UnknownId {
        /// Index in the ids, from 0.
        position: usize,
        /// The id.
        found: u32,
        /// One more than the tokenizer's largest id.
        vocab_size: usize,
    },
    /// A special token that is needed and that the tokenizer's files do not name.
    #[error(
        "the tokenizer has no {role} token: tokenizer_config.json should name one as {key}, or generation_config.json as {key}_id"
    )]
    NoSpecialToken {
        /// BOS, EOS or PAD.
        role: &'static str,
        /// The key without `_id`.
        key: &'static str,
    },
    /// The tokenizer gives ids that the model does not have.
    #[error(
        "token {token:?} has id {id}, but the model has {model_vocab_size} ids; do tokenizer and model belong together?"
    )]
    VocabularyTooLarge {
        /// A token whose id is too large: the one with the largest id.
        token: String,
        /// Its id.
        id: u32,
        /// `vocab_size` of the model.
        model_vocab_size: usize,
    },
    /// More tokens than fit, where nothing may be cut.
    #[error("{what} has {found} tokens, expected at most {limit}; {reason}")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length in tokens.
        found: usize,
        /// The limit in tokens.
        limit: usize,
        /// Why it was not cut.
        reason: &'static str,
    },
    /// Rows that are not a batch.
    #[error(transparent)]
    Batch(#[from] crate::BatchError),
    /// A word that does not get tokens of its own behind a text.
    #[error(
        "the word {word:?} melts into the text before it: behind {context:?} it has no tokens of its own"
    )]
    NoOwnTokens {
        /// The word.
        word: String,
        /// The text before it.
        context: String,
    },
    /// The whole text does not begin with what was already given out.
    #[error(
        "the tokenizer's decoder changed text that was already given out: {given:?} is not how {whole:?} begins"
    )]
    StreamChanged {
        /// The text that was given out, shortened.
        given: String,
        /// The text of all ids, shortened.
        whole: String,
    },
}

/// A value error in `tokenizer.json`.
pub(super) fn value_error(
    place: impl Into<String>,
    found: impl std::fmt::Display,
    expected: impl Into<String>,
) -> TokenizerError {
    value_error_in("tokenizer.json", place, found, expected)
}

/// A value error in any of the files.
pub(super) fn value_error_in(
    file: &'static str,
    place: impl Into<String>,
    found: impl std::fmt::Display,
    expected: impl Into<String>,
) -> TokenizerError {
    TokenizerError::Value {
        file,
        place: place.into(),
        found: found.to_string(),
        expected: expected.into(),
    }
}

/// A value as an error message shows it: short, and never the whole vocabulary.
pub(super) fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Array(items)) => format!("a list of {}", items.len()),
        Some(Value::Object(keys)) => format!("an object with {} keys", keys.len()),
        Some(other) => shortened(&other.to_string()),
    }
}

/// The first characters of a text.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
