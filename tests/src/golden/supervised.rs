//! Golden runs of supervised training: `sft_rm`.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rllr_model::Weights;

/// The files of one run.
pub struct SupervisedFiles {
    /// Name of the case's folder.
    pub name: String,
    /// `config.json` of the model.
    pub config: String,
    /// `trace.json`.
    pub trace: String,
    /// The safetensors files, by name without extension.
    weights: BTreeMap<&'static str, Vec<u8>>,
}

/// Names of the safetensors files.
#[cfg(not(target_arch = "wasm32"))]
const WEIGHTS: [&str; 5] = [
    "initial",
    "after_step_1",
    "after_step_2",
    "after_step_3",
    "gradients_step_1_after_clipping",
];

impl SupervisedFiles {
    /// The tensors in `<name>.safetensors`.
    ///
    /// # Errors
    ///
    /// When the file is missing or damaged.
    pub fn weights(&self, name: &str) -> anyhow::Result<Weights> {
        let bytes = self
            .weights
            .get(name)
            .with_context(|| format!("no {name}.safetensors"))?;
        Ok(Weights::from_safetensors(bytes)?)
    }
}

/// Every case below `sft_rm`.
///
/// # Errors
///
/// When the folder or one of a case's files is missing.
#[cfg(not(target_arch = "wasm32"))]
pub fn cases() -> anyhow::Result<Vec<SupervisedFiles>> {
    use std::fs;
    let mut cases = Vec::new();
    for (name, path) in super::case_folders("sft_rm")? {
        let mut weights = BTreeMap::new();
        for name in WEIGHTS {
            let file = path.join(format!("{name}.safetensors"));
            let bytes = fs::read(&file).with_context(|| format!("{}", file.display()))?;
            weights.insert(name, bytes);
        }
        cases.push(SupervisedFiles {
            name,
            config: fs::read_to_string(path.join("config.json"))?,
            trace: fs::read_to_string(path.join("trace.json"))?,
            weights,
        });
    }
    Ok(cases)
}

/// The committed cases; a browser has no file system.
///
/// # Errors
///
/// None; the native form has them.
#[cfg(target_arch = "wasm32")]
pub fn cases() -> anyhow::Result<Vec<SupervisedFiles>> {
    macro_rules! file {
        ($include:ident, $case:literal, $file:literal) => {
            $include!(concat!("../../golden/sft_rm/", $case, "/", $file))
        };
    }
    macro_rules! weights {
        ($case:literal: $($name:literal),*) => {
            BTreeMap::from([$((
                $name,
                include_bytes!(concat!("../../golden/sft_rm/", $case, "/", $name, ".safetensors")).to_vec(),
            )),*])
        };
    }
    macro_rules! cases {
        ($($case:literal),*) => {
            vec![$(SupervisedFiles {
                name: $case.to_owned(),
                config: file!(include_str, $case, "config.json").to_owned(),
                trace: file!(include_str, $case, "trace.json").to_owned(),
                weights: weights!(
                    $case: "initial", "after_step_1", "after_step_2", "after_step_3",
                    "gradients_step_1_after_clipping"
                ),
            }),*]
        };
    }
    Ok(cases!(
        "rm_last_token",
        "rm_last_token_margin_centered",
        "rm_token_averaged",
        "sft_accumulated_clipped",
        "sft_plain"
    ))
}
