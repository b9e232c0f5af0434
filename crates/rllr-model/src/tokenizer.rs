//! Text to token ids and back: the only way that the project takes between both.
//!
//! A [`Tokenizer`] wraps the `tokenizers` crate, the reader of `tokenizer.json`, with the same pure Rust regular
//! expressions on both targets.
//! It never starts a thread: it uses none of the crate's functions that would, so programs need to set nothing, in the
//! page neither.
//!
//! **BOS exactly once.** [`Tokenizer::encode_prompt`] removes what the prompt itself begins with, once or repeated, and
//! puts it there once. What it is: the special tokens that the post-processor of `tokenizer.json` puts before a text;
//! `add_bos_token` of `tokenizer_config.json`, where it is set, decides about BOS. A model whose tokenizer puts nothing
//! there (GPT-2, Qwen) gets nothing, and a repeated BOS of the prompt's own is reduced to one.
//! BOS inside a text is the text's own and stays.
//!
//! **EOS exactly once** ends every response that is trained on, whatever the text ends with.
//!
//! **Prompt and response** of a training example are cut into tokens together, by [`Tokenizer::encode_example`], and a
//! rollout's prompt alone: [`Boundary`] tells where that is not the same.

mod error;
mod files;
mod checked;
mod special_tokens;
mod lookup;
mod prompt;
mod batch;
mod stream;
mod export;
mod byte_level;
mod train;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::error::shortened;

pub use batch::{Cut, LengthLimit};
pub use error::TokenizerError;
pub use export::{ConfigDialect, TokenizerFile};
pub use files::TokenizerFiles;
pub use prompt::{Boundary, PreferenceTokens, TokenizedExample};
pub use special_tokens::SpecialTokenIds;
pub use stream::StreamDecoder;
pub use train::{BpeTrainingConfig, BpeTrainingError, Splitting, train_byte_level_bpe};

/// What happens to special tokens when ids become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialTokens {
    /// They appear as text, such as `</s>`.
    Keep,
    /// They are left out.
    Skip,
}

/// One token of a text, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextToken {
    /// Its id.
    pub id: u32,
    /// The token as the vocabulary writes it, such as `Ġword`.
    pub token: String,
    /// Index of its first character in the text.
    pub start: usize,
    /// One more than the index of its last character.
    pub end: usize,
}

/// Two texts in one row, as classifiers with two inputs read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairTokens {
    /// Token ids with special tokens.
    pub ids: Vec<u32>,
    /// Which text a token belongs to: 0 or 1, as the post-processor says.
    pub type_ids: Vec<u32>,
}

/// Text to ids and back. See the [module](self).
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// `tokenizer.json` as it was read or made: what is written out again.
    json: Vec<u8>,
    /// `tokenizer_config.json` as it was read; empty when there was none.
    config: Map<String, Value>,
    chat_template: Option<String>,
    /// `special_tokens_map.json` as it was read.
    special_tokens_map: Option<Vec<u8>>,
    special: SpecialTokenIds,
    /// What a prompt begins with, BOS mostly.
    prompt_prefix: Vec<u32>,
    /// What the post-processor puts around a single text.
    around: [Vec<u32>; 2],
    vocab_size: usize,
    byte_fallback: bool,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size)
            .field("special", &self.special)
            .field("prompt_prefix", &self.prompt_prefix)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Ids of a text, without special tokens around it. Special tokens inside the text become their ids.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Encode`] for a text with characters that the vocabulary has no token for, not even an unknown.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        Ok(self
            .pipeline(text, tokenizers::OffsetType::None)?
            .get_ids()
            .to_vec())
    }

    /// Ids of a text with the special tokens that the tokenizer itself puts around one: what `tokenizer(text)` gives
    /// in transformers. Prompts are the business of [`Tokenizer::encode_prompt`].
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode`].
    pub fn encode_with_special_tokens(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let [prefix, suffix] = &self.around;
        Ok([prefix, self.encode(text)?.as_slice(), suffix].concat())
    }

    /// Two texts with the special tokens around them.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode`].
    pub fn encode_pair(&self, text: &str, pair: &str) -> Result<PairTokens, TokenizerError> {
        // The crate's fast form forgets the types.
        let encoding = self
            .inner
            .encode((text, pair), true)
            .map_err(|error| encode_error(text, &error))?;
        Ok(PairTokens {
            ids: encoding.get_ids().to_vec(),
            type_ids: encoding.get_type_ids().to_vec(),
        })
    }

    /// The tokens of a text, without special tokens around it, and where they come from.
    ///
    /// The places are those that transformers gives: where the post-processor says `trim_offsets`, the white space of
    /// a token does not count.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::encode`].
    pub fn text_tokens(&self, text: &str) -> Result<Vec<TextToken>, TokenizerError> {
        let encoding = self
            .inner
            .encode_char_offsets(text, false)
            .map_err(|error| encode_error(text, &error))?;
        let tokens = encoding
            .get_ids()
            .iter()
            .zip(encoding.get_tokens())
            .zip(encoding.get_offsets());
        Ok(tokens
            .map(|((&id, token), &(start, end))| TextToken {
                id,
                token: token.clone(),
                start,
                end,
            })
            .collect())
    }

    /// Text of ids.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::UnknownId`] for an id without a token: a model with a padded vocabulary must not sample one.
    pub fn decode(&self, ids: &[u32], special_tokens: SpecialTokens) -> Result<String, TokenizerError> {
        let mut tokens = Vec::with_capacity(ids.len());
        for (position, &id) in ids.iter().enumerate() {
            if special_tokens == SpecialTokens::Skip && self.is_special(id) {
                continue;
            }
            // Of an added token the form that the normaliser gives it: the decoder undoes that too.
            tokens.push(self.inner.id_to_token(id).ok_or(TokenizerError::UnknownId {
                position,
                found: id,
                vocab_size: self.vocab_size,
            })?);
        }
        // The crate's decoders expect a token.
        if tokens.is_empty() {
            return Ok(String::new());
        }
        match self.inner.get_decoder() {
            Some(decoder) => {
                use tokenizers::Decoder as _;
                decoder.decode(tokens).map_err(|error| TokenizerError::Decode {
                    count: ids.len(),
                    reason: error.to_string(),
                })
            }
            None => Ok(tokens.join(" ")),
        }
    }

    /// A decoder for ids that arrive one by one.
    #[must_use]
    pub fn stream_decoder(&self, special_tokens: SpecialTokens) -> StreamDecoder<'_> {
        StreamDecoder::new(self, special_tokens)
    }

    /// Gives the words that a text is cut into before they are cut into tokens. Special tokens are none.
    fn for_each_word(&self, text: &str, mut each: impl FnMut(&str)) -> Result<(), TokenizerError> {
        let parts = self.words(text).map_err(|error| encode_error(text, &error))?;
        let splits = parts.get_splits(
            tokenizers::OffsetReferential::Normalized,
            tokenizers::OffsetType::None,
        );
        for (word, _, tokens) in splits {
            if tokens.is_none() {
                each(word);
            }
        }
        Ok(())
    }

    /// The crate's steps up to the words.
    fn words(&self, text: &str) -> tokenizers::Result<tokenizers::PreTokenizedString> {
        use tokenizers::PreTokenizer as _;
        let added = self.inner.get_added_vocabulary();
        let mut parts = added.extract_and_normalize(self.inner.get_normalizer(), text);
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut parts)?;
        }
        Ok(parts)
    }

    /// The crate's steps up to the ids, without the post-processor: it may trim places and adds nothing here.
    fn pipeline(
        &self,
        text: &str,
        offsets: tokenizers::OffsetType,
    ) -> Result<tokenizers::Encoding, TokenizerError> {
        use tokenizers::Model as _;
        let encode = || {
            let mut parts = self.words(text)?;
            parts.tokenize(|part| self.inner.get_model().tokenize(part.get()))?;
            parts.into_encoding(None, 0, offsets)
        };
        encode().map_err(|error| encode_error(text, &error))
    }
}

fn encode_error(text: &str, error: &dyn std::fmt::Display) -> TokenizerError {
    TokenizerError::Encode {
        text: shortened(text),
        reason: error.to_string(),
    }
}
