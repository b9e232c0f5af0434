use burn::module::Module as _;
use burn::tensor::Device;
use pollster::block_on;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{
    CausalLm, CausalLmConfig, HeadInitialization, LoraAdapter, LoraConfig, SpecialTokenIds, TargetModules,
    initial_weights,
};
use rllr_reward::WindowEnd;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::actor_critic::ModelsError;
use crate::checkpointing::Checkpointing;
use crate::label_sensitivity::SensitivityRows;
use crate::learning_rate::LrSchedule;
use crate::micro_batching::MicroBatching;
use crate::optimization::UpdateError;
use crate::ppo_config::GradientClipping;
use crate::prompt_and_response::PromptAndResponse;
use crate::reward_config::RewardLoss;
use crate::reward_pair::RewardPairError;
use crate::reward_step::RewardMetrics;
use crate::trained_parts::total_change;
use crate::workers::tests::Threads;

const SPECIAL: SpecialTokenIds = SpecialTokenIds {
    bos: Some(1),
    eos: Some(2),
    pad: None,
    stop: Vec::new(),
};

const LOSSES: [RewardLoss; 3] = [
    RewardLoss::TokenAveraged {
        window_end: WindowEnd::ShorterAnswer,
        bpr_temperature: 0.7,
        padding_id: 0,
    },
    RewardLoss::TokenAveraged {
        window_end: WindowEnd::LongerAnswer,
        bpr_temperature: 1.0,
        padding_id: 11,
    },
    RewardLoss::LastToken {
        center_rewards_coefficient: 0.01,
    },
];

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

fn full() -> RewardModels {
    let lm = lm(&Device::flex().autodiff());
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let trained = TrainedReward::full(lm, HeadInitialization::Normal, &mut rng);
    RewardModels::new(None, trained).unwrap()
}

fn adapter() -> TrainedReward {
    let config = LoraConfig {
        r: 2,
        lora_dropout: 0.3,
        target_modules: TargetModules::AllLinear,
        ..LoraConfig::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let adapter = LoraAdapter::new(&config, &lm_config(), &mut rng, &Device::flex().autodiff()).unwrap();
    TrainedReward::adapter(adapter, 8, HeadInitialization::Normal, &mut rng)
}

fn on_a_base() -> RewardModels {
    RewardModels::new(Some(lm(&Device::flex())), adapter()).unwrap()
}

fn tokens(prompt: &[u32], response: &[u32]) -> PromptAndResponse {
    PromptAndResponse::completed(prompt.to_vec(), response.to_vec(), &SPECIAL).unwrap()
}

/// Six pairs of different lengths, of which some differ in one token and some in everything.
fn pairs() -> Vec<RewardPair> {
    let answers: [[&[u32]; 2]; 6] = [
        [&[3, 4], &[3, 5]],
        [&[6, 7, 8, 9], &[5]],
        [&[4], &[6, 6, 6]],
        [&[3, 3, 4], &[3, 3]],
        [&[9, 10], &[10, 9]],
        [&[5, 6, 7], &[5, 6, 8]],
    ];
    let pair = |(row, [chosen, rejected]): (usize, [&[u32]; 2])| {
        let prompt = [1, 4, 7, 10][..1 + row % 4].to_vec();
        let mut pair = RewardPair::new(
            format!("pair-{row}"),
            tokens(&prompt, chosen),
            tokens(&prompt, rejected),
        );
        if let Ok(pair) = &mut pair {
            pair.margin = 0.25 * row as f32;
        }
        pair.unwrap()
    };
    answers.into_iter().enumerate().map(pair).collect()
}

fn trainer(models: RewardModels, change: impl FnOnce(&mut RewardConfig)) -> RewardTrainer {
    let mut config = RewardConfig {
        learning_rate: 1e-2,
        lr_schedule: LrSchedule::Constant,
        adapter_dropout: AdapterDropout::Off,
        ..RewardConfig::default()
    };
    change(&mut config);
    RewardTrainer::new(models, config, 10).unwrap()
}

fn step(trainer: &mut RewardTrainer) -> RewardMetrics {
    block_on(trainer.step(&pairs()).unwrap().read()).unwrap()
}

fn distance(a: &RewardTrainer, b: &RewardTrainer) -> f32 {
    total_change(a.models().trained(), b.models().trained()).into_scalar::<f32>()
}

fn score(models: &RewardModels, rows: &[Vec<u32>]) -> Vec<f32> {
    block_on(models.score(rows, MicroBatching::Rows(3))).unwrap()
}

/// 1 × 6 = 6 × 1 for every loss, whole and adapted, however activations are kept and rows are padded.
#[wasm_bindgen_test(unsupported = test)]
fn how_a_step_is_cut_does_not_matter() {
    for (models, loss) in [full(), on_a_base()]
        .iter()
        .flat_map(|models| LOSSES.map(|loss| (models, loss)))
    {
        let run = |micro_batching, checkpointing| {
            let mut trainer = trainer(models.clone(), |config| {
                config.loss = loss;
                config.micro_batching = micro_batching;
                config.checkpointing = checkpointing;
            });
            let metrics = [step(&mut trainer), step(&mut trainer)];
            (trainer, metrics)
        };
        let (whole, of_whole) = run(MicroBatching::Rows(6), Checkpointing::None);
        for (micro_batching, checkpointing) in [
            (MicroBatching::Rows(1), Checkpointing::PerBlock),
            (MicroBatching::Rows(4), Checkpointing::None),
            (MicroBatching::Tokens(30), Checkpointing::None),
        ] {
            let (cut, of_cut) = run(micro_batching, checkpointing);
            let apart = distance(&whole, &cut);
            assert!(apart < 1e-3, "{loss:?} {micro_batching:?}: {apart}");
            for (a, b) in of_whole.iter().zip(&of_cut) {
                assert!((a.loss - b.loss).abs() < 1e-5, "{a:?} {b:?}");
                assert!((a.grad_norm / b.grad_norm - 1.0).abs() < 1e-4, "{a:?} {b:?}");
                let scores = a.scores.iter().flatten().zip(b.scores.iter().flatten());
                assert!(
                    scores.into_iter().all(|(a, b)| (a - b).abs() < 1e-5),
                    "{a:?} {b:?}"
                );
            }
        }
    }
}

/// By hand from the scores, which `score` reads one by one.
#[wasm_bindgen_test(unsupported = test)]
fn the_last_token_loss_equals_its_formula() {
    let models = full();
    let mut sum = 0.0;
    for (index, pair) in pairs().iter().enumerate() {
        let [c, r] = [pair.chosen(), pair.rejected()].map(|side| score(&models, &[side.tokens()])[0]);
        let margin = 0.25 * index as f32;
        sum += (1.0 + (-(c - r - margin)).exp()).ln() + 0.01 * (c + r).powi(2);
    }
    let metrics = step(&mut trainer(models, |config| config.loss = LOSSES[2]));
    assert!(
        (metrics.loss - sum / 6.0).abs() < 1e-5,
        "{metrics:?}, by hand {}",
        sum / 6.0
    );
    let right = metrics.scores.iter().filter(|[c, r]| c > r).count();
    assert_eq!(metrics.preferences.accuracy, right as f64 / 6.0);
}

/// Rows without padding give the shorter window; the released window is another loss.
#[wasm_bindgen_test(unsupported = test)]
fn only_the_released_loss_reads_padding() {
    let loss_with = |loss, padding_id| {
        let loss = match loss {
            RewardLoss::TokenAveraged {
                window_end,
                bpr_temperature,
                ..
            } => RewardLoss::TokenAveraged {
                window_end,
                bpr_temperature,
                padding_id,
            },
            other @ RewardLoss::LastToken { .. } => other,
        };
        step(&mut trainer(full(), |config| config.loss = loss)).loss
    };
    assert_eq!(loss_with(LOSSES[0], 0), loss_with(LOSSES[0], 11));
    assert_ne!(loss_with(LOSSES[1], 0), loss_with(LOSSES[1], 11));
    assert_eq!(loss_with(LOSSES[2], 0), loss_with(LOSSES[2], 11));
}

/// Bit for bit, dropout included.
/// Bit for bit, dropout included; what is measured on held-out pairs, too.
#[wasm_bindgen_test(unsupported = test)]
fn workers_change_no_bit_of_a_step() {
    for models in [full(), on_a_base()] {
        let trainer = || {
            trainer(models.clone(), |config| {
                config.micro_batching = MicroBatching::Rows(1)
            })
        };
        let (mut alone, mut helped) = (trainer(), trainer().with_workers(Arc::new(Threads)));
        for _ in 0..2 {
            assert_eq!(step(&mut alone), step(&mut helped));
        }
        assert_eq!(distance(&alone, &helped), 0.0);
        assert!(distance(&alone, &trainer()) > 1e-3, "two steps change something");
        let held_out: Vec<((), RewardPair)> = pairs().into_iter().map(|pair| ((), pair)).collect();
        let [alone, helped] = [alone, helped].map(|trainer| block_on(trainer.evaluate(&held_out)).unwrap());
        assert_eq!(alone, helped);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn a_resumed_run_goes_on_as_it_would_have() {
    for models in [full(), on_a_base()] {
        let with_dropout = |config: &mut RewardConfig| config.adapter_dropout = AdapterDropout::AsConfigured;
        let (mut first, mut second) = (
            trainer(models.clone(), with_dropout),
            trainer(models, with_dropout),
        );
        assert_eq!(step(&mut first), step(&mut second));
        let (models, optimizer) = (second.models().clone(), second.optimizer().clone());
        let (state, config) = (*second.state(), second.config().clone());
        let mut resumed = RewardTrainer::resume(models, optimizer, state, config, 10).unwrap();
        assert_eq!(step(&mut first), step(&mut resumed));
        assert_eq!(distance(&first, &resumed), 0.0);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn pairs_are_learnt_and_measured_by_kind() {
    for models in [full(), on_a_base()] {
        let mut trainer = trainer(models.clone(), |_| {});
        for _ in 0..60 {
            step(&mut trainer);
        }
        let kinds: Vec<(bool, RewardPair)> =
            pairs().into_iter().enumerate().map(|(i, p)| (i < 2, p)).collect();
        let by_kind = block_on(trainer.evaluate(&kinds)).unwrap();
        assert_eq!(by_kind.keys().copied().collect::<Vec<_>>(), [false, true]);
        assert!(
            by_kind.values().all(|metrics| metrics.accuracy == 1.0),
            "{by_kind:?}"
        );
        // Each kind by itself is what the pairs of that kind alone give.
        let [c, r] = [0, 1].map(|side| {
            let rows: Vec<Vec<u32>> = pairs()[..2]
                .iter()
                .map(|pair| [pair.chosen(), pair.rejected()][side].tokens())
                .collect();
            score(trainer.models(), &rows)
        });
        let margin = f64::from((c[0] - r[0]) + (c[1] - r[1])) / 2.0;
        assert!(
            (by_kind[&true].margin - margin).abs() < 1e-4,
            "{by_kind:?}, {margin}"
        );
        if let (Some(base), Some(before)) = (trainer.models().base(), models.base()) {
            assert_eq!(total_change(base, before).into_scalar::<f32>(), 0.0);
            assert!(base.devices().iter().all(|device| !device.is_autodiff()));
        }
    }
}

/// One score per row, in the order of the rows, whatever they are padded with.
#[wasm_bindgen_test(unsupported = test)]
fn scores_do_not_depend_on_how_rows_are_cut() {
    let models = on_a_base();
    let rows: Vec<Vec<u32>> = pairs().iter().map(|pair| pair.chosen().tokens()).collect();
    let alone: Vec<f32> = rows
        .iter()
        .map(|row| score(&models, std::slice::from_ref(row))[0])
        .collect();
    for cut in [
        MicroBatching::Rows(6),
        MicroBatching::Rows(4),
        MicroBatching::Tokens(12),
    ] {
        let found = block_on(models.score(&rows, cut)).unwrap();
        let apart = found
            .iter()
            .zip(&alone)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(apart < 1e-5, "{cut:?}: {found:?}, one by one {alone:?}");
    }
    let none: [Vec<u32>; 0] = [];
    assert!(score(&models, &none).is_empty());
    assert!(
        block_on(models.score(&[vec![12]], MicroBatching::Rows(1))).is_err(),
        "an unknown id"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn sensitivity_is_a_quotient_of_changes() {
    let models = full();
    let rows = [[3, 4], [5, 6]].map(|[label, rationale]| SensitivityRows {
        response: vec![1, rationale, label, 2],
        label_flipped: vec![1, rationale, label + 1, 2],
        rationale_swapped: vec![1, rationale + 1, label, 2],
    });
    let found = block_on(models.label_sensitivity(&rows, MicroBatching::Rows(2))).unwrap();
    let [mut flipped, mut swapped] = [0.0, 0.0];
    for SensitivityRows {
        response,
        label_flipped,
        rationale_swapped,
    } in rows
    {
        let s = score(&models, &[response, label_flipped, rationale_swapped]);
        flipped += (s[1] - s[0]).abs();
        swapped += (s[2] - s[0]).abs();
    }
    assert!((found - f64::from(flipped / swapped)).abs() < 1e-4, "{found}");
}

#[wasm_bindgen_test(unsupported = test)]
fn pairs_that_teach_nothing_are_refused() {
    let same = RewardPair::new("film-7", tokens(&[1, 5], &[6]), tokens(&[1, 5], &[6, 2]));
    assert_eq!(
        same.unwrap_err().to_string(),
        "pair \"film-7\": chosen and rejected have the same tokens [1, 5, 6, 2]"
    );
    let unended = PromptAndResponse::unended(vec![1], vec![6], &SPECIAL).unwrap();
    let error = RewardPair::new("film-8", tokens(&[1], &[7]), unended).unwrap_err();
    assert!(
        matches!(error, RewardPairError::Side { side: "rejected", .. }),
        "{error}"
    );
    let mut trainer = trainer(full(), |_| {});
    assert!(matches!(trainer.step(&[]), Err(RewardTrainingError::Empty)));
    let unknown = RewardPair::new("film-9", tokens(&[1], &[12]), tokens(&[1], &[7])).unwrap();
    assert!(matches!(
        trainer.step(&[unknown]),
        Err(RewardTrainingError::Tokens(_))
    ));
    assert!(matches!(
        RewardModels::new(None, adapter()),
        Err(ModelsError::NoBase { .. })
    ));
    let config = RewardConfig {
        loss: RewardLoss::TokenAveraged {
            window_end: WindowEnd::ShorterAnswer,
            bpr_temperature: 0.0,
            padding_id: 0,
        },
        ..RewardConfig::default()
    };
    let error = RewardTrainer::new(full(), config, 1).err().unwrap();
    assert!(
        error
            .to_string()
            .starts_with("loss.token_averaged.bpr_temperature is 0"),
        "{error}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_first_step_that_changes_nothing_is_an_error() {
    let mut trainer = trainer(on_a_base(), |config| {
        config.gradient_clipping = GradientClipping::EveryStep { max_grad_norm: 0.0 };
    });
    let error = block_on(trainer.step(&pairs()).unwrap().read()).unwrap_err();
    assert!(
        matches!(&error, RewardTrainingError::Update(UpdateError::WeightsUnchanged { sample, .. }) if sample.contains("pair-0")),
        "{error}"
    );
}
