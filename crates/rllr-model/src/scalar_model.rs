//! A decoder that gives one number: reward models and value models.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData, Transaction};
use rand::Rng;

use crate::CausalLm;
use crate::config::Architecture;
use crate::decoder::Decoder;
use crate::initial_weights::standard_normal;
use crate::lora::LoraAdapter;
use crate::{DecoderInput, HostTensor, TokenBatch, Weights, WeightsError};

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

    /// The same decoder with another head, such as one that was trained beside an adapter.
    #[must_use]
    pub fn with_head(self, head: ScalarHead) -> Self {
        Self { head, ..self }
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
        let weight = (0..d_model)
            .map(|_| (standard_deviation * standard_normal(rng)) as f32)
            .collect();
        Self::from_data(weight, None, device)
    }

    /// A head of `d_model` numbers, and perhaps a bias.
    pub(crate) fn from_data(weight: Vec<f32>, bias: Option<f32>, device: &Device) -> Self {
        let d_model = weight.len();
        Self {
            score: Linear {
                weight: Param::from_data(TensorData::new(weight, [d_model, 1]), device),
                bias: bias.map(|bias| Param::from_data([bias], device)),
            },
        }
    }

    /// Takes a value head in TRL's names out of the tensors of a file: `v_head.summary.weight`, `[1, d_model]`, and, if
    /// it is there, `v_head.summary.bias`, `[1]`. What is left in `weights` is the language model.
    ///
    /// Source: `AutoModelForCausalLMWithValueHead` in TRL 0.7.2; the checkpoints of the RLLR authors look so.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] when the weight is missing or has another shape; `weights` is then unchanged.
    pub fn take_value_head(
        weights: &mut Weights,
        d_model: usize,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let weight = numbers(weights, VALUE_HEAD_WEIGHT, &[1, d_model])?;
        let bias = if weights.0.contains_key(VALUE_HEAD_BIAS) {
            numbers(weights, VALUE_HEAD_BIAS, &[1])?.first().copied()
        } else {
            None
        };
        weights.0.remove(VALUE_HEAD_WEIGHT);
        weights.0.remove(VALUE_HEAD_BIAS);
        Ok(Self::from_data(weight, bias, device))
    }

    /// The head as a value head in TRL's names; see [`ScalarHead::take_value_head`].
    ///
    /// # Errors
    ///
    /// [`WeightsError::Device`] when the device cannot be read.
    pub async fn to_value_head(&self) -> Result<Weights, WeightsError> {
        let HeadWeights { weight, bias } = self.weights().await?;
        let mut weights = Weights::default();
        weights.0.insert(VALUE_HEAD_WEIGHT.to_owned(), weight);
        if let Some(bias) = bias {
            weights.0.insert(VALUE_HEAD_BIAS.to_owned(), bias);
        }
        Ok(weights)
    }

    /// Copies the head to the host, in the layout of files.
    pub(crate) async fn weights(&self) -> Result<HeadWeights, WeightsError> {
        let Linear { weight, bias } = &self.score;
        let mut transaction = Transaction::default().register(weight.val().inner().transpose());
        if let Some(bias) = bias {
            transaction = transaction.register(bias.val().inner());
        }
        let data = transaction.execute_async().await.map_err(WeightsError::Device)?;
        let mut tensors = data.into_iter().map(|data| HostTensor {
            shape: data.shape().to_vec(),
            data: data.iter::<f32>().collect(),
        });
        Ok(HeadWeights {
            weight: tensors.next().expect("the weight was registered first"),
            bias: tensors.next(),
        })
    }

    /// Whether a bias is added.
    #[must_use]
    pub fn has_bias(&self) -> bool {
        self.score.bias.is_some()
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

/// A head on the host.
pub(crate) struct HeadWeights {
    /// `[1, d_model]`.
    pub(crate) weight: HostTensor,
    /// `[1]`.
    pub(crate) bias: Option<HostTensor>,
}

const VALUE_HEAD_WEIGHT: &str = "v_head.summary.weight";
const VALUE_HEAD_BIAS: &str = "v_head.summary.bias";

/// The numbers of a tensor of the expected shape.
fn numbers(weights: &Weights, name: &str, expected: &[usize]) -> Result<Vec<f32>, WeightsError> {
    match weights.0.get(name) {
        None => Err(WeightsError::Missing {
            name: name.to_owned(),
            expected: expected.to_vec(),
        }),
        Some(tensor) if tensor.shape != expected => Err(WeightsError::Shape {
            name: name.to_owned(),
            found: tensor.shape.clone(),
            expected: expected.to_vec(),
        }),
        Some(tensor) => Ok(tensor.data.clone()),
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

#[cfg(test)]
mod tests;
