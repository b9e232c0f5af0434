//! Trains the small model of `assets/models` on this project's own generated examples, and writes its directory.
//!
//! `cargo run --release -p rllr-cli --no-default-features --example small_student -- DIR [EPOCHS] [EXAMPLES]`
//!
//! One model for two tasks, supervised only: it shows what the page can do with a model of less than a megabyte. The
//! seed is fixed, so that the same machine writes the same model.
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::path::Path;

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_cli::devices;
use rllr_cli::model_directory::{CONFIG, DirectoryWriter, Overwrite, write_weights};
use rllr_eval::AnsweringConfig;
use rllr_model::tokenizer::{BpeTrainingConfig, ConfigDialect, train_byte_level_bpe};
use rllr_model::{CausalLm, ExportOptions, ModelHead, StoredType, Tokenizer, initial_weights};
use rllr_task::generate::{TaskKind, generate};
use rllr_task::{Example, ResponseFormat, Tasks};
use rllr_train::pipeline::{HeldOut, Level, Material, ModelRecipe, SftStage};
use rllr_train::{Actor, SftConfig, SftModels, Stage as _};

const TASKS: [TaskKind; 2] = [TaskKind::FilmSentiment, TaskKind::NewsTopic];
const FORMAT: ResponseFormat = ResponseFormat::RationaleThenLabel;
const SEED: u64 = 1;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments
        .next()
        .context("the directory of the model is missing")?;
    let epochs = arguments.next().map_or(Ok(6), |text| text.parse())?;
    let examples = arguments.next().map_or(Ok(3000), |text| text.parse())?;

    // 1. Examples of both tasks, and a tokenizer that has seen the words of both.
    let tasks = Tasks::builtin();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut all: Vec<(TaskKind, Vec<Example>)> = Vec::new();
    for kind in TASKS {
        all.push((kind, generate(kind, Level::Easy.mix(), examples, &mut rng)?));
    }
    let tokenizer = train_tokenizer(&tasks, &all)?;

    // 2. Supervised fine-tuning from scratch.
    let recipe = ModelRecipe::default();
    let config = recipe.config(tokenizer.vocab_size());
    let device = devices::cpu().autodiff();
    let weights = initial_weights(&config, recipe.initializer_range, &mut rng);
    let base = CausalLm::from_weights(&config, &weights, &device)?;
    let mut demonstrations = Vec::new();
    for (kind, examples) in &all {
        let material = Material {
            task: tasks.get(kind.name())?,
            tokenizer: &tokenizer,
            format: FORMAT,
            wording: 0,
            max_tokens: recipe.max_position_embeddings,
        };
        demonstrations.extend(material.demonstrations(examples)?);
    }
    let settings = SftConfig {
        epochs,
        batch_size: 32,
        learning_rate: 3e-3,
        seed: SEED,
        ..SftConfig::default()
    };
    let models = SftModels::new(None, Actor::Full(base))?;
    let model = train(SftStage::new(models, demonstrations, settings, None)?)?;

    // 3. What it has learnt, and its directory.
    for kind in TASKS {
        let test = kind.test_examples();
        let held_out = HeldOut {
            task: tasks.get(kind.name())?,
            tokenizer: &tokenizer,
            examples: &test,
            config: &AnsweringConfig {
                max_new_tokens: 64,
                ..AnsweringConfig::default()
            },
            seed: 0,
        };
        let (evaluation, _) = pollster::block_on(held_out.evaluate(model.without_adapter()))?;
        println!(
            "{}: accuracy {:.3} on {} hand-written examples",
            kind.name(),
            evaluation.accuracy,
            evaluation.n
        );
    }
    write(Path::new(&target), &model, &config, &tokenizer)
}

fn train(mut stage: SftStage<'_>) -> anyhow::Result<CausalLm> {
    let total = stage.total_steps();
    for step in 1..=total {
        let report = pollster::block_on(stage.step())?;
        if step % 50 == 0 || step == total {
            println!("step {step} of {total}: {:?}", report.metrics.get("loss"));
        }
    }
    match stage.models().trained() {
        Actor::Full(model) => Ok(model.clone()),
        Actor::Adapter(_) => unreachable!("a whole model was trained"),
    }
}

fn train_tokenizer(tasks: &Tasks, all: &[(TaskKind, Vec<Example>)]) -> anyhow::Result<Tokenizer> {
    let mut texts = Vec::new();
    for (kind, examples) in all {
        let task = tasks.get(kind.name())?;
        for example in examples {
            texts.push(task.prompt(example, 0, FORMAT)?.text);
            texts.extend(example.rationales.values().cloned());
            texts.push(example.label.clone());
        }
    }
    let config = BpeTrainingConfig {
        vocab_size: 1024,
        ..BpeTrainingConfig::default()
    };
    Ok(train_byte_level_bpe(texts, &config)?)
}

fn write(
    target: &Path,
    model: &CausalLm,
    config: &rllr_model::CausalLmConfig,
    tokenizer: &Tokenizer,
) -> anyhow::Result<()> {
    let directory = DirectoryWriter::begin(target, Overwrite::Replace)?;
    let options = ExportOptions {
        stored_type: StoredType::F16,
        ..ExportOptions::default()
    };
    let ids = tokenizer.special_token_ids();
    let text = config.to_hugging_face(ModelHead::CausalLm, ids, options.stored_type.torch_name());
    directory.file(CONFIG, |out| Ok(out.write_all(text.as_bytes())?))?;
    for file in tokenizer.files(ConfigDialect::Transformers4) {
        directory.file(file.name, |out| Ok(out.write_all(&file.bytes)?))?;
    }
    write_weights(&directory, &model.device_weights()?, &options)?;
    directory.finish()
}
