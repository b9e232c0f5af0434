//! Examples a second of an evaluation, in both modes: ours, and those of transformers in turn with it.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_cli::answering::SideBySide;
use rllr_cli::devices;
use rllr_cli::models::{LoadedModel, read_model, write_model};
use rllr_eval::{AnswerMode, Answering, AnsweringConfig, Prediction};
use rllr_model::tokenizer::{BpeTrainingConfig, train_byte_level_bpe};
use rllr_model::{CausalLm, CausalLmConfig, initial_weights};
use rllr_task::generate::TaskKind;
use rllr_task::{Answer, Example, Label, Task, Tasks};
use serde::Deserialize;
use serde_json::{Value, json};

use super::median;
use super::torch::Torch;

/// Arguments of the benchmark.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Measure transformers too, in turn with ours, and print the ratio. Python is `RLLR_PYTHON`, else python3.
    #[arg(long)]
    torch: bool,
    /// Directory of the model; without it a new model of 1.5 million parameters.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Examples that are answered; the hand-written ones of `scene_nli`, again and again.
    #[arg(long, default_value_t = 256)]
    examples: usize,
    /// Examples that are answered together.
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Tokens of every answer. No answer ends before.
    #[arg(long, default_value_t = 64)]
    new_tokens: usize,
    /// Rounds; in each, ours and transformers answer everything once.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Threads for both sides.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// An evaluation by transformers.
#[derive(Debug, Deserialize)]
struct Turn {
    seconds: f64,
    new_tokens: usize,
    /// Index of each example's most probable label.
    best: Vec<usize>,
}

/// Everything that both sides read.
struct Case {
    task: Task,
    examples: Vec<Example>,
    model: LoadedModel,
}

/// A model with random weights and as many tokens as a shipped one.
fn new_model(device: &Device) -> anyhow::Result<LoadedModel> {
    let texts = TaskKind::ALL.map(TaskKind::test_jsonl);
    let training = BpeTrainingConfig {
        vocab_size: 4096,
        min_frequency: 1,
        ..BpeTrainingConfig::default()
    };
    let tokenizer = train_byte_level_bpe(texts, &training)?;
    let config = CausalLmConfig {
        // Any id that such a model writes has to be a token's.
        vocab_size: tokenizer.vocab_size(),
        hidden_size: 128,
        intermediate_size: 352,
        num_hidden_layers: 5,
        num_attention_heads: 4,
        num_key_value_heads: 4,
        head_dim: 32,
        max_position_embeddings: 256,
        tie_word_embeddings: true,
        ..CausalLmConfig::default()
    };
    let weights = initial_weights(&config, 0.05, &mut ChaCha8Rng::seed_from_u64(0));
    Ok(LoadedModel {
        lm: CausalLm::from_weights(&config, &weights, device)?,
        config,
        tokenizer,
    })
}

/// Measures one model on the hand-written examples of one task.
///
/// # Errors
///
/// When a model cannot be written, transformers cannot be used, or the two sides do not do the same.
pub fn run(args: &Args) -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()?;
    let device = devices::cpu();
    let case = Case::new(args, &device)?;
    let mut torch = args.torch.then(|| case.start_torch(args)).transpose()?;
    for mode in [AnswerMode::Likelihood, AnswerMode::Generate] {
        println!("{}", measure(args, &case, mode, torch.as_mut(), &device)?);
    }
    Ok(())
}

fn measure(
    args: &Args,
    case: &Case,
    mode: AnswerMode,
    mut torch: Option<&mut Torch>,
    device: &Device,
) -> anyhow::Result<Value> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=args.rounds {
        let start = Instant::now();
        let (predictions, new_tokens) = case.answer(args, mode, device)?;
        let seconds = start.elapsed().as_secs_f64();
        let turn: Option<Turn> = torch.as_mut().map(|torch| torch.run(&mode)).transpose()?;
        if let Some(turn) = &turn {
            case.compare(mode, &predictions, new_tokens, turn)?;
        }
        // The first round warms up.
        if round > 0 {
            ours.push(seconds);
            theirs.extend(turn.map(|turn| turn.seconds));
        }
    }
    let rate = |seconds: &mut [f64]| args.examples as f64 / median(seconds);
    let our_rate = rate(&mut ours);
    let mut result = json!({
        "bench": "eval", "mode": mode, "parameters": case.model.config.num_parameters(),
        "vocab_size": case.model.tokenizer.vocab_size(), "examples": args.examples,
        "batch": args.batch, "new_tokens": args.new_tokens, "threads": args.threads, "rounds": args.rounds,
        "examples_per_second": our_rate, "examples_per_second_undisturbed": args.examples as f64 / ours[0],
    });
    if torch.is_some() {
        let their_rate = rate(&mut theirs);
        result["transformers_examples_per_second"] = json!(their_rate);
        result["speed_over_transformers"] = json!(our_rate / their_rate);
        // Nearer to a machine on which nothing else runs.
        result["quickest_over_quickest"] = json!(theirs[0] / ours[0]);
    }
    Ok(result)
}

impl Case {
    fn new(args: &Args, device: &Device) -> anyhow::Result<Self> {
        let kind = TaskKind::SceneNli;
        let examples = kind.test_examples().into_iter().cycle().take(args.examples);
        let examples: Vec<Example> = examples.collect();
        let task = Tasks::builtin().get(kind.name())?.clone();
        let model = match &args.model {
            Some(directory) => read_model(directory, device)?,
            None => new_model(device)?,
        };
        Ok(Self {
            task,
            examples,
            model,
        })
    }

    fn answering(&self, args: &Args, mode: AnswerMode) -> anyhow::Result<Answering<'_>> {
        let config = AnsweringConfig {
            mode,
            batch_size: args.batch,
            max_new_tokens: args.new_tokens,
            ..AnsweringConfig::default()
        };
        Ok(Answering::new(
            &self.task,
            &self.model.tokenizer,
            &self.examples,
            None,
            &config,
        )?)
    }

    /// As `rllr eval` does it, from texts to predictions.
    fn answer(
        &self,
        args: &Args,
        mode: AnswerMode,
        device: &Device,
    ) -> anyhow::Result<(Vec<Prediction>, usize)> {
        let decoding = self.model.lm.without_adapter().for_decoding();
        let mut answering = SideBySide::new(self.answering(args, mode)?, device);
        while answering.progress().0 < self.examples.len() {
            answering.step(decoding.as_lm())?;
        }
        let answering = answering.finish();
        Ok((answering.predictions(), answering.new_tokens()))
    }

    fn start_torch(&self, args: &Args) -> anyhow::Result<Torch> {
        let folder = tempfile::tempdir()?;
        let model = folder.path().join("model");
        write_model(
            &model,
            &self.model.lm,
            &self.model.config,
            Some(&self.model.tokenizer),
        )?;
        let format = AnsweringConfig::default().format;
        let prompt = |example: &Example| -> anyhow::Result<Vec<u32>> {
            let text = self.task.prompt(example, 0, format)?.text;
            Ok(self.model.tokenizer.encode_prompt(&text)?)
        };
        let answer = |label: usize| -> anyhow::Result<Vec<u32>> {
            let text = Answer::new("", Label(label)).print(&self.task, format);
            Ok(self.model.tokenizer.encode_response(&text)?)
        };
        let job = json!({
            "model": model, "threads": args.threads, "batch": args.batch, "new_tokens": args.new_tokens,
            "prompts": self.examples.iter().map(prompt).collect::<anyhow::Result<Vec<_>>>()?,
            "answers": (0..self.task.labels.len()).map(answer).collect::<anyhow::Result<Vec<_>>>()?,
            "eos": self.model.tokenizer.special_token_ids().eos,
        });
        // The model is read before it answers `ready`.
        Torch::start("transformers_eval.py", &job)
    }

    /// Both sides have to do the same for times to say something.
    fn compare(
        &self,
        mode: AnswerMode,
        predictions: &[Prediction],
        new_tokens: usize,
        turn: &Turn,
    ) -> anyhow::Result<()> {
        if mode == AnswerMode::Generate {
            let share = new_tokens as f64 / turn.new_tokens as f64;
            ensure!(
                (0.95..=1.0).contains(&share),
                "{new_tokens} new tokens, transformers wrote {}",
                turn.new_tokens
            );
            return Ok(());
        }
        for (found, best) in predictions.iter().zip(&turn.best) {
            let word = found.prediction.as_deref().context("a likelihood has a label")?;
            let expected = self.task.word(Label(*best));
            ensure!(
                word == expected,
                "{}: found {word}, transformers says {expected}",
                found.id
            );
        }
        Ok(())
    }
}
