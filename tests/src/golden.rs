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

    let folder = directory().join("train_step");
    let mut cases = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("golden folder {}", folder.display()))? {
        let path = entry?.path();
        let file = |name: &str| path.join(name);
        cases.push(TrainStepFiles {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            trace: fs::read_to_string(file("trace.json")).with_context(|| format!("{}", path.display()))?,
            initial: fs::read(file("initial.safetensors"))?,
            last: fs::read(file("final.safetensors"))?,
        });
    }
    anyhow::ensure!(
        !cases.is_empty(),
        "golden folder {} holds no case",
        folder.display()
    );
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
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
    use anyhow::Context as _;
    use std::fs;

    let folder = directory().join("tokenizers");
    let mut cases = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("golden folder {}", folder.display()))? {
        let path = entry?.path();
        let at = || format!("{}", path.display());
        cases.push(TokenizerCaseFiles {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            tokenizer: fs::read(path.join("tokenizer.json")).with_context(at)?,
            cases: fs::read_to_string(path.join("cases.json")).with_context(at)?,
        });
    }
    anyhow::ensure!(
        !cases.is_empty(),
        "golden folder {} holds no tokenizer",
        folder.display()
    );
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

/// The committed tokenizers; a browser has no file system.
///
/// # Errors
///
/// None; the native form has them.
#[cfg(target_arch = "wasm32")]
pub fn tokenizer_cases() -> anyhow::Result<Vec<TokenizerCaseFiles>> {
    macro_rules! case {
        ($name:literal) => {
            TokenizerCaseFiles {
                name: $name.to_owned(),
                tokenizer: include_bytes!(concat!("../golden/tokenizers/", $name, "/tokenizer.json"))
                    .to_vec(),
                cases: include_str!(concat!("../golden/tokenizers/", $name, "/cases.json")).to_owned(),
            }
        };
    }
    Ok(vec![
        case!("byte_level_gpt2"),
        case!("byte_level_llama3"),
        case!("sentencepiece_style"),
    ])
}
