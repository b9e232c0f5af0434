//! What tells the families of models apart, in one table.

use serde::{Deserialize, Serialize};

/// A family of models, by the name that `config.json` gives it as `model_type`.
///
/// All families are one decoder with parts exchanged; this type says which part each family has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Llama 1 to 3, TinyLlama, SmolLM2 and many others.
    #[default]
    Llama,
    /// Llama with a sliding window.
    Mistral,
    /// Llama with biases on queries, keys and values.
    Qwen2,
    /// Llama with normalised queries and keys.
    Qwen3,
    /// ALiBi positions, layer normalisation, GELU, queries, keys and values in one matrix.
    Bloom,
    /// Rotary embeddings on half of each head, in neighbouring pairs; gate and up projection in one matrix.
    Glm,
    /// GLM with the output of each branch normalised too.
    Glm4,
}

/// How activations are normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormKind {
    /// By the root of the mean square; Zhang and Sennrich 2019 (arXiv 1910.07467).
    Rms,
    /// By mean and standard deviation, with a bias; Ba et al. 2016 (arXiv 1607.06450).
    Layer,
}

/// How a model knows where a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PositionKind {
    /// Queries and keys are turned by an angle that grows with the position.
    Rotary(RotaryPairs),
    /// A penalty on the distance is added to the attention scores.
    Alibi,
}

/// Which two columns of a head a rotary embedding turns together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RotaryPairs {
    /// `(xᵢ, xᵢ₊d/2)`.
    HalfSplit,
    /// `(x₂ᵢ, x₂ᵢ₊₁)`.
    Adjacent,
}

/// The feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedForwardKind {
    /// `(silu(x G) · x U) D`.
    SwiGlu,
    /// The same, with `G` and `U` side by side in one matrix.
    FusedSwiGlu,
    /// `gelu(x U) D`.
    Gelu,
}

impl Architecture {
    /// Every family.
    pub const ALL: [Self; 7] = [
        Self::Llama,
        Self::Mistral,
        Self::Qwen2,
        Self::Qwen3,
        Self::Bloom,
        Self::Glm,
        Self::Glm4,
    ];

    /// The family's name in `config.json`.
    #[must_use]
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Bloom => "bloom",
            Self::Glm => "glm",
            Self::Glm4 => "glm4",
        }
    }

    /// How transformers' classes of this family begin, as in `LlamaForCausalLM`.
    #[must_use]
    pub fn class_prefix(self) -> &'static str {
        match self {
            Self::Llama => "Llama",
            Self::Mistral => "Mistral",
            Self::Qwen2 => "Qwen2",
            Self::Qwen3 => "Qwen3",
            Self::Bloom => "Bloom",
            Self::Glm => "Glm",
            Self::Glm4 => "Glm4",
        }
    }

    pub(crate) fn norm(self) -> NormKind {
        match self {
            Self::Bloom => NormKind::Layer,
            _ => NormKind::Rms,
        }
    }

    pub(crate) fn positions(self) -> PositionKind {
        match self {
            Self::Bloom => PositionKind::Alibi,
            Self::Glm | Self::Glm4 => PositionKind::Rotary(RotaryPairs::Adjacent),
            _ => PositionKind::Rotary(RotaryPairs::HalfSplit),
        }
    }

    pub(crate) fn feed_forward(self) -> FeedForwardKind {
        match self {
            Self::Bloom => FeedForwardKind::Gelu,
            Self::Glm | Self::Glm4 => FeedForwardKind::FusedSwiGlu,
            _ => FeedForwardKind::SwiGlu,
        }
    }

    /// Whether queries, keys and values are one matrix.
    pub(crate) fn fuses_qkv(self) -> bool {
        self == Self::Bloom
    }

    /// Whether queries and keys are normalised, head by head.
    pub(crate) fn normalizes_queries_and_keys(self) -> bool {
        self == Self::Qwen3
    }

    /// Whether `attention_bias` holds for the projection back to the residual stream, too.
    pub(crate) fn biases_attention_output(self) -> bool {
        matches!(self, Self::Llama | Self::Qwen3 | Self::Bloom)
    }

    /// Whether what each branch adds to the residual stream is normalised before.
    pub(crate) fn normalizes_branches(self) -> bool {
        self == Self::Glm4
    }

    /// Whether the embedding is normalised before the first block.
    pub(crate) fn normalizes_embedding(self) -> bool {
        self == Self::Bloom
    }
}
