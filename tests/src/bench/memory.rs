//! Peak memory of a training step with and without checkpointing by block, of scoring in chunks, and of PPO iterations.
//!
//! Every case runs in a process of its own, which then reads `VmHWM`, the most memory that was ever resident, from
//! `/proc/self/status`. Beside it stands what `rllr_train::plan` estimates from the sizes alone.

mod estimate;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rllr_cli::devices;
use rllr_model::{
    CausalLm, CausalLmConfig, LoraAdapter, LoraConfig, PaddingSide, ScoredTokens, Scoring, TokenBatch,
    WeightStorage, Weights, initial_weights,
};
use rllr_train::{Checkpointing, DecoderPass, LmTrainer, LmTrainerConfig, gradients, next_token_loss_of};
use serde_json::{Value, json};

use super::median;
use super::ppo_iteration::{Iteration, Models, Size, model_config};

/// Arguments of the benchmark.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Blocks of the model.
    #[arg(long, default_value_t = 12)]
    layers: usize,
    /// Width of the model.
    #[arg(long, default_value_t = 256)]
    width: usize,
    /// Tokens of a row.
    #[arg(long, default_value_t = 512)]
    seq_len: usize,
    /// Rows.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Token ids, when scoring; training has 4,096.
    #[arg(long, default_value_t = 32_000)]
    vocab_size: usize,
    /// Steps of each case; the first one is not timed.
    #[arg(long, default_value_t = 4)]
    steps: usize,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    #[command(flatten)]
    ppo: Size,
    /// Only this case.
    #[arg(long)]
    only: Option<Case>,
    /// Internal: run this case here and print what it took.
    #[arg(long, hide = true)]
    child: Option<Case>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Case {
    /// Every parameter is trained; everything is kept for the backward pass.
    TrainAll,
    /// Every parameter is trained; only the blocks' inputs are kept.
    TrainAllPerBlock,
    /// An adapter is trained on a frozen model; everything is kept.
    TrainAdapter,
    /// An adapter is trained on a frozen model; only the blocks' inputs are kept.
    TrainAdapterPerBlock,
    /// The same, with a model that is stored as F16.
    TrainAdapterPerBlockF16,
    /// Log-probabilities and their gradients through the logits of the whole batch.
    ScoreWhole,
    /// The same in chunks.
    ScoreInChunks,
    /// PPO with whole models: policy, value model, reference and reward model. Sizes are those of the bench `ppo`.
    Ppo,
    /// PPO with adapters of policy, value model and reward model on one base, which is the reference.
    PpoAdapters,
}

/// One step, which returns its loss.
type Step = Box<dyn FnMut() -> anyhow::Result<f32>>;

impl Case {
    const ALL: [Self; 9] = [
        Self::TrainAll,
        Self::TrainAllPerBlock,
        Self::TrainAdapter,
        Self::TrainAdapterPerBlock,
        Self::TrainAdapterPerBlockF16,
        Self::ScoreWhole,
        Self::ScoreInChunks,
        Self::Ppo,
        Self::PpoAdapters,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::TrainAll => "train-all",
            Self::TrainAllPerBlock => "train-all-per-block",
            Self::TrainAdapter => "train-adapter",
            Self::TrainAdapterPerBlock => "train-adapter-per-block",
            Self::TrainAdapterPerBlockF16 => "train-adapter-per-block-f16",
            Self::ScoreWhole => "score-whole",
            Self::ScoreInChunks => "score-in-chunks",
            Self::Ppo => "ppo",
            Self::PpoAdapters => "ppo-adapters",
        }
    }

    fn checkpointing(self) -> Checkpointing {
        match self {
            Self::TrainAll | Self::TrainAdapter => Checkpointing::None,
            _ => Checkpointing::PerBlock,
        }
    }
}

/// Measures every case.
///
/// # Errors
///
/// When a case fails.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(case) = args.child {
        println!("{}", run_case(args, case)?);
        return Ok(());
    }
    if !Path::new("/proc/self/status").exists() {
        println!("SKIPPED: there is no /proc/self/status, where Linux says how much memory a process has");
        return Ok(());
    }
    for case in Case::ALL {
        if args.only.is_none_or(|only| only == case) {
            println!("{}", measure(args, case)?);
        }
    }
    Ok(())
}

/// Starts this program again and returns what it printed.
fn measure(args: &Args, case: Case) -> anyhow::Result<Value> {
    let output = Command::new(std::env::current_exe()?)
        .args(["memory", "--child", case.name()])
        .args(["--layers", &args.layers.to_string()])
        .args(["--width", &args.width.to_string()])
        .args(["--seq-len", &args.seq_len.to_string()])
        .args(["--batch", &args.batch.to_string()])
        .args(["--vocab-size", &args.vocab_size.to_string()])
        .args(["--steps", &args.steps.to_string()])
        .args(["--threads", &args.threads.to_string()])
        .args(args.ppo.arguments())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("{} failed ({})", case.name(), output.status);
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn run_case(args: &Args, case: Case) -> anyhow::Result<Value> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()?;
    let device = devices::cpu();
    let mut step: Step = match case {
        Case::TrainAll | Case::TrainAllPerBlock => train_all(args, case.checkpointing(), &device)?,
        Case::TrainAdapter | Case::TrainAdapterPerBlock => {
            train_adapter(args, case.checkpointing(), WeightStorage::F32, &device)?
        }
        Case::TrainAdapterPerBlockF16 => {
            train_adapter(args, case.checkpointing(), WeightStorage::F16, &device)?
        }
        Case::ScoreWhole | Case::ScoreInChunks => score(args, case, &device),
        Case::Ppo => iterate(args, Models::OwnModel, &device)?,
        Case::PpoAdapters => iterate(args, Models::Adapters, &device)?,
    };
    let before = status_megabytes("VmRSS")?;
    let (mut times, mut processor_times, mut value) = (Vec::new(), Vec::new(), 0.0);
    for number in 0..args.steps.max(2) {
        let (start, processor_start) = (Instant::now(), processor_milliseconds()?);
        value = step()?;
        ensure!(value.is_finite(), "the loss is {value}");
        if number > 0 {
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            processor_times.push(processor_milliseconds()? - processor_start);
        }
    }
    let peak = status_megabytes("VmHWM")?;
    Ok(json!({
        "bench": "memory", "case": case.name(), "size": case.size(args), "megabytes_before": before, "megabytes_peak": peak,
        "ms_median": median(&mut times), "processor_ms_median": median(&mut processor_times),
        "megabytes_estimated": estimate::megabytes(args, case)?, "steps": times.len(), "threads": args.threads, "loss": value,
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
    }))
}

impl Case {
    fn size(self, args: &Args) -> Value {
        match self {
            Self::Ppo | Self::PpoAdapters => json!({
                "parameters": model_config().num_parameters(), "batch": args.ppo.ppo_batch,
                "micro_batch": args.ppo.micro_batch, "prompt_tokens": args.ppo.prompt,
                "new_tokens": args.ppo.new_tokens,
            }),
            _ => json!({ "layers": args.layers, "width": args.width, "tokens": args.batch * args.seq_len }),
        }
    }
}

fn config(args: &Args) -> CausalLmConfig {
    let heads = (args.width / 32).max(2);
    CausalLmConfig {
        vocab_size: 4096,
        hidden_size: args.width,
        intermediate_size: args.width * 8 / 3 / 8 * 8,
        num_hidden_layers: args.layers,
        num_attention_heads: heads,
        num_key_value_heads: heads / 2,
        head_dim: args.width / heads,
        max_position_embeddings: args.seq_len,
        tie_word_embeddings: true,
        ..CausalLmConfig::default()
    }
}

/// Random weights and random rows, seed 0.
fn problem(args: &Args) -> anyhow::Result<(CausalLmConfig, Weights, TokenBatch)> {
    let config = config(args);
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let weights = initial_weights(&config, 0.02, &mut rng);
    let vocab_size = u32::try_from(config.vocab_size)?;
    let rows: Vec<Vec<u32>> = (0..args.batch)
        .map(|_| (0..args.seq_len).map(|_| rng.next_u32() % vocab_size).collect())
        .collect();
    let batch = TokenBatch::from_rows(&rows, PaddingSide::Right, config.vocab_size)?;
    Ok((config, weights, batch))
}

fn train_all(args: &Args, checkpointing: Checkpointing, device: &Device) -> anyhow::Result<Step> {
    let (config, weights, batch) = problem(args)?;
    let model = CausalLm::from_weights(&config, &weights, &device.clone().autodiff())?;
    let settings = LmTrainerConfig {
        checkpointing,
        ..LmTrainerConfig::default()
    };
    let mut trainer = LmTrainer::new(model, settings);
    Ok(Box::new(move || {
        let metrics = pollster::block_on(trainer.step(&batch).read());
        Ok(metrics.map_err(|error| anyhow::anyhow!("{error:?}"))?.loss)
    }))
}

fn train_adapter(
    args: &Args,
    checkpointing: Checkpointing,
    storage: WeightStorage,
    device: &Device,
) -> anyhow::Result<Step> {
    let (config, weights, batch) = problem(args)?;
    let model = CausalLm::frozen_from_weights(&config, &weights, storage, device)?;
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut adapter = LoraAdapter::new(&LoraConfig::default(), &config, rng, &device.clone().autodiff())?;
    let mut optimizer = burn::optim::AdamWConfig::new().init();
    let input = batch.to_device(device);
    Ok(Box::new(move || {
        let pass = DecoderPass::of_all_columns(model.decoder(), Some(&adapter), &input);
        let (gradients, loss) = gradients(checkpointing, pass, &adapter, |hidden| {
            let loss = next_token_loss_of(hidden, model.output_weight(), &input, &batch);
            (loss.surrogate, loss.value)
        });
        adapter = optimizer.step(2e-4, adapter.clone(), gradients);
        Ok(loss.into_scalar::<f32>())
    }))
}

/// The mean log-probability of random tokens, with its gradients by hidden states and output layer.
fn score(args: &Args, case: Case, device: &Device) -> Step {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut draw = |len: usize| -> Vec<f32> {
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let number = |_| (f64::from(rng.next_u32()) / f64::from(u32::MAX) * 0.2 - 0.1) as f32;
        (0..len).map(number).collect()
    };
    let (batch, len, width, vocab_size) = (args.batch, args.seq_len, args.width, args.vocab_size);
    let training = device.clone().autodiff();
    let hidden = TensorData::new(draw(batch * len * width), [batch, len, width]);
    let hidden = Tensor::<3>::from_data(hidden, &training).require_grad();
    let weight = TensorData::new(draw(width * vocab_size), [width, vocab_size]);
    let weight = Tensor::<2>::from_data(weight, &training).require_grad();
    let ids: Vec<i32> = (0..batch * len)
        .map(|index| i32::try_from(index * 37 % vocab_size).unwrap_or(0))
        .collect();
    let targets = Tensor::<2, Int>::from_data(TensorData::new(ids, [batch, len]), &training);
    let tokens = (batch * len) as f64;
    Box::new(move || {
        let (value, gradients) = if case == Case::ScoreWhole {
            let logits = hidden.clone().matmul(weight.clone().unsqueeze::<3>());
            let all = log_softmax(logits, 2);
            let sum = all.gather(2, targets.clone().unsqueeze_dim(2)).sum() / tokens;
            (sum.clone().inner(), sum.backward())
        } else {
            let scored = ScoredTokens::new(
                hidden.clone(),
                weight.clone(),
                targets.clone(),
                Scoring::default(),
            );
            let value = scored.log_probs().mean();
            let each = scored.log_probs().ones_like() / tokens;
            (value, scored.surrogate(each, None).backward())
        };
        let norm = hidden.grad(&gradients).context("no gradient")?.abs().sum();
        ensure!(norm.into_scalar::<f32>() > 0.0, "the gradient vanishes");
        Ok(value.into_scalar::<f32>())
    })
}

/// Whole PPO iterations.
fn iterate(args: &Args, models: Models, device: &Device) -> anyhow::Result<Step> {
    let mut iteration = Iteration::new(&args.ppo, models, device)?;
    #[expect(clippy::cast_possible_truncation, reason = "a loss of f32")]
    Ok(Box::new(move || Ok(iteration.run()?.loss as f32)))
}

/// What this process took of the processors so far, all threads together: what other programs do to the time of a step
/// they do not do to this.
fn processor_milliseconds() -> anyhow::Result<f64> {
    /// `USER_HZ`, which is 100 on every Linux that matters here.
    const TICK_MILLISECONDS: f64 = 10.0;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name in brackets and may hold spaces; 11 fields lie between it and the times.
    let (_, fields) = stat
        .rsplit_once(") ")
        .context("/proc/self/stat is not as expected")?;
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: f64 = ticks.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks * TICK_MILLISECONDS)
}

/// A line of `/proc/self/status`, in megabytes.
fn status_megabytes(key: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes
        .with_context(|| format!("no {key} in /proc/self/status"))?
        .parse()?;
    Ok(kibibytes * 1024 / 1_000_000)
}
