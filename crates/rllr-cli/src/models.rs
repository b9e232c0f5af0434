//! Models with their tokenizers, read from directories and written to them.

use std::path::Path;

use anyhow::Context as _;
use burn::tensor::Device;
use rllr_model::tokenizer::ConfigDialect;
use rllr_model::{
    CausalLm, CausalLmConfig, DeviceWeights, ExportOptions, ModelHead, PeftAdapter, SpecialTokenIds,
    Tokenizer,
};
use rllr_train::pipeline::{MeasuredRewardModel, PairScores};
use rllr_train::{AdapterCritic, Metrics, RewardModels, TrainedReward};

use crate::data::load::bad_input;
use crate::data::output::{write_json_lines, write_whole};
use crate::hub;
use crate::model_directory::{CONFIG, DirectoryWriter, ModelDirectory, Overwrite, write_weights};
use crate::tokenizer::load::read_tokenizer;

/// Files of an adapter, in PEFT's layout.
const ADAPTER_FILES: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

/// A language model that can be trained, with what belongs to it.
#[derive(Debug)]
pub struct LoadedModel {
    /// The model.
    pub lm: CausalLm,
    /// Its configuration.
    pub config: CausalLmConfig,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
}

/// Reads a model with its tokenizer: a directory, or a name of the hub.
///
/// - `device`: with autodiff if it is to be trained
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for a directory that is no model's, and a tokenizer with more ids than
/// the model.
pub fn read_model(path: &Path, device: &Device) -> anyhow::Result<LoadedModel> {
    let path = &hub::model_directory(path)?;
    let directory = ModelDirectory::open(path)?;
    let tokenizer = read_tokenizer(path)?;
    let config = directory.config()?;
    tokenizer
        .check_fits(config.vocab_size)
        .map_err(|error| bad_input(format!("{}: {error}", path.display())))?;
    Ok(LoadedModel {
        lm: directory.load(device)?,
        config,
        tokenizer,
    })
}

/// Writes a language model with its tokenizer, in place of what an earlier run left there.
///
/// # Errors
///
/// If the disk cannot be written.
pub fn write_model(
    target: &Path,
    lm: &CausalLm,
    config: &CausalLmConfig,
    tokenizer: Option<&Tokenizer>,
) -> anyhow::Result<()> {
    write(
        target,
        &lm.device_weights()?,
        ModelHead::CausalLm,
        config,
        tokenizer,
    )
}

fn write(
    target: &Path,
    weights: &DeviceWeights,
    head: ModelHead,
    config: &CausalLmConfig,
    tokenizer: Option<&Tokenizer>,
) -> anyhow::Result<()> {
    let directory = DirectoryWriter::begin(target, Overwrite::Replace)?;
    let ids = tokenizer.map_or_else(SpecialTokenIds::default, |tokenizer| {
        tokenizer.special_token_ids().clone()
    });
    let options = ExportOptions::default();
    let config_json = config.to_hugging_face(head, &ids, options.stored_type.torch_name());
    directory.file(CONFIG, |out| Ok(out.write_all(config_json.as_bytes())?))?;
    for file in tokenizer.map_or_else(Vec::new, |tokenizer| {
        tokenizer.files(ConfigDialect::Transformers4)
    }) {
        directory.file(file.name, |out| Ok(out.write_all(&file.bytes)?))?;
    }
    write_weights(&directory, weights, &options)?;
    directory.finish()
}

/// Writes a reward model into the directory of its stage: `model/`, or `adapter/` on the model that it was trained on;
/// `metrics.json` and `pair_scores.jsonl`.
///
/// # Errors
///
/// If the disk cannot be written.
pub fn write_reward_model(
    stage: &Path,
    reward: &MeasuredRewardModel,
    config: &CausalLmConfig,
    tokenizer: &Tokenizer,
) -> anyhow::Result<()> {
    match reward.models.trained() {
        TrainedReward::Full(model) => {
            let weights = model.device_weights()?;
            write(
                &stage.join("model"),
                &weights,
                ModelHead::Scalar,
                config,
                Some(tokenizer),
            )?;
        }
        TrainedReward::Adapter(AdapterCritic { adapter, head }) => {
            let peft = PeftAdapter {
                adapter: adapter.clone(),
                head: Some(head.clone()),
                base_model: None,
            };
            let files = pollster::block_on(peft.to_files())?;
            let [config_name, weights_name] = ADAPTER_FILES;
            let write_file = |name: &str, bytes: &[u8]| {
                write_whole(&stage.join("adapter").join(name), |out| Ok(out.write_all(bytes)?))
            };
            write_file(config_name, files.config.as_bytes())?;
            write_file(weights_name, &files.weights)?;
        }
    }
    write_json_lines(&stage.join("pair_scores.jsonl"), &reward.pair_scores)?;
    write_whole(&stage.join("metrics.json"), |out| {
        serde_json::to_writer_pretty(&mut *out, &reward.metrics)?;
        Ok(out.write_all(b"\n")?)
    })
}

/// Reads a reward model from the directory of its stage, or from a model's directory; the latter comes without scores
/// of pairs.
///
/// - `base`: the model that it was trained on, for adapters
/// - `device`: with autodiff
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) when there is no reward model, or one for other token ids.
pub fn read_reward_model(
    path: &Path,
    base: &LoadedModel,
    device: &Device,
) -> anyhow::Result<MeasuredRewardModel> {
    let bad = |error: &dyn std::fmt::Display| bad_input(format!("{}: {error}", path.display()));
    let adapter = [path.join("adapter"), path.to_owned()]
        .into_iter()
        .find(|place| place.join(ADAPTER_FILES[0]).is_file());
    let models = if let Some(place) = adapter {
        let [config, weights] = ADAPTER_FILES.map(|name| std::fs::read(place.join(name)));
        let (config, weights) = (
            config.map_err(|error| bad(&error))?,
            weights.map_err(|error| bad(&error))?,
        );
        let config = String::from_utf8_lossy(&config).into_owned();
        let read =
            PeftAdapter::from_files(&config, &weights, &base.config, device).map_err(|error| bad(&error))?;
        let head = read
            .head
            .ok_or_else(|| bad(&"found an adapter without a head, expected a reward model's"))?;
        let trained = TrainedReward::Adapter(AdapterCritic {
            adapter: read.adapter,
            head,
        });
        RewardModels::new(Some(base.lm.clone()), trained)?
    } else {
        let inner = path.join("model");
        let directory = ModelDirectory::open(if inner.is_dir() { &inner } else { path })?;
        RewardModels::new(None, TrainedReward::Full(directory.load_scalar(device)?))?
    };
    let (found, expected) = (models.vocab_size(), base.config.vocab_size);
    if found != expected {
        let message = format!("found a reward model of {found} token ids, expected the policy's {expected}");
        return Err(bad(&message));
    }
    Ok(MeasuredRewardModel {
        models,
        metrics: read_json(&path.join("metrics.json"))?.unwrap_or_default(),
        pair_scores: read_json_lines(&path.join("pair_scores.jsonl"))?.unwrap_or_default(),
    })
}

/// A JSON file of ours, `None` if there is none.
fn read_json(path: &Path) -> anyhow::Result<Option<Metrics>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let read = serde_json::from_str(&text);
    read.map(Some)
        .map_err(|error| bad_input(format!("{}: {error}", path.display())))
}

fn read_json_lines(path: &Path) -> anyhow::Result<Option<Vec<PairScores>>> {
    if !path.exists() {
        return Ok(None);
    }
    crate::data::rows::read_rows(path).map(Some)
}
