//! A tokenizer from a model's directory or from `tokenizer.json` alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rllr_model::{Tokenizer, TokenizerFiles};

use crate::data::load::bad_input;

/// Reads the tokenizer at a path: a directory with `tokenizer.json` and the files beside it that transformers reads,
/// or a `tokenizer.json` under any name.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) with file, place, what was found and what was expected.
pub fn read_tokenizer(path: &Path) -> anyhow::Result<Tokenizer> {
    let at = |error: &dyn std::fmt::Display| bad_input(format!("{}: {error}", path.display()));
    if !path.is_dir() {
        let bytes = fs::read(path).map_err(|error| at(&error))?;
        return Tokenizer::from_json(&bytes).map_err(|error| at(&error));
    }
    let mut files: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for name in TokenizerFiles::NAMES {
        match fs::read(path.join(name)) {
            Ok(bytes) => drop(files.insert(name, bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(at(&format!("{name}: {error}"))),
        }
    }
    let find = |name: &str| files.get(name).map(Vec::as_slice);
    let files = TokenizerFiles::from_directory(find)
        .ok_or_else(|| at(&"found no tokenizer.json, expected one in a model's directory"))?;
    Tokenizer::from_files(&files).map_err(|error| at(&error))
}
