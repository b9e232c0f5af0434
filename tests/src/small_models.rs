//! Directories of models that are small enough to be made in a test.

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_cli::model_directory::{CONFIG, DirectoryWriter, Overwrite, write_weights};
use rllr_model::tokenizer::ConfigDialect;
use rllr_model::{CausalLm, CausalLmConfig, ExportOptions, ModelHead, Tokenizer, initial_weights};

/// Large, so that scores are far from each other and rounding decides nothing.
const STANDARD_DEVIATION: f64 = 0.4;

/// Writes a model of bytes with random weights into a directory that does not exist yet.
///
/// # Errors
/// If it cannot be written.
pub fn write_random_model(target: &Path, seed: u64, export: &ExportOptions) -> Result<()> {
    let tokenizer = Tokenizer::bytes();
    let config = CausalLmConfig {
        vocab_size: tokenizer.vocab_size(),
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 8,
        max_position_embeddings: 512,
        tie_word_embeddings: true,
        ..CausalLmConfig::default()
    };
    let weights = initial_weights(&config, STANDARD_DEVIATION, &mut ChaCha8Rng::seed_from_u64(seed));
    let model = CausalLm::from_weights(&config, &weights, &Device::flex())?;
    let directory = DirectoryWriter::begin(target, Overwrite::Refuse)?;
    let ids = tokenizer.special_token_ids();
    let text = config.to_hugging_face(ModelHead::CausalLm, ids, export.stored_type.torch_name());
    directory.file(CONFIG, |out| Ok(out.write_all(text.as_bytes())?))?;
    for file in tokenizer.files(ConfigDialect::Transformers4) {
        directory.file(file.name, |out| Ok(out.write_all(&file.bytes)?))?;
    }
    write_weights(&directory, &model.device_weights()?, export)?;
    directory.finish()
}
