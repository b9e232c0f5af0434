//! Greedy decoding with a cache: ours, and PyTorch's in turn with it.

use std::time::Instant;

use anyhow::ensure;
use burn::tensor::Device;
use clap::ValueEnum;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use rllr_cli::devices::{self, DeviceName};
use rllr_model::{
    AdaptedLm, CausalLm, CausalLmConfig, Decoding, DecodingLm, GenerationConfig, LogProbs, Sampling,
    Uniforms, initial_weights,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::median;
use super::torch::Torch;

/// Arguments of the benchmark.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Measure PyTorch too, in turn with ours, and print the ratios. Python is `RLLR_PYTHON`, else python3.
    #[arg(long)]
    torch: bool,
    /// Where to decode: cpu, webgpu or webgpu:N.
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// How tokens are chosen. PyTorch's side is greedy, always.
    #[arg(long, value_enum, default_value_t = Mode::Greedy)]
    mode: Mode,
    /// The model as it is, or its copy for decoding.
    #[arg(long, value_enum, default_value_t = Layout::Decoding)]
    layout: Layout,
    /// Only the model of this name.
    #[arg(long)]
    size: Option<String>,
    /// Rows decoded at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    batch: Vec<usize>,
    /// Tokens of each prompt.
    #[arg(long, default_value_t = 64)]
    prompt: usize,
    /// Tokens that each row gets.
    #[arg(long, default_value_t = 64)]
    new_tokens: usize,
    /// Rounds; in each, ours and PyTorch's generate once.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Threads for both sides.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Parts into which our batch is divided, each decoded by one thread; by default one for each thread, if it gets
    /// at least 4 rows. PyTorch divides its products instead.
    #[arg(long)]
    parts: Option<usize>,
}

/// How tokens are chosen.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    /// The best, without log-probabilities: what PyTorch's side does.
    Greedy,
    /// Drawn at temperature 1, with log-probabilities: a rollout.
    Rollout,
    /// Drawn from the best 50 that make up 0.9, with log-probabilities.
    Filtered,
}

/// Which matrices are decoded with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Layout {
    /// As they are stored.
    Stored,
    /// `AdaptedLm::for_decoding`.
    Decoding,
}

/// Seconds of one generation.
#[derive(Debug, Deserialize)]
struct Times {
    /// Up to the first token of every row.
    prefill: f64,
    /// Each step after it, in which every row gets a token.
    steps: Vec<f64>,
}

/// Measures every size and batch.
///
/// # Errors
///
/// When the device or PyTorch cannot be used.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let device = match args.device {
        DeviceName::Cpu | DeviceName::Auto => devices::cpu(),
        DeviceName::WebGpu(number) => devices::open_adapter(number)?,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build()?;
    // Inside the pool: from outside, each product that is divided would first wake a thread of the pool and wait.
    pool.install(|| {
        for (name, config) in sizes() {
            if args.size.as_deref().is_some_and(|wanted| wanted != name) {
                continue;
            }
            for &batch in &args.batch {
                println!("{}", measure(args, name, &config, batch, &device)?);
            }
        }
        Ok(())
    })
}

/// About 1 and 5 million parameters, both with tied embeddings, as the models that tell stories have.
fn sizes() -> [(&'static str, CausalLmConfig); 2] {
    [
        ("1M", config(1024, 128, 4, 4, 336)),
        ("5M", config(4096, 256, 6, 8, 688)),
    ]
}

fn config(vocab_size: usize, width: usize, layers: usize, heads: usize, inner: usize) -> CausalLmConfig {
    CausalLmConfig {
        vocab_size,
        hidden_size: width,
        intermediate_size: inner,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: heads / 2,
        head_dim: width / heads,
        max_position_embeddings: 512,
        norm_epsilon: 1e-5,
        tie_word_embeddings: true,
        ..CausalLmConfig::default()
    }
}

fn measure(
    args: &Args,
    name: &str,
    config: &CausalLmConfig,
    batch: usize,
    device: &Device,
) -> anyhow::Result<Value> {
    let ours = Ours::new(args, config, batch, device)?;
    let turn = json!({ "batch": batch, "prompt": args.prompt, "new_tokens": args.new_tokens });
    let mut torch = if args.torch {
        let job = json!({ "config": config, "threads": args.threads });
        Some(Torch::start("torch_decode.py", &job)?)
    } else {
        None
    };
    let (mut our_times, mut torch_times) = (Vec::new(), Vec::new());
    for round in 0..=args.rounds {
        let times = ours.run()?;
        let torch_turn: Option<Times> = torch.as_mut().map(|torch| torch.run(&turn)).transpose()?;
        // The first round warms up.
        if round > 0 {
            our_times.push(times);
            torch_times.extend(torch_turn);
        }
    }
    let mut result = json!({
        "bench": "model", "size": name, "parameters": config.num_parameters(), "batch": batch,
        "prompt_tokens": args.prompt, "new_tokens": args.new_tokens, "mode": format!("{:?}", args.mode),
        "layout": format!("{:?}", args.layout), "device": format!("{:?}", args.device), "threads": args.threads,
        "rounds": args.rounds, "parts": ours.parts.len(),
    });
    let ours = Rates::of(args, batch, &our_times);
    result["decode_tokens_per_second"] = json!(ours.decode);
    result["decode_tokens_per_second_undisturbed"] = json!(ours.undisturbed_decode);
    result["prefill_tokens_per_second"] = json!(ours.prefill);
    if args.torch {
        let torch = Rates::of(args, batch, &torch_times);
        result["torch_decode_tokens_per_second"] = json!(torch.decode);
        result["torch_decode_tokens_per_second_undisturbed"] = json!(torch.undisturbed_decode);
        result["torch_prefill_tokens_per_second"] = json!(torch.prefill);
        result["decode_speed_over_torch"] = json!(ours.decode / torch.decode);
        result["decode_speed_over_torch_undisturbed"] =
            json!(ours.undisturbed_decode / torch.undisturbed_decode);
        result["prefill_speed_over_torch"] = json!(ours.prefill / torch.prefill);
    }
    Ok(result)
}

/// Tokens a second.
struct Rates {
    /// Median of the rounds.
    prefill: f64,
    /// Of the median step.
    decode: f64,
    /// Of the fastest hundredth of all steps: nearer to what a machine reaches on which nothing else runs. Of longer
    /// texts steps are slower, but by less than what other programs take.
    undisturbed_decode: f64,
}

impl Rates {
    fn of(args: &Args, batch: usize, times: &[Times]) -> Self {
        let mut prefill: Vec<f64> = times.iter().map(|times| times.prefill).collect();
        let mut steps: Vec<f64> = times
            .iter()
            .flat_map(|times| times.steps.iter().copied())
            .collect();
        Self {
            prefill: (batch * args.prompt) as f64 / median(&mut prefill),
            decode: batch as f64 / median(&mut steps),
            undisturbed_decode: batch as f64 / steps[steps.len() / 100],
        }
    }
}

struct Ours {
    model: CausalLm,
    packed: Option<DecodingLm>,
    /// Prompts, by part.
    parts: Vec<Vec<Vec<u32>>>,
    config: GenerationConfig,
}

impl Ours {
    fn new(args: &Args, config: &CausalLmConfig, batch: usize, device: &Device) -> anyhow::Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let weights = initial_weights(config, 0.02, &mut rng);
        let model = CausalLm::from_weights(config, &weights, device)?;
        let vocab_size = u32::try_from(config.vocab_size)?;
        let mut prompt = || (0..args.prompt).map(|_| rng.next_u32() % vocab_size).collect();
        let prompts: Vec<Vec<u32>> = (0..batch).map(|_| prompt()).collect();
        let parts = args.parts.unwrap_or(args.threads.min(batch / 4)).max(1);
        let (decoding, log_probs) = args.mode.settings();
        Ok(Self {
            packed: match args.layout {
                Layout::Stored => None,
                Layout::Decoding => Some(model.without_adapter().for_decoding()),
            },
            model,
            parts: prompts.chunks(batch.div_ceil(parts)).map(<[_]>::to_vec).collect(),
            config: GenerationConfig {
                max_new_tokens: args.new_tokens,
                decoding,
                log_probs,
                ..GenerationConfig::default()
            },
        })
    }

    fn lm(&self) -> AdaptedLm<'_> {
        match &self.packed {
            Some(packed) => packed.as_lm(),
            None => self.model.without_adapter(),
        }
    }

    fn run(&self) -> anyhow::Result<Times> {
        let mut parts: Vec<anyhow::Result<Vec<f64>>> = Vec::new();
        self.parts
            .par_iter()
            .map(|prompts| self.generate(prompts))
            .collect_into_vec(&mut parts);
        let parts: Vec<Vec<f64>> = parts.into_iter().collect::<anyhow::Result<_>>()?;
        // The parts go on side by side, so a step takes as long as its slowest part.
        let slowest = |step: usize| parts.iter().map(|part| part[step]).fold(0.0, f64::max);
        // The last step computes no further scores.
        let steps: Vec<f64> = (1..self.config.max_new_tokens - 1).map(slowest).collect();
        // The first scores of the second step are computed while the first tokens are read.
        let prefill = slowest(0) - median(&mut steps.clone());
        Ok(Times { prefill, steps })
    }

    /// Seconds up to the first token, and of each step after it.
    fn generate(&self, prompts: &[Vec<u32>]) -> anyhow::Result<Vec<f64>> {
        let uniforms = Uniforms::draw(&self.config, prompts.len(), &mut ChaCha8Rng::seed_from_u64(1));
        let mut start = Instant::now();
        let mut generating = self.lm().start_generation(prompts, &self.config, &uniforms)?;
        let mut seconds = Vec::with_capacity(self.config.max_new_tokens);
        while pollster::block_on(generating.next_tokens())?.is_some() {
            seconds.push(start.elapsed().as_secs_f64());
            start = Instant::now();
        }
        ensure!(
            seconds.len() == self.config.max_new_tokens,
            "every row has all its tokens"
        );
        Ok(seconds)
    }
}

impl Mode {
    fn settings(self) -> (Decoding, LogProbs) {
        let sampling = |top_k, top_p| {
            Decoding::Sampling(Sampling {
                top_k,
                top_p,
                ..Sampling::default()
            })
        };
        match self {
            Self::Greedy => (Decoding::Greedy, LogProbs::Omitted),
            Self::Rollout => (sampling(None, 1.0), LogProbs::OfTokens),
            Self::Filtered => (sampling(Some(50), 0.9), LogProbs::OfTokens),
        }
    }
}
