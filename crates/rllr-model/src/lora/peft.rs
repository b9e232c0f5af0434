//! Adapters in PEFT's files.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData, Transaction};

use super::peft_config::PeftConfig;
use super::{LoraAdapter, LoraConfig, LoraError, TargetModules, peft_names};
use crate::scalar_model::ScalarHead;
use crate::tensor_shapes::file_name;
use crate::{CausalLmConfig, HostTensor, Weights, WeightsError};

/// What one directory of PEFT holds: an adapter, and for a reward model its head.
///
/// A policy's adapter goes without a head: vLLM and llama.cpp refuse adapters with other tensors than those of the
/// low-rank matrices. A value head belongs in a file of its own, [`ScalarHead::to_value_head`].
#[derive(Clone, Debug)]
pub struct PeftAdapter {
    /// The adapter.
    pub adapter: LoraAdapter,
    /// The score head of a reward model.
    pub head: Option<ScalarHead>,
    /// `base_model_name_or_path`: where the adapted model came from. vLLM and PEFT's `AutoPeftModel` need it.
    pub base_model: Option<String>,
}

/// The two files of such a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeftFiles {
    /// `adapter_config.json`.
    pub config: String,
    /// `adapter_model.safetensors`.
    pub weights: Vec<u8>,
}

/// The head's tensor, `[1, d_model]`.
const HEAD_NAME: &str = "base_model.model.score.weight";

impl PeftAdapter {
    /// Reads `adapter_config.json` and `adapter_model.safetensors`, of PEFT 0.4 to 0.21.
    ///
    /// - `model`: the configuration of the model that is adapted
    /// - `device`: the model's device, with autodiff when the adapter is to be trained
    ///
    /// # Errors
    ///
    /// [`LoraError`] when a file is damaged, does not fit the model, or asks for something that is not known here:
    /// DoRA, biases, ranks by pattern, or any other setting that changes what the adapter computes.
    pub fn from_files(
        config: &str,
        weights: &[u8],
        model: &CausalLmConfig,
        device: &Device,
    ) -> Result<Self, LoraError> {
        let PeftConfig {
            lora,
            base_model,
            saves_head,
        } = PeftConfig::read(config)?;
        let mut unread = Weights::from_safetensors(weights)?.0;
        let rank = lora.r;
        let adapter = LoraAdapter::build(&lora, model, |layer, target| {
            let [a_name, b_name] = peft_names(model.architecture, layer, &target.path);
            let lora_a = take_transposed(&mut unread, a_name, [target.d_in, rank], device)?;
            let lora_b = take_transposed(&mut unread, b_name, [rank, target.d_out], device)?;
            Ok((lora_a, lora_b))
        })?;
        let head = if saves_head {
            let weight = take(&mut unread, HEAD_NAME.to_owned(), &[1, model.hidden_size])?;
            Some(ScalarHead::from_data(weight.data, None, device))
        } else {
            None
        };
        if !unread.is_empty() {
            return Err(WeightsError::Unexpected {
                names: unread.into_keys().collect(),
            }
            .into());
        }
        Ok(Self {
            adapter,
            head,
            base_model,
        })
    }

    /// Writes the two files, with which `peft` loads the same adapter.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Device`], as a [`LoraError`], when the device cannot be read.
    pub async fn to_files(&self) -> Result<PeftFiles, LoraError> {
        let Self {
            adapter,
            head,
            base_model,
        } = self;
        // PEFT writes the layers' names where `all-linear` was said, and not every reader knows the word.
        let target_modules = match &adapter.config.target_modules {
            TargetModules::AllLinear => adapter.short_names(),
            named @ TargetModules::Named(_) => named.clone(),
        };
        let config = PeftConfig {
            lora: LoraConfig {
                target_modules,
                ..adapter.config.clone()
            },
            base_model: base_model.clone(),
            saves_head: head.is_some(),
        };
        let mut weights = adapter.weights().await?;
        if let Some(head) = head {
            let weight = head.weights().await?.weight;
            weights.0.insert(HEAD_NAME.to_owned(), weight);
        }
        Ok(PeftFiles {
            config: config.write()?,
            weights: weights.to_safetensors()?,
        })
    }
}

impl LoraAdapter {
    /// What a file calls the adapted layers, without the parts before the last dot.
    fn short_names(&self) -> TargetModules {
        let paths = self.layers.iter().flat_map(|layer| &layer.targets);
        TargetModules::named(paths.map(|path| {
            let name = file_name(self.architecture, path);
            name.rsplit('.').next().unwrap_or_default().to_owned()
        }))
    }

    /// Copies all matrices to the host, under PEFT's names and as in its files, `[out, in]`.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Device`] when the device cannot be read.
    pub async fn weights(&self) -> Result<Weights, WeightsError> {
        let mut transaction = Transaction::default();
        for pair in self.layers.iter().flat_map(|layer| &layer.pairs) {
            for matrix in [&pair.lora_a, &pair.lora_b] {
                transaction = transaction.register(matrix.val().inner().transpose());
            }
        }
        let data = transaction.execute_async().await.map_err(WeightsError::Device)?;
        let tensor = |data: TensorData| HostTensor {
            shape: data.shape().to_vec(),
            data: data.iter::<f32>().collect(),
        };
        let named = self.file_names().into_iter().zip(data.into_iter().map(tensor));
        Ok(Weights(named.collect()))
    }
}

fn take(
    unread: &mut BTreeMap<String, HostTensor>,
    name: String,
    expected: &[usize],
) -> Result<HostTensor, WeightsError> {
    match unread.remove(&name) {
        None => Err(WeightsError::Missing {
            name,
            expected: expected.to_vec(),
        }),
        Some(tensor) if tensor.shape != expected => Err(WeightsError::Shape {
            name,
            found: tensor.shape,
            expected: expected.to_vec(),
        }),
        Some(tensor) => Ok(tensor),
    }
}

/// A parameter of shape `[d_in, d_out]`, whose tensor in the file is `[d_out, d_in]`.
fn take_transposed(
    unread: &mut BTreeMap<String, HostTensor>,
    name: String,
    [d_in, d_out]: [usize; 2],
    device: &Device,
) -> Result<Param<Tensor<2>>, WeightsError> {
    let stored = take(unread, name, &[d_out, d_in])?.data;
    let data: Vec<f32> = (0..d_in)
        .flat_map(|column| (0..d_out).map(move |row| (row, column)))
        .map(|(row, column)| stored[row * d_in + column])
        .collect();
    Ok(Param::from_data(TensorData::new(data, [d_in, d_out]), device))
}

#[cfg(test)]
mod tests;
