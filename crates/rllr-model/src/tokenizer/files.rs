//! A tokenizer from its files.

use super::Tokenizer;
use super::checked;
use super::error::TokenizerError;
use super::export::read_chat_template;
use super::special_tokens::{Sources, prompt_prefix, read_object};

/// The files of a tokenizer, as bytes. Only the first is needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenizerFiles<'a> {
    /// `tokenizer.json`.
    pub tokenizer: &'a [u8],
    /// `tokenizer_config.json`: names of special tokens, `add_bos_token`, the chat template of transformers 4.
    pub tokenizer_config: Option<&'a [u8]>,
    /// `special_tokens_map.json`: names of special tokens.
    pub special_tokens_map: Option<&'a [u8]>,
    /// `generation_config.json`: ids of special tokens; `eos_token_id` may be a list.
    pub generation_config: Option<&'a [u8]>,
    /// `config.json` of the model: ids of special tokens.
    pub config: Option<&'a [u8]>,
    /// `chat_template.jinja`: the chat template of transformers 5.
    pub chat_template: Option<&'a [u8]>,
}

impl<'a> TokenizerFiles<'a> {
    /// Names of the files, the needed one first.
    pub const NAMES: [&'static str; 6] = [
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "generation_config.json",
        "config.json",
        "chat_template.jinja",
    ];

    /// The files of a model's directory; `file` gives the bytes of a name, if there is such a file.
    ///
    /// `None` without `tokenizer.json`.
    pub fn from_directory(file: impl Fn(&str) -> Option<&'a [u8]>) -> Option<Self> {
        let [
            tokenizer,
            tokenizer_config,
            special_tokens_map,
            generation_config,
            config,
            chat_template,
        ] = Self::NAMES.map(file);
        Some(Self {
            tokenizer: tokenizer?,
            tokenizer_config,
            special_tokens_map,
            generation_config,
            config,
            chat_template,
        })
    }
}

impl Tokenizer {
    /// Reads a tokenizer and the roles of its special tokens.
    ///
    /// # Errors
    ///
    /// [`TokenizerError`] with file, place, what was found and what was expected.
    pub fn from_files(files: &TokenizerFiles) -> Result<Self, TokenizerError> {
        let checked = checked::read(files.tokenizer)?;
        let config = read_object("tokenizer_config.json", files.tokenizer_config)?;
        let sources = Sources {
            tokenizer_config: &config,
            special_tokens_map: &read_object("special_tokens_map.json", files.special_tokens_map)?,
            generation_config: &read_object("generation_config.json", files.generation_config)?,
            config: &read_object("config.json", files.config)?,
        };
        let mut special = sources.resolve(&checked.inner)?;
        // Without any other file the post-processor is all that tells.
        if let (None, None, [bos]) = (special.bos, config.get("bos_token"), checked.prefix.as_slice()) {
            special.bos = Some(*bos);
        }
        let prompt_prefix = prompt_prefix(sources.add_bos()?, special.bos, &checked.prefix)?;
        let chat_template = read_chat_template(files.chat_template, &config)?;
        Ok(Self {
            inner: checked.inner,
            json: files.tokenizer.to_vec(),
            config,
            chat_template,
            special_tokens_map: files.special_tokens_map.map(<[u8]>::to_vec),
            special,
            prompt_prefix,
            around: [checked.prefix, checked.suffix],
            vocab_size: checked.vocab_size,
            byte_fallback: checked.byte_fallback,
        })
    }

    /// Reads a tokenizer from `tokenizer.json` alone: it then knows BOS, where its post-processor puts it, and no EOS.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::from_files`].
    pub fn from_json(tokenizer: &[u8]) -> Result<Self, TokenizerError> {
        Self::from_files(&TokenizerFiles {
            tokenizer,
            ..TokenizerFiles::default()
        })
    }
}
