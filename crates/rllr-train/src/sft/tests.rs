use burn::module::Module as _;
use burn::tensor::Device;
use burn::tensor::activation::log_softmax;
use pollster::block_on;
use rllr_model::{
    CausalLm, CausalLmConfig, LoraAdapter, LoraConfig, PaddingSide, SpecialTokenIds, TargetModules,
    TokenBatch, initial_weights,
};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::actor_critic::{Actor, ModelsError};
use crate::checkpointing::Checkpointing;
use crate::learning_rate::LrSchedule;
use crate::micro_batching::MicroBatching;
use crate::optimization::UpdateError;
use crate::ppo_config::{GradientClipping, Warmup};
use crate::sft_step::SftMetrics;
use crate::workers::tests::Threads;

const SPECIAL: SpecialTokenIds = SpecialTokenIds {
    bos: Some(1),
    eos: Some(2),
    pad: None,
    stop: Vec::new(),
};

/// Two layers, 12 ids.
fn lm_config() -> CausalLmConfig {
    CausalLmConfig {
        vocab_size: 12,
        hidden_size: 8,
        intermediate_size: 16,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 2,
        head_dim: 4,
        max_position_embeddings: 32,
        tie_word_embeddings: false,
        ..CausalLmConfig::default()
    }
}

fn lm(device: &Device) -> CausalLm {
    let weights = initial_weights(&lm_config(), 0.3, &mut ChaCha8Rng::seed_from_u64(1));
    CausalLm::from_weights(&lm_config(), &weights, device).unwrap()
}

fn full() -> SftModels {
    SftModels::new(None, Actor::Full(lm(&Device::flex().autodiff()))).unwrap()
}

fn adapter(lora_dropout: f64) -> SftModels {
    let config = LoraConfig {
        r: 2,
        lora_dropout,
        target_modules: TargetModules::AllLinear,
        ..LoraConfig::default()
    };
    let device = Device::flex().autodiff();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let adapter = LoraAdapter::new(&config, &lm_config(), &mut rng, &device).unwrap();
    SftModels::new(Some(lm(&Device::flex())), Actor::Adapter(adapter)).unwrap()
}

/// Eight examples of 3 to 11 tokens.
fn batch() -> Vec<PromptAndResponse> {
    (0..8u32)
        .map(|row| {
            let prompt = (0..=row % 4).map(|t| if t == 0 { 1 } else { 3 + (row + 2 * t) % 9 });
            let response = (0..=row).map(|t| if t == row { 2 } else { 3 + (5 * row + t) % 9 });
            PromptAndResponse::new(prompt.collect(), response.collect(), &SPECIAL).unwrap()
        })
        .collect()
}

fn trainer(models: SftModels, change: impl FnOnce(&mut SftConfig)) -> SftTrainer {
    let mut config = SftConfig {
        learning_rate: 1e-2,
        lr_schedule: LrSchedule::Constant,
        ..SftConfig::default()
    };
    change(&mut config);
    SftTrainer::new(models, config, 10).unwrap()
}

fn step(trainer: &mut SftTrainer) -> SftMetrics {
    block_on(trainer.step(&batch()).unwrap().read()).unwrap()
}

fn distance(a: &SftTrainer, b: &SftTrainer) -> f32 {
    total_change(a.models().trained(), b.models().trained()).into_scalar::<f32>()
}

/// Loss, right tokens and entropies of one example, from all of its logits.
fn plain_loop(lm: &CausalLm, example: &PromptAndResponse) -> (f32, usize, f32) {
    let tokens = example.tokens();
    let input = TokenBatch::from_rows(&[&tokens], PaddingSide::Right, 12).unwrap();
    let log_probs = log_softmax(lm.forward(&input.to_device(&Device::flex())), 2);
    let log_probs: Vec<f32> = log_probs.into_data().iter().collect();
    let (mut loss, mut right, mut entropy) = (0.0, 0, 0.0);
    for position in example.prompt().len()..tokens.len() {
        let of_position = &log_probs[(position - 1) * 12..position * 12];
        let found = of_position[tokens[position] as usize];
        loss -= found;
        right += usize::from(of_position.iter().all(|other| *other <= found));
        entropy -= of_position
            .iter()
            .map(|log_prob| log_prob.exp() * log_prob)
            .sum::<f32>();
    }
    (loss, right, entropy)
}

/// The loss is the mean over all response tokens of the step, and nothing of the prompts is in it.
#[wasm_bindgen_test(unsupported = test)]
fn the_loss_equals_a_plain_loop() {
    let lm = lm(&Device::flex());
    let sums: Vec<(f32, usize, f32)> = batch().iter().map(|example| plain_loop(&lm, example)).collect();
    let tokens: usize = batch().iter().map(|example| example.response().len()).sum();
    let loss = sums.iter().map(|(loss, ..)| loss).sum::<f32>() / tokens as f32;
    let right: usize = sums.iter().map(|(_, right, _)| right).sum();
    let entropy = sums.iter().map(|(.., entropy)| entropy).sum::<f32>() / tokens as f32;
    let metrics = step(&mut trainer(full(), |_| {}));
    assert!((metrics.loss - loss).abs() < 1e-5, "{metrics:?}, by hand {loss}");
    assert!((metrics.mean_token_accuracy - right as f64 / tokens as f64).abs() < 1e-9);
    let apart = (metrics.entropy - f64::from(entropy)).abs();
    assert!(apart < 1e-5, "{metrics:?}, by hand {entropy}");
    assert_eq!(
        metrics.num_tokens,
        (tokens + 20) as u64,
        "prompts of 1, 2, 3, 4 tokens, twice"
    );
    // The mean over examples of their means is another number.
    let of_examples = sums.iter().zip(batch());
    let means = of_examples.map(|((loss, ..), example)| loss / example.response().len() as f32);
    assert!((metrics.loss - means.sum::<f32>() / 8.0).abs() > 1e-3);
}

/// 1 × 8 = 8 × 1: loss, norm and weights, for the whole model and for an adapter, however activations are kept.
#[wasm_bindgen_test(unsupported = test)]
fn how_a_step_is_cut_does_not_matter() {
    for models in [full(), adapter(0.0)] {
        let run = |micro_batching, checkpointing| {
            let mut trainer = trainer(models.clone(), |config| {
                config.micro_batching = micro_batching;
                config.checkpointing = checkpointing;
            });
            let metrics = [step(&mut trainer), step(&mut trainer)];
            (trainer, metrics)
        };
        let (whole, of_whole) = run(MicroBatching::Rows(8), Checkpointing::None);
        for (micro_batching, checkpointing) in [
            (MicroBatching::Rows(1), Checkpointing::None),
            (MicroBatching::Rows(3), Checkpointing::PerBlock),
            (MicroBatching::Tokens(20), Checkpointing::None),
        ] {
            let (cut, of_cut) = run(micro_batching, checkpointing);
            let apart = distance(&whole, &cut);
            assert!(apart < 1e-3, "{micro_batching:?}: {apart}");
            for (a, b) in of_whole.iter().zip(&of_cut) {
                assert!((a.loss - b.loss).abs() < 1e-5, "{a:?} {b:?}");
                assert!((a.grad_norm / b.grad_norm - 1.0).abs() < 1e-4, "{a:?} {b:?}");
                assert_eq!(a.mean_token_accuracy, b.mean_token_accuracy);
                assert!((a.entropy - b.entropy).abs() < 1e-5, "{a:?} {b:?}");
            }
        }
        let start = trainer(models.clone(), |_| {});
        assert!(
            distance(&whole, &start) > 1e-2,
            "two steps change more than the cut does"
        );
    }
}

/// Bit for bit, dropout included, and what is frozen stays frozen.
#[wasm_bindgen_test(unsupported = test)]
fn workers_change_no_bit_of_a_step() {
    for (models, checkpointing) in [
        (full(), Checkpointing::None),
        (full(), Checkpointing::PerBlock),
        (adapter(0.3), Checkpointing::None),
    ] {
        let trainer = || {
            trainer(models.clone(), |config| {
                config.micro_batching = MicroBatching::Rows(1);
                config.checkpointing = checkpointing;
            })
        };
        let (mut alone, mut helped) = (trainer(), trainer().with_workers(Arc::new(Threads)));
        for _ in 0..2 {
            assert_eq!(step(&mut alone), step(&mut helped));
        }
        assert_eq!(distance(&alone, &helped), 0.0);
        assert!(distance(&alone, &trainer()) > 1e-2, "two steps change something");
    }
}

/// Bit for bit, dropout included.
#[wasm_bindgen_test(unsupported = test)]
fn a_resumed_run_goes_on_as_it_would_have() {
    for models in [full(), adapter(0.3)] {
        let new = || trainer(models.clone(), |config| config.lr_schedule = LrSchedule::Cosine);
        let (mut first, mut second) = (new(), new());
        assert_eq!(step(&mut first), step(&mut second));
        let mut resumed = SftTrainer::resume(
            second.models().clone(),
            second.optimizer().clone(),
            *second.state(),
            second.config().clone(),
            10,
        )
        .unwrap();
        let (a, b) = (step(&mut first), step(&mut resumed));
        assert_eq!(a, b);
        assert!(a.learning_rate < 1e-2, "the course goes on: {a:?}");
        assert_eq!((a.step, first.state().step), (2, 2));
        assert_eq!(distance(&first, &resumed), 0.0);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn an_adapter_learns_and_its_base_stays() {
    let models = adapter(0.3);
    let mut with_dropout = trainer(models.clone(), |_| {});
    let mut without = trainer(models.clone(), |config| {
        config.adapter_dropout = AdapterDropout::Off
    });
    let first = step(&mut without);
    for _ in 0..30 {
        step(&mut with_dropout);
        step(&mut without);
    }
    let last = step(&mut without);
    assert!(last.loss < first.loss - 0.2, "{first:?} {last:?}");
    assert!(
        distance(&with_dropout, &without) > 1e-2,
        "dropout makes a difference"
    );
    let base = without.models().base().unwrap();
    assert_eq!(total_change(base, &lm(&Device::flex())).into_scalar::<f32>(), 0.0);
    assert!(base.devices().iter().all(|device| !device.is_autodiff()));
}

#[wasm_bindgen_test(unsupported = test)]
fn what_cannot_be_learnt_is_refused() {
    let mut trainer = trainer(full(), |_| {});
    assert!(matches!(trainer.step(&[]), Err(SftError::Empty)));
    let mut rows = batch();
    rows[3] = PromptAndResponse::unended(vec![1, 5], vec![6], &SPECIAL).unwrap();
    let error = trainer.step(&rows).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the response does not end with EOS: row 3, prompt [1, 5] with response [6]"
    );
    // Also the last token, which the model does not read.
    let special = SpecialTokenIds {
        eos: Some(12),
        ..SPECIAL
    };
    rows[3] = PromptAndResponse::new(vec![1, 5], vec![12], &special).unwrap();
    assert!(matches!(trainer.step(&rows), Err(SftError::Tokens(_))));
    assert_eq!(trainer.state().step, 0, "nothing was done");

    let frozen = SftModels::new(None, Actor::Full(lm(&Device::flex())));
    assert_eq!(frozen.unwrap_err(), ModelsError::NothingToTrain);
    let Actor::Adapter(alone) = adapter(0.0).trained().clone() else {
        unreachable!()
    };
    assert!(matches!(
        SftModels::new(None, Actor::Adapter(alone)),
        Err(ModelsError::NoBase { .. })
    ));
    let config = SftConfig {
        batch_size: 0,
        ..SftConfig::default()
    };
    let error = SftTrainer::new(full(), config, 1).err().unwrap();
    assert_eq!(error.to_string(), "batch_size is 0, expected at least 1");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_first_step_that_changes_nothing_is_an_error() {
    let clipped_away = |config: &mut SftConfig| {
        config.gradient_clipping = GradientClipping::EveryStep { max_grad_norm: 0.0 };
        config.warmup = Warmup::Steps(1);
    };
    let mut trainer = trainer(full(), clipped_away);
    assert_eq!(
        step(&mut trainer).learning_rate,
        0.0,
        "nothing has to change at a rate of 0"
    );
    let error = block_on(trainer.step(&batch()).unwrap().read()).unwrap_err();
    assert!(
        matches!(
            error,
            SftError::Update(UpdateError::WeightsUnchanged {
                what: "trained model",
                ..
            })
        ),
        "{error}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_spoiled_model_is_an_error_with_its_example() {
    let mut weights = initial_weights(&lm_config(), 0.3, &mut ChaCha8Rng::seed_from_u64(1));
    // Token 11 occurs in some of the rows only.
    let embedding = &mut weights.0.get_mut("model.embed_tokens.weight").unwrap().data;
    embedding[11 * 8] = f32::NAN;
    let lm = CausalLm::from_weights(&lm_config(), &weights, &Device::flex().autodiff()).unwrap();
    let models = SftModels::new(None, Actor::Full(lm)).unwrap();
    let mut trainer = trainer(models, |config| config.micro_batching = MicroBatching::Rows(1));
    let read = |example: &PromptAndResponse| {
        let tokens = example.tokens();
        tokens[..tokens.len() - 1].contains(&11)
    };
    let row = batch().iter().position(read).unwrap();
    assert!(row > 0);
    let error = block_on(trainer.step(&batch()).unwrap().read()).unwrap_err();
    assert!(
        error.to_string().contains(&format!("row {row}, prompt")),
        "{error}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn settings_are_plain_data() {
    let config = SftConfig::default();
    let plan = config.plan(vec![5; 300]);
    assert_eq!((plan.steps_per_epoch(), plan.total_steps(config.epochs)), (3, 30));
    assert_eq!(config.lr_plan(30).factor(15), 0.5, "half a cosine, no warm-up");
}
