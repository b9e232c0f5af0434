//! A model in Hugging Face's layout: other numbers or other files, the same model.

use std::path::Path;

use rllr_model::StoredType;

use super::{Imported, config_json};
use crate::data::load::bad_input;
use crate::devices;
use crate::model_directory::{COMPANIONS, CONFIG, ModelDirectory};

/// Builds the model, which proves that configuration and weights belong together, and collects what lies beside it.
pub(super) fn import(source: &Path, stored_type: StoredType) -> anyhow::Result<Imported> {
    let directory = ModelDirectory::open(source)?;
    let model = directory.load(&devices::cpu())?;
    let keys = config_json::restored(directory.config_json(), stored_type)
        .map_err(|error| bad_input(format!("{}: {error}", source.join(CONFIG).display())))?;
    let mut companions = Vec::new();
    for name in COMPANIONS {
        if let Some(bytes) = directory.companion(name)? {
            companions.push((name.to_owned(), bytes));
        }
    }
    Ok(Imported {
        model,
        config_json: config_json::text(keys),
        companions,
    })
}
