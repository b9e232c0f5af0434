//! Import of models of llama2.c, Karpathy's program in one file of C: version 0 of its format ("legacy").
//!
//! Source: `export.py` (`legacy_export`), `run.c` (`read_checkpoint`) and `tokenizer.py` (`export`) of
//! <https://github.com/karpathy/llama2.c>.

mod vocabulary;
mod tokenizer_json;

#[cfg(test)]
pub(crate) mod test_vocabulary;

use std::ops::Range;

use serde_json::json;

use crate::{CausalLmConfig, ConfigError, HostTensor, Weights};

pub use vocabulary::Llama2cVocabulary;

/// Id of the token that begins every text; fixed in `run.c`.
pub(crate) const BOS_TOKEN_ID: u32 = 1;

/// Id of the token that ends a text.
pub(crate) const EOS_TOKEN_ID: u32 = 2;

/// Header of version 0: seven numbers of four bytes.
const HEADER_BYTES: usize = 28;

/// What the files of versions 1 and 2 begin with: `ak42`.
const LATER_VERSIONS: i32 = 0x616b_3432;

/// A model of llama2.c in Hugging Face's terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Llama2cModel {
    /// Its configuration.
    pub config: CausalLmConfig,
    /// Its weights, rows of `q_proj` and `k_proj` in Hugging Face's order.
    pub weights: Weights,
}

/// What is wrong with files of llama2.c.
#[derive(Debug, thiserror::Error)]
pub enum Llama2cError {
    /// A file that ends too early.
    #[error("the llama2.c file ends at byte {found} within {part}, expected at least {expected} bytes")]
    TooShort {
        /// What should be there.
        part: String,
        /// Bytes of the file.
        found: usize,
        /// Bytes that are needed up to the end of that part.
        expected: usize,
    },
    /// Another version of the format.
    #[error("this is version {version} of llama2.c's format, expected version 0, without a magic number")]
    Version {
        /// The version that the file states.
        version: i32,
    },
    /// A number that this field cannot have.
    #[error("llama2.c header: {field} is {found}, expected {expected}")]
    Value {
        /// Name of the field, as in `run.c`.
        field: &'static str,
        /// What the file says.
        found: i64,
        /// What would be accepted.
        expected: String,
    },
    /// The file has not the size that its header says.
    #[error("the llama2.c model of this header has {expected} bytes, found {found}")]
    Size {
        /// Bytes that the header makes.
        expected: u128,
        /// Bytes of the file.
        found: usize,
    },
    /// The header is no configuration of a model.
    #[error("the llama2.c header makes no model: {0}")]
    Config(#[from] ConfigError),
    /// A token of the vocabulary that cannot be.
    #[error("llama2.c vocabulary, token {token}: found {found}, expected {expected}")]
    Token {
        /// Its id.
        token: usize,
        /// What the file says.
        found: String,
        /// What would be accepted.
        expected: String,
    },
}

impl Llama2cModel {
    /// Reads a model of version 0. A vocabulary size below 0 means that the output layer is no copy of the embedding.
    ///
    /// # Errors
    ///
    /// [`Llama2cError`] for other versions and for headers that do not fit the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, Llama2cError> {
        let header = Header::parse(bytes)?;
        let config = header.config()?;
        let weights = header.weights(bytes);
        Ok(Self { config, weights })
    }
}

/// The seven numbers in front of the weights.
#[derive(Clone, Copy, Debug)]
struct Header {
    dim: usize,
    hidden_dim: usize,
    n_layers: usize,
    n_heads: usize,
    n_kv_heads: usize,
    vocab_size: usize,
    seq_len: usize,
    has_classifier: bool,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, Llama2cError> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Llama2cError::TooShort {
                part: "the header".to_owned(),
                found: bytes.len(),
                expected: HEADER_BYTES,
            });
        };
        let numbers: Vec<i32> = header
            .as_chunks()
            .0
            .iter()
            .map(|&b| i32::from_le_bytes(b))
            .collect();
        if numbers[0] == LATER_VERSIONS {
            return Err(Llama2cError::Version { version: numbers[1] });
        }
        let positive = |field, number: i32| match usize::try_from(number) {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(value_error(field, i64::from(number), "at least 1")),
        };
        let header = Self {
            dim: positive("dim", numbers[0])?,
            hidden_dim: positive("hidden_dim", numbers[1])?,
            n_layers: positive("n_layers", numbers[2])?,
            n_heads: positive("n_heads", numbers[3])?,
            n_kv_heads: positive("n_kv_heads", numbers[4])?,
            vocab_size: positive("vocab_size", numbers[5].saturating_abs())?,
            seq_len: positive("seq_len", numbers[6])?,
            has_classifier: numbers[5] < 0,
        };
        header.check_heads()?;
        // In numbers that cannot overflow: a product of three 31-bit numbers has 93 bits.
        let expected = HEADER_BYTES as u128 + 4 * header.elements();
        if bytes.len() as u128 != expected {
            return Err(Llama2cError::Size {
                expected,
                found: bytes.len(),
            });
        }
        Ok(header)
    }

    fn check_heads(&self) -> Result<(), Llama2cError> {
        let Self {
            dim,
            n_heads,
            n_kv_heads,
            ..
        } = *self;
        if !dim.is_multiple_of(2 * n_heads) {
            let expected = format!("an even number for each of the {n_heads} heads");
            return Err(value_error("dim", dim as i64, expected));
        }
        if !n_heads.is_multiple_of(n_kv_heads) {
            let expected = format!("a divisor of n_heads, which is {n_heads}");
            return Err(value_error("n_kv_heads", n_kv_heads as i64, expected));
        }
        Ok(())
    }

    fn head_dim(&self) -> usize {
        self.dim / self.n_heads
    }

    /// Name, rows and columns of every group of numbers, in the order of the file; a group is stacked over layers.
    fn groups(&self) -> [Group; 14] {
        let Self {
            dim,
            hidden_dim,
            n_layers,
            vocab_size,
            seq_len,
            ..
        } = *self;
        let kv_dim = self.n_kv_heads * self.head_dim();
        let classifiers = usize::from(self.has_classifier);
        let rotary_columns = self.head_dim() / 2;
        let group = |file_name, count, rows, columns| Group {
            file_name,
            count,
            rows,
            columns,
        };
        [
            group(FileName::Once("model.embed_tokens"), 1, vocab_size, dim),
            group(FileName::Layer("input_layernorm"), n_layers, 1, dim),
            group(FileName::Layer("self_attn.q_proj"), n_layers, dim, dim),
            group(FileName::Layer("self_attn.k_proj"), n_layers, kv_dim, dim),
            group(FileName::Layer("self_attn.v_proj"), n_layers, kv_dim, dim),
            group(FileName::Layer("self_attn.o_proj"), n_layers, dim, dim),
            group(FileName::Layer("post_attention_layernorm"), n_layers, 1, dim),
            group(FileName::Layer("mlp.gate_proj"), n_layers, hidden_dim, dim),
            group(FileName::Layer("mlp.down_proj"), n_layers, dim, hidden_dim),
            group(FileName::Layer("mlp.up_proj"), n_layers, hidden_dim, dim),
            group(FileName::Once("model.norm"), 1, 1, dim),
            // The tables of rotary cosines and sines, which every reader computes itself.
            group(FileName::Skipped, 1, seq_len, rotary_columns),
            group(FileName::Skipped, 1, seq_len, rotary_columns),
            group(FileName::Once("lm_head"), classifiers, vocab_size, dim),
        ]
    }

    fn elements(&self) -> u128 {
        let elements = |group: &Group| group.count as u128 * group.rows as u128 * group.columns as u128;
        self.groups().iter().map(elements).sum()
    }

    /// The configuration: llama2.c's constants are Llama 2's.
    fn config(&self) -> Result<CausalLmConfig, ConfigError> {
        let json = json!({
            "model_type": "llama",
            "vocab_size": self.vocab_size,
            "hidden_size": self.dim,
            "intermediate_size": self.hidden_dim,
            "num_hidden_layers": self.n_layers,
            "num_attention_heads": self.n_heads,
            "num_key_value_heads": self.n_kv_heads,
            "head_dim": self.head_dim(),
            "max_position_embeddings": self.seq_len,
            "rms_norm_eps": 1e-5,
            "rope_parameters": {"rope_theta": 10_000.0, "rope_type": "default"},
            "tie_word_embeddings": !self.has_classifier,
        });
        CausalLmConfig::from_hugging_face(&json.to_string())
    }

    /// The tensors of a file whose size was checked.
    fn weights(&self, bytes: &[u8]) -> Weights {
        let mut weights = Weights::default();
        let mut numbers = bytes[HEADER_BYTES..].as_chunks::<4>().0;
        for group in self.groups() {
            for layer in 0..group.count {
                let (tensor, rest) = numbers.split_at(group.rows * group.columns);
                numbers = rest;
                let Some(name) = group.file_name.of(layer) else {
                    continue;
                };
                let data: Vec<f32> = tensor.iter().map(|&b| f32::from_le_bytes(b)).collect();
                let data = match group.file_name {
                    FileName::Layer("self_attn.q_proj") => half_split_rows(&data, self.n_heads, self.dim),
                    FileName::Layer("self_attn.k_proj") => half_split_rows(&data, self.n_kv_heads, self.dim),
                    _ => data,
                };
                let shape = match group.rows {
                    1 if name.ends_with("norm.weight") => vec![group.columns],
                    rows => vec![rows, group.columns],
                };
                weights.0.insert(name, HostTensor { shape, data });
            }
        }
        weights
    }
}

/// Numbers of one kind for all layers.
#[derive(Clone, Copy, Debug)]
struct Group {
    file_name: FileName,
    /// How often it comes: once for each layer, or once, or never.
    count: usize,
    rows: usize,
    columns: usize,
}

/// The Hugging Face path of a group.
#[derive(Clone, Copy, Debug)]
enum FileName {
    Once(&'static str),
    Layer(&'static str),
    Skipped,
}

impl FileName {
    fn of(self, layer: usize) -> Option<String> {
        match self {
            Self::Once(path) => Some(format!("{path}.weight")),
            Self::Layer(path) => Some(format!("model.layers.{layer}.{path}.weight")),
            Self::Skipped => None,
        }
    }
}

/// Reorders the rows of each head from neighbouring rotary pairs `(2i, 2i + 1)` to pairs of two halves
/// `(i, i + head_dim / 2)`: row `i` of the first half was row `2i`, row `i` of the second was row `2i + 1`.
///
/// Source: `permute` in transformers 5.23, `models/llama/convert_llama_weights_to_hf.py`.
///
/// # Shapes
///
/// - `matrix` and output: `[heads · head_dim, columns]`
fn half_split_rows(matrix: &[f32], heads: usize, columns: usize) -> Vec<f32> {
    let head_dim = matrix.len() / (heads * columns);
    let mut reordered = Vec::with_capacity(matrix.len());
    for head in matrix.chunks_exact(head_dim * columns) {
        for parity in 0..2 {
            for pair in 0..head_dim / 2 {
                let row: Range<usize> = columns * (2 * pair + parity)..columns * (2 * pair + parity + 1);
                reordered.extend_from_slice(&head[row]);
            }
        }
    }
    reordered
}

fn value_error(field: &'static str, found: i64, expected: impl Into<String>) -> Llama2cError {
    Llama2cError::Value {
        field,
        found,
        expected: expected.into(),
    }
}

#[cfg(test)]
mod tests;
