//! Recorded runs of PPO trainers.

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
    super::case_folders(part)?
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

/// The committed cases; a browser has no file system.
///
/// # Errors
///
/// When there is no such part.
#[cfg(target_arch = "wasm32")]
pub fn ppo_cases(part: &str) -> anyhow::Result<Vec<PpoFiles>> {
    macro_rules! cases {
        ($part:literal; $($name:literal: $($file:literal),*);*) => {
            vec![$(PpoFiles {
                name: $name.to_owned(),
                trace: include_str!(concat!("../../golden/", $part, "/", $name, "/trace.json")).to_owned(),
                weights: [$((
                    $file.to_owned(),
                    include_bytes!(concat!("../../golden/", $part, "/", $name, "/", $file, ".safetensors")).to_vec(),
                )),*]
                .into(),
            }),*]
        };
    }
    match part {
        "ppo_trl072" => Ok(cases!(
            "ppo_trl072";
            "accumulate_mse": "policy_after_step_1", "policy_after_step_2", "policy_after_step_3", "policy_initial", "reference";
            "adaptive_norm": "policy_after_step_1", "policy_after_step_2", "policy_after_step_3", "policy_initial", "reference";
            "full_kl": "policy_after_step_1", "policy_after_step_2", "policy_after_step_3", "policy_initial", "reference";
            "plain": "policy_after_step_1", "policy_after_step_2", "policy_after_step_3", "policy_initial", "reference";
            "rllr_like": "policy_after_step_1", "policy_after_step_2", "policy_after_step_3", "policy_initial", "reference";
            "rllr_lora": "adapter_after_step_1", "adapter_after_step_2", "adapter_after_step_3", "adapter_initial", "base";
            "two_epochs_scaled_clip": "policy_after_step_1", "policy_after_step_2", "policy_after_step_3", "policy_initial", "reference"
        )),
        "ppo_trl112" => Ok(cases!(
            "ppo_trl112";
            "dataset_end_planned": "policy_after_update_1", "policy_initial", "reference", "value_after_update_1", "value_initial";
            "k1_sampled_two_updates": "policy_after_update_1", "policy_after_update_2", "policy_initial", "reference", "value_after_update_1", "value_after_update_2", "value_initial";
            "k3_whiten_planned": "policy_after_update_1", "policy_initial", "reference", "value_after_update_1", "value_initial";
            "minibatches_planned": "policy_after_update_1", "policy_initial", "reference", "value_after_update_1", "value_initial"
        )),
        other => anyhow::bail!("no recorded runs {other} are built in"),
    }
}
