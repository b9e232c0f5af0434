//! One answer, shown while it is written.

use rllr_model::tokenizer::{SpecialTokens, StreamDecoder};
use rllr_model::{AdaptedLm, Generating, Uniforms};

use super::{Answering, AnsweringError, Prediction, Question, Response};

/// An answer that is being written. Whoever holds it pulls token after token, and may stop at any time.
///
/// The tokens are those of [`Answering::step`] in generate mode, whatever the mode.
pub struct Streaming<'a> {
    answering: &'a Answering<'a>,
    question: &'a Question<'a>,
    generating: Generating,
    decoder: StreamDecoder<'a>,
    tokens: Vec<u32>,
}

impl<'a> Answering<'a> {
    /// Begins to answer one example; it counts neither as answered nor in the progress.
    ///
    /// - `place`: index of the example
    ///
    /// # Errors
    ///
    /// [`AnsweringError`] when the model cannot answer.
    ///
    /// # Panics
    ///
    /// When there is no such example.
    pub fn stream(&'a self, lm: AdaptedLm<'_>, place: usize) -> Result<Streaming<'a>, AnsweringError> {
        let question = self.question(place);
        let generating = lm.start_generation(
            &[&question.prompt[..]],
            &self.generation_config(),
            &Uniforms::none(1),
        )?;
        Ok(Streaming {
            answering: self,
            question,
            generating,
            decoder: self.tokenizer.stream_decoder(SpecialTokens::Skip),
            tokens: Vec::new(),
        })
    }
}

impl Streaming<'_> {
    /// Writes one token and returns the text that is complete now, often nothing; `None` when the answer has ended.
    ///
    /// # Errors
    ///
    /// [`AnsweringError`] when the device fails.
    pub async fn next(&mut self) -> Result<Option<String>, AnsweringError> {
        let Some(new) = self.generating.next_tokens().await? else {
            return Ok(None);
        };
        let mut text = String::new();
        for id in new.into_iter().flatten() {
            self.tokens.push(id);
            text.push_str(&self.decoder.push(id)?);
        }
        Ok(Some(text))
    }

    /// Tokens so far.
    #[must_use]
    pub fn new_tokens(&self) -> usize {
        self.tokens.len()
    }

    /// What was answered so far, as a prediction.
    ///
    /// # Errors
    ///
    /// [`AnsweringError::Tokenizer`] when the tokens are no text.
    pub fn finish(self) -> Result<Prediction, AnsweringError> {
        let Self {
            answering,
            question,
            tokens,
            ..
        } = self;
        let text = answering.tokenizer.decode(&tokens, SpecialTokens::Skip)?;
        let response = Response {
            text,
            label_probs: None,
        };
        Ok(answering.judge(question, response))
    }
}
