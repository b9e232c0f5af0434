//! A whole comparison on two tasks at once, with settings that end in seconds.

use burn::tensor::Device;
use rllr_model::{CausalLm, LoraConfig, Tokenizer};
use rllr_reward::{Reward, label_threshold_at_quantile};
use rllr_task::generate::TaskKind;
use rllr_task::mismatch::Mismatch;
use rllr_task::pairs::PairKind;
use rllr_task::{Input, ResponseFormat};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::actor_critic::{CriticKind, ReferenceKind};
use crate::checkpoint_store::MemoryStore;
use crate::pipeline::{
    Comparison, ComparisonError, DataRecipe, LabelPairs, MeasuredRewardModel, Method, ModelRecipe, Recipe,
    RewardModelPair, Split, TaskExamples, Training, fine_tuned, max_tokens, mismatch, new_model, reinforced,
    train_tokenizer,
};
use crate::run::{CheckpointConfig, Run, RunConfig, Stage};
use crate::run_event::RunEvent;

fn recipe() -> Recipe {
    let mut recipe = Recipe {
        seed: 3,
        data: DataRecipe {
            sft: 8,
            prompts: 6,
            held_out: 5,
            ..DataRecipe::default()
        },
        model: ModelRecipe {
            hidden_size: 16,
            intermediate_size: 32,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            ..ModelRecipe::default()
        },
        label_pairs: LabelPairs::WithFlippedLabels,
        ppo_steps: 2,
        ..Recipe::default()
    };
    for sft in [&mut recipe.sft, &mut recipe.sft_label] {
        (sft.epochs, sft.batch_size) = (1, 8);
    }
    for reward in [&mut recipe.label_reward, &mut recipe.rationale_reward] {
        (reward.epochs, reward.batch_size) = (1, 16);
    }
    for ppo in [&mut recipe.ppo, &mut recipe.grpo] {
        (ppo.batch_size, ppo.minibatch_size, ppo.max_new_tokens) = (8, 8, 8);
    }
    recipe.answering.max_new_tokens = 8;
    recipe
}

/// Runs a stage to its end.
fn drive<S: Stage>(stage: S) -> S {
    let config = RunConfig {
        evaluate_every: 0,
        checkpoints: CheckpointConfig {
            every: 0,
            keep: 1,
            best: None,
        },
    };
    let run = pollster::block_on(Run::start(stage, MemoryStore::default(), config));
    let mut run = run.unwrap_or_else(|error| panic!("{error}"));
    let mut steps = 0;
    while let Some(event) = pollster::block_on(run.next_event()).unwrap_or_else(|error| panic!("{error}")) {
        steps += usize::from(matches!(event, RunEvent::Step { .. }));
    }
    assert!(steps > 0 && steps == run.stage().total_steps(), "{steps} steps");
    run.into_parts().0
}

fn measure(comparison: &Comparison<'_>, method: Method, lm: &CausalLm) {
    for examples in comparison.tasks {
        for split in [Split::HeldOut, Split::Test] {
            let answering = comparison.answering(method, examples, split).unwrap();
            let predictions = pollster::block_on(answering.run(lm.without_adapter())).unwrap();
            let ids: Vec<&str> = predictions.iter().map(|found| found.id.as_str()).collect();
            let expected: Vec<&str> = examples.split(split).iter().map(|row| row.id.as_str()).collect();
            assert_eq!(ids, expected);
            let evaluation = comparison.evaluation(examples, split, &predictions).unwrap();
            assert_eq!((evaluation.n, &evaluation.task), (ids.len(), &examples.task.name));
        }
    }
}

/// Every method goes from data to a measured model; two tasks are learnt by one model.
#[wasm_bindgen_test(unsupported = test)]
fn every_method_is_trained_and_measured() {
    compare_all(&recipe());
}

/// The same with adapters, as in the paper: reward models, value model and policy share the merged model.
#[wasm_bindgen_test(unsupported = test)]
fn every_method_is_trained_with_adapters() {
    let mut recipe = recipe();
    recipe.training = Training::Adapter(LoraConfig {
        r: 2,
        ..LoraConfig::default()
    });
    recipe.ppo.critic = CriticKind::OwnAdapter;
    for ppo in [&mut recipe.ppo, &mut recipe.grpo] {
        ppo.reference = ReferenceKind::AdaptersOff;
    }
    recipe.check().unwrap();
    compare_all(&recipe);
}

/// Both tasks and both ways to make label-sensitive pairs are among the pairs that are drawn.
#[wasm_bindgen_test(unsupported = test)]
fn reward_models_learn_from_as_many_pairs_as_are_wanted() {
    let mut recipe = recipe();
    let tasks = [TaskKind::FilmSentiment, TaskKind::SceneNli]
        .map(|kind| TaskExamples::generated(kind, &recipe.data, recipe.seed).unwrap());
    let tokenizer: Tokenizer = train_tokenizer(&recipe, &tasks).unwrap();
    let config = recipe.model.config(tokenizer.vocab_size());
    let pairs = |recipe: &Recipe| {
        let comparison = Comparison {
            recipe,
            tasks: &tasks,
            tokenizer: &tokenizer,
            config: &config,
            max_tokens: max_tokens(recipe, &config),
        };
        comparison.training_pairs(PairKind::Label).unwrap()
    };
    let all = pairs(&recipe);
    recipe.data.reward_pairs = Some(all.len() / 2);
    let some = pairs(&recipe);
    assert_eq!(some.len(), all.len() / 2);
    assert!(some.iter().all(|pair| all.contains(pair)), "they are some of all");
    assert_eq!(pairs(&recipe), some, "the same seed draws the same");
    for task in &tasks {
        assert!(
            some.iter().any(|pair| pair.task == task.task.name),
            "{}",
            task.task.name
        );
    }
    recipe.data.reward_pairs = Some(10 * all.len());
    assert_eq!(pairs(&recipe).len(), all.len());
}

fn compare_all(recipe: &Recipe) {
    let tasks = [TaskKind::FilmSentiment, TaskKind::SceneNli]
        .map(|kind| TaskExamples::generated(kind, &recipe.data, recipe.seed).unwrap());
    let tokenizer: Tokenizer = train_tokenizer(recipe, &tasks).unwrap();
    let config = recipe.model.config(tokenizer.vocab_size());
    let comparison = Comparison {
        recipe,
        tasks: &tasks,
        tokenizer: &tokenizer,
        config: &config,
        max_tokens: max_tokens(recipe, &config),
    };
    let base = || new_model(recipe, &tokenizer, &Device::flex().autodiff()).unwrap();
    let label_only = drive(comparison.sft_stage(base(), ResponseFormat::LabelOnly).unwrap());
    measure(&comparison, Method::SftLabel, &fine_tuned(&label_only));
    let sft = fine_tuned(&drive(comparison.sft_stage(base(), recipe.data.format).unwrap()));
    measure(&comparison, Method::SftRationale, &sft);

    check_sampling(&comparison, &sft);

    let [label, rationale] = [PairKind::Label, PairKind::Rationale].map(|kind| {
        let stage = drive(comparison.reward_stage(&sft, kind).unwrap());
        let model = pollster::block_on(MeasuredRewardModel::measure(&stage)).unwrap();
        check_measured(&model);
        model
    });
    let rewards = RewardModelPair {
        label: Some(&label),
        rationale: Some(&rationale),
    };
    for method in Method::ALL.into_iter().filter(|method| method.is_reinforced()) {
        let stage = comparison.ppo_stage(method, &sft, rewards).unwrap();
        if let Reward::Mixed { label_threshold } = stage.reward() {
            let of_labels = label
                .pair_scores
                .iter()
                .filter(|pair| pair.kind == PairKind::Label);
            let chosen: Vec<f32> = of_labels.map(|pair| pair.chosen).collect();
            assert_eq!(
                label_threshold,
                label_threshold_at_quantile(&chosen, 0.5).unwrap()
            );
        }
        measure(&comparison, method, &reinforced(&drive(stage)));
    }
    let nothing = RewardModelPair::default();
    let error = comparison.ppo_stage(Method::Rllr, &sft, nothing).err().unwrap();
    assert!(matches!(error, ComparisonError::NoRewardModel { .. }), "{error}");
    let error = comparison
        .ppo_stage(Method::SftLabel, &sft, nothing)
        .err()
        .unwrap();
    assert!(matches!(error, ComparisonError::NotReinforced { .. }), "{error}");
}

/// Every question is answered twice, and the answers are what their class says.
fn check_sampling(comparison: &Comparison<'_>, lm: &CausalLm) {
    let mut sampling = comparison.pair_sampling().unwrap();
    while sampling.progress().0 < sampling.progress().1 {
        pollster::block_on(sampling.step(lm.without_adapter())).unwrap();
    }
    let ids: Vec<&str> = sampling.pairs().iter().map(|pair| pair.id.as_str()).collect();
    let asked = comparison.tasks.iter().flat_map(|examples| &examples.prompts);
    let expected: Vec<&str> = asked.map(|example| example.id.as_str()).collect();
    assert_eq!(ids, expected);
    let identical = sampling
        .pairs()
        .iter()
        .filter(|pair| pair.first == pair.second)
        .count();
    let counted = comparison
        .tasks
        .iter()
        .map(|examples| mismatch(sampling.pairs(), &examples.task.name));
    let counted: Vec<Mismatch> = counted.collect();
    assert_eq!(counted.iter().map(Mismatch::total).sum::<usize>(), ids.len());
    assert_eq!(
        counted.iter().map(|counts| counts.identical).sum::<usize>(),
        identical
    );
}

/// The metrics are those of the pairs' scores, counted by a plain loop.
fn check_measured(model: &MeasuredRewardModel) {
    for (kind, name) in [(PairKind::Label, "label"), (PairKind::Rationale, "rationale")] {
        let (mut right, mut margin, mut count) = (0.0, 0.0, 0.0);
        for pair in model.pair_scores.iter().filter(|pair| pair.kind == kind) {
            right += if pair.chosen > pair.rejected { 1.0 } else { 0.0 };
            margin += f64::from(pair.chosen - pair.rejected);
            count += 1.0;
        }
        assert!(count > 0.0);
        let found = |what: &str| model.metrics[&format!("eval_{name}_{what}")];
        assert!((found("accuracy") - right / count).abs() < 1e-9);
        assert!((found("margin") - margin / count).abs() < 1e-5);
    }
}

/// Stages do not depend on which were run before: their random numbers are the seed's and the purpose's.
#[wasm_bindgen_test(unsupported = test)]
fn pairs_are_the_same_in_any_order() {
    let recipe = recipe();
    let tasks = [TaskExamples::generated(TaskKind::FilmSentiment, &recipe.data, recipe.seed).unwrap()];
    let tokenizer = train_tokenizer(&recipe, &tasks).unwrap();
    let config = recipe.model.config(tokenizer.vocab_size());
    let comparison = Comparison {
        recipe: &recipe,
        tasks: &tasks,
        tokenizer: &tokenizer,
        config: &config,
        max_tokens: max_tokens(&recipe, &config),
    };
    let first = comparison.training_pairs(PairKind::Rationale).unwrap();
    let flipped = comparison.training_pairs(PairKind::Label).unwrap();
    comparison.held_out_texts().unwrap();
    assert_eq!(comparison.training_pairs(PairKind::Rationale).unwrap(), first);
    let published = Recipe {
        label_pairs: LabelPairs::Published,
        ..recipe.clone()
    };
    let fewer = Comparison {
        recipe: &published,
        ..comparison
    };
    let fewer = fewer.training_pairs(PairKind::Label).unwrap();
    assert!(
        fewer.len() < flipped.len(),
        "{} and {}",
        fewer.len(),
        flipped.len()
    );
}

/// Texts that are too long are cut once, for everything that is made of them.
#[wasm_bindgen_test(unsupported = test)]
fn long_texts_are_cut_for_training_and_use_alike() {
    let recipe = recipe();
    let mut examples = TaskExamples::generated(TaskKind::FilmSentiment, &recipe.data, 1).unwrap();
    let Input::Text(text) = &mut examples.sft[0].input else {
        unreachable!("a film has one text");
    };
    *text = text.repeat(40);
    let tokenizer = train_tokenizer(&recipe, std::slice::from_ref(&examples)).unwrap();
    assert_eq!(examples.cut(&recipe, &tokenizer, 100).unwrap(), 1);
    let limit = recipe.prompt_tokens(100);
    assert_eq!(limit, 92, "8 tokens for the longest answer");
    let prompt = examples
        .task
        .prompt(&examples.sft[0], 0, recipe.data.format)
        .unwrap();
    let length = tokenizer.encode_prompt(&prompt.text).unwrap().len();
    assert!((80..=limit).contains(&length), "{length}");
    assert_eq!(examples.cut(&recipe, &tokenizer, 100).unwrap(), 0, "they fit now");
}
