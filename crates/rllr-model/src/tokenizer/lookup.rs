//! What ids there are, and what they stand for.

use super::error::{TokenizerError, shortened};
use super::{SpecialTokenIds, Tokenizer};

impl Tokenizer {
    /// Ids of each word with its leading space, as they stand behind a text: for the words of a label set.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::NoOwnTokens`] for a word that melts into what is before it.
    pub fn word_ids(&self, words: &[&str]) -> Result<Vec<Vec<u32>>, TokenizerError> {
        words
            .iter()
            .map(|word| self.continuation_ids("Label:", &format!(" {word}")))
            .collect()
    }

    /// Ids of a text that continues another one, as they stand behind it.
    ///
    /// A tokenizer that marks the begin of a text (SentencePiece) gives other ids for the text alone.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::NoOwnTokens`] when the context's own tokens change by it.
    pub fn continuation_ids(&self, context: &str, continuation: &str) -> Result<Vec<u32>, TokenizerError> {
        let before = self.encode(context)?;
        let mut both = self.encode(&format!("{context}{continuation}"))?;
        if !both.starts_with(&before) {
            return Err(TokenizerError::NoOwnTokens {
                word: shortened(continuation),
                context: shortened(context),
            });
        }
        Ok(both.split_off(before.len()))
    }

    /// One more than the largest id, added tokens included: the least `vocab_size` of a model.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Checks that a model has all ids of this tokenizer. It may have more: vocabularies are padded.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::VocabularyTooLarge`] with the token of the largest id.
    pub fn check_fits(&self, model_vocab_size: usize) -> Result<(), TokenizerError> {
        if self.vocab_size <= model_vocab_size {
            return Ok(());
        }
        let id = u32::try_from(self.vocab_size - 1).unwrap_or(u32::MAX);
        Err(TokenizerError::VocabularyTooLarge {
            token: self.token(id).unwrap_or_default(),
            id,
            model_vocab_size,
        })
    }

    /// Ids of BOS, EOS and PAD, and all that end a generation.
    #[must_use]
    pub fn special_token_ids(&self) -> &SpecialTokenIds {
        &self.special
    }

    /// The id of EOS.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::NoSpecialToken`] when no file names one.
    pub fn eos_id(&self) -> Result<u32, TokenizerError> {
        self.special.eos.ok_or(TokenizerError::NoSpecialToken {
            role: "EOS",
            key: "eos_token",
        })
    }

    /// The id of a token, as the vocabulary writes it.
    #[must_use]
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The token of an id, as the vocabulary writes it; `None` where the vocabulary has a hole or ends.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<String> {
        match self.added_token(id) {
            Some(added) => Some(added.content.clone()),
            None => self.inner.id_to_token(id),
        }
    }

    /// Whether an id's token is special: left out by [`SpecialTokens::Skip`](super::SpecialTokens::Skip).
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        self.added_token(id).is_some_and(|added| added.special)
    }

    fn added_token(&self, id: u32) -> Option<&tokenizers::AddedToken> {
        self.inner
            .get_added_vocabulary()
            .get_added_tokens_decoder()
            .get(&id)
    }
}
