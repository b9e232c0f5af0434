//! `generation_config.json`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Decoding, GenerationConfig, GenerationConfigError, Sampling};

/// The keys that mean the same here, with transformers' defaults.
#[derive(Deserialize)]
#[serde(default)]
struct File {
    max_new_tokens: Option<usize>,
    do_sample: Option<bool>,
    temperature: Option<f32>,
    top_k: Option<usize>,
    top_p: Option<f32>,
    repetition_penalty: Option<f32>,
    suppress_tokens: Option<Vec<u32>>,
    eos_token_id: Option<OneOrMany>,
    pad_token_id: Option<u32>,
}

/// Llama 3 has several tokens that end a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<u32> {
        match self {
            Self::One(id) => vec![id],
            Self::Many(ids) => ids,
        }
    }
}

impl Default for File {
    fn default() -> Self {
        Self {
            max_new_tokens: None,
            do_sample: None,
            temperature: None,
            // Transformers samples from the best 50 tokens unless the file says otherwise; null says otherwise.
            top_k: Some(50),
            top_p: None,
            repetition_penalty: None,
            suppress_tokens: None,
            eos_token_id: None,
            pad_token_id: None,
        }
    }
}

impl GenerationConfig {
    /// Reads a `generation_config.json`; source of the keys and their defaults: transformers 5.23,
    /// `generation/configuration_utils.py`.
    ///
    /// `eos_token_id` ends rows. `pad_token_id`, if it does not end rows, and `suppress_tokens` are forbidden. Without
    /// `max_new_tokens` our default holds, not transformers' 20 tokens together with the prompt.
    ///
    /// # Errors
    ///
    /// [`GenerationConfigError`] when the text is not JSON, a value has another type, or a key asks for something that
    /// is not implemented, such as beam search.
    pub fn from_hugging_face(json: &str) -> Result<Self, GenerationConfigError> {
        let keys: Map<String, Value> = serde_json::from_str(json)?;
        refuse_unsupported(&keys)?;
        let file: File = serde_json::from_str(json)?;
        let stop_token_ids = file.eos_token_id.map(OneOrMany::into_vec).unwrap_or_default();
        let padding = file.pad_token_id.filter(|pad| !stop_token_ids.contains(pad));
        let decoding = if file.do_sample.unwrap_or(false) {
            Decoding::Sampling(Sampling {
                temperature: file.temperature.unwrap_or(1.0),
                // 0 switches it off, as null does.
                top_k: file.top_k.filter(|&k| k > 0),
                top_p: file.top_p.unwrap_or(1.0),
            })
        } else {
            Decoding::Greedy
        };
        let default = Self::default();
        Ok(Self {
            max_new_tokens: file.max_new_tokens.unwrap_or(default.max_new_tokens),
            decoding,
            repetition_penalty: file.repetition_penalty.unwrap_or(1.0),
            stop_token_ids,
            forbidden_token_ids: file
                .suppress_tokens
                .unwrap_or_default()
                .into_iter()
                .chain(padding)
                .collect(),
            ..default
        })
    }
}

/// Keys that change which tokens come out and that are not implemented, with the value that changes nothing.
fn unsupported_keys() -> [(&'static str, Value); 17] {
    [
        ("num_beams", json!(1)),
        ("min_p", json!(0)),
        ("typical_p", json!(1)),
        ("epsilon_cutoff", json!(0)),
        ("eta_cutoff", json!(0)),
        ("top_h", json!(null)),
        ("penalty_alpha", json!(0)),
        ("no_repeat_ngram_size", json!(0)),
        ("encoder_repetition_penalty", json!(1)),
        ("min_length", json!(0)),
        ("min_new_tokens", json!(0)),
        ("bad_words_ids", json!([])),
        ("begin_suppress_tokens", json!([])),
        ("forced_bos_token_id", json!(null)),
        ("forced_eos_token_id", json!(null)),
        ("sequence_bias", json!({})),
        ("guidance_scale", json!(1)),
    ]
}

fn refuse_unsupported(keys: &Map<String, Value>) -> Result<(), GenerationConfigError> {
    for (field, neutral) in unsupported_keys() {
        let Some(found) = keys.get(field).filter(|found| !found.is_null()) else {
            continue;
        };
        // 1 and 1.0 are two JSON numbers and one setting.
        let same = found == &neutral || (found.is_number() && found.as_f64() == neutral.as_f64());
        if !same {
            let found = found.to_string();
            return Err(GenerationConfigError::Unsupported { field, found });
        }
    }
    Ok(())
}
