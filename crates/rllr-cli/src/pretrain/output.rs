//! The trained model as a directory that other programs read.

use std::path::Path;

use rllr_model::tokenizer::ConfigDialect;
use rllr_model::{CausalLm, CausalLmConfig, ExportOptions, ModelHead, SpecialTokenIds, Tokenizer};

use crate::model_directory::{CONFIG, DirectoryWriter, Overwrite, write_weights};

/// Writes the model with its tokenizer, if it has one, in place of what an earlier run left there.
pub(super) fn write_model(
    target: &Path,
    model: &CausalLm,
    config: &CausalLmConfig,
    tokenizer: Option<&Tokenizer>,
) -> anyhow::Result<()> {
    let directory = DirectoryWriter::begin(target, Overwrite::Replace)?;
    let ids = tokenizer.map_or_else(SpecialTokenIds::default, |tokenizer| {
        tokenizer.special_token_ids().clone()
    });
    let options = ExportOptions::default();
    let config_json = config.to_hugging_face(ModelHead::CausalLm, &ids, options.stored_type.torch_name());
    directory.file(CONFIG, |out| Ok(out.write_all(config_json.as_bytes())?))?;
    for file in tokenizer.map_or_else(Vec::new, |tokenizer| {
        tokenizer.files(ConfigDialect::Transformers4)
    }) {
        directory.file(file.name, |out| Ok(out.write_all(&file.bytes)?))?;
    }
    write_weights(&directory, &model.device_weights()?, &options)?;
    directory.finish()
}
