//! Byte-level BPE as `tokenizer.json`: the form of what is trained here, and of the byte tokenizer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Tokenizer, TokenizerError, TokenizerFiles};

/// How a text is cut into words before they are cut into tokens. No token reaches over two words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Splitting {
    /// GPT-2's: a word with the space before it, numbers of any length, `'s` and the like alone (openai/gpt-2,
    /// `encoder.py`).
    #[default]
    Gpt2,
    /// Llama 3's: numbers in groups of three digits, line breaks with what is before them (meta-llama/llama3,
    /// `tokenizer.py`).
    Llama3,
}

impl Splitting {
    /// The part `pre_tokenizer`.
    fn pre_tokenizer(self) -> Value {
        match self {
            Self::Gpt2 => byte_level(true),
            Self::Llama3 => json!({
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": LLAMA_3}, "behavior": "Isolated", "invert": false},
                    byte_level(false),
                ],
            }),
        }
    }
}

const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Characters for bytes, and back. GPT-2's splitting is part of it where `use_regex` is true.
fn byte_level(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex})
}

/// The names of the special tokens with a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoleNames<'a> {
    pub(super) bos: &'a str,
    pub(super) eos: &'a str,
    pub(super) pad: &'a str,
}

/// A byte-level BPE tokenizer, before it is one.
pub(super) struct ByteLevelBpe<'a> {
    /// All tokens; a token's id is its place.
    pub(super) tokens: &'a [String],
    /// Pairs of tokens that become one, the first merged first.
    pub(super) merges: &'a [(String, String)],
    /// Special tokens, among `tokens`.
    pub(super) special: &'a [&'a str],
    pub(super) roles: RoleNames<'a>,
    /// `None`: a text is one word.
    pub(super) splitting: Option<Splitting>,
}

impl ByteLevelBpe<'_> {
    /// Makes the tokenizer, through its files.
    pub(super) fn build(&self) -> Result<Tokenizer, TokenizerError> {
        let RoleNames { bos, eos, pad } = self.roles;
        let config = json!({
            "bos_token": bos, "eos_token": eos, "pad_token": pad, "clean_up_tokenization_spaces": false,
        });
        Tokenizer::from_files(&TokenizerFiles {
            tokenizer: format!("{:#}", self.json()).as_bytes(),
            tokenizer_config: Some(config.to_string().as_bytes()),
            ..TokenizerFiles::default()
        })
    }

    /// `tokenizer.json`, with the keys in the order in which Hugging Face's tokenizers writes them.
    fn json(&self) -> Value {
        let vocab: Map<String, Value> = self
            .tokens
            .iter()
            .cloned()
            .zip((0..).map(|id: u32| json!(id)))
            .collect();
        let id = |token: &str| vocab.get(token).cloned().unwrap_or_default();
        let mut added: Vec<(Value, &str)> = self.special.iter().map(|token| (id(token), *token)).collect();
        added.sort_by_key(|(id, _)| id.as_u64());
        let added: Vec<Value> = added
            .into_iter()
            .map(|(id, content)| {
                json!({
                    "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true,
                })
            })
            .collect();
        let bos = self.roles.bos;
        let begin = json!({"SpecialToken": {"id": bos, "type_id": 0}});
        let text = |name: &str, type_id: u32| json!({"Sequence": {"id": name, "type_id": type_id}});
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": null,
            "pre_tokenizer": self.splitting.map_or_else(|| byte_level(false), Splitting::pre_tokenizer),
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [begin, text("A", 0)],
                "pair": [begin, text("A", 0), text("B", 1)],
                "special_tokens": {bos: {"id": bos, "ids": [id(bos)], "tokens": [bos]}},
            },
            "decoder": byte_level(false),
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                "vocab": vocab, "merges": self.merges,
            },
        })
    }
}

impl Tokenizer {
    /// The byte tokenizer, for tests and toy models: ids 0 to 255 are the bytes of UTF-8, BOS is 256, EOS 257, PAD 258.
    ///
    /// It is a byte-level BPE without merges, and can be written and read as any other.
    ///
    /// # Panics
    ///
    /// Never: its file is made here.
    #[must_use]
    pub fn bytes() -> Self {
        let roles = RoleNames {
            bos: "<|bos|>",
            eos: "<|eos|>",
            pad: "<|pad|>",
        };
        let special = [roles.bos, roles.eos, roles.pad];
        let bytes = byte_characters().map(String::from);
        let tokens: Vec<String> = bytes.into_iter().chain(special.map(str::to_owned)).collect();
        let parts = ByteLevelBpe {
            tokens: &tokens,
            merges: &[],
            special: &special,
            roles,
            splitting: None,
        };
        parts.build().expect("the byte tokenizer passes the checks")
    }
}

/// The character that stands for each byte in a byte-level vocabulary: itself where it is visible, else one from U+0100
/// on, in order (openai/gpt-2, `encoder.py`, `bytes_to_unicode`).
pub(super) fn byte_characters() -> [char; 256] {
    let mut next = (0x100..).filter_map(char::from_u32);
    std::array::from_fn(|byte| {
        let byte = u8::try_from(byte).unwrap_or(u8::MAX);
        match byte {
            b'!'..=b'~' | 0xA1..=0xAC | 0xAE.. => char::from(byte),
            _ => next.next().unwrap_or_default(),
        }
    })
}
