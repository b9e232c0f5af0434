//! `rllr pretrain`: next-token training of a new model on plain texts and on the texts of tasks.

mod arguments;

use std::fs;
use std::io::Write as _;

use anyhow::Context as _;
use burn::tensor::Device;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rllr_model::{CausalLm, CausalLmConfig, Tokenizer, initial_weights};
use rllr_train::{CheckpointError, NextTokenStage, Run, RunError, RunEvent, Stage as _, config_keys};

use crate::checkpoint_directory::CheckpointDirectory;
use crate::data::load::bad_input;
use crate::devices::{self, DeviceError, DeviceName};
use crate::exit::ExitError;
use crate::interrupts::Interrupts;
use crate::models::write_model;
use crate::sinks::{JsonLines, Progress, TensorBoard};
use crate::terminal::say;
use crate::texts::{Purpose, Texts};
use crate::threads;
use crate::tokenizer::load::read_tokenizer;

pub use arguments::PretrainArgs;

/// Bytes as ids, where no tokenizer is given.
const BYTE_IDS: usize = 256;

/// Trains a model, or goes on with it.
///
/// # Errors
///
/// [`ExitError::BadInput`] for settings, data and checkpoints that do not fit, [`ExitError::NoDevice`] when the device
/// cannot be used; otherwise if the run fails or was interrupted.
pub fn run(args: &PretrainArgs) -> anyhow::Result<()> {
    let interrupts = Interrupts::watch()?;
    let tokenizer = args.tokenizer.as_deref().map(read_tokenizer).transpose()?;
    let (tokens, vocab_size) = read_tokens(args, tokenizer.as_ref())?;
    let model_config = args.model_config(vocab_size);
    model_config
        .validate()
        .map_err(|error| bad_input(error.to_string()))?;
    let device = open_device(args.device)?;

    let model = new_model(&model_config, args.seed, &device)?;
    let stage = NextTokenStage::new(model, tokens, args.stage_config());
    let model_keys = config_keys(&serde_json::json!({ "model": model_config }))?;
    let mut stage = stage
        .map_err(|error| bad_input(error.to_string()))?
        .with_settings(model_keys);
    stage.set_workers(threads::workers_for(&device));
    fs::create_dir_all(&args.out).with_context(|| format!("--out {}", args.out.display()))?;
    let store = CheckpointDirectory::open(&args.out.join("checkpoints")).map_err(CheckpointError::from)?;
    let begun = if args.resume {
        pollster::block_on(Run::resume(stage, store, args.run_config()))
    } else {
        pollster::block_on(Run::start(stage, store, args.run_config()))
    };
    let mut run = begun.map_err(classify)?;

    let mut sinks = Sinks::new(args);
    while let Some(event) = pollster::block_on(run.next_event()).map_err(classify)? {
        sinks.write(&event)?;
        let is_over = matches!(event, RunEvent::Finished { .. });
        if interrupts.requested() && run.is_between_steps() && !is_over {
            let name = pollster::block_on(run.save())?;
            let out = args.out.display();
            anyhow::bail!("interrupted; {name} is saved, --out {out} with --resume goes on from it");
        }
    }
    write_model(
        &args.out.join("model"),
        run.stage().model(),
        &model_config,
        tokenizer.as_ref(),
    )
}

/// The ids of all documents, shuffled, one after the other, and how many ids there are.
///
/// Shuffled, because what is measured is the end of them and has to be like the rest.
fn read_tokens(args: &PretrainArgs, tokenizer: Option<&Tokenizer>) -> anyhow::Result<(Vec<u32>, usize)> {
    let Texts { mut texts, .. } = Texts::read(&args.source, args.split.as_deref(), Purpose::Pretraining)?;
    texts.shuffle(&mut ChaCha8Rng::seed_from_u64(args.seed));
    let mut tokens = Vec::new();
    for text in texts {
        match tokenizer {
            None => tokens.extend(text.into_bytes().into_iter().chain(*b"\n").map(u32::from)),
            Some(tokenizer) => {
                let ids = tokenizer.encode(&text);
                tokens.extend(ids.map_err(|error| bad_input(format!("--data: {error}")))?);
                tokens.extend(tokenizer.special_token_ids().eos);
            }
        }
    }
    Ok((tokens, tokenizer.map_or(BYTE_IDS, Tokenizer::vocab_size)))
}

fn open_device(name: DeviceName) -> anyhow::Result<Device> {
    match name {
        // Small models are faster on the CPU than on anything that would have to be checked first.
        DeviceName::Auto | DeviceName::Cpu => Ok(devices::cpu()),
        DeviceName::WebGpu(number) => devices::open_adapter(number)
            .map_err(|error: DeviceError| ExitError::NoDevice(error.to_string()).into()),
    }
}

/// A model that has learned nothing.
fn new_model(config: &CausalLmConfig, seed: u64, device: &Device) -> anyhow::Result<CausalLm> {
    /// `initializer_range` of Llama's configurations.
    const STANDARD_DEVIATION: f64 = 0.02;
    let weights = initial_weights(config, STANDARD_DEVIATION, &mut ChaCha8Rng::seed_from_u64(seed));
    Ok(CausalLm::from_weights(
        config,
        &weights,
        &device.clone().autodiff(),
    )?)
}

/// Settings that do not fit a checkpoint are the user's to change.
fn classify<E: std::fmt::Display>(error: RunError<E>) -> anyhow::Error {
    match error {
        RunError::Occupied { name } => bad_input(format!(
            "--out holds a run already, saved as {name}: --resume goes on with it"
        )),
        RunError::Checkpoint(
            error @ (CheckpointError::OtherConfig { .. } | CheckpointError::Version { .. }),
        ) => bad_input(error.to_string()),
        other => anyhow::anyhow!("{other}"),
    }
}

/// Where the events go.
struct Sinks {
    file: JsonLines,
    tensorboard: Option<TensorBoard>,
    terminal: Terminal,
}

enum Terminal {
    Json,
    People(Progress),
    Nothing,
}

impl Sinks {
    fn new(args: &PretrainArgs) -> Self {
        let terminal = match (args.json, args.quiet) {
            (true, _) => Terminal::Json,
            (false, true) => Terminal::Nothing,
            (false, false) => Terminal::People(Progress::default()),
        };
        Self {
            file: JsonLines::new(&args.out.join("events.jsonl")),
            tensorboard: args
                .tensorboard
                .then(|| TensorBoard::new(&args.out.join("tensorboard"))),
            terminal,
        }
    }

    fn write(&mut self, event: &RunEvent) -> anyhow::Result<()> {
        self.file.write(event)?;
        if let Some(tensorboard) = &mut self.tensorboard {
            tensorboard.write(event)?;
        }
        match &mut self.terminal {
            Terminal::Json => say!("{}", serde_json::to_string(event)?),
            Terminal::People(progress) => {
                if let Some(line) = progress.line(event) {
                    // Nobody may be listening, which is no reason to stop training.
                    let _ = writeln!(std::io::stderr(), "{line}");
                }
            }
            Terminal::Nothing => {}
        }
        Ok(())
    }
}
