use rllr_eval::AnsweringConfig;
use rllr_model::{CausalLmConfig, LoraConfig};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::checkpointing::Checkpointing;
use crate::micro_batching::MicroBatching;
use crate::pipeline::{Method, Recipe};
use crate::ppo_config::PpoPreset;
use crate::reward_config::RewardConfig;
use crate::sft_config::SftConfig;

fn small() -> CausalLmConfig {
    CausalLmConfig {
        vocab_size: 100,
        hidden_size: 8,
        intermediate_size: 20,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 4,
        max_position_embeddings: 64,
        tie_word_embeddings: true,
        ..CausalLmConfig::default()
    }
}

/// The 7-billion Llama of the paper.
fn llama_7b() -> CausalLmConfig {
    CausalLmConfig {
        vocab_size: 32_000,
        hidden_size: 4096,
        intermediate_size: 11_008,
        num_hidden_layers: 32,
        num_attention_heads: 32,
        num_key_value_heads: 32,
        head_dim: 128,
        max_position_embeddings: 4096,
        tie_word_embeddings: false,
        ..CausalLmConfig::default()
    }
}

fn planned<'a>(config: &'a CausalLmConfig, trained: TrainedPart<'a>) -> PlannedModel<'a> {
    PlannedModel {
        config,
        trained,
        frozen_weight_bytes: 2,
        workers: 1,
    }
}

fn rows(count: usize) -> StageRows {
    StageRows {
        count,
        longest_prompt: 20,
        longest_response: 10,
        mean_len: 25.0,
    }
}

/// By hand: queries and outputs 8 × 8, keys and values 8 × 4, three matrices of 8 × 20, two norms of 8.
#[wasm_bindgen_test(unsupported = test)]
fn operations_are_those_of_the_matrices() {
    let config = small();
    let block = 2 * 64 + 2 * 32 + 3 * 160 + 16;
    let parameters = 2 * block + 8;
    assert_eq!(config.num_parameters(), parameters + 800, "and the embedding");
    let pass = PassSize { rows: 3, len: 5 };
    // 15 slots; attention: 2 · 5 positions · 2 blocks · 8 wide.
    let expected = 15.0 * (2.0 * (parameters as f64 + 0.5 * 800.0) + 160.0);
    assert_eq!(forward_flops(&config, pass, 0.5), expected);
}

/// Llama 2's 7B has 6.74 billion parameters, and the paper's adapter 32 · 2 · 16 · (4096 + 4096).
#[wasm_bindgen_test(unsupported = test)]
fn parameters_of_the_papers_model() {
    let config = llama_7b();
    assert_eq!(config.num_parameters(), 6_738_415_616);
    let lora = LoraConfig::default();
    let found = trained_parameters(&config, TrainedPart::Adapter(&lora)).unwrap();
    assert_eq!(found, 32 * 2 * 16 * 8192);
    let full = trained_parameters(&config, TrainedPart::Full).unwrap();
    assert_eq!(full, config.num_parameters());
}

#[wasm_bindgen_test(unsupported = test)]
fn steps_are_those_of_the_trainers() {
    let config = small();
    let model = planned(&config, TrainedPart::Full);
    let sft = SftConfig {
        epochs: 3,
        batch_size: 8,
        ..SftConfig::default()
    };
    let plan = sft_stage("sft", &model, &sft, &rows(20)).unwrap();
    assert_eq!(
        plan.steps,
        sft.plan(vec![25; 20]).total_steps(3),
        "two whole batches and a rest, three times"
    );
    assert_eq!(
        (plan.parameters, plan.trained_parameters),
        (config.num_parameters(), config.num_parameters())
    );
    let reward = RewardConfig::default();
    let plan = reward_stage("reward", &model, &reward, &rows(130)).unwrap();
    assert_eq!(plan.steps, 3, "130 pairs in batches of 64");
    let answering = AnsweringConfig::default();
    let plan = answering_stage("eval", &model, &answering, &rows(65)).unwrap();
    assert_eq!((plan.steps, plan.trained_parameters), (2, 0));
}

/// The more goes through at once, the more memory; checkpointing keeps less; an adapter needs no moments of the base.
#[wasm_bindgen_test(unsupported = test)]
fn memory_follows_what_decides_it() {
    let config = llama_7b();
    let lora = LoraConfig::default();
    let memory = |trained, rows_at_once, checkpointing| {
        let sft = SftConfig {
            micro_batching: MicroBatching::Rows(rows_at_once),
            checkpointing,
            ..SftConfig::default()
        };
        sft_stage("sft", &planned(&config, trained), &sft, &rows(100))
            .unwrap()
            .memory
            .peak_bytes()
    };
    let adapter = TrainedPart::Adapter(&lora);
    let base = memory(adapter, 4, Checkpointing::None);
    assert!(memory(adapter, 8, Checkpointing::None) > base);
    assert!(memory(adapter, 4, Checkpointing::PerBlock) < base);
    assert!(memory(TrainedPart::Full, 4, Checkpointing::None) > base + 3 * 4 * 6_700_000_000);
    // 7B in F16 are 13.5 GB.
    assert!((13_500_000_000..20_000_000_000).contains(&base), "{base}");
}

/// Two parts at the same time keep twice the activations; more workers than parts change nothing.
#[wasm_bindgen_test(unsupported = test)]
fn parts_that_are_computed_together_are_in_memory_together() {
    let config = small();
    let sft = SftConfig {
        batch_size: 16,
        micro_batching: MicroBatching::Rows(4),
        ..SftConfig::default()
    };
    let term = |workers, name: &str| -> u64 {
        let model = PlannedModel {
            workers,
            ..planned(&config, TrainedPart::Full)
        };
        let plan = sft_stage("sft", &model, &sft, &rows(100)).unwrap();
        let terms = &plan.memory.phases[0].terms;
        terms.iter().find(|term| term.name == name).unwrap().bytes
    };
    for name in ["activations", "logits"] {
        assert_eq!(term(2, name), 2 * term(1, name), "{name}");
        assert_eq!(term(9, name), 4 * term(1, name), "{name}");
    }
    let gradients = 4 * config.num_parameters();
    assert_eq!(term(1, "gradients"), 2 * gradients, "a part's and the sum");
    assert_eq!(term(2, "gradients"), 3 * gradients);
    assert_eq!(term(9, "gradients"), 4 * gradients, "no part follows");
}

#[wasm_bindgen_test(unsupported = test)]
fn ppo_counts_every_model() {
    let config = small();
    let lora = LoraConfig {
        target_modules: rllr_model::TargetModules::AllLinear,
        ..LoraConfig::default()
    };
    let adapters = planned(&config, TrainedPart::Adapter(&lora));
    let ppo = PpoPreset::Rllr.config();
    let weights = |reward_models| -> u64 {
        let plan = ppo_stage("rllr", &adapters, &ppo, reward_models, 5, &rows(100)).unwrap();
        let phase = plan.memory.phases.last().unwrap();
        phase
            .terms
            .iter()
            .find(|term| term.name == "weights")
            .unwrap()
            .bytes
    };
    let adapter = trained_parameters(&config, TrainedPart::Adapter(&lora)).unwrap();
    let base = 2 * config.num_parameters();
    // Policy and value model are adapters on one base, and the reference is that base.
    assert_eq!(weights(0), base + 2 * 4 * adapter);
    assert_eq!(weights(2), base + 4 * 4 * adapter);
    let plan = ppo_stage("rllr", &adapters, &ppo, 1, 5, &rows(100)).unwrap();
    assert_eq!(plan.trained_parameters, 2 * adapter);
    let names: Vec<&str> = plan.memory.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(names, ["writing", "measuring", "loss", "backward pass"]);
    assert!(plan.flops > 0.0 && (plan.seconds(2.0) - plan.flops / 2.0).abs() < 1e-9);
}

/// The order of a run, and nothing that no method needs.
#[wasm_bindgen_test(unsupported = test)]
fn a_comparison_has_the_stages_that_its_methods_need() {
    let config = small();
    let model = planned(&config, TrainedPart::Full);
    let rows = ComparisonRows {
        labels: rows(100),
        rationales: rows(100),
        label_pairs: rows(300),
        rationale_pairs: rows(50),
        questions: rows(1000),
        held_out: rows(40),
    };
    let names = |methods: &[Method], recipe: &Recipe| -> Vec<String> {
        let stages = comparison_stages(recipe, methods, &model, &rows).unwrap();
        stages.into_iter().map(|stage| stage.stage).collect()
    };
    let recipe = Recipe::default();
    assert_eq!(
        names(&[Method::SftLabel], &recipe),
        ["sft-label", "eval-sft-label"]
    );
    assert_eq!(
        names(&[Method::Rllr], &recipe),
        ["sft-rationale", "reward-label", "rllr", "eval-rllr"]
    );
    let all = names(&Method::ALL, &recipe);
    assert_eq!(all.len(), 2 + 2 + 5 + 7, "{all:?}");
    // One pass over the questions, 64 answers a step; group methods answer each question several times.
    let recipe = Recipe {
        ppo_steps: 0,
        ..Recipe::default()
    };
    let stages = comparison_stages(&recipe, &[Method::ExactLabel], &model, &rows).unwrap();
    assert_eq!(stages[1].steps, 1000_usize.div_ceil(recipe.ppo.batch_size));
}
