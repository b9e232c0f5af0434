//! A decoder that gives one number: reward models and value models.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::Rng;

use crate::CausalLm;
use crate::config::Architecture;
use crate::decoder::Decoder;
use crate::initial_weights::standard_normal;
use crate::lora::LoraAdapter;
use crate::{DecoderInput, TokenBatch};

/// A decoder with a scalar head: transformers' `…ForSequenceClassification` with one label.
#[derive(Module, Debug)]
pub struct ScalarModel {
    pub(crate) model: Decoder,
    pub(crate) head: ScalarHead,
    #[module(skip)]
    pub(crate) architecture: Architecture,
}

/// The layer that makes one number of a hidden state.
#[derive(Module, Debug)]
pub struct ScalarHead {
    pub(crate) score: Linear,
}

/// How a new scalar head begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadInitialization {
    /// From N(0, σ²) with `σ = 1 / √(d_model + 1)`; reward models of Stiennon et al. 2020 (arXiv 2009.01325).
    Normal,
    /// From N(0, σ²) with `σ = 1 / (d_model + 1)`; OpenRLHF 0.11.
    Small,
    /// All zero: every value is 0 at the start; value models.
    Zero,
}

impl ScalarModel {
    /// Puts a head on the decoder of a language model; the output layer is dropped.
    #[must_use]
    pub fn new(lm: CausalLm, head: ScalarHead) -> Self {
        Self {
            model: lm.model,
            head,
            architecture: lm.architecture,
        }
    }

    /// One number a token, `[batch, seq_len]`; those of padding are arbitrary.
    #[must_use]
    pub fn values(&self, input: &DecoderInput) -> Tensor<2> {
        self.head.values(self.model.forward(input, None))
    }

    /// One number a row, read at its last token that is not padding, `[batch]`.
    #[must_use]
    pub fn scores(&self, input: &DecoderInput, batch: &TokenBatch) -> Tensor<1> {
        last_values(self.values(input), batch)
    }

    /// The decoder below the head.
    #[must_use]
    pub fn decoder(&self) -> &Decoder {
        &self.model
    }

    /// The head.
    #[must_use]
    pub fn head(&self) -> &ScalarHead {
        &self.head
    }
}

impl ScalarHead {
    /// A new head without bias, drawn on the host.
    #[must_use]
    pub fn new(
        d_model: usize,
        initialization: HeadInitialization,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Self {
        let standard_deviation = match initialization {
            HeadInitialization::Normal => 1.0 / ((d_model + 1) as f64).sqrt(),
            HeadInitialization::Small => 1.0 / (d_model + 1) as f64,
            HeadInitialization::Zero => 0.0,
        };
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let weight: Vec<f32> = (0..d_model)
            .map(|_| (standard_deviation * standard_normal(rng)) as f32)
            .collect();
        Self {
            score: Linear {
                weight: Param::from_data(TensorData::new(weight, [d_model, 1]), device),
                bias: None,
            },
        }
    }

    /// A head that is this layer, `[d_model, 1]`, with or without a bias.
    #[must_use]
    pub fn from_layer(score: Linear) -> Self {
        let [_, numbers] = score.weight.dims();
        assert_eq!(numbers, 1, "a scalar head gives one number");
        Self { score }
    }

    /// The layer, `[d_model, 1]`.
    #[must_use]
    pub fn layer(&self) -> &Linear {
        &self.score
    }

    /// `[batch, seq_len, d_model]` -> `[batch, seq_len]`.
    #[must_use]
    pub fn values(&self, hidden: Tensor<3>) -> Tensor<2> {
        self.score.forward(hidden).squeeze_dim(2)
    }

    /// One number a token of a shared model as seen through an adapter, `[batch, seq_len]`.
    #[must_use]
    pub fn adapted_values(
        &self,
        decoder: &Decoder,
        adapter: Option<&LoraAdapter>,
        input: &DecoderInput,
    ) -> Tensor<2> {
        self.values(decoder.forward(input, adapter))
    }
}

/// The value at each row's last token that is not padding: `[batch, seq_len]` -> `[batch]`.
///
/// Found by the mask, never by a token's id: an answer may contain the padding id.
#[must_use]
pub fn last_values(values: Tensor<2>, batch: &TokenBatch) -> Tensor<1> {
    let [rows, seq_len] = batch.dims();
    assert_eq!(
        values.dims(),
        [rows, seq_len],
        "one value for each token of the batch"
    );
    let columns = TensorData::new(batch.last_columns(), [rows, 1]);
    let columns = Tensor::<2, Int>::from_data(columns, &values.device());
    values.gather(1, columns).squeeze_dim(1)
}
