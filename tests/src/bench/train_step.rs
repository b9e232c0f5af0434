//! One training step: ours, and PyTorch's in turn with it.

use std::time::Instant;

use anyhow::ensure;
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rllr_cli::devices::{self, DeviceName};
use rllr_model::{CausalLm, CausalLmConfig, PaddingSide, TokenBatch, initial_weights};
use rllr_train::{LmTrainer, LmTrainerConfig};
use serde_json::json;

use super::median;
use super::torch::Torch;

/// Arguments of the benchmark.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Measure PyTorch too, in turn with ours, and print the ratio. Python is `RLLR_PYTHON`, else python3.
    #[arg(long)]
    torch: bool,
    /// Where to train: cpu, webgpu or webgpu:N.
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Rounds; in each, ours and PyTorch's run a few steps.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Steps of a round.
    #[arg(long, default_value_t = 4)]
    steps: usize,
    /// Threads for both sides.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// A model and a batch to train it on.
struct Size {
    name: &'static str,
    config: CausalLmConfig,
    batch: usize,
    seq_len: usize,
}

/// Measures every size.
///
/// # Errors
///
/// When the device or PyTorch cannot be used.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let device = match args.device {
        DeviceName::Cpu | DeviceName::Auto => devices::cpu(),
        DeviceName::WebGpu(number) => devices::open_adapter(number)?,
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()?;
    for size in sizes() {
        println!("{}", measure(args, &size, &device)?);
    }
    Ok(())
}

/// About 0.1, 1 and 5 million parameters.
fn sizes() -> [Size; 3] {
    [
        size("0.1M", 512, 64, 2, 4, 512 / 128),
        size("1M", 1024, 128, 4, 4, 1024 / 128),
        size("5M", 4096, 256, 5, 8, 1024 / 128),
    ]
}

fn size(
    name: &'static str,
    vocab_size: usize,
    width: usize,
    layers: usize,
    heads: usize,
    batch: usize,
) -> Size {
    let config = CausalLmConfig {
        vocab_size,
        hidden_size: width,
        intermediate_size: width * 8 / 3 / 8 * 8,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: heads / 2,
        head_dim: width / heads,
        max_position_embeddings: 128,
        norm_epsilon: 1e-6,
        rope_theta: 10_000.0,
        tie_word_embeddings: true,
        ..CausalLmConfig::default()
    };
    Size {
        name,
        config,
        batch,
        seq_len: 128,
    }
}

fn measure(args: &Args, size: &Size, device: &Device) -> anyhow::Result<serde_json::Value> {
    let mut ours = Ours::new(size, device)?;
    let mut torch = if args.torch {
        Some(Torch::start(
            "torch_train_step.py",
            &json!({
                "config": size.config, "trainer": LmTrainerConfig::default(),
                "batch": size.batch, "seq_len": size.seq_len, "threads": args.threads,
            }),
        )?)
    } else {
        None
    };
    ours.run(args.steps)?;
    if let Some(torch) = &mut torch {
        torch.run::<Vec<f64>>(&args.steps)?;
    }
    let (mut our_times, mut torch_times) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        our_times.extend(ours.run(args.steps)?);
        if let Some(torch) = &mut torch {
            torch_times.extend(torch.run::<Vec<f64>>(&args.steps)?);
        }
    }
    let milliseconds = median(&mut our_times);
    let mut result = json!({
        "bench": "train_step", "size": size.name, "parameters": size.config.num_parameters(),
        "tokens": size.batch * size.seq_len, "device": format!("{:?}", args.device), "threads": args.threads,
        "steps": our_times.len(), "ms_median": milliseconds, "ms_min": our_times[0],
    });
    if args.torch {
        let torch_milliseconds = median(&mut torch_times);
        result["torch_ms_median"] = json!(torch_milliseconds);
        result["torch_ms_min"] = json!(torch_times[0]);
        result["ratio_to_torch"] = json!(milliseconds / torch_milliseconds);
    }
    Ok(result)
}

struct Ours {
    trainer: LmTrainer,
    batch: TokenBatch,
}

impl Ours {
    fn new(size: &Size, device: &Device) -> anyhow::Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let weights = initial_weights(&size.config, 0.02, &mut rng);
        let model = CausalLm::from_weights(&size.config, &weights, &device.clone().autodiff())?;
        let vocab_size = u32::try_from(size.config.vocab_size)?;
        let rows: Vec<Vec<u32>> = (0..size.batch)
            .map(|_| (0..size.seq_len).map(|_| rng.next_u32() % vocab_size).collect())
            .collect();
        let batch = TokenBatch::from_rows(&rows, PaddingSide::Right, size.config.vocab_size)?;
        Ok(Self {
            trainer: LmTrainer::new(model, LmTrainerConfig::default()),
            batch,
        })
    }

    /// Milliseconds of each of `steps` steps.
    fn run(&mut self, steps: usize) -> anyhow::Result<Vec<f64>> {
        (0..steps)
            .map(|_| {
                let start = Instant::now();
                let metrics = pollster::block_on(self.trainer.step(&self.batch).read());
                let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
                let metrics = metrics.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                ensure!(metrics.loss.is_finite(), "the loss is {}", metrics.loss);
                Ok(milliseconds)
            })
            .collect()
    }
}
