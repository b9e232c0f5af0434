//! Whole examples: a small model learns a few of them by heart and answers them, and a small reward model learns to
//! look at labels.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::print_stdout, reason = "a test says how far it came")]

use anyhow::{Context as _, ensure};
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_cli::devices;
use rllr_model::tokenizer::{BpeTrainingConfig, Cut, LengthLimit, SpecialTokens};
use rllr_model::{
    CausalLm, CausalLmConfig, Decoding, GenerationConfig, HeadInitialization, Tokenizer, initial_weights,
    train_byte_level_bpe,
};
use rllr_task::answer::{Answer, ResponseFormat};
use rllr_task::generate::TaskKind;
use rllr_task::pairs::{PairConfig, PairKind, label_sensitive_pairs, sensitivity_probes};
use rllr_task::{Example, Task, Tasks};
use rllr_train::{
    Actor, MicroBatching, PromptAndResponse, RewardConfig, RewardModels, RewardPair, RewardTrainer,
    SensitivityRows, SftConfig, SftModels, SftTrainer, TrainedReward,
};

const LIMIT: LengthLimit = LengthLimit {
    max_tokens: 200,
    cut: Cut::Never,
};

/// A task with its first examples, and a tokenizer of their words.
struct Setting {
    task: Task,
    examples: Vec<Example>,
    tokenizer: Tokenizer,
    rng: ChaCha8Rng,
}

impl Setting {
    fn new(count: usize) -> anyhow::Result<Self> {
        let kind = TaskKind::FilmSentiment;
        let task = Tasks::builtin().get(kind.name())?.clone();
        let mut examples = kind.test_examples();
        examples.truncate(count);
        let mut texts = Vec::new();
        for example in &examples {
            texts.push(task.prompt(example, 0, ResponseFormat::RationaleThenLabel)?.text);
            texts.extend(example.rationales.values().cloned());
        }
        let config = BpeTrainingConfig {
            vocab_size: 400,
            ..BpeTrainingConfig::default()
        };
        Ok(Self {
            task,
            examples,
            tokenizer: train_byte_level_bpe(&texts, &config)?,
            rng: ChaCha8Rng::seed_from_u64(1),
        })
    }

    /// A random model with some 100,000 numbers.
    fn model(&mut self) -> anyhow::Result<CausalLm> {
        let config = CausalLmConfig {
            vocab_size: self.tokenizer.vocab_size(),
            hidden_size: 48,
            intermediate_size: 96,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            num_key_value_heads: 4,
            head_dim: 12,
            max_position_embeddings: 256,
            tie_word_embeddings: true,
            ..CausalLmConfig::default()
        };
        let weights = initial_weights(&config, 0.05, &mut self.rng);
        let device = devices::cpu().autodiff();
        Ok(CausalLm::from_weights(&config, &weights, &device)?)
    }

    fn gold(&self, example: &Example, format: ResponseFormat) -> anyhow::Result<Answer> {
        let rationale = match format {
            ResponseFormat::LabelOnly => "",
            _ => example.rationale.as_deref().context("a rationale")?,
        };
        Ok(Answer::new(rationale, self.task.gold_label(example)?))
    }
}

/// Eight examples, learnt until the loss is small; then every answer is read from greedy decoding.
fn learn_by_heart(format: ResponseFormat) -> anyhow::Result<()> {
    let mut setting = Setting::new(8)?;
    let model = setting.model()?;
    let mut batch = Vec::new();
    for example in &setting.examples {
        let prompt = setting.task.prompt(example, 0, format)?.text;
        let response = setting.gold(example, format)?.print(&setting.task, format);
        batch.push(PromptAndResponse::from_texts(&setting.tokenizer, &prompt, &response, &LIMIT)?.0);
    }
    let config = SftConfig {
        learning_rate: 5e-3,
        batch_size: batch.len(),
        micro_batching: MicroBatching::Tokens(1024),
        ..SftConfig::default()
    };
    let (most_steps, small) = (120, 0.02);
    let models = SftModels::new(None, Actor::Full(model))?;
    let mut trainer = SftTrainer::new(models, config, most_steps)?;
    let mut losses = Vec::new();
    while losses.last().is_none_or(|loss| *loss > small) && losses.len() < most_steps {
        losses.push(block_on(trainer.step(&batch)?.read())?.loss);
    }
    println!(
        "{format:?}: loss {:?} after {} steps",
        losses.last(),
        losses.len()
    );

    let config = GenerationConfig {
        max_new_tokens: 60,
        decoding: Decoding::Greedy,
        stop_token_ids: setting.tokenizer.special_token_ids().stop.clone(),
        ..GenerationConfig::default()
    };
    let prompts: Vec<&[u32]> = batch.iter().map(PromptAndResponse::prompt).collect();
    let lm = trainer.models().lm();
    let generation = block_on(lm.generate(&prompts, &config, &mut setting.rng))?;
    for (row, example) in generation.rows.iter().zip(&setting.examples) {
        let text = setting.tokenizer.decode(&row.tokens, SpecialTokens::Skip)?;
        let found = Answer::parse(&text, &setting.task, format)?;
        let expected = setting.gold(example, format)?;
        ensure!(
            found == expected,
            "{text:?}, expected {expected:?} (losses {losses:?})"
        );
    }
    Ok(())
}

#[test]
fn eight_labels_are_learnt_by_heart() -> anyhow::Result<()> {
    learn_by_heart(ResponseFormat::LabelOnly)
}

#[test]
fn eight_rationales_with_labels_are_learnt_by_heart() -> anyhow::Result<()> {
    learn_by_heart(ResponseFormat::RationaleThenLabel)
}

/// Sixteen label-sensitive pairs: all are right in the end, and a flipped label changes scores.
#[test]
fn sixteen_label_sensitive_pairs_are_learnt() -> anyhow::Result<()> {
    let mut setting = Setting::new(16)?;
    let model = setting.model()?;
    let Setting {
        task,
        examples,
        tokenizer,
        mut rng,
    } = setting;
    let config = PairConfig::default();
    let built = label_sensitive_pairs(&task, &examples, &config, str::len, &mut rng)?;
    ensure!(built.pairs.len() == 16, "{:?}", built.report);
    let pairs = built
        .pairs
        .iter()
        .map(|pair| {
            RewardPair::from_texts(
                &tokenizer,
                &*pair.id,
                &pair.prompt,
                [&pair.chosen, &pair.rejected],
                &LIMIT,
            )
        })
        .collect::<Result<Vec<_>, _>>()?;

    let models = RewardModels::new(
        None,
        TrainedReward::full(model, HeadInitialization::Normal, &mut rng),
    )?;
    let most_steps = 60;
    let settings = RewardConfig {
        learning_rate: 3e-3,
        batch_size: pairs.len(),
        micro_batching: MicroBatching::Tokens(2048),
        ..RewardConfig::default()
    };
    let mut trainer = RewardTrainer::new(models, settings, most_steps)?;
    let mut steps = 0;
    loop {
        let metrics = block_on(trainer.step(&pairs)?.read())?;
        steps += 1;
        if metrics.loss < 0.05 || steps == most_steps {
            println!("loss {} after {steps} steps", metrics.loss);
            break;
        }
    }
    let kinds: Vec<(PairKind, RewardPair)> = built.pairs.iter().map(|pair| pair.kind).zip(pairs).collect();
    let by_kind = block_on(trainer.evaluate(&kinds))?;
    let metrics = by_kind.get(&PairKind::Label).context("label-sensitive pairs")?;
    ensure!(by_kind.len() == 1 && metrics.accuracy == 1.0, "{by_kind:?}");

    let rows = probes(&task, &examples, &tokenizer)?;
    let sensitivity = trainer
        .models()
        .label_sensitivity(&rows, MicroBatching::Tokens(2048));
    let sensitivity = block_on(sensitivity)?;
    println!("label sensitivity {sensitivity} over {} probes", rows.len());
    ensure!(sensitivity.is_finite() && sensitivity > 0.0, "{sensitivity}");
    Ok(())
}

/// Responses with only the label flipped, and with only the rationale swapped.
fn probes(task: &Task, examples: &[Example], tokenizer: &Tokenizer) -> anyhow::Result<Vec<SensitivityRows>> {
    let row = |prompt: &str, response: &str| {
        let tokens = PromptAndResponse::from_texts(tokenizer, prompt, response, &LIMIT)?.0;
        anyhow::Ok(tokens.tokens())
    };
    let probes = sensitivity_probes(task, examples, &PairConfig::default())?;
    let rows = probes.iter().map(|probe| {
        Ok(SensitivityRows {
            response: row(&probe.prompt, &probe.response)?,
            label_flipped: row(&probe.prompt, &probe.label_flipped)?,
            rationale_swapped: row(&probe.prompt, &probe.rationale_swapped)?,
        })
    });
    rows.collect()
}
