//! A model of llama2.c.

use std::fs;
use std::path::Path;

use rllr_model::{CausalLm, Llama2cModel, Llama2cVocabulary, StoredType};
use serde_json::json;

use super::Imported;
use super::config_json::{self, TokenIds};
use crate::data::load::bad_input;
use crate::devices;

/// What `run.c` begins and ends every text with.
const IDS: TokenIds = TokenIds { bos: 1, eos: 2 };

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
        json!({"bos_token_id": IDS.bos, "eos_token_id": IDS.eos}),
    )];
    if let Some(path) = tokenizer {
        let bytes = fs::read(path).map_err(|error| in_file(path, &error))?;
        let vocabulary =
            Llama2cVocabulary::parse(&bytes, config.vocab_size).map_err(|error| in_file(path, &error))?;
        companions.push(("tokenizer.json", vocabulary.to_tokenizer_json()));
        let positions = config.max_position_embeddings;
        companions.push(("tokenizer_config.json", vocabulary.to_tokenizer_config(positions)));
    }
    Ok(Imported {
        model,
        config_json: config_json::text(config_json::llama(&config, &IDS, stored_type)),
        companions: companions
            .into_iter()
            .map(|(name, value)| (name.to_owned(), format!("{value:#}\n").into_bytes()))
            .collect(),
    })
}
