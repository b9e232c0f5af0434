//! The stages on a tiny model and embedded examples: what they learn, and that they go on where they were.

mod comparison;
mod resumption;
mod variants;

use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::tokenizer::{BpeTrainingConfig, SpecialTokens, train_byte_level_bpe};
use rllr_model::{CausalLm, HeadInitialization, Tokenizer, initial_weights};
use rllr_reward::{Reward, UnparsableResponse, Verdict};
use rllr_task::generate::{TaskKind, generate};
use rllr_task::pairs::PairKind;
use rllr_task::{Answer, Example, ResponseFormat, Task, Tasks};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::actor_critic::{Actor, ActorCritic, Critic, PpoModels, Reference};
use crate::label_sensitivity::SensitivityRows;
use crate::micro_batching::MicroBatching;
use crate::ppo_config::PpoConfig;
use crate::responses::Responses;
use crate::reward_models::{RewardModels, TrainedReward};
use crate::reward_pair::RewardPair;

/// A task with examples and a tokenizer.
struct Fixture {
    task: Task,
    examples: Vec<Example>,
    tokenizer: Tokenizer,
}

impl Fixture {
    fn new(kind: TaskKind, count: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let examples = generate(kind, Level::Easy.mix(), count, &mut rng).unwrap();
        let task = Tasks::builtin().get(kind.name()).unwrap().clone();
        let format = ResponseFormat::RationaleThenLabel;
        let texts = examples.iter().flat_map(|example| {
            let prompt = task.prompt(example, 0, format).unwrap().text;
            example
                .rationales
                .values()
                .cloned()
                .chain([prompt])
                .collect::<Vec<_>>()
        });
        let config = BpeTrainingConfig {
            vocab_size: 400,
            ..BpeTrainingConfig::default()
        };
        let tokenizer = train_byte_level_bpe(texts, &config).unwrap();
        Self {
            task,
            examples,
            tokenizer,
        }
    }

    fn material(&self) -> Material<'_> {
        Material {
            task: &self.task,
            tokenizer: &self.tokenizer,
            format: ResponseFormat::RationaleThenLabel,
            wording: 0,
            max_tokens: 160,
        }
    }

    /// Pairs of one kind as tokens.
    fn pairs(&self, kind: PairKind, seed: u64) -> Vec<RewardPair> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let texts = self.material().preference_pairs(kind, &self.examples, &mut rng);
        pair_tokens(&self.tokenizer, 160, &texts.unwrap()).unwrap()
    }

    fn probes(&self) -> Vec<SensitivityRows> {
        let probes = self.material().probes(&self.examples).unwrap();
        probe_tokens(&self.tokenizer, 160, &probes).unwrap()
    }

    fn judge<'a>(&'a self, reward: Reward, model: Option<&'a RewardModels>) -> Judge<'a> {
        Judge {
            reward,
            unparsable: UnparsableResponse::Keep,
            label_model: model,
            rationale_model: model,
            tokenizer: &self.tokenizer,
            format: ResponseFormat::RationaleThenLabel,
            micro_batching: MicroBatching::Rows(8),
        }
    }

    /// A tiny model; other seeds give other weights.
    fn model(&self, seed: u64) -> CausalLm {
        let recipe = ModelRecipe {
            hidden_size: 32,
            intermediate_size: 64,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            max_position_embeddings: 160,
            initializer_range: 0.1,
        };
        let config = recipe.config(self.tokenizer.vocab_size());
        let weights = initial_weights(
            &config,
            recipe.initializer_range,
            &mut ChaCha8Rng::seed_from_u64(seed),
        );
        CausalLm::from_weights(&config, &weights, &Device::flex().autodiff()).unwrap()
    }

    fn reward_models(&self, lm: CausalLm) -> RewardModels {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let trained = TrainedReward::full(lm, HeadInitialization::Normal, &mut rng);
        RewardModels::new(None, trained).unwrap()
    }
}

/// A whole policy with a value model that began as the reward model, where the settings want one.
fn ppo_models(lm: &CausalLm, reward: &RewardModels, config: &PpoConfig) -> PpoModels {
    let critic = match (config.critic, reward.trained()) {
        (crate::CriticKind::Absent, _) => None,
        (_, TrainedReward::Full(model)) => Some(Critic::OwnModel(model.clone())),
        (_, TrainedReward::Adapter(critic)) => Some(Critic::OwnAdapter(critic.clone())),
    };
    let trained = ActorCritic {
        actor: Actor::Full(lm.clone()),
        critic,
    };
    PpoModels::new(None, trained, Reference::FrozenCopy(lm.clone())).unwrap()
}

/// A demonstration is the prompt and the gold answer; the policy is later asked with the very same prompt tokens.
#[wasm_bindgen_test(unsupported = test)]
fn demonstrations_and_questions_have_the_same_prompts() {
    let fixture = Fixture::new(TaskKind::SceneNli, 12);
    let demonstrations = fixture.material().demonstrations(&fixture.examples).unwrap();
    let questions = fixture.material().questions(&fixture.examples, 40).unwrap();
    for ((demonstration, question), example) in demonstrations.iter().zip(&questions).zip(&fixture.examples) {
        assert_eq!(demonstration.prompt(), question.prompt);
        assert_eq!(question.id, example.id);
        let response = fixture
            .tokenizer
            .decode(demonstration.response(), SpecialTokens::Skip)
            .unwrap();
        let answer = Answer::parse(&response, &fixture.task, ResponseFormat::RationaleThenLabel).unwrap();
        assert_eq!(answer.label(), question.gold.label);
        assert_eq!(fixture.task.word(question.gold.label), example.label);
        assert_eq!(answer.rationale(), example.rationales[&example.label]);
    }
}

/// Labels differ in label-sensitive pairs and nowhere else; a probe changes one thing at a time.
#[wasm_bindgen_test(unsupported = test)]
fn pairs_and_probes_differ_in_what_they_are_named_after() {
    let fixture = Fixture::new(TaskKind::SceneNli, 12);
    let text = |tokens: &[u32]| fixture.tokenizer.decode(tokens, SpecialTokens::Skip).unwrap();
    let answer = |text: &str| {
        let response = text.rsplit("label:\n").next().unwrap();
        let answer = Answer::parse(response, &fixture.task, ResponseFormat::RationaleThenLabel).unwrap();
        (answer.label(), answer.rationale().to_owned())
    };
    for (kind, per_example) in [(PairKind::Label, 2), (PairKind::Rationale, 1)] {
        let pairs = fixture.pairs(kind, 0);
        assert!(
            pairs.len() <= 12 * per_example && pairs.len() > 6,
            "{}",
            pairs.len()
        );
        for pair in &pairs {
            assert_eq!(pair.chosen().prompt(), pair.rejected().prompt());
            let (chosen, rejected) = (
                answer(&text(pair.chosen().response())),
                answer(&text(pair.rejected().response())),
            );
            assert_eq!(chosen.0 == rejected.0, kind == PairKind::Rationale, "{pair}");
            assert_ne!(chosen.1, rejected.1, "{pair}");
        }
    }
    let flipped = fixture.material().flipped_pairs(&fixture.examples).unwrap();
    for pair in pair_tokens(&fixture.tokenizer, 160, &flipped).unwrap() {
        let (chosen, rejected) = (
            answer(&text(pair.chosen().response())),
            answer(&text(pair.rejected().response())),
        );
        assert!(chosen.0 != rejected.0 && chosen.1 == rejected.1, "{pair}");
    }
    let probes = fixture.probes();
    assert!(probes.len() > 12, "{}", probes.len());
    for probe in &probes {
        let [response, flipped, swapped] =
            [&probe.response, &probe.label_flipped, &probe.rationale_swapped].map(|row| answer(&text(row)));
        assert!(response.0 != flipped.0 && response.1 == flipped.1);
        assert!(response.0 == swapped.0 && response.1 != swapped.1);
    }
}

/// By hand: right, wrong and no answer; a reward model scores the row of prompt and response.
#[wasm_bindgen_test(unsupported = test)]
fn responses_are_judged_by_rule_and_by_model() {
    let fixture = Fixture::new(TaskKind::FilmSentiment, 8);
    let texts = [
        "it is good\nLabel: positive",
        "it is good\nLabel: negative",
        "it is good",
    ];
    let prompt = fixture.tokenizer.encode_prompt("A film.\n").unwrap();
    let answers: Vec<Vec<u32>> = texts
        .iter()
        .map(|text| fixture.tokenizer.encode_response(text).unwrap())
        .collect();
    let responses = Responses::new(vec![prompt.clone(); 3], answers.clone(), vec![true; 3], 40).unwrap();
    let gold = Gold {
        task: &fixture.task,
        label: fixture.task.label("positive").unwrap(),
    };
    let model = fixture.reward_models(fixture.model(1));

    let judge = fixture.judge(Reward::ExactLabel, Some(&model));
    let judged = pollster::block_on(judge.judge(&responses, &[gold; 3], 1)).unwrap();
    let expected = [Verdict::Right, Verdict::Wrong, Verdict::Unparsable];
    assert_eq!(judged.parts.verdicts.as_deref(), Some(&expected[..]));
    assert_eq!(judged.scores, [1.0, -1.0, -3.0]);
    assert_eq!(judged.texts, texts);
    let counts = judged
        .label_counts
        .iter()
        .map(|(word, count)| (word.as_str(), *count));
    assert_eq!(counts.collect::<Vec<_>>(), [("negative", 1), ("positive", 1)]);
    assert_eq!(
        judged.parts.label_scores, None,
        "a part that nobody reads is not computed"
    );

    let judge = fixture.judge(Reward::Label, Some(&model));
    let judged = pollster::block_on(judge.judge(&responses, &[gold; 3], 1)).unwrap();
    let rows: Vec<Vec<u32>> = answers
        .iter()
        .map(|answer| [&prompt[..], answer].concat())
        .collect();
    let scores = pollster::block_on(model.score(&rows, MicroBatching::Rows(1))).unwrap();
    for (found, expected) in judged.scores.iter().zip(&scores) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    // An answer that a reward model was never shown; the rule has its own word for it.
    for (reward, last) in [(Reward::Label, -5.0), (Reward::ExactLabel, -3.0)] {
        let mut strict = fixture.judge(reward, Some(&model));
        strict.unparsable = UnparsableResponse::Replace(-5.0);
        let found = pollster::block_on(strict.judge(&responses, &[gold; 3], 1)).unwrap();
        assert_eq!(found.scores[2], last, "{reward:?}");
        if reward == Reward::Label {
            assert_eq!(found.scores[..2], judged.scores[..2]);
            assert_eq!(found.parts, judged.parts, "parts are logged as they are");
        }
    }

    let missing = fixture.judge(Reward::Label, None);
    let error = pollster::block_on(missing.judge(&responses, &[gold; 3], 1)).unwrap_err();
    assert!(error.to_string().contains("LabelScores"), "{error}");
}

/// What a recipe says is what a file gives back, and unknown keys are errors.
#[wasm_bindgen_test(unsupported = test)]
fn recipes_have_sound_settings() {
    let recipe = Recipe::default();
    recipe.check().unwrap();
    let mut bytes = Vec::new();
    ciborium::into_writer(&recipe, &mut bytes).unwrap();
    assert_eq!(ciborium::from_reader::<Recipe, _>(&bytes[..]).unwrap(), recipe);
    let error = serde_json::from_str::<Recipe>("{\"sead\": 1}").unwrap_err();
    assert!(error.to_string().contains("sead"), "{error}");
}
