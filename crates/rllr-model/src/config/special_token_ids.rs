//! Ids of the tokens that begin, end and fill a text.

use serde::Deserialize;

use super::ConfigError;

/// The special ids that `config.json` and `generation_config.json` name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokenIds {
    /// Begins a text.
    pub bos: Option<u32>,
    /// Each of them ends a text; empty when the file names none.
    pub eos: Vec<u32>,
    /// Fills short rows.
    pub pad: Option<u32>,
}

#[derive(Deserialize)]
struct File {
    bos_token_id: Option<u32>,
    eos_token_id: Option<OneOrMany>,
    pad_token_id: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

impl SpecialTokenIds {
    /// Reads the ids of a `config.json` or a `generation_config.json`; Llama 3 names several that end a text.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Json`] when the text is not JSON or an id is not a whole number.
    pub fn from_hugging_face(json: &str) -> Result<Self, ConfigError> {
        let file: File = serde_json::from_str(json)?;
        Ok(Self {
            bos: file.bos_token_id,
            eos: match file.eos_token_id {
                None => Vec::new(),
                Some(OneOrMany::One(id)) => vec![id],
                Some(OneOrMany::Many(ids)) => ids,
            },
            pad: file.pad_token_id,
        })
    }
}
