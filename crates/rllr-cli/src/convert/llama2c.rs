//! A model of llama2.c.

use std::fs;
use std::path::Path;

use rllr_model::{CausalLm, Llama2cModel, Llama2cVocabulary, ModelHead, SpecialTokenIds, StoredType};
use serde_json::json;

use super::Imported;
use crate::data::load::bad_input;
use crate::devices;

/// What `run.c` begins every text with, and what ends one.
const BOS: u32 = 1;
const EOS: u32 = 2;

/// Reads the model and, if a file is named, its vocabulary.
pub(super) fn import(
    source: &Path,
    tokenizer: Option<&Path>,
    stored_type: StoredType,
) -> anyhow::Result<Imported> {
    let in_file =
        |path: &Path, error: &dyn std::fmt::Display| bad_input(format!("{}: {error}", path.display()));
    let bytes = fs::read(source).map_err(|error| in_file(source, &error))?;
    let Llama2cModel { config, weights } =
        Llama2cModel::parse(&bytes).map_err(|error| in_file(source, &error))?;
    let model = CausalLm::from_weights(&config, &weights, &devices::cpu())?;
    let mut companions = vec![(
        "generation_config.json",
        json!({"bos_token_id": BOS, "eos_token_id": EOS}),
    )];
    if let Some(path) = tokenizer {
        let bytes = fs::read(path).map_err(|error| in_file(path, &error))?;
        let vocabulary =
            Llama2cVocabulary::parse(&bytes, config.vocab_size).map_err(|error| in_file(path, &error))?;
        companions.push(("tokenizer.json", vocabulary.to_tokenizer_json()));
        let positions = config.max_position_embeddings;
        companions.push(("tokenizer_config.json", vocabulary.to_tokenizer_config(positions)));
    }
    let ids = SpecialTokenIds {
        bos: Some(BOS),
        eos: Some(EOS),
        pad: None,
        stop: vec![EOS],
    };
    Ok(Imported {
        model,
        config_json: config.to_hugging_face(ModelHead::CausalLm, &ids, stored_type.torch_name()),
        companions: companions
            .into_iter()
            .map(|(name, value)| (name.to_owned(), format!("{value:#}\n").into_bytes()))
            .collect(),
    })
}
