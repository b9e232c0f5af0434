//! Names and shapes of a model's tensors.

use crate::CausalLmConfig;
use crate::config::{Architecture, FeedForwardKind, NormKind};

/// Name and shape of every tensor in the file of a model, in the order of the forward pass.
///
/// A linear layer's matrix is `[out, in]`, as files have it. The output layer is left out where it is tied.
#[must_use]
pub fn tensor_shapes(config: &CausalLmConfig) -> Vec<(String, Vec<usize>)> {
    let mut list = decoder_shapes(config);
    if !config.tie_word_embeddings {
        let shape = vec![config.vocab_size, config.hidden_size];
        list.push(("lm_head.weight".to_owned(), shape));
    }
    list.into_iter()
        .map(|(path, shape)| (file_name(config.architecture, &path), shape))
        .collect()
}

/// A linear layer of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockLinear {
    /// Its path inside the block, such as `self_attn.q_proj`.
    pub(crate) path: String,
    /// Width of what it reads.
    pub(crate) d_in: usize,
    /// Width of what it gives.
    pub(crate) d_out: usize,
}

/// The linear layers of one block, in the order of the forward pass; all blocks have the same.
pub(crate) fn block_linears(config: &CausalLmConfig) -> Vec<BlockLinear> {
    let mut list = ShapeList {
        config,
        shapes: Vec::new(),
    };
    list.attention("self_attn");
    list.feed_forward("mlp");
    let matrices = list.shapes.into_iter().filter(|(_, shape)| shape.len() == 2);
    let linear = |(path, shape): (String, Vec<usize>)| BlockLinear {
        path: path.trim_end_matches(".weight").to_owned(),
        d_in: shape[1],
        d_out: shape[0],
    };
    matrices.map(linear).collect()
}

/// By the paths of the modules, which [`file_name`] makes the names of files.
fn decoder_shapes(config: &CausalLmConfig) -> Vec<(String, Vec<usize>)> {
    let mut list = ShapeList {
        config,
        shapes: Vec::new(),
    };
    let width = config.hidden_size;
    list.push("model.embed_tokens.weight", vec![config.vocab_size, width]);
    if config.architecture.normalizes_embedding() {
        list.norm("model.embedding_norm");
    }
    for layer in 0..config.num_hidden_layers {
        list.block(&format!("model.layers.{layer}"));
    }
    list.norm("model.norm");
    list.shapes
}

/// The name in a model's file of what this crate's modules call `path`.
///
/// The fields of the modules have the names of Llama's tensors.
pub(crate) fn file_name(architecture: Architecture, path: &str) -> String {
    let name = tensor_path(path);
    match architecture {
        Architecture::Bloom => BLOOM_NAMES
            .iter()
            .fold(name, |name, (ours, theirs)| name.replacen(ours, theirs, 1)),
        _ => name,
    }
}

/// `path` without the parts that only group fields: variants of enums, which begin with a capital letter, and
/// `projections` and `head`.
pub(crate) fn tensor_path(path: &str) -> String {
    let is_tensor_path = |part: &&str| {
        !part.starts_with(|first: char| first.is_ascii_uppercase())
            && *part != "projections"
            && *part != "head"
    };
    path.split('.')
        .filter(is_tensor_path)
        .collect::<Vec<_>>()
        .join(".")
}

/// What BLOOM calls the parts that it shares with Llama; longer names first.
const BLOOM_NAMES: [(&str, &str); 6] = [
    ("model.embedding_norm", "transformer.word_embeddings_layernorm"),
    ("model.embed_tokens", "transformer.word_embeddings"),
    ("model.norm", "transformer.ln_f"),
    ("model.layers", "transformer.h"),
    ("self_attn.o_proj", "self_attention.dense"),
    ("self_attn", "self_attention"),
];

struct ShapeList<'a> {
    config: &'a CausalLmConfig,
    shapes: Vec<(String, Vec<usize>)>,
}

impl ShapeList<'_> {
    fn push(&mut self, path: &str, shape: Vec<usize>) {
        self.shapes.push((path.to_owned(), shape));
    }

    fn norm(&mut self, path: &str) {
        let width = self.config.hidden_size;
        self.push(&format!("{path}.weight"), vec![width]);
        if self.config.architecture.norm() == NormKind::Layer {
            self.push(&format!("{path}.bias"), vec![width]);
        }
    }

    fn linear(&mut self, path: &str, d_in: usize, d_out: usize, has_bias: bool) {
        self.push(&format!("{path}.weight"), vec![d_out, d_in]);
        if has_bias {
            self.push(&format!("{path}.bias"), vec![d_out]);
        }
    }

    fn block(&mut self, path: &str) {
        self.norm(&format!("{path}.input_layernorm"));
        self.attention(&format!("{path}.self_attn"));
        let normalizes_branches = self.config.architecture.normalizes_branches();
        if normalizes_branches {
            self.norm(&format!("{path}.post_self_attn_layernorm"));
        }
        self.norm(&format!("{path}.post_attention_layernorm"));
        self.feed_forward(&format!("{path}.mlp"));
        if normalizes_branches {
            self.norm(&format!("{path}.post_mlp_layernorm"));
        }
    }

    fn attention(&mut self, path: &str) {
        let config = self.config;
        let (architecture, width, bias) = (config.architecture, config.hidden_size, config.attention_bias);
        let queries = config.num_attention_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        if architecture.fuses_qkv() {
            self.linear(
                &format!("{path}.query_key_value"),
                width,
                queries + 2 * keys,
                bias,
            );
        } else {
            self.linear(&format!("{path}.q_proj"), width, queries, bias);
            self.linear(&format!("{path}.k_proj"), width, keys, bias);
            self.linear(&format!("{path}.v_proj"), width, keys, bias);
        }
        if architecture.normalizes_queries_and_keys() {
            self.push(&format!("{path}.q_norm.weight"), vec![config.head_dim]);
            self.push(&format!("{path}.k_norm.weight"), vec![config.head_dim]);
        }
        let output_bias = bias && architecture.biases_attention_output();
        self.linear(&format!("{path}.o_proj"), queries, width, output_bias);
    }

    fn feed_forward(&mut self, path: &str) {
        let config = self.config;
        let (width, inner, bias) = (config.hidden_size, config.intermediate_size, config.mlp_bias);
        match config.architecture.feed_forward() {
            FeedForwardKind::SwiGlu => {
                self.linear(&format!("{path}.gate_proj"), width, inner, bias);
                self.linear(&format!("{path}.up_proj"), width, inner, bias);
                self.linear(&format!("{path}.down_proj"), inner, width, bias);
            }
            FeedForwardKind::FusedSwiGlu => {
                self.linear(&format!("{path}.gate_up_proj"), width, 2 * inner, bias);
                self.linear(&format!("{path}.down_proj"), inner, width, bias);
            }
            FeedForwardKind::Gelu => {
                self.linear(&format!("{path}.dense_h_to_4h"), width, inner, bias);
                self.linear(&format!("{path}.dense_4h_to_h"), inner, width, bias);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn paths_become_the_names_of_files() {
        let cases = [
            (
                Architecture::Llama,
                "model.layers.3.self_attn.projections.Separate.q_proj.weight",
                "model.layers.3.self_attn.q_proj.weight",
            ),
            (
                Architecture::Llama,
                "model.layers.3.input_layernorm.Rms.weight",
                "model.layers.3.input_layernorm.weight",
            ),
            (Architecture::Llama, "head.score.weight", "score.weight"),
            (
                Architecture::Bloom,
                "model.layers.3.self_attn.projections.Fused.query_key_value.bias",
                "transformer.h.3.self_attention.query_key_value.bias",
            ),
            (
                Architecture::Bloom,
                "model.layers.0.self_attn.o_proj.weight",
                "transformer.h.0.self_attention.dense.weight",
            ),
            (
                Architecture::Bloom,
                "model.embedding_norm.Layer.bias",
                "transformer.word_embeddings_layernorm.bias",
            ),
            (
                Architecture::Bloom,
                "model.norm.Layer.weight",
                "transformer.ln_f.weight",
            ),
        ];
        for (architecture, path, name) in cases {
            assert_eq!(file_name(architecture, path), name);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_block_s_linear_layers_are_listed_with_their_widths() {
        let config = CausalLmConfig {
            architecture: Architecture::Bloom,
            hidden_size: 8,
            intermediate_size: 32,
            num_attention_heads: 2,
            num_key_value_heads: 2,
            head_dim: 4,
            attention_bias: true,
            mlp_bias: true,
            ..CausalLmConfig::default()
        };
        let found: Vec<(String, usize, usize)> = block_linears(&config)
            .into_iter()
            .map(|linear| (linear.path, linear.d_in, linear.d_out))
            .collect();
        let expected = [
            ("self_attn.query_key_value", 8, 24),
            ("self_attn.o_proj", 8, 8),
            ("mlp.dense_h_to_4h", 8, 32),
            ("mlp.dense_4h_to_h", 32, 8),
        ];
        assert_eq!(
            found,
            expected.map(|(path, d_in, d_out)| (path.to_owned(), d_in, d_out))
        );
    }
}
