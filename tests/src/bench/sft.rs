//! One step of supervised fine-tuning: ours, and PyTorch's in turn with it.

use std::time::Instant;

use anyhow::ensure;
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rllr_cli::{devices, threads};
use rllr_model::{CausalLm, CausalLmConfig, SpecialTokenIds, initial_weights};
use rllr_train::{
    Actor, AdamSettings, MicroBatching, OptimizerConfig, PromptAndResponse, SftConfig, SftModels, SftTrainer,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::median;
use super::ppo_iteration::model_config;
use super::torch::Torch;

/// Arguments of the benchmark.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Measure PyTorch too, in turn with ours, and print the ratio. Python is `RLLR_PYTHON`, else python3.
    #[arg(long)]
    torch: bool,
    /// Examples of a step.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Examples that go through our model at a time.
    #[arg(long, default_value_t = 4)]
    micro_batch: usize,
    /// Tokens of each prompt.
    #[arg(long, default_value_t = 80)]
    prompt: usize,
    /// Tokens of each response.
    #[arg(long, default_value_t = 48)]
    response: usize,
    /// Rounds; in each, ours and PyTorch's run a few steps.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Steps of a round.
    #[arg(long, default_value_t = 4)]
    steps: usize,
    /// Threads for both sides.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Micro-batches of ours that are computed side by side.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// A few steps of one side.
#[derive(Debug, Deserialize)]
struct Turn {
    /// Of each step.
    milliseconds: Vec<f64>,
    /// Of the last step.
    loss: f64,
}

/// Measures the model of 5 million parameters.
///
/// # Errors
///
/// When a step fails or PyTorch cannot be used.
pub fn run(args: &Args) -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()?;
    println!("{}", measure(args)?);
    Ok(())
}

fn measure(args: &Args) -> anyhow::Result<Value> {
    let config = CausalLmConfig {
        max_position_embeddings: args.prompt + args.response,
        ..model_config()
    };
    let optimizer = AdamSettings::default();
    let mut ours = Ours::new(args, &config, optimizer)?;
    let job = json!({
        "config": config, "optimizer": {
            "learning_rate": LEARNING_RATE, "beta_1": optimizer.beta_1, "beta_2": optimizer.beta_2,
            "epsilon": optimizer.epsilon, "weight_decay": optimizer.weight_decay,
        },
        "batch": args.batch, "prompt": args.prompt, "response": args.response, "threads": args.threads,
    });
    let mut torch = args
        .torch
        .then(|| Torch::start("torch_sft.py", &job))
        .transpose()?;
    let (mut our_times, mut torch_times) = (Vec::new(), Vec::new());
    for round in 0..=args.rounds {
        let turn = checked(ours.run(args.steps)?, &config)?;
        let torch_turn = torch
            .as_mut()
            .map(|torch| torch.run::<Turn>(&args.steps))
            .transpose()?;
        let torch_turn = torch_turn.map(|turn| checked(turn, &config)).transpose()?;
        // The first round warms up.
        if round > 0 {
            our_times.extend(turn.milliseconds);
            torch_times.extend(torch_turn.into_iter().flat_map(|turn| turn.milliseconds));
        }
    }
    let milliseconds = median(&mut our_times);
    let mut result = json!({
        "bench": "sft", "parameters": config.num_parameters(), "batch": args.batch, "micro_batch": args.micro_batch,
        "prompt_tokens": args.prompt, "response_tokens": args.response, "threads": args.threads,
        "workers": args.workers, "steps": our_times.len(), "ms_median": milliseconds, "ms_min": our_times[0],
    });
    if torch.is_some() {
        let torch_milliseconds = median(&mut torch_times);
        result["torch_ms_median"] = json!(torch_milliseconds);
        result["torch_ms_min"] = json!(torch_times[0]);
        result["ratio_to_torch"] = json!(milliseconds / torch_milliseconds);
        // Nearer to a machine on which nothing else runs.
        result["quickest_ratio"] = json!(our_times[0] / torch_times[0]);
    }
    Ok(result)
}

/// Small enough that random tokens are hardly learnt while it is measured.
const LEARNING_RATE: f64 = 1e-5;

/// Random weights know nothing: the loss is about the logarithm of the vocabulary's size.
fn checked(turn: Turn, config: &CausalLmConfig) -> anyhow::Result<Turn> {
    let expected = (config.vocab_size as f64).ln();
    ensure!(
        (turn.loss - expected).abs() < 0.5,
        "the loss is {}, expected about {expected}",
        turn.loss
    );
    Ok(turn)
}

struct Ours {
    trainer: SftTrainer,
    batch: Vec<PromptAndResponse>,
}

impl Ours {
    fn new(args: &Args, config: &CausalLmConfig, optimizer: AdamSettings) -> anyhow::Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let weights = initial_weights(config, 0.02, &mut rng);
        let model = CausalLm::from_weights(config, &weights, &devices::cpu().autodiff())?;
        let settings = SftConfig {
            batch_size: args.batch,
            micro_batching: MicroBatching::Rows(args.micro_batch),
            optimizer: OptimizerConfig::AdamW(optimizer),
            learning_rate: LEARNING_RATE,
            ..SftConfig::default()
        };
        let trainer = SftTrainer::new(SftModels::new(None, Actor::Full(model))?, settings, 1_000_000)?;
        let special = SpecialTokenIds {
            bos: None,
            eos: Some(0),
            pad: None,
            stop: vec![0],
        };
        let others = u32::try_from(config.vocab_size)? - 1;
        let mut tokens = |len: usize| -> Vec<u32> { (0..len).map(|_| 1 + rng.next_u32() % others).collect() };
        let mut example = || {
            let (prompt, mut response) = (tokens(args.prompt), tokens(args.response - 1));
            response.push(0);
            PromptAndResponse::new(prompt, response, &special)
        };
        Ok(Self {
            trainer: trainer.with_workers(threads::workers(args.workers)),
            batch: (0..args.batch).map(|_| example()).collect::<Result<_, _>>()?,
        })
    }

    fn run(&mut self, steps: usize) -> anyhow::Result<Turn> {
        let (mut milliseconds, mut loss) = (Vec::new(), f64::NAN);
        for _ in 0..steps {
            let start = Instant::now();
            loss = f64::from(block_on(self.trainer.step(&self.batch)?.read())?.loss);
            milliseconds.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(Turn { milliseconds, loss })
    }
}
