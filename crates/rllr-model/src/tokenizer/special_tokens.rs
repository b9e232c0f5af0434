//! BOS, EOS and PAD, from the four files that may name them, in both dialects of transformers.

use serde_json::{Map, Value};

use super::error::{TokenizerError, shortened, shown, value_error_in};

/// Ids of the special tokens that have a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokenIds {
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a response; appended in training.
    pub eos: Option<u32>,
    /// Fills up rows in other programs. Here padding is a mask, and this id is never trained on or sampled.
    pub pad: Option<u32>,
    /// Every token that ends a generation: `eos`, and those of `generation_config.json`. Sorted.
    pub stop: Vec<u32>,
}

/// A JSON file that is an object, or an empty one when there is no file.
pub(super) fn read_object(
    file: &'static str,
    bytes: Option<&[u8]>,
) -> Result<Map<String, Value>, TokenizerError> {
    let Some(bytes) = bytes else {
        return Ok(Map::new());
    };
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(keys)) => Ok(keys),
        Ok(other) => Err(value_error_in(
            file,
            "the whole file",
            shown(Some(&other)),
            "an object",
        )),
        Err(source) => Err(TokenizerError::Json { file, source }),
    }
}

/// The files that name special tokens: the first two by their text, the last two by their id.
pub(super) struct Sources<'a> {
    pub(super) tokenizer_config: &'a Map<String, Value>,
    pub(super) special_tokens_map: &'a Map<String, Value>,
    pub(super) generation_config: &'a Map<String, Value>,
    pub(super) config: &'a Map<String, Value>,
}

impl Sources<'_> {
    /// The ids of the roles. A file further up in [`Sources`] wins.
    pub(super) fn resolve(&self, inner: &tokenizers::Tokenizer) -> Result<SpecialTokenIds, TokenizerError> {
        // Qwen names no BOS here and an id in `config.json` that it never uses: null means that there is none.
        let bos = if self.tokenizer_config.get("bos_token") == Some(&Value::Null) {
            None
        } else {
            self.first("bos_token", "bos_token_id", inner)?
        };
        let eos = self.first("eos_token", "eos_token_id", inner)?;
        let pad = self.first("pad_token", "pad_token_id", inner)?;
        let mut stop: Vec<u32> = eos.into_iter().collect();
        let ids = ids_of(
            "generation_config.json",
            self.generation_config,
            "eos_token_id",
            inner,
        )?;
        stop.extend(if ids.is_empty() {
            ids_of("config.json", self.config, "eos_token_id", inner)?
        } else {
            ids
        });
        stop.sort_unstable();
        stop.dedup();
        Ok(SpecialTokenIds { bos, eos, pad, stop })
    }

    fn first(
        &self,
        key: &str,
        id_key: &str,
        inner: &tokenizers::Tokenizer,
    ) -> Result<Option<u32>, TokenizerError> {
        for (file, keys) in [
            ("tokenizer_config.json", self.tokenizer_config),
            ("special_tokens_map.json", self.special_tokens_map),
        ] {
            if let Some(id) = id_of_text(file, keys, key, inner)? {
                return Ok(Some(id));
            }
        }
        for (file, keys) in [
            ("generation_config.json", self.generation_config),
            ("config.json", self.config),
        ] {
            if let Some(id) = ids_of(file, keys, id_key, inner)?.first() {
                return Ok(Some(*id));
            }
        }
        Ok(None)
    }

    /// `add_bos_token`: whether prompts begin with BOS, whatever the post-processor says.
    pub(super) fn add_bos(&self) -> Result<Option<bool>, TokenizerError> {
        match self.tokenizer_config.get("add_bos_token") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(add)) => Ok(Some(*add)),
            other => Err(value_error_in(
                "tokenizer_config.json",
                "add_bos_token",
                shown(other),
                "true or false",
            )),
        }
    }
}

/// The token under `key`: a text, or an object with the text under `content`.
fn id_of_text(
    file: &'static str,
    keys: &Map<String, Value>,
    key: &str,
    inner: &tokenizers::Tokenizer,
) -> Result<Option<u32>, TokenizerError> {
    let text = match keys.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(Value::Object(token)) => match token.get("content") {
            Some(Value::String(text)) => text,
            other => {
                let place = format!("{key}.content");
                return Err(value_error_in(file, place, shown(other), "a text"));
            }
        },
        other => {
            let expected = "a text, or an object with `content`";
            return Err(value_error_in(file, key, shown(other), expected));
        }
    };
    match inner.token_to_id(text) {
        Some(id) => Ok(Some(id)),
        None => Err(value_error_in(
            file,
            key,
            format!("{:?}", shortened(text)),
            "a token of tokenizer.json",
        )),
    }
}

/// The ids under `key`: one, or a list of them. A negative id means none, as in the first Llama's files.
fn ids_of(
    file: &'static str,
    keys: &Map<String, Value>,
    key: &str,
    inner: &tokenizers::Tokenizer,
) -> Result<Vec<u32>, TokenizerError> {
    let values = match keys.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
    };
    let mut ids = Vec::with_capacity(values.len());
    for value in values {
        if value.as_i64().is_some_and(|id| id < 0) {
            continue;
        }
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        match id.filter(|id| inner.id_to_token(*id).is_some()) {
            Some(id) => ids.push(id),
            None => {
                return Err(value_error_in(
                    file,
                    key,
                    shown(Some(value)),
                    "the id of a token of tokenizer.json",
                ));
            }
        }
    }
    Ok(ids)
}

/// The ids that a prompt begins with.
///
/// What the post-processor puts before a text, unless `add_bos_token` says otherwise about BOS.
pub(super) fn prompt_prefix(
    add_bos: Option<bool>,
    bos: Option<u32>,
    of_post_processor: &[u32],
) -> Result<Vec<u32>, TokenizerError> {
    let is_bos = |id: &u32| Some(*id) == bos;
    match (add_bos, bos) {
        (None, _) => Ok(of_post_processor.to_vec()),
        (Some(false), _) => Ok(of_post_processor
            .iter()
            .copied()
            .filter(|id| !is_bos(id))
            .collect()),
        (Some(true), Some(bos)) => {
            let rest = of_post_processor.iter().copied().filter(|id| *id != bos);
            Ok(std::iter::once(bos).chain(rest).collect())
        }
        (Some(true), None) => Err(value_error_in(
            "tokenizer_config.json",
            "add_bos_token",
            "true, and no bos_token",
            "a bos_token beside it",
        )),
    }
}
