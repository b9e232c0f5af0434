//! The shape of a model, as Hugging Face's `config.json` states it.

use serde::{Deserialize, Serialize};

/// Shape and constants of a Llama-style causal language model.
///
/// Field names are those of `config.json`; see [`CausalLmConfig::from_hugging_face`] for reading one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CausalLmConfig {
    /// Number of token ids; ids are `0..vocab_size`.
    pub vocab_size: usize,
    /// Width of the residual stream, `d_model`.
    pub hidden_size: usize,
    /// Inner width of the feed-forward network.
    pub intermediate_size: usize,
    /// Number of decoder blocks.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key and value heads; divides `num_attention_heads`.
    pub num_key_value_heads: usize,
    /// Width of one head; even, because rotary embeddings turn pairs.
    pub head_dim: usize,
    /// Longest sequence in tokens, prompt and response together.
    pub max_position_embeddings: usize,
    /// Added to the mean square in RMS normalisation.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Whether the output layer is the transposed embedding.
    pub tie_word_embeddings: bool,
}

/// What is wrong with a model configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not the JSON that was expected.
    #[error("config.json is not a readable model configuration: {0}")]
    Json(#[from] serde_json::Error),
    /// A value that this field cannot have.
    #[error("config.json: {field} is {found}, expected {expected}")]
    Value {
        /// The key.
        field: &'static str,
        /// What the file says.
        found: String,
        /// What would be accepted.
        expected: String,
    },
}

impl CausalLmConfig {
    /// Reads a Llama `config.json`, in the dialect of transformers 4 or 5.
    ///
    /// Keys that do not change the computation are ignored, as the field's readers do.
    /// Keys that do change it and that this decoder does not implement are errors:
    /// a model must never load and then compute something else.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the text is not JSON, a needed key is missing, or a value is not supported.
    pub fn from_hugging_face(json: &str) -> Result<Self, ConfigError> {
        let file: HuggingFaceConfig = serde_json::from_str(json)?;
        file.reject_unsupported()?;
        let rope = file.rope_parameters.unwrap_or_default();
        let num_key_value_heads = file.num_key_value_heads.unwrap_or(file.num_attention_heads);
        let head_dim = match file.head_dim {
            Some(head_dim) => head_dim,
            None => {
                check_divides(
                    "hidden_size",
                    file.hidden_size,
                    "num_attention_heads",
                    file.num_attention_heads,
                )?;
                file.hidden_size / file.num_attention_heads
            }
        };
        let config = Self {
            vocab_size: file.vocab_size,
            hidden_size: file.hidden_size,
            intermediate_size: file.intermediate_size,
            num_hidden_layers: file.num_hidden_layers,
            num_attention_heads: file.num_attention_heads,
            num_key_value_heads,
            head_dim,
            max_position_embeddings: file.max_position_embeddings,
            rms_norm_eps: file.rms_norm_eps,
            rope_theta: rope.rope_theta.or(file.rope_theta).unwrap_or(10_000.0),
            tie_word_embeddings: file.tie_word_embeddings,
        };
        config.validate()?;
        Ok(config)
    }

    /// Checks that the sizes fit each other.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] naming the first field that does not fit.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        for (field, size) in sizes {
            if size == 0 {
                return Err(value_error(field, 0, "at least 1"));
            }
        }
        check_divides(
            "num_attention_heads",
            self.num_attention_heads,
            "num_key_value_heads",
            self.num_key_value_heads,
        )?;
        if !self.head_dim.is_multiple_of(2) {
            return Err(value_error("head_dim", self.head_dim, "an even number"));
        }
        for (field, value) in [
            ("rms_norm_eps", self.rms_norm_eps),
            ("rope_theta", self.rope_theta),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(value_error(field, value, "a finite number above 0"));
            }
        }
        Ok(())
    }

    /// Number of parameters, counting a tied output layer once.
    #[must_use]
    pub fn num_parameters(&self) -> usize {
        let heads = 2 * self.num_attention_heads + 2 * self.num_key_value_heads;
        let attention = self.hidden_size * self.head_dim * heads;
        let feed_forward = 3 * self.hidden_size * self.intermediate_size;
        let block = attention + feed_forward + 2 * self.hidden_size;
        let embeddings = self.vocab_size * self.hidden_size * if self.tie_word_embeddings { 1 } else { 2 };
        self.num_hidden_layers * block + embeddings + self.hidden_size
    }
}

/// The keys of `config.json` that change the computation, in both dialects.
#[derive(Deserialize)]
struct HuggingFaceConfig {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    #[serde(default = "default_max_position_embeddings")]
    max_position_embeddings: usize,
    #[serde(default = "default_rms_norm_eps")]
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_parameters: Option<RopeParameters>,
    rope_scaling: Option<RopeParameters>,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default = "default_hidden_act")]
    hidden_act: String,
}

/// Rotary settings: `rope_parameters` in transformers 5, `rope_scaling` in 4.
#[derive(Default, Deserialize)]
struct RopeParameters {
    rope_theta: Option<f64>,
    #[serde(alias = "type")]
    rope_type: Option<String>,
}

// The defaults of transformers' `LlamaConfig`, which leaves out keys that equal them.
fn default_max_position_embeddings() -> usize {
    2048
}

fn default_rms_norm_eps() -> f64 {
    1e-6
}

fn default_hidden_act() -> String {
    "silu".to_owned()
}

impl HuggingFaceConfig {
    fn reject_unsupported(&self) -> Result<(), ConfigError> {
        if self.model_type != "llama" {
            return Err(value_error("model_type", &self.model_type, "llama"));
        }
        if self.hidden_act != "silu" {
            return Err(value_error("hidden_act", &self.hidden_act, "silu"));
        }
        for (field, value) in [
            ("attention_bias", self.attention_bias),
            ("mlp_bias", self.mlp_bias),
        ] {
            if value {
                return Err(value_error(field, value, "false"));
            }
        }
        for rope in [&self.rope_parameters, &self.rope_scaling].into_iter().flatten() {
            match rope.rope_type.as_deref() {
                None | Some("default") => {}
                Some(other) => return Err(value_error("rope_type", other, "default")),
            }
        }
        Ok(())
    }
}

fn value_error(
    field: &'static str,
    found: impl std::fmt::Display,
    expected: impl std::fmt::Display,
) -> ConfigError {
    ConfigError::Value {
        field,
        found: found.to_string(),
        expected: expected.to_string(),
    }
}

fn check_divides(
    field: &'static str,
    value: usize,
    divisor_field: &str,
    divisor: usize,
) -> Result<(), ConfigError> {
    if divisor == 0 || !value.is_multiple_of(divisor) {
        return Err(value_error(
            field,
            value,
            format!("a multiple of {divisor_field}, which is {divisor}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const LLAMA: &str = r#"{"model_type": "llama", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 20,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "use_cache": true, REST}"#;

    fn read(rest: &str) -> Result<CausalLmConfig, ConfigError> {
        CausalLmConfig::from_hugging_face(&LLAMA.replace("REST", rest))
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn both_dialects_give_the_same_model() {
        let five =
            read(r#""rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}, "dtype": "float32""#);
        let four = read(r#""rope_theta": 5e5, "rope_scaling": null, "torch_dtype": "float32""#);
        assert_eq!(five.unwrap(), four.unwrap());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn missing_keys_take_the_defaults_of_transformers() {
        let config = read(r#""rope_scaling": null"#).unwrap();
        assert_eq!(
            (config.head_dim, config.rope_theta, config.rms_norm_eps),
            (4, 1e4, 1e-6)
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_would_compute_something_else_is_refused() {
        let cases = [
            (
                r#""attention_bias": true"#,
                "attention_bias is true, expected false",
            ),
            (
                r#""rope_scaling": {"type": "linear", "factor": 2.0}"#,
                "rope_type is linear, expected default",
            ),
            (r#""hidden_act": "gelu""#, "hidden_act is gelu, expected silu"),
            (r#""head_dim": 5"#, "head_dim is 5, expected an even number"),
            (
                r#""rope_theta": 0"#,
                "rope_theta is 0, expected a finite number above 0",
            ),
        ];
        for (rest, expected) in cases {
            let message = read(rest).unwrap_err().to_string();
            assert_eq!(message, format!("config.json: {expected}"));
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn sizes_that_do_not_fit_are_refused() {
        let json = LLAMA
            .replace("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3")
            .replace(", REST", "");
        let message = CausalLmConfig::from_hugging_face(&json).unwrap_err().to_string();
        assert_eq!(
            message,
            "config.json: num_attention_heads is 4, expected a multiple of num_key_value_heads, which is 3"
        );
        assert!(CausalLmConfig::from_hugging_face("{}").is_err());
    }
}
