//! PEFT's `adapter_config.json`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{LoraConfig, LoraError, TargetModules};

/// What an adapter's file says beside its tensors.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PeftConfig {
    pub(super) lora: LoraConfig,
    /// Where the adapted model came from.
    pub(super) base_model: Option<String>,
    /// Whether the file holds a score head too.
    pub(super) saves_head: bool,
}

/// The settings with PEFT's own defaults, which are not those of [`LoraConfig`].
#[derive(Serialize, Deserialize)]
struct LoraKeys {
    #[serde(default = "eight")]
    r: usize,
    #[serde(default = "eight_times")]
    lora_alpha: f64,
    #[serde(default)]
    lora_dropout: f64,
    #[serde(default)]
    use_rslora: bool,
    target_modules: TargetModules,
}

fn eight() -> usize {
    8
}

fn eight_times() -> f64 {
    8.0
}

/// Keys that say how an adapter came about, but do not change what it computes.
const HISTORY: [&str; 17] = [
    "r",
    "lora_alpha",
    "lora_dropout",
    "use_rslora",
    "target_modules",
    "base_model_name_or_path",
    "revision",
    "auto_mapping",
    "inference_mode",
    "peft_version",
    "megatron_core",
    "qalora_group_size",
    "loftq_config",
    "eva_config",
    "corda_config",
    "lora_ga_config",
    "runtime_config",
];

/// Initialisations that leave the model as it was. Others (`pissa`, `olora`, `loftq`, `corda`, `lora_ga`) change it, and
/// their adapters fit only the changed model.
const HARMLESS_INITIALIZATIONS: [&str; 4] = ["gaussian", "eva", "orthogonal", "true"];

/// Names of a sequence classifier's head.
const HEADS: [&str; 2] = ["classifier", "score"];

impl PeftConfig {
    /// Reads PEFT's file; keys as in PEFT 0.21 and before.
    ///
    /// # Errors
    ///
    /// [`LoraError::Unsupported`] for a setting that changes what the adapter computes and is not known here.
    pub(super) fn read(text: &str) -> Result<Self, LoraError> {
        let map: Map<String, Value> = serde_json::from_str(text)?;
        let mut saves_head = false;
        for (key, value) in &map {
            let expected = match key.as_str() {
                "peft_type" => allowed(value == "LORA", "\"LORA\""),
                "task_type" => {
                    let known = value.is_null() || value == "CAUSAL_LM" || value == "SEQ_CLS";
                    allowed(known, "\"CAUSAL_LM\" or \"SEQ_CLS\"")
                }
                "bias" => allowed(value == "none", "\"none\""),
                "init_lora_weights" => {
                    let harmless =
                        value.is_boolean() || HARMLESS_INITIALIZATIONS.iter().any(|name| value == name);
                    allowed(harmless, "an initialisation that leaves the model as it was")
                }
                "modules_to_save" => {
                    saves_head = !is_off(value);
                    allowed(is_off(value) || names_a_head(value), "null, or the score head")
                }
                key if HISTORY.contains(&key) => None,
                _ => allowed(is_off(value), "nothing"),
            };
            if let Some(expected) = expected {
                return Err(LoraError::Unsupported {
                    key: key.clone(),
                    found: value.to_string().chars().take(80).collect(),
                    expected,
                });
            }
        }
        let base_model = map
            .get("base_model_name_or_path")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let LoraKeys {
            r,
            lora_alpha,
            lora_dropout,
            use_rslora,
            target_modules,
        } = serde_json::from_value(Value::Object(map))?;
        Ok(Self {
            lora: LoraConfig {
                r,
                lora_alpha,
                lora_dropout,
                use_rslora,
                target_modules,
            },
            base_model,
            saves_head,
        })
    }

    /// Writes a file that PEFT 0.4 and later read.
    pub(super) fn write(&self) -> Result<String, LoraError> {
        let Self {
            lora,
            base_model,
            saves_head,
        } = self;
        let (task, saved) = if *saves_head {
            ("SEQ_CLS", json!(HEADS))
        } else {
            ("CAUSAL_LM", Value::Null)
        };
        let config = json!({
            "alpha_pattern": {},
            "auto_mapping": null,
            "base_model_name_or_path": base_model,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "layers_pattern": null,
            "layers_to_transform": null,
            "lora_alpha": whole_if_possible(lora.lora_alpha),
            "lora_dropout": lora.lora_dropout,
            "modules_to_save": saved,
            "peft_type": "LORA",
            "r": lora.r,
            "rank_pattern": {},
            "revision": null,
            "target_modules": lora.target_modules,
            "task_type": task,
            "use_dora": false,
            "use_rslora": lora.use_rslora,
        });
        Ok(serde_json::to_string_pretty(&config)?)
    }
}

/// What was expected, when the value is not allowed.
fn allowed(is_allowed: bool, expected: &'static str) -> Option<&'static str> {
    (!is_allowed).then_some(expected)
}

/// Whether a value switches its setting off.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(entries) => entries.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

fn names_a_head(value: &Value) -> bool {
    let names = value.as_array().map(Vec::as_slice).unwrap_or_default();
    names.iter().all(|name| HEADS.iter().any(|head| name == head))
}

/// PEFT's type of `lora_alpha` is a whole number, and some readers insist.
fn whole_if_possible(alpha: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "compared afterwards: only whole numbers are written so"
    )]
    let whole = alpha as i64;
    if whole as f64 == alpha {
        json!(whole)
    } else {
        json!(alpha)
    }
}
