//! Every model file of transformers in the golden directory is read, and written again with the same tensors byte for
//! byte; where the decoder knows the architecture, through the model too.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use rllr_model::{
    CausalLm, CausalLmConfig, ExportOptions, SafetensorsFiles, SafetensorsHeader, SafetensorsStream,
    StoredType, Weights,
};
use rllr_tests::golden;

/// Folders below `models`; none is an error.
fn cases() -> anyhow::Result<Vec<PathBuf>> {
    let folder = golden::directory().join("models");
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("no golden models in {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    cases.retain(|case| case.join("model.safetensors").is_file());
    ensure!(!cases.is_empty(), "no golden models in {}", folder.display());
    cases.sort();
    Ok(cases)
}

/// Name, type, shape and bytes of a tensor.
type Stored<'a> = (String, String, Vec<usize>, &'a [u8]);

fn tensors(file: &[u8]) -> anyhow::Result<Vec<Stored<'_>>> {
    let (header, data) = SafetensorsHeader::read(file)?;
    let mut tensors: Vec<_> = header
        .tensors()
        .iter()
        .map(|t| {
            (
                t.name.clone(),
                format!("{:?}", t.dtype),
                t.shape.clone(),
                &data[t.bytes.clone()],
            )
        })
        .collect();
    tensors.sort();
    Ok(tensors)
}

fn check(case: &Path) -> anyhow::Result<Checked> {
    let file = fs::read(case.join("model.safetensors"))?;
    let (header, _) = SafetensorsHeader::read(&file)?;
    ensure!(header.metadata()["format"] == "pt");
    let weights = Weights::from_safetensors(&file)?;
    ensure!(
        tensors(&weights.to_safetensors()?)? == tensors(&file)?,
        "written otherwise than read"
    );
    for stored_type in [StoredType::F16, StoredType::BF16] {
        let options = ExportOptions {
            stored_type,
            max_shard_bytes: 4000,
        };
        let plan = weights.plan(&options)?;
        ensure!(plan.index.is_some(), "4000 bytes hold no golden model");
        for planned in &plan.files {
            let stored = Weights::from_safetensors(&weights.file(planned, stored_type)?)?;
            for (name, tensor) in &stored.0 {
                let bytes = stored_type.encode(name, &tensor.data)?;
                ensure!(
                    bytes == stored_type.encode(name, &weights.0[name].data)?,
                    "{name} rounded twice"
                );
            }
        }
    }

    let config = fs::read_to_string(case.join("config.json"))?;
    if !config.contains("ForCausalLM") {
        return Ok(Checked::FileOnly("no causal language model".to_owned()));
    }
    let config = match CausalLmConfig::from_hugging_face(&config) {
        Ok(config) => config,
        Err(error) => return Ok(Checked::FileOnly(error.to_string())),
    };
    let device = Device::flex();
    let files = SafetensorsFiles::single(&file)?;
    let mut stream = SafetensorsStream::new(&device);
    for piece in file.chunks(997) {
        stream.push(piece)?;
    }
    for source in [(&files).into(), stream.finish()?.into()] {
        let model = CausalLm::from_source(&config, source, &device)?;
        let exported = pollster::block_on(model.weights())?;
        ensure!(
            tensors(&exported.to_safetensors()?)? == tensors(&file)?,
            "another model comes back from the device"
        );
    }
    Ok(Checked::Model)
}

enum Checked {
    Model,
    FileOnly(String),
}

#[test]
fn golden_models_are_read_and_written_without_a_change() {
    let mut models = 0;
    for case in cases().unwrap() {
        match check(&case).with_context(|| case.display().to_string()).unwrap() {
            Checked::Model => models += 1,
            Checked::FileOnly(why) => println!("{}: as a file only, {why}", case.display()),
        }
    }
    assert!(models > 0, "no golden model is one of this decoder");
}
