//! `config.json`, in the dialects of transformers 4 and 5.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Architecture, CausalLmConfig, ConfigError, LayerType, RopeScaling, check_divides, value_error};
use crate::tokenizer::SpecialTokenIds;

/// What stands on top of the decoder, as transformers' class names say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelHead {
    /// Scores of the next token: `…ForCausalLM`.
    CausalLm,
    /// One number for a sequence: `…ForSequenceClassification` with one label.
    Scalar,
}

/// The keys of `config.json` that change the computation, in both dialects.
#[derive(Deserialize)]
struct File {
    model_type: String,
    vocab_size: usize,
    #[serde(alias = "n_embed")]
    hidden_size: usize,
    intermediate_size: Option<usize>,
    #[serde(alias = "n_layer")]
    num_hidden_layers: usize,
    #[serde(alias = "n_head")]
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    #[serde(alias = "seq_length")]
    max_position_embeddings: Option<usize>,
    #[serde(alias = "layer_norm_epsilon")]
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_parameters: Option<RopeParameters>,
    rope_scaling: Option<RopeParameters>,
    partial_rotary_factor: Option<f64>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    hidden_act: Option<String>,
    /// Absent and `null` differ: an absent window of Mistral is 4,096 tokens, `null` is none.
    #[serde(default, deserialize_with = "present")]
    sliding_window: Option<Option<usize>>,
    use_sliding_window: Option<bool>,
    max_window_layers: Option<usize>,
    layer_types: Option<Vec<LayerType>>,
    apply_residual_connection_post_layernorm: Option<bool>,
}

/// Rotary settings: `rope_parameters` in transformers 5, `rope_scaling` in 4.
#[derive(Clone, Default, Deserialize)]
struct RopeParameters {
    rope_theta: Option<f64>,
    #[serde(alias = "type")]
    rope_type: Option<String>,
    partial_rotary_factor: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
}

fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// What transformers assumes where a file is silent, because it leaves out what equals its defaults.
struct Defaults {
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    max_position_embeddings: usize,
    norm_epsilon: f64,
    partial_rotary_factor: f64,
    tie_word_embeddings: bool,
    attention_bias: bool,
    sliding_window: Option<usize>,
}

/// Source: the configuration classes of transformers 5.23.
fn defaults(architecture: Architecture) -> Defaults {
    let llama = Defaults {
        num_key_value_heads: None,
        head_dim: None,
        max_position_embeddings: 2_048,
        norm_epsilon: 1e-6,
        partial_rotary_factor: 1.0,
        tie_word_embeddings: false,
        attention_bias: false,
        sliding_window: None,
    };
    match architecture {
        Architecture::Llama => llama,
        Architecture::Mistral => Defaults {
            num_key_value_heads: Some(8),
            max_position_embeddings: 131_072,
            sliding_window: Some(4_096),
            ..llama
        },
        Architecture::Qwen2 => Defaults {
            num_key_value_heads: Some(32),
            max_position_embeddings: 32_768,
            attention_bias: true,
            sliding_window: Some(4_096),
            ..llama
        },
        Architecture::Qwen3 => Defaults {
            num_key_value_heads: Some(32),
            head_dim: Some(128),
            max_position_embeddings: 32_768,
            sliding_window: Some(4_096),
            ..llama
        },
        Architecture::Bloom => Defaults {
            norm_epsilon: 1e-5,
            tie_word_embeddings: true,
            attention_bias: true,
            ..llama
        },
        Architecture::Glm | Architecture::Glm4 => Defaults {
            num_key_value_heads: Some(2),
            head_dim: Some(128),
            max_position_embeddings: 131_072,
            norm_epsilon: 1.562_5e-7,
            partial_rotary_factor: 0.5,
            attention_bias: true,
            ..llama
        },
    }
}

impl CausalLmConfig {
    /// Reads a `config.json`, in the dialect of transformers 4 or 5; where both stand, 5 wins, as in transformers.
    ///
    /// Keys that do not change the computation are ignored, as the field's readers do.
    /// Keys that do change it and that this decoder does not implement are errors:
    /// a model must never load and then compute something else.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the text is not JSON, a needed key is missing, or a value is not supported.
    pub fn from_hugging_face(json: &str) -> Result<Self, ConfigError> {
        let file: File = serde_json::from_str(json)?;
        let architecture = file.architecture()?;
        let defaults = defaults(architecture);
        let rope = file.rope_parameters.clone().unwrap_or_default();
        let layer_types = file.layer_types(architecture)?;
        let sliding_window = file.sliding_window.unwrap_or(defaults.sliding_window);
        let slides = layer_types.contains(&LayerType::SlidingAttention);
        let config = Self {
            architecture,
            vocab_size: file.vocab_size,
            hidden_size: file.hidden_size,
            intermediate_size: file.intermediate_size(architecture)?,
            num_hidden_layers: file.num_hidden_layers,
            num_attention_heads: file.num_attention_heads,
            num_key_value_heads: match architecture {
                Architecture::Bloom => file.num_attention_heads,
                _ => file
                    .num_key_value_heads
                    .or(defaults.num_key_value_heads)
                    .unwrap_or(file.num_attention_heads),
            },
            head_dim: file.head_dim(&defaults)?,
            max_position_embeddings: file
                .max_position_embeddings
                .unwrap_or(defaults.max_position_embeddings),
            norm_epsilon: file.rms_norm_eps.unwrap_or(defaults.norm_epsilon),
            rope_theta: rope.rope_theta.or(file.rope_theta).unwrap_or(10_000.0),
            rope_scaling: file.rope_scaling()?,
            partial_rotary_factor: rope
                .partial_rotary_factor
                .or(file.partial_rotary_factor)
                .unwrap_or(defaults.partial_rotary_factor),
            attention_bias: file.attention_bias(architecture, &defaults),
            mlp_bias: architecture == Architecture::Bloom || file.mlp_bias.unwrap_or(false),
            layer_types: if slides { layer_types } else { Vec::new() },
            sliding_window: if slides { sliding_window } else { None },
            apply_residual_connection_post_layernorm: file
                .apply_residual_connection_post_layernorm
                .unwrap_or(false),
            tie_word_embeddings: file.tie_word_embeddings.unwrap_or(defaults.tie_word_embeddings),
        };
        config.validate()?;
        Ok(config)
    }

    /// Writes a `config.json` that transformers 4 and 5 read alike.
    ///
    /// `dtype` is the type of the stored numbers as PyTorch names it, `float32` or `float16`.
    #[must_use]
    pub fn to_hugging_face(&self, head: ModelHead, ids: &SpecialTokenIds, dtype: &str) -> String {
        let mut keys = Map::new();
        let mut set = |key: &str, value: Value| keys.insert(key.to_owned(), value);
        let class = match head {
            ModelHead::CausalLm => "ForCausalLM",
            ModelHead::Scalar => "ForSequenceClassification",
        };
        set(
            "architectures",
            json!([format!("{}{class}", self.architecture.class_prefix())]),
        );
        set("model_type", json!(self.architecture.model_type()));
        set("vocab_size", json!(self.vocab_size));
        set("hidden_size", json!(self.hidden_size));
        if self.architecture == Architecture::Bloom {
            set("n_head", json!(self.num_attention_heads));
            set("n_layer", json!(self.num_hidden_layers));
            set("seq_length", json!(self.max_position_embeddings));
            set("layer_norm_epsilon", json!(self.norm_epsilon));
            let residual = self.apply_residual_connection_post_layernorm;
            set("apply_residual_connection_post_layernorm", json!(residual));
        } else {
            self.set_llama_keys(&mut set);
        }
        set("tie_word_embeddings", json!(self.tie_word_embeddings));
        set("bos_token_id", json!(ids.bos));
        // A list where several end a text, as Llama 3 has it.
        let eos = match ids.stop.as_slice() {
            [] | [_] => json!(ids.eos),
            several => json!(several),
        };
        set("eos_token_id", eos);
        set("pad_token_id", json!(ids.pad));
        if head == ModelHead::Scalar {
            // transformers stores the number of labels as their names.
            set("id2label", json!({"0": "LABEL_0"}));
            set("label2id", json!({"LABEL_0": 0}));
        }
        set("torch_dtype", json!(dtype));
        set("dtype", json!(dtype));
        set("use_cache", json!(true));
        let mut text =
            serde_json::to_string_pretty(&Value::Object(keys)).expect("a map of plain values is JSON");
        text.push('\n');
        text
    }

    fn set_llama_keys(&self, set: &mut impl FnMut(&str, Value) -> Option<Value>) {
        set("intermediate_size", json!(self.intermediate_size));
        set("num_hidden_layers", json!(self.num_hidden_layers));
        set("num_attention_heads", json!(self.num_attention_heads));
        set("num_key_value_heads", json!(self.num_key_value_heads));
        set("head_dim", json!(self.head_dim));
        set("hidden_act", json!("silu"));
        set("max_position_embeddings", json!(self.max_position_embeddings));
        set("rms_norm_eps", json!(self.norm_epsilon));
        set("attention_bias", json!(self.attention_bias));
        set("mlp_bias", json!(self.mlp_bias));
        set("attention_dropout", json!(0.0));
        set("initializer_range", json!(0.02));
        if !self.layer_types.is_empty() {
            set("layer_types", json!(self.layer_types));
            set("use_sliding_window", json!(true));
            let first = self
                .layer_types
                .iter()
                .position(|kind| *kind == LayerType::SlidingAttention);
            set("max_window_layers", json!(first));
        }
        set("sliding_window", json!(self.sliding_window));
        // The dialect of transformers 4, then that of 5, with equal values.
        let scaling = json!(self.rope_scaling);
        let is_scaled = self.rope_scaling != RopeScaling::Default;
        set("rope_theta", json!(self.rope_theta));
        set(
            "rope_scaling",
            if is_scaled { scaling.clone() } else { Value::Null },
        );
        let mut parameters = scaling;
        parameters["rope_theta"] = json!(self.rope_theta);
        if matches!(self.architecture, Architecture::Glm | Architecture::Glm4) {
            set("partial_rotary_factor", json!(self.partial_rotary_factor));
            parameters["partial_rotary_factor"] = json!(self.partial_rotary_factor);
        }
        set("rope_parameters", parameters);
    }
}

impl File {
    fn architecture(&self) -> Result<Architecture, ConfigError> {
        let known = Architecture::ALL.into_iter();
        let Some(architecture) = known.clone().find(|known| known.model_type() == self.model_type) else {
            let names: Vec<_> = known.map(Architecture::model_type).collect();
            return Err(value_error(
                "model_type",
                &self.model_type,
                format!("one of {}", names.join(", ")),
            ));
        };
        match self.hidden_act.as_deref() {
            None | Some("silu") => Ok(architecture),
            Some(other) => Err(value_error("hidden_act", other, "silu")),
        }
    }

    fn intermediate_size(&self, architecture: Architecture) -> Result<usize, ConfigError> {
        let four_times = (architecture == Architecture::Bloom).then(|| self.hidden_size.saturating_mul(4));
        four_times
            .or(self.intermediate_size)
            .ok_or_else(|| value_error("intermediate_size", "missing", "a number"))
    }

    fn head_dim(&self, defaults: &Defaults) -> Result<usize, ConfigError> {
        if let Some(head_dim) = self.head_dim.or(defaults.head_dim) {
            return Ok(head_dim);
        }
        check_divides(
            "hidden_size",
            self.hidden_size,
            "num_attention_heads",
            self.num_attention_heads,
        )?;
        Ok(self.hidden_size / self.num_attention_heads)
    }

    fn attention_bias(&self, architecture: Architecture, defaults: &Defaults) -> bool {
        match architecture {
            // These families have no such key.
            Architecture::Mistral | Architecture::Qwen2 | Architecture::Bloom => defaults.attention_bias,
            _ => self.attention_bias.unwrap_or(defaults.attention_bias),
        }
    }

    /// Which blocks have a sliding window: said by name in transformers 5, by rules that differ by family before.
    fn layer_types(&self, architecture: Architecture) -> Result<Vec<LayerType>, ConfigError> {
        if let Some(types) = &self.layer_types {
            return Ok(types.clone());
        }
        if self.num_hidden_layers > super::MAX_SIZE {
            return Err(value_error(
                "num_hidden_layers",
                self.num_hidden_layers,
                format!("1 to {}", super::MAX_SIZE),
            ));
        }
        let first_sliding = match architecture {
            Architecture::Mistral if self.sliding_window != Some(None) => 0,
            Architecture::Qwen2 | Architecture::Qwen3 if self.use_sliding_window == Some(true) => {
                self.max_window_layers.unwrap_or(28)
            }
            _ => return Ok(Vec::new()),
        };
        Ok((0..self.num_hidden_layers)
            .map(|layer| {
                if layer < first_sliding {
                    LayerType::FullAttention
                } else {
                    LayerType::SlidingAttention
                }
            })
            .collect())
    }

    fn rope_scaling(&self) -> Result<RopeScaling, ConfigError> {
        let Some(rope) = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref()) else {
            return Ok(RopeScaling::Default);
        };
        let number =
            |field, value: Option<f64>| value.ok_or_else(|| value_error(field, "missing", "a number"));
        match rope.rope_type.as_deref() {
            None | Some("default") => Ok(RopeScaling::Default),
            Some("linear") => Ok(RopeScaling::Linear {
                factor: number("rope_scaling.factor", rope.factor)?,
            }),
            Some("llama3") => Ok(RopeScaling::Llama3 {
                factor: number("rope_scaling.factor", rope.factor)?,
                low_freq_factor: number("rope_scaling.low_freq_factor", rope.low_freq_factor)?,
                high_freq_factor: number("rope_scaling.high_freq_factor", rope.high_freq_factor)?,
                original_max_position_embeddings: rope.original_max_position_embeddings.ok_or_else(|| {
                    value_error(
                        "rope_scaling.original_max_position_embeddings",
                        "missing",
                        "a number",
                    )
                })?,
            }),
            Some(other) => Err(value_error("rope_type", other, "default, linear or llama3")),
        }
    }
}
