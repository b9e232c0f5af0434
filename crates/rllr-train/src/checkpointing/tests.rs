use std::collections::BTreeMap;

use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{
    Architecture, CausalLm, CausalLmConfig, HeadInitialization, LoraConfig, PaddingSide, ScalarHead,
    TargetModules, TokenBatch, WeightStorage, initial_weights,
};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{LmTrainer, LmTrainerConfig, next_token_loss_of};

fn config(architecture: Architecture, tie_word_embeddings: bool) -> CausalLmConfig {
    CausalLmConfig {
        architecture,
        vocab_size: 13,
        hidden_size: 8,
        intermediate_size: 20,
        num_hidden_layers: 3,
        num_attention_heads: 2,
        num_key_value_heads: 2,
        head_dim: 4,
        max_position_embeddings: 16,
        attention_bias: true,
        tie_word_embeddings,
        ..CausalLmConfig::default()
    }
}

fn model(config: &CausalLmConfig, device: &Device) -> CausalLm {
    let weights = initial_weights(config, 0.4, &mut ChaCha8Rng::seed_from_u64(1));
    CausalLm::from_weights(config, &weights, device).expect("the weights fit")
}

fn batch() -> TokenBatch {
    let rows: [&[u32]; 2] = [&[3, 1, 4, 1, 5, 9, 2], &[6, 5, 3]];
    TokenBatch::from_rows(&rows, PaddingSide::Right, 13).expect("valid rows")
}

/// A trained adapter of every linear layer; B is moved away from zero by one step of training.
fn adapter(config: &CausalLmConfig, base: &CausalLm, seed: u64) -> LoraAdapter {
    let lora = LoraConfig {
        r: 2,
        lora_alpha: 8.0,
        lora_dropout: 0.2,
        target_modules: TargetModules::AllLinear,
        ..LoraConfig::default()
    };
    let device = Device::flex().autodiff();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let adapter = LoraAdapter::new(&lora, config, &mut rng, &device).expect("the targets exist");
    let (gradients, _) = lm_gradients(Checkpointing::None, base, Some(&adapter), &adapter);
    let mut optimizer = burn::optim::AdamWConfig::new().with_epsilon(1e-8).init();
    optimizer.step(0.3, adapter, gradients)
}

/// Gradients of the next-token loss, and the loss.
fn lm_gradients<M: Module>(
    checkpointing: Checkpointing,
    model: &CausalLm,
    adapter: Option<&LoraAdapter>,
    trained: &M,
) -> (GradientsParams, f32) {
    let batch = batch();
    let input = batch.to_device(&model.devices()[0]);
    let pass = DecoderPass::of_all_columns(model.decoder(), adapter, &input);
    let (gradients, loss) = gradients(checkpointing, pass, trained, |hidden| {
        let loss = next_token_loss_of(hidden, model.output_weight(), &input, &batch);
        (loss.surrogate, loss.value)
    });
    (gradients, loss.into_scalar())
}

struct Collected<'a> {
    gradients: &'a GradientsParams,
    found: BTreeMap<u64, Vec<f32>>,
}

impl ModuleVisitor for Collected<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let numbers = gradient.into_data().iter::<f32>().collect();
            self.found.insert(param.id.val(), numbers);
        }
    }
}

fn collect(gradients: &GradientsParams, module: &impl Module) -> BTreeMap<u64, Vec<f32>> {
    let mut collected = Collected {
        gradients,
        found: BTreeMap::new(),
    };
    module.visit(&mut collected);
    collected.found
}

/// Equal but for the order of sums, and worth comparing.
fn assert_same(found: &BTreeMap<u64, Vec<f32>>, expected: &BTreeMap<u64, Vec<f32>>, what: &str) {
    assert!(found.keys().eq(expected.keys()), "{what}: other parameters");
    assert!(!found.is_empty(), "{what}: no parameters");
    for (found, expected) in found.values().zip(expected.values()) {
        let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        assert!(largest > 1e-6, "{what}: the gradients vanish");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-5 * largest.max(0.1),
                "{what}: {found}, expected {expected}"
            );
        }
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn every_family_has_the_same_gradients_block_by_block() {
    let device = Device::flex().autodiff();
    for architecture in Architecture::ALL {
        for tied in [false, true] {
            let model = model(&config(architecture, tied), &device);
            let run = |checkpointing| lm_gradients(checkpointing, &model, None, &model);
            let (expected, expected_loss) = run(Checkpointing::None);
            let (found, loss) = run(Checkpointing::PerBlock);
            let what = format!("{architecture:?}, tied {tied}");
            assert!((loss - expected_loss).abs() < 1e-6, "{what}");
            assert_same(&collect(&found, &model), &collect(&expected, &model), &what);
        }
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn two_adapters_keep_their_own_gradients_and_their_dropout() {
    let config = config(Architecture::Llama, true);
    let base = model(&config, &Device::flex());
    let [first, second] = [2, 3].map(|seed| adapter(&config, &base, seed));
    let run = |checkpointing, adapter: &LoraAdapter, seed| {
        let dropping = adapter.with_dropout(seed);
        let (gradients, _) = lm_gradients(checkpointing, &base, Some(&dropping), adapter);
        assert!(collect(&gradients, &base).is_empty(), "the base is frozen");
        collect(&gradients, adapter)
    };
    // In turn, so that one adapter is on between another one's passes.
    let expected_first = run(Checkpointing::None, &first, 10);
    let found_second = run(Checkpointing::PerBlock, &second, 11);
    let found_first = run(Checkpointing::PerBlock, &first, 10);
    let expected_second = run(Checkpointing::None, &second, 11);
    assert_same(&found_first, &expected_first, "first adapter");
    assert_same(&found_second, &expected_second, "second adapter");
    // Another mask gives other gradients, so the masks above were the same.
    let other = run(Checkpointing::PerBlock, &first, 12);
    assert!(other.values().zip(expected_first.values()).any(|(a, b)| a != b));
}

/// As PPO does it: the loss of one adapter looks at values that come from another one, whose own loss follows.
#[wasm_bindgen_test(unsupported = test)]
fn an_adapter_with_a_head_is_trained_beside_a_policy() {
    let config = config(Architecture::Qwen3, false);
    let weights = initial_weights(&config, 0.4, &mut ChaCha8Rng::seed_from_u64(4));
    let device = Device::flex();
    let base = CausalLm::frozen_from_weights(&config, &weights, WeightStorage::F16, &device).expect("fits");
    let [policy, value] = [5, 6].map(|seed| adapter(&config, &base, seed));
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let head = ScalarHead::new(8, HeadInitialization::Normal, rng, &device.clone().autodiff());
    let critic = (value, head);
    let input = batch().to_device(&device);
    let run = |checkpointing| {
        let pass = DecoderPass::of_all_columns(base.decoder(), Some(&critic.0), &input);
        let (of_critic, policy_gradients) = gradients(checkpointing, pass, &critic, |hidden| {
            // The policy's pass lies inside the critic's.
            let (of_policy, _) = lm_gradients(checkpointing, &base, Some(&policy), &policy);
            (critic.1.values(hidden).square().mean(), of_policy)
        });
        (collect(&of_critic, &critic), collect(&policy_gradients, &policy))
    };
    let (found, expected) = (run(Checkpointing::PerBlock), run(Checkpointing::None));
    assert_same(&found.0, &expected.0, "critic");
    assert_same(&found.1, &expected.1, "policy");
    // 3 blocks of 7 adapted layers with 2 matrices each, and the head.
    assert_eq!((found.0.len(), found.1.len()), (43, 42));
}

#[wasm_bindgen_test(unsupported = test)]
fn the_trainer_takes_the_same_steps() {
    let config = config(Architecture::Llama, true);
    let run = |checkpointing| {
        let settings = LmTrainerConfig {
            learning_rate: 1e-2,
            checkpointing,
            ..LmTrainerConfig::default()
        };
        let mut trainer = LmTrainer::new(model(&config, &Device::flex().autodiff()), settings);
        let read = |step: crate::LmStep| pollster::block_on(step.read()).expect("the CPU answers");
        let first = read(trainer.step(&batch()));
        let second = read(trainer.step(&batch()));
        assert!(second.loss < first.loss - 0.05, "{first:?} {second:?}");
        [first.loss, first.grad_norm, second.loss, second.grad_norm]
    };
    let (found, expected) = (run(Checkpointing::PerBlock), run(Checkpointing::None));
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
    }
}

/// A loss that reads the last columns has the gradients that it has of a pass over all of them.
#[wasm_bindgen_test(unsupported = test)]
fn columns_that_no_loss_reads_change_no_gradient() {
    let config = config(Architecture::Qwen3, true);
    let model = model(&config, &Device::flex().autodiff());
    let batch = batch();
    let input = batch.to_device(&model.devices()[0]);
    let run = |checkpointing, columns: Range<usize>| {
        let unread = 4 - columns.start;
        let pass = DecoderPass {
            columns,
            ..DecoderPass::of_all_columns(model.decoder(), None, &input)
        };
        let (gradients, loss) = gradients(checkpointing, pass, &model, |hidden| {
            let read = hidden.dims()[1] - unread;
            // Not the mean square, which the normalisation keeps at 1.
            let loss = hidden.narrow(1, unread, read).exp().mean();
            (loss.clone(), loss)
        });
        (collect(&gradients, &model), loss.into_scalar::<f32>())
    };
    let (expected, expected_loss) = run(Checkpointing::None, 0..7);
    for checkpointing in [Checkpointing::None, Checkpointing::PerBlock] {
        let (found, loss) = run(checkpointing, 4..7);
        assert!((loss - expected_loss).abs() < 1e-5, "{loss} and {expected_loss}");
        assert_same(&found, &expected, "some columns");
    }
}
