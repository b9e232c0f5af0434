//! A model's directory in Hugging Face's layout: opened, and written whole or not at all.

mod write;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use memmap2::Mmap;
use rllr_model::{
    CausalLm, CausalLmConfig, INDEX_FILE_NAME, SafetensorsFiles, ScalarModel, ShardIndex, WeightSource,
    WeightsError,
};

use crate::data::load::bad_input;

pub use write::{DirectoryWriter, Overwrite, write_weights};

/// The model's configuration.
pub const CONFIG: &str = "config.json";

/// The weights, when they are one file.
const WEIGHTS: &str = "model.safetensors";

/// Files beside the weights that belong to a model and are copied as they are. Those of the tokenizer are several
/// because the field's programs look for different ones.
pub const COMPANIONS: [&str; 9] = [
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
];

/// An opened model: its configuration read, its weights mapped into memory.
#[derive(Debug)]
pub struct ModelDirectory {
    path: PathBuf,
    config: String,
    index: Option<ShardIndex>,
    /// The files of weights by name.
    shards: BTreeMap<String, Mmap>,
}

impl ModelDirectory {
    /// Opens a directory with `config.json` and weights in one file or in shards.
    ///
    /// Nothing is decoded yet. A directory that holds both forms is read as one file, as transformers does.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) naming the file that is missing or cannot be read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if !path.is_dir() {
            let message = format!("{}: expected the directory of a model", path.display());
            return Err(bad_input(message));
        }
        let config = read_text(&path.join(CONFIG))?;
        let mut directory = Self {
            path: path.to_owned(),
            config,
            index: None,
            shards: BTreeMap::new(),
        };
        if path.join(WEIGHTS).exists() {
            directory.map(WEIGHTS)?;
            return Ok(directory);
        }
        let index_path = path.join(INDEX_FILE_NAME);
        if !index_path.exists() {
            let message = format!(
                "{}: found neither {WEIGHTS} nor {INDEX_FILE_NAME}",
                path.display()
            );
            return Err(bad_input(message));
        }
        let index = ShardIndex::parse(&read_text(&index_path)?)
            .map_err(|error| bad_input(format!("{}: {error}", index_path.display())))?;
        for file in index.files() {
            directory.map(file)?;
        }
        directory.index = Some(index);
        Ok(directory)
    }

    /// The directory's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of `config.json`.
    #[must_use]
    pub fn config_json(&self) -> &str {
        &self.config
    }

    /// The configuration.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for a model that is not supported.
    pub fn config(&self) -> anyhow::Result<CausalLmConfig> {
        CausalLmConfig::from_hugging_face(&self.config)
            .map_err(|error| bad_input(format!("{}: {error}", self.path.display())))
    }

    /// The tensors, read from the files when they are asked for.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) when a file is damaged or the index does not fit the files.
    pub fn weights(&self) -> anyhow::Result<SafetensorsFiles<'_>> {
        let read = match &self.index {
            Some(index) => {
                let shards = self.shards.iter().map(|(name, map)| (name.as_str(), &map[..]));
                SafetensorsFiles::sharded(index, &shards.collect())
            }
            None => SafetensorsFiles::single(&self.shards[WEIGHTS]).map_err(|error| error.in_file(WEIGHTS)),
        };
        read.map_err(|error| self.bad_weights(&error))
    }

    /// Builds the model on a device, tensor by tensor.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) when configuration and weights are not those of one supported
    /// model.
    pub fn load(&self, device: &Device) -> anyhow::Result<CausalLm> {
        let files = self.weights()?;
        CausalLm::from_source(&self.config()?, WeightSource::Files(&files), device)
            .map_err(|error| self.bad_weights(&error))
    }

    /// The bytes of the weight files, in the order of their names.
    pub fn weight_files(&self) -> impl Iterator<Item = &[u8]> {
        self.shards.values().map(|map| &map[..])
    }

    /// Builds the model with a scalar head on a device: `…ForSequenceClassification` with one label.
    ///
    /// # Errors
    ///
    /// As [`ModelDirectory::load`].
    pub fn load_scalar(&self, device: &Device) -> anyhow::Result<ScalarModel> {
        let files = self.weights()?;
        ScalarModel::from_source(&self.config()?, WeightSource::Files(&files), device)
            .map_err(|error| self.bad_weights(&error))
    }

    /// The bytes of a file beside the weights, `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) when the file is there and cannot be read.
    pub fn companion(&self, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let path = self.path.join(name);
        if !path.exists() {
            return Ok(None);
        }
        fs::read(&path)
            .map(Some)
            .map_err(|error| bad_input(format!("{}: {error}", path.display())))
    }

    fn map(&mut self, name: &str) -> anyhow::Result<()> {
        let path = self.path.join(name);
        let map = map_file(&path).map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
        self.shards.insert(name.to_owned(), map);
        Ok(())
    }

    fn bad_weights(&self, error: &WeightsError) -> anyhow::Error {
        bad_input(format!("{}: {error}", self.path.display()))
    }
}

/// Reads a text, or says which file cannot be read.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError).
fn read_text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).map_err(|error| bad_input(format!("{}: {error}", path.display())))
}

/// Maps a file into memory, so that weights are read from the disk's cache without a copy.
fn map_file(path: &Path) -> io::Result<Mmap> {
    // Following links, which Hugging Face's cache is made of; but a pipe would be waited for without end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = File::open(path)?;
    #[expect(
        unsafe_code,
        reason = "a map's bytes change when another process writes the file: every read of ours is bounds-checked \
                  and each number is decoded once, while a model is loaded, so that the worst is wrong weights; \
                  if the file is cut short meanwhile, the system ends the program. Nothing is written through the map"
    )]
    let map = unsafe { Mmap::map(&file) };
    map
}

#[cfg(test)]
mod tests;
