//! One PPO iteration by phase: ours, and TRL's in turn with it.

use anyhow::ensure;
use rllr_cli::devices;
use serde_json::{Value, json};

use super::median;
use super::ppo_iteration::{Iteration, LEARNING_RATE, Models, Size, Turn, model_config};
use super::torch::Torch;

/// Arguments of the benchmark.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Measure TRL too, in turn with ours, and print the ratios. The environment variables `RLLR_PYTHON_TRL072` and
    /// `RLLR_PYTHON_TRL112` name a Python that has trl 0.7.2 with transformers 4.34.1, and one that has trl 1.12.0 with
    /// transformers 5.23.0; what is not set is left out.
    #[arg(long)]
    torch: bool,
    /// Only these models.
    #[arg(long, value_enum)]
    only: Option<Models>,
    #[command(flatten)]
    size: Size,
    /// Rounds; in each, ours and TRL's do one iteration.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Threads for both sides.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// A version of TRL that works with the same models.
struct Rival {
    name: &'static str,
    /// Environment variable with the path of its Python.
    python: &'static str,
    script: &'static str,
}

impl Rival {
    fn of(models: Models) -> Option<Self> {
        match models {
            Models::SharedHead => Some(Self {
                name: "trl 0.7.2",
                python: "RLLR_PYTHON_TRL072",
                script: "trl072_ppo.py",
            }),
            Models::OwnModel => Some(Self {
                name: "trl 1.12.0",
                python: "RLLR_PYTHON_TRL112",
                script: "trl112_ppo.py",
            }),
            Models::Adapters => None,
        }
    }

    /// Its process; none when its Python is not named.
    fn start(&self, args: &Args) -> anyhow::Result<Option<Torch>> {
        let Ok(python) = std::env::var(self.python) else {
            println!(
                "SKIPPED: {} beside ours, because {} is not set",
                self.name, self.python
            );
            return Ok(None);
        };
        let (config, size) = (model_config(), &args.size);
        let job = json!({
            "config": config, "parameters": config.num_parameters(), "batch": size.ppo_batch,
            "micro_batch": size.micro_batch, "prompt": size.prompt, "new_tokens": size.new_tokens,
            "learning_rate": LEARNING_RATE, "threads": args.threads,
        });
        Torch::start_with(&python, self.script, &job).map(Some)
    }
}

/// Measures all models.
///
/// # Errors
///
/// When an iteration fails, or TRL does not do the same as we.
pub fn run(args: &Args) -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()?;
    for models in [Models::SharedHead, Models::OwnModel, Models::Adapters] {
        if args.only.is_none_or(|only| only == models) {
            println!("{}", measure(args, models)?);
        }
    }
    Ok(())
}

fn measure(args: &Args, models: Models) -> anyhow::Result<Value> {
    let size = &args.size;
    let mut ours = Iteration::new(size, models, &devices::cpu())?;
    let rival = Rival::of(models).filter(|_| args.torch);
    let mut trl = match &rival {
        Some(rival) => rival.start(args)?,
        None => None,
    };
    let (mut our_turns, mut trl_turns) = (Vec::new(), Vec::new());
    for round in 0..=args.rounds {
        let turn = checked(ours.run()?, size)?;
        let trl_turn = trl.as_mut().map(|trl| trl.run::<Turn>(&1)).transpose()?;
        let trl_turn = trl_turn.map(|turn| checked(turn, size)).transpose()?;
        // The first round warms up.
        if round > 0 {
            our_turns.push(turn);
            trl_turns.extend(trl_turn);
        }
    }
    let mut result = json!({
        "bench": "ppo", "models": models.name(), "parameters": model_config().num_parameters(),
        "batch": size.ppo_batch, "micro_batch": size.micro_batch, "prompt_tokens": size.prompt,
        "new_tokens": size.new_tokens, "threads": args.threads, "rounds": args.rounds,
    });
    for (phase, seconds) in PHASES {
        result[format!("{phase}_ms")] = json!(median_milliseconds(&our_turns, seconds));
    }
    if let (Some(rival), Some(_)) = (rival, trl) {
        result["beside"] = json!(rival.name);
        for (phase, seconds) in PHASES {
            let trl = median_milliseconds(&trl_turns, seconds);
            result[format!("trl_{phase}_ms")] = json!(trl);
            result[format!("{phase}_ratio")] = json!(median_milliseconds(&our_turns, seconds) / trl);
        }
        // Nearer to a machine on which nothing else runs.
        result["quickest_total_ratio"] = json!(quickest(&our_turns) / quickest(&trl_turns));
    }
    Ok(result)
}

/// A number of a turn.
type OfTurn = fn(&Turn) -> f64;

/// Name and seconds of each phase, and of all together.
const PHASES: [(&str, OfTurn); 4] = [
    ("rollout", |turn| turn.rollout),
    ("scores", |turn| turn.scores),
    ("update", |turn| turn.update),
    ("total", Turn::total),
];

fn median_milliseconds(turns: &[Turn], seconds: fn(&Turn) -> f64) -> f64 {
    let mut milliseconds: Vec<f64> = turns.iter().map(|turn| seconds(turn) * 1000.0).collect();
    median(&mut milliseconds)
}

/// Seconds of the quickest iteration.
fn quickest(turns: &[Turn]) -> f64 {
    turns.iter().map(Turn::total).fold(f64::INFINITY, f64::min)
}

/// Every row has all its tokens, the weights changed once, and something was learned.
fn checked(turn: Turn, size: &Size) -> anyhow::Result<Turn> {
    let tokens = size.ppo_batch * size.new_tokens;
    ensure!(
        turn.new_tokens == tokens && turn.optimizer_steps == 1 && turn.loss.is_finite(),
        "{turn:?}, expected {tokens} tokens, one optimiser step and a finite loss"
    );
    Ok(turn)
}
