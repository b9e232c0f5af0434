//! The shape of a model.

mod architecture;

mod rope_scaling;

mod hugging_face;

pub use architecture::Architecture;
pub use hugging_face::ModelHead;
pub use rope_scaling::RopeScaling;

pub(crate) use architecture::{FeedForwardKind, NormKind, PositionKind, RotaryPairs};

use serde::{Deserialize, Serialize};

use crate::tensor_shapes::tensor_shapes;

/// Shape and constants of a causal language model.
///
/// Field names are those of `config.json`; see [`CausalLmConfig::from_hugging_face`] for reading one.
/// The defaults are those of transformers' `LlamaConfig`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CausalLmConfig {
    /// The family, which decides what the sizes leave open. Default Llama.
    pub architecture: Architecture,
    /// Number of token ids; ids are `0..vocab_size`. Default 32,000.
    pub vocab_size: usize,
    /// Width of the residual stream, `d_model`. Default 4,096.
    pub hidden_size: usize,
    /// Inner width of the feed-forward network. Default 11,008.
    pub intermediate_size: usize,
    /// Number of decoder blocks. Default 32.
    pub num_hidden_layers: usize,
    /// Number of query heads. Default 32.
    pub num_attention_heads: usize,
    /// Number of key and value heads; divides `num_attention_heads`. Default 32.
    pub num_key_value_heads: usize,
    /// Width of one head; even, because rotary embeddings turn pairs. Default 128.
    pub head_dim: usize,
    /// Longest sequence in tokens, prompt and response together. Default 2,048.
    pub max_position_embeddings: usize,
    /// Added to the mean square or variance in normalisation. Default 1e-6.
    #[serde(alias = "rms_norm_eps", alias = "layer_norm_epsilon")]
    pub norm_epsilon: f64,
    /// Base of the rotary frequencies. Default 10,000. Not used by BLOOM.
    pub rope_theta: f64,
    /// How the rotary frequencies are stretched for longer texts. Default: not at all.
    pub rope_scaling: RopeScaling,
    /// Share of each head that rotary embeddings turn. Default 1, the whole head; GLM turns half.
    pub partial_rotary_factor: f64,
    /// Whether queries, keys and values have biases. Default false.
    pub attention_bias: bool,
    /// Whether the feed-forward network has biases. Default false.
    pub mlp_bias: bool,
    /// What each block's queries see, by block; empty when all see everything before them. Default empty.
    pub layer_types: Vec<LayerType>,
    /// How many tokens a query of a `sliding_attention` block sees, its own included. Default none.
    pub sliding_window: Option<usize>,
    /// Whether the residual stream goes on from the normalised input of a branch; BLOOM only. Default false.
    pub apply_residual_connection_post_layernorm: bool,
    /// Whether the output layer is the transposed embedding. Default false.
    pub tie_word_embeddings: bool,
}

/// What the queries of a block see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerType {
    /// All tokens before them, and their own.
    FullAttention,
    /// The last `sliding_window` tokens, their own included.
    SlidingAttention,
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

impl Default for CausalLmConfig {
    fn default() -> Self {
        Self {
            architecture: Architecture::Llama,
            vocab_size: 32_000,
            hidden_size: 4_096,
            intermediate_size: 11_008,
            num_hidden_layers: 32,
            num_attention_heads: 32,
            num_key_value_heads: 32,
            head_dim: 128,
            max_position_embeddings: 2_048,
            norm_epsilon: 1e-6,
            rope_theta: 10_000.0,
            rope_scaling: RopeScaling::Default,
            partial_rotary_factor: 1.0,
            attention_bias: false,
            mlp_bias: false,
            layer_types: Vec::new(),
            sliding_window: None,
            apply_residual_connection_post_layernorm: false,
            tie_word_embeddings: false,
        }
    }
}

impl CausalLmConfig {
    /// Checks that the sizes fit each other.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] naming the first field that does not fit.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_sizes()?;
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
            ("norm_epsilon", self.norm_epsilon),
            ("rope_theta", self.rope_theta),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(value_error(field, value, "a finite number above 0"));
            }
        }
        let turned = self.head_dim as f64 * self.partial_rotary_factor;
        if !(self.partial_rotary_factor > 0.0 && self.partial_rotary_factor <= 1.0 && turned % 2.0 == 0.0) {
            let expected = "at most 1, turning an even number of a head's columns";
            return Err(value_error(
                "partial_rotary_factor",
                self.partial_rotary_factor,
                expected,
            ));
        }
        self.rope_scaling.validate()?;
        self.validate_layer_types()
    }

    fn validate_sizes(&self) -> Result<(), ConfigError> {
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
            // The upper bound is far above every model; products of two sizes then fit into 64 bits.
            if size == 0 || size > MAX_SIZE {
                return Err(value_error(field, size, format!("1 to {MAX_SIZE}")));
            }
        }
        Ok(())
    }

    fn validate_layer_types(&self) -> Result<(), ConfigError> {
        if !self.layer_types.is_empty() && self.layer_types.len() != self.num_hidden_layers {
            let expected = format!("one for each of the {} layers", self.num_hidden_layers);
            return Err(value_error(
                "layer_types",
                format!("{} entries", self.layer_types.len()),
                expected,
            ));
        }
        let slides = self.layer_types.contains(&LayerType::SlidingAttention);
        match self.sliding_window {
            Some(0) => Err(value_error("sliding_window", 0, "at least 1, or none")),
            None if slides => Err(value_error(
                "sliding_window",
                "none",
                "a number, as layer_types slide",
            )),
            _ => Ok(()),
        }
    }

    /// How many tokens the queries of block `layer` see, their own included; `None` when all.
    #[must_use]
    pub fn window_of(&self, layer: usize) -> Option<usize> {
        match self.layer_types.get(layer) {
            Some(LayerType::SlidingAttention) => self.sliding_window,
            _ => None,
        }
    }

    /// How many columns of a head rotary embeddings turn.
    #[must_use]
    pub fn rotary_dim(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of head_dim, checked to be whole"
        )]
        let turned = (self.head_dim as f64 * self.partial_rotary_factor) as usize;
        turned
    }

    /// Number of parameters, counting a tied output layer once.
    ///
    /// It is a `u64`, because a page plans models of more parameters than its 32-bit `usize` counts.
    #[must_use]
    pub fn num_parameters(&self) -> u64 {
        tensor_shapes(self)
            .iter()
            .map(|(_, shape)| shape.iter().map(|size| *size as u64).product::<u64>())
            .sum()
    }
}

/// Largest size that is believed.
const MAX_SIZE: usize = 1 << 24;

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
mod tests;
