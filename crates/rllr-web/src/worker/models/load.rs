//! From the files of a model's directory to the model, tensor by tensor.

use std::collections::BTreeMap;

use burn::tensor::Device;
use rllr_model::{
    CausalLm, CausalLmConfig, INDEX_FILE_NAME, SafetensorsStream, ShardIndex, Tokenizer, TokenizerFiles,
    UploadedWeights, WeightSource,
};

use super::given::File;
use super::{Ear, Trouble, bad_model};
use crate::protocol::models::GivenFile;

/// The configuration's file.
pub(super) const CONFIG: &str = "config.json";
/// The weights, when they are one file.
pub(super) const WEIGHTS: &str = "model.safetensors";

/// So many bytes of weights are read at once.
const READ_BYTES: u64 = 4 << 20;

/// What of a model is here: small files as they are, tensors on the device.
pub(super) struct Parts {
    small: BTreeMap<String, Vec<u8>>,
    weights: UploadedWeights,
}

/// A model and its tokenizer.
pub(super) struct Built {
    pub(super) model: CausalLm,
    pub(super) tokenizer: Tokenizer,
    pub(super) parameters: u64,
}

impl Parts {
    /// No tensors yet.
    pub(super) fn new(small: BTreeMap<String, Vec<u8>>) -> Self {
        Self {
            small,
            weights: UploadedWeights::default(),
        }
    }

    /// The configuration, checked before any weight is read.
    pub(super) fn config(&self) -> Result<CausalLmConfig, Trouble> {
        let text = self
            .small
            .get(CONFIG)
            .ok_or_else(|| bad_model(&format!("there is no {CONFIG}")))?;
        CausalLmConfig::from_hugging_face(&String::from_utf8_lossy(text))
            .map_err(|error| bad_model(&format!("{CONFIG}: {error}")))
    }

    /// The tokenizer, checked against the model.
    pub(super) fn tokenizer(&self) -> Result<Tokenizer, Trouble> {
        let find = |name: &str| self.small.get(name).map(Vec::as_slice);
        let files =
            TokenizerFiles::from_directory(find).ok_or_else(|| bad_model(&"there is no tokenizer.json"))?;
        let tokenizer = Tokenizer::from_files(&files).map_err(|error| bad_model(&error))?;
        tokenizer
            .check_fits(self.config()?.vocab_size)
            .map_err(|error| bad_model(&error))?;
        Ok(tokenizer)
    }

    /// The names of the files with weights: one, or those of the index.
    pub(super) fn weight_files(&self, has_single: bool) -> Result<Vec<String>, Trouble> {
        if has_single {
            return Ok(vec![WEIGHTS.to_owned()]);
        }
        let index = self.index()?;
        let index =
            index.ok_or_else(|| bad_model(&format!("there is neither {WEIGHTS} nor {INDEX_FILE_NAME}")))?;
        Ok(index.files().into_iter().map(str::to_owned).collect())
    }

    fn index(&self) -> Result<Option<ShardIndex>, Trouble> {
        let Some(text) = self.small.get(INDEX_FILE_NAME) else {
            return Ok(None);
        };
        ShardIndex::parse(&String::from_utf8_lossy(text))
            .map(Some)
            .map_err(|error| bad_model(&format!("{INDEX_FILE_NAME}: {error}")))
    }

    /// Takes the next bytes of a file with weights.
    pub(super) fn push(stream: &mut SafetensorsStream, file: &str, bytes: &[u8]) -> Result<(), Trouble> {
        stream
            .push(bytes)
            .map_err(|error| bad_model(&format!("{file}: {error}")))
    }

    /// Takes the tensors of a file that has arrived.
    pub(super) fn add(&mut self, file: &str, stream: SafetensorsStream) -> Result<(), Trouble> {
        let at = |error: rllr_model::WeightsError| bad_model(&format!("{file}: {error}"));
        if file != WEIGHTS
            && let (Some(index), Some(header)) = (self.index()?, stream.header())
        {
            index.check_shard(file, header).map_err(at)?;
        }
        let uploaded = stream.finish().map_err(at)?;
        self.weights.add(uploaded).map_err(at)
    }

    /// Builds the model.
    pub(super) fn build(self, device: &Device) -> Result<Built, Trouble> {
        let tokenizer = self.tokenizer()?;
        let config = self.config()?;
        let model = CausalLm::from_source(&config, WeightSource::Uploaded(self.weights), device)
            .map_err(|error| bad_model(&error))?;
        Ok(Built {
            model,
            tokenizer,
            parameters: config.num_parameters(),
        })
    }
}

/// Reads a model from the visitor's files; `files` are those that `names` names.
pub(super) async fn read(
    names: &[GivenFile],
    files: &[File],
    device: &Device,
    ear: &mut Ear<'_>,
) -> Result<Parts, Trouble> {
    let find = |name: &str| {
        let place = names.iter().position(|file| file.name == name);
        place.and_then(|place| files.get(place))
    };
    let mut small = BTreeMap::new();
    for name in TokenizerFiles::NAMES.into_iter().chain([INDEX_FILE_NAME]) {
        if let Some(file) = find(name) {
            small.insert(
                name.to_owned(),
                file.read().await.map_err(|error| unreadable(name, &error))?,
            );
        }
    }
    let mut parts = Parts::new(small);
    // What is small is checked before what is large is read.
    parts.tokenizer()?;
    let names = parts.weight_files(find(WEIGHTS).is_some())?;
    let mut weights = Vec::new();
    for name in &names {
        weights.push(find(name).ok_or_else(|| bad_model(&format!("there is no {name}")))?);
    }
    let total = weights.iter().map(|file| file.bytes()).sum();
    let mut done = 0;
    for (name, file) in names.iter().zip(weights) {
        let mut stream = SafetensorsStream::new(device);
        let (mut start, bytes) = (0, file.bytes());
        while start < bytes {
            ear.check()?;
            let end = (start + READ_BYTES).min(bytes);
            let part = file.read_part(start, end).await;
            Parts::push(
                &mut stream,
                name,
                &part.map_err(|error| unreadable(name, &error))?,
            )?;
            done += end - start;
            start = end;
            ear.loading(done, total, 0);
        }
        parts.add(name, stream)?;
    }
    Ok(parts)
}

fn unreadable(name: &str, said: &str) -> Trouble {
    bad_model(&format!("{name} cannot be read: {said}"))
}
