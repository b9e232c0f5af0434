//! Golden files: numbers of reference programs, in the layout of `tests/golden/README.md`.

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

/// The files of one recorded PPO run.
pub struct PpoFiles {
    /// Name of the case's folder.
    pub name: String,
    /// `trace.json`.
    pub trace: String,
    /// The safetensors files, by name without extension.
    pub weights: std::collections::BTreeMap<String, Vec<u8>>,
}

impl PpoFiles {
    /// The weights in `<name>.safetensors`.
    ///
    /// # Errors
    ///
    /// When the file is missing or damaged.
    pub fn weights(&self, name: &str) -> anyhow::Result<rllr_model::Weights> {
        use anyhow::Context as _;
        let bytes = self
            .weights
            .get(name)
            .with_context(|| format!("no {name}.safetensors"))?;
        Ok(rllr_model::Weights::from_safetensors(bytes)?)
    }
}

/// Every case below `part`: `ppo_trl072` or `ppo_trl112`.
///
/// # Errors
///
/// When the folder or one of a case's files is missing.
#[cfg(not(target_arch = "wasm32"))]
pub fn ppo_cases(part: &str) -> anyhow::Result<Vec<PpoFiles>> {
    use std::fs;
    case_folders(part)?
        .into_iter()
        .map(|(name, path)| {
            let mut weights = std::collections::BTreeMap::new();
            for entry in fs::read_dir(&path)? {
                let path = entry?.path();
                if path
                    .extension()
                    .is_some_and(|extension| extension == "safetensors")
                {
                    let stem = path
                        .file_stem()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned();
                    weights.insert(stem, fs::read(&path)?);
                }
            }
            Ok(PpoFiles {
                name,
                trace: fs::read_to_string(path.join("trace.json"))?,
                weights,
            })
        })
        .collect()
}
