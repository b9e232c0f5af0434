//! The language model: a decoder with an output layer.

use std::ops::Range;
#[cfg(feature = "flex")]
use std::sync::Arc;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::module::linear;
use burn::tensor::{FloatDType, Tensor};

#[cfg(feature = "flex")]
use crate::by_hand::panels::Panels;
use crate::config::Architecture;
use crate::decoder::Decoder;
use crate::lora::LoraAdapter;
use crate::{CacheFull, DecoderInput, KvCache};

/// A causal language model: for every token, scores of the token that follows.
#[derive(Module, Debug)]
pub struct CausalLm {
    pub(crate) model: Decoder,
    /// `None` when the output layer is the transposed embedding.
    pub(crate) lm_head: Option<Linear>,
    #[module(skip)]
    pub(crate) architecture: Architecture,
    /// The output layer of a copy for decoding on the CPU.
    #[cfg(feature = "flex")]
    #[module(skip)]
    pub(crate) output_panels: Option<Arc<Panels>>,
}

/// A language model as seen through one of its adapters, or through none.
///
/// What generates and scores takes this, so that one frozen model serves as policy, reference and whatever else.
#[derive(Clone, Copy, Debug)]
pub struct AdaptedLm<'a> {
    model: &'a CausalLm,
    adapter: Option<&'a LoraAdapter>,
}

impl CausalLm {
    /// The model with an adapter switched on.
    #[must_use]
    pub fn with_adapter<'a>(&'a self, adapter: &'a LoraAdapter) -> AdaptedLm<'a> {
        AdaptedLm {
            model: self,
            adapter: Some(adapter),
        }
    }

    /// The model itself.
    #[must_use]
    pub fn without_adapter(&self) -> AdaptedLm<'_> {
        AdaptedLm {
            model: self,
            adapter: None,
        }
    }

    /// Reads all tokens at once.
    ///
    /// # Shapes
    ///
    /// - output: logits, `[batch, seq_len, vocab_size]`; those of a position score the token after it, those of
    ///   padding are arbitrary
    #[must_use]
    pub fn forward(&self, input: &DecoderInput) -> Tensor<3> {
        self.without_adapter().forward(input)
    }

    /// Reads the tokens after those in the cache, and adds them to it.
    ///
    /// # Shapes
    ///
    /// - output: logits of the new tokens, `[batch, seq_len, vocab_size]`
    ///
    /// # Errors
    ///
    /// [`CacheFull`] when they do not fit; the cache is then unchanged.
    pub fn forward_cached(&self, input: &DecoderInput, cache: &mut KvCache) -> Result<Tensor<3>, CacheFull> {
        self.without_adapter().forward_cached(input, cache)
    }

    /// What the output layer reads: `[batch, seq_len, d_model]`.
    ///
    /// For losses that compute the logits themselves, in chunks; [`CausalLm::forward`] gives them all.
    #[must_use]
    pub fn hidden_states(&self, input: &DecoderInput) -> Tensor<3> {
        self.without_adapter().hidden_states(input)
    }

    /// The output layer, `[d_model, vocab_size]`: logits are hidden states times this.
    ///
    /// A matrix that is stored as F16 is converted.
    #[must_use]
    pub fn output_weight(&self) -> Tensor<2> {
        let computed_in = FloatDType::from(self.model.norm.dtype());
        match &self.lm_head {
            Some(lm_head) => lm_head.weight.val().cast(computed_in),
            None => self.model.embed_tokens.weight.val().cast(computed_in).transpose(),
        }
    }

    /// The decoder below the output layer.
    #[must_use]
    pub fn decoder(&self) -> &Decoder {
        &self.model
    }
}

impl<'a> AdaptedLm<'a> {
    pub(crate) fn new(model: &'a CausalLm, adapter: Option<&'a LoraAdapter>) -> Self {
        Self { model, adapter }
    }

    /// See [`CausalLm::forward`].
    #[must_use]
    pub fn forward(self, input: &DecoderInput) -> Tensor<3> {
        self.logits(self.hidden_states(input))
    }

    /// See [`CausalLm::forward_cached`].
    ///
    /// # Errors
    ///
    /// [`CacheFull`] when the tokens do not fit; the cache is then unchanged.
    pub fn forward_cached(self, input: &DecoderInput, cache: &mut KvCache) -> Result<Tensor<3>, CacheFull> {
        Ok(self.logits(self.hidden_states_cached(input, cache)?))
    }

    /// See [`CausalLm::hidden_states`].
    #[must_use]
    pub fn hidden_states(self, input: &DecoderInput) -> Tensor<3> {
        self.model.model.forward(input, self.adapter)
    }

    /// Some neighbouring columns of [`AdaptedLm::hidden_states`], `[batch, columns, d_model]`; see
    /// [`Decoder::forward_columns`].
    #[must_use]
    pub fn hidden_columns(self, input: &DecoderInput, columns: Range<usize>) -> Tensor<3> {
        self.model.model.forward_columns(input, self.adapter, columns)
    }

    /// What the output layer reads for the tokens after those in the cache, `[batch, seq_len, d_model]`.
    ///
    /// # Errors
    ///
    /// [`CacheFull`] when the tokens do not fit; the cache is then unchanged.
    pub fn hidden_states_cached(
        self,
        input: &DecoderInput,
        cache: &mut KvCache,
    ) -> Result<Tensor<3>, CacheFull> {
        self.model.model.forward_cached(input, cache, self.adapter)
    }

    /// The last column of [`AdaptedLm::hidden_states_cached`], `[batch, 1, d_model]`.
    ///
    /// Of a prompt no other column's logits are needed, and the output layer is the dearest one.
    ///
    /// # Errors
    ///
    /// [`CacheFull`] when the tokens do not fit; the cache is then unchanged.
    pub(crate) fn last_hidden_state_cached(
        self,
        input: &DecoderInput,
        cache: &mut KvCache,
    ) -> Result<Tensor<3>, CacheFull> {
        let decoder = &self.model.model;
        let [_, seq_len] = input.tokens.dims();
        let pass = decoder.pass(input, self.adapter);
        decoder.read(input.tokens.clone(), seq_len - 1..seq_len, &pass, cache)
    }

    /// The output layer, `[batch, seq_len, d_model]` -> `[batch, seq_len, vocab_size]`.
    #[must_use]
    pub fn logits(self, hidden: Tensor<3>) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let Some(panels) = &self.model.output_panels
            && panels.suit(&hidden)
        {
            return panels.product(hidden);
        }
        linear(hidden, self.model.output_weight(), None)
    }

    /// The model below the adapter.
    #[must_use]
    pub fn base(self) -> &'a CausalLm {
        self.model
    }

    /// The adapter, if one is on.
    #[must_use]
    pub fn adapter(self) -> Option<&'a LoraAdapter> {
        self.adapter
    }
}
