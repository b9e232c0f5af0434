//! Golden files: numbers of reference programs, in the layout of `tests/golden/README.md`.

mod ppo;
pub mod supervised;

pub use ppo::{PpoFiles, ppo_cases};

/// The files of one training case, read from disk natively and built in on wasm.
pub struct TrainStepFiles {
    /// Name of the case's folder.
    pub name: String,
    /// `trace.json`.
    pub trace: String,
    /// `initial.safetensors`.
    pub initial: Vec<u8>,
    /// `final.safetensors`.
    pub last: Vec<u8>,
}

/// The directory of golden files: `RLLR_GOLDEN_DIR`, by default `tests/golden`.
#[cfg(not(target_arch = "wasm32"))]
#[must_use]
pub fn directory() -> std::path::PathBuf {
    std::env::var_os("RLLR_GOLDEN_DIR").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden"),
        Into::into,
    )
}

/// Every case below `train_step`.
///
/// # Errors
///
/// When the folder or one of a case's files is missing.
#[cfg(not(target_arch = "wasm32"))]
pub fn train_step_cases() -> anyhow::Result<Vec<TrainStepFiles>> {
    use anyhow::Context as _;
    use std::fs;

    case_folders("train_step")?
        .into_iter()
        .map(|(name, path)| {
            Ok(TrainStepFiles {
                name,
                trace: fs::read_to_string(path.join("trace.json"))
                    .with_context(|| format!("{}", path.display()))?,
                initial: fs::read(path.join("initial.safetensors"))?,
                last: fs::read(path.join("final.safetensors"))?,
            })
        })
        .collect()
}

/// The committed cases; a browser has no file system.
///
/// # Errors
///
/// None; the native form has them.
#[cfg(target_arch = "wasm32")]
pub fn train_step_cases() -> anyhow::Result<Vec<TrainStepFiles>> {
    macro_rules! case {
        ($name:literal) => {
            TrainStepFiles {
                name: $name.to_owned(),
                trace: include_str!(concat!("../golden/train_step/", $name, "/trace.json")).to_owned(),
                initial: include_bytes!(concat!(
                    "../golden/train_step/",
                    $name,
                    "/initial.safetensors"
                ))
                .to_vec(),
                last: include_bytes!(concat!(
                    "../golden/train_step/",
                    $name,
                    "/final.safetensors"
                ))
                .to_vec(),
            }
        };
    }
    Ok(vec![case!("tied_left_padded"), case!("untied_right_padded")])
}

/// The files of one golden model.
pub struct ModelFiles {
    /// Name of the case's folder.
    pub name: String,
    /// `config.json`, as transformers 5 writes it.
    pub config: String,
    /// `config_legacy.json`, the same as transformers 4 writes it.
    pub config_legacy: String,
    /// `cases.json`.
    pub cases: String,
    /// `model.safetensors`.
    pub model: Vec<u8>,
    /// `gradients.safetensors`.
    pub gradients: Vec<u8>,
}

/// Every case below `models`.
///
/// # Errors
///
/// When the folder or one of a case's files is missing.
#[cfg(not(target_arch = "wasm32"))]
pub fn model_cases() -> anyhow::Result<Vec<ModelFiles>> {
    use std::fs;
    case_folders("models")?
        .into_iter()
        .map(|(name, path)| {
            let text = |file: &str| fs::read_to_string(path.join(file));
            Ok(ModelFiles {
                name,
                config: text("config.json")?,
                config_legacy: text("config_legacy.json")?,
                cases: text("cases.json")?,
                model: fs::read(path.join("model.safetensors"))?,
                gradients: fs::read(path.join("gradients.safetensors"))?,
            })
        })
        .collect()
}

/// The committed cases; a browser has no file system.
///
/// # Errors
///
/// None; the native form has them.
#[cfg(target_arch = "wasm32")]
pub fn model_cases() -> anyhow::Result<Vec<ModelFiles>> {
    macro_rules! cases {
        ($($name:literal),*) => {
            vec![$(ModelFiles {
                name: $name.to_owned(),
                config: include_str!(concat!("../golden/models/", $name, "/config.json")).to_owned(),
                config_legacy: include_str!(concat!("../golden/models/", $name, "/config_legacy.json")).to_owned(),
                cases: include_str!(concat!("../golden/models/", $name, "/cases.json")).to_owned(),
                model: include_bytes!(concat!("../golden/models/", $name, "/model.safetensors")).to_vec(),
                gradients: include_bytes!(concat!("../golden/models/", $name, "/gradients.safetensors")).to_vec(),
            }),*]
        };
    }
    Ok(cases!(
        "bloom_six_heads",
        "glm4",
        "llama_gqa",
        "llama_reward",
        "mistral_sliding_window",
        "qwen3"
    ))
}

/// The files of one adapter, and of the model that it adapts.
pub struct LoraFiles {
    /// Name of the case's folder.
    pub name: String,
    /// `config.json` of the model.
    pub base_config: String,
    /// `model.safetensors` of the model.
    pub base_model: Vec<u8>,
    /// `adapter_config.json`.
    pub config: String,
    /// `adapter_model.safetensors`.
    pub adapter: Vec<u8>,
    /// `adapter_after_step.safetensors`.
    pub adapter_after_step: Vec<u8>,
    /// `gradients.safetensors`.
    pub gradients: Vec<u8>,
    /// `merged_changed_tensors.safetensors`.
    pub merged: Vec<u8>,
    /// `cases.json`.
    pub cases: String,
}

/// Every case below `lora`; the folders without `cases.json` are the models.
///
/// # Errors
///
/// When the folder or one of a case's files is missing.
#[cfg(not(target_arch = "wasm32"))]
pub fn lora_cases() -> anyhow::Result<Vec<LoraFiles>> {
    use anyhow::Context as _;
    use std::fs;

    #[derive(serde::Deserialize)]
    struct Base {
        base: String,
    }
    let folders = case_folders("lora")?;
    let mut cases = Vec::new();
    for (name, path) in &folders {
        let Ok(text) = fs::read_to_string(path.join("cases.json")) else {
            continue;
        };
        let Base { base } = serde_json::from_str(&text)?;
        let base = path.with_file_name(base);
        let read =
            |file: &str| fs::read(path.join(file)).with_context(|| format!("{}/{file}", path.display()));
        cases.push(LoraFiles {
            name: name.clone(),
            base_config: fs::read_to_string(base.join("config.json"))?,
            base_model: fs::read(base.join("model.safetensors"))?,
            config: fs::read_to_string(path.join("adapter_config.json"))?,
            adapter: read("adapter_model.safetensors")?,
            adapter_after_step: read("adapter_after_step.safetensors")?,
            gradients: read("gradients.safetensors")?,
            merged: read("merged_changed_tensors.safetensors")?,
            cases: text,
        });
    }
    anyhow::ensure!(!cases.is_empty(), "the golden folder lora holds no case");
    Ok(cases)
}

/// The committed cases; a browser has no file system.
///
/// # Errors
///
/// None; the native form has them.
#[cfg(target_arch = "wasm32")]
pub fn lora_cases() -> anyhow::Result<Vec<LoraFiles>> {
    macro_rules! cases {
        ($($name:literal of $base:literal),*) => {
            vec![$(LoraFiles {
                name: $name.to_owned(),
                base_config: include_str!(concat!("../golden/lora/", $base, "/config.json")).to_owned(),
                base_model: include_bytes!(concat!("../golden/lora/", $base, "/model.safetensors")).to_vec(),
                config: include_str!(concat!("../golden/lora/", $name, "/adapter_config.json")).to_owned(),
                adapter: include_bytes!(concat!("../golden/lora/", $name, "/adapter_model.safetensors")).to_vec(),
                adapter_after_step: include_bytes!(concat!(
                    "../golden/lora/",
                    $name,
                    "/adapter_after_step.safetensors"
                ))
                .to_vec(),
                gradients: include_bytes!(concat!("../golden/lora/", $name, "/gradients.safetensors")).to_vec(),
                merged: include_bytes!(concat!("../golden/lora/", $name, "/merged_changed_tensors.safetensors"))
                    .to_vec(),
                cases: include_str!(concat!("../golden/lora/", $name, "/cases.json")).to_owned(),
            }),*]
        };
    }
    Ok(cases!(
        "all_linear_rslora" of "base",
        "qv_r4" of "base",
        "qv_r4_fresh" of "base",
        "reward_seq_cls" of "base_reward"
    ))
}

/// Name and path of every folder below `part` of the golden directory, sorted.
///
/// # Errors
///
/// When the folder is missing or empty.
#[cfg(not(target_arch = "wasm32"))]
pub fn case_folders(part: &str) -> anyhow::Result<Vec<(String, std::path::PathBuf)>> {
    use anyhow::Context as _;
    let folder = directory().join(part);
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("golden folder {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            cases.push((
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                path,
            ));
        }
    }
    anyhow::ensure!(
        !cases.is_empty(),
        "golden folder {} holds no case",
        folder.display()
    );
    cases.sort();
    Ok(cases)
}

/// The files of one tokenizer, read from disk natively and built in on wasm.
pub struct TokenizerCaseFiles {
    /// Name of the tokenizer's folder.
    pub name: String,
    /// `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// `cases.json`.
    pub cases: String,
}

/// Every tokenizer below `tokenizers`.
///
/// # Errors
///
/// When the folder or one of a tokenizer's files is missing.
#[cfg(not(target_arch = "wasm32"))]
pub fn tokenizer_cases() -> anyhow::Result<Vec<TokenizerCaseFiles>> {
    case_folders("tokenizers")?
        .into_iter()
        .map(|(name, path)| {
            Ok(TokenizerCaseFiles {
                name,
                tokenizer: std::fs::read(path.join("tokenizer.json"))?,
                cases: std::fs::read_to_string(path.join("cases.json"))?,
            })
        })
        .collect()
}

/// The committed tokenizers; a browser has no file system.
///
/// # Errors
///
/// None; the native form has them.
#[cfg(target_arch = "wasm32")]
pub fn tokenizer_cases() -> anyhow::Result<Vec<TokenizerCaseFiles>> {
    macro_rules! cases {
        ($($name:literal),*) => {
            vec![$(TokenizerCaseFiles {
                name: $name.to_owned(),
                tokenizer: include_bytes!(concat!("../golden/tokenizers/", $name, "/tokenizer.json")).to_vec(),
                cases: include_str!(concat!("../golden/tokenizers/", $name, "/cases.json")).to_owned(),
            }),*]
        };
    }
    Ok(cases!(
        "byte_level_gpt2",
        "byte_level_llama3",
        "sentencepiece_style"
    ))
}
