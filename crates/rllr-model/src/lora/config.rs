//! Settings of an adapter, under PEFT's names.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::WeightsError;
use crate::config::Architecture;

/// Settings of an adapter. Field names are those of PEFT's `adapter_config.json`.
///
/// The defaults are those of the RLLR paper's scripts for Llama 2 and Mistral; see [`LoraConfig::of_the_paper`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraConfig {
    /// Rank of the matrices. Default 16.
    pub r: usize,
    /// What an adapter adds is multiplied by `lora_alpha / r`. Default 32.
    pub lora_alpha: f64,
    /// Share of an adapted layer's input that is dropped in training; see
    /// [`LoraAdapter::with_dropout`](crate::LoraAdapter::with_dropout). Default 0.1.
    pub lora_dropout: f64,
    /// Multiply by `lora_alpha / √r` instead; Kalajdzievski 2023 (arXiv 2312.03732). Default false.
    pub use_rslora: bool,
    /// Which linear layers are adapted. Default `q_proj` and `v_proj`.
    pub target_modules: TargetModules,
}

/// Which linear layers are adapted. In files a list of names, or the word `all-linear`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenTargets", into = "WrittenTargets")]
pub enum TargetModules {
    /// Every linear layer of every block; not the output layer.
    AllLinear,
    /// The layers whose name, or the end of it from a dot on, is one of these.
    Named(BTreeSet<String>),
}

/// [`TargetModules`] in a file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenTargets {
    Word(String),
    List(BTreeSet<String>),
}

/// The word for every linear layer.
const ALL_LINEAR: &str = "all-linear";

/// Largest rank that is believed.
const MAX_RANK: usize = 1 << 16;

/// What is wrong with an adapter.
#[derive(Debug, thiserror::Error)]
pub enum LoraError {
    /// Not the JSON that was expected.
    #[error("adapter_config.json is not a readable adapter configuration: {0}")]
    Json(#[from] serde_json::Error),
    /// A value that a setting cannot have.
    #[error("{field} of the adapter is {found}, expected {expected}")]
    Value {
        /// The setting.
        field: &'static str,
        /// What it is.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// Targets that the model does not have.
    #[error("the model has no linear layers {names:?} in its blocks; it has {available:?}")]
    UnknownTargets {
        /// The targets that were not found.
        names: Vec<String>,
        /// What could be adapted.
        available: Vec<String>,
    },
    /// A setting of the file that changes what an adapter computes, in a way that is not known here.
    #[error("adapter_config.json: {key} is {found}, which is not supported; expected {expected}")]
    Unsupported {
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// Something is wrong with the tensors.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            r: 16,
            lora_alpha: 32.0,
            lora_dropout: 0.1,
            use_rslora: false,
            target_modules: TargetModules::named(["q_proj", "v_proj"]),
        }
    }
}

impl LoraConfig {
    /// What the scripts of the RLLR paper (arXiv 2405.19763) adapt in models of this family: queries and values, or the
    /// one matrix that makes them; otherwise the defaults.
    ///
    /// The paper has Llama 2, Mistral and BLOOM; the other families here follow Llama.
    #[must_use]
    pub fn of_the_paper(architecture: Architecture) -> Self {
        let target_modules = if architecture.fuses_qkv() {
            TargetModules::named(["query_key_value"])
        } else {
            TargetModules::named(["q_proj", "v_proj"])
        };
        Self {
            target_modules,
            ..Self::default()
        }
    }

    /// What an adapter adds is multiplied by this: `lora_alpha / r`, or `lora_alpha / √r` with `use_rslora`.
    #[must_use]
    pub fn scale(&self) -> f64 {
        let rank = self.r as f64;
        if self.use_rslora {
            self.lora_alpha / libm::sqrt(rank)
        } else {
            self.lora_alpha / rank
        }
    }

    /// Checks every setting by itself.
    ///
    /// # Errors
    ///
    /// [`LoraError::Value`] naming the first one that cannot be.
    pub fn validate(&self) -> Result<(), LoraError> {
        let error = |field, found: String, expected: String| LoraError::Value {
            field,
            found,
            expected,
        };
        if self.r == 0 || self.r > MAX_RANK {
            return Err(error("r", self.r.to_string(), format!("1 to {MAX_RANK}")));
        }
        if !(self.lora_alpha.is_finite() && self.lora_alpha > 0.0) {
            let expected = "a finite number above 0".to_owned();
            return Err(error("lora_alpha", self.lora_alpha.to_string(), expected));
        }
        if !(0.0..1.0).contains(&self.lora_dropout) {
            let expected = "at least 0 and below 1".to_owned();
            return Err(error("lora_dropout", self.lora_dropout.to_string(), expected));
        }
        if matches!(&self.target_modules, TargetModules::Named(names) if names.is_empty()) {
            let expected = "a list of names, or all-linear".to_owned();
            return Err(error("target_modules", "an empty list".to_owned(), expected));
        }
        Ok(())
    }
}

impl TargetModules {
    /// The layers of these names.
    #[must_use]
    pub fn named<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Named(names.into_iter().map(Into::into).collect())
    }
}

impl TryFrom<WrittenTargets> for TargetModules {
    type Error = String;

    fn try_from(written: WrittenTargets) -> Result<Self, Self::Error> {
        match written {
            WrittenTargets::List(names) => Ok(Self::Named(names)),
            WrittenTargets::Word(word) if word == ALL_LINEAR => Ok(Self::AllLinear),
            WrittenTargets::Word(word) => Err(format!(
                "target_modules is {word:?}, expected a list of names, or {ALL_LINEAR:?}"
            )),
        }
    }
}

impl From<TargetModules> for WrittenTargets {
    fn from(targets: TargetModules) -> Self {
        match targets {
            TargetModules::AllLinear => Self::Word(ALL_LINEAR.to_owned()),
            TargetModules::Named(names) => Self::List(names),
        }
    }
}
