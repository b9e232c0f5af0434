use burn::tensor::Gradients;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{CausalLm, DecoderInput, PaddingSide, TokenBatch, initial_weights};

pub(crate) fn model_config(architecture: Architecture) -> CausalLmConfig {
    let shares_heads = architecture != Architecture::Bloom;
    CausalLmConfig {
        architecture,
        vocab_size: 13,
        hidden_size: 8,
        intermediate_size: 20,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: if shares_heads { 2 } else { 4 },
        head_dim: 4,
        max_position_embeddings: 16,
        attention_bias: true,
        ..CausalLmConfig::default()
    }
}

fn base(config: &CausalLmConfig, device: &Device) -> CausalLm {
    let weights = initial_weights(config, 0.4, &mut ChaCha8Rng::seed_from_u64(1));
    CausalLm::from_weights(config, &weights, device).unwrap()
}

pub(crate) fn lora_config(target_modules: TargetModules) -> LoraConfig {
    LoraConfig {
        r: 3,
        lora_alpha: 6.0,
        target_modules,
        ..LoraConfig::default()
    }
}

/// An adapter that does something: B is drawn, too.
pub(crate) fn adapter(
    config: &LoraConfig,
    model: &CausalLmConfig,
    seed: u64,
    device: &Device,
) -> LoraAdapter {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    LoraAdapter::build(config, model, |_, target| {
        let mut matrix = |shape: [usize; 2]| {
            let data = initial_a(4, shape[0] * shape[1] / 4 + 1, &mut rng);
            let data = data[..shape[0] * shape[1]].to_vec();
            Param::from_data(TensorData::new(data, shape), device)
        };
        Ok((matrix([target.d_in, config.r]), matrix([config.r, target.d_out])))
    })
    .unwrap()
}

fn input(vocab_size: usize, device: &Device) -> DecoderInput {
    let rows: [&[u32]; 2] = [&[3, 1, 4, 1, 5, 9], &[2, 6, 5]];
    TokenBatch::from_rows(&rows, PaddingSide::Right, vocab_size)
        .unwrap()
        .to_device(device)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn largest(a: &[f32]) -> f32 {
    a.iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

/// Gradients of every parameter of a module, zero where there is none.
struct Collected<'a> {
    gradients: &'a Gradients,
    found: Vec<Option<Vec<f32>>>,
}

impl ModuleVisitor for Collected<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(param.val().grad(self.gradients).map(numbers));
    }
}

fn gradients_of(module: &impl Module, gradients: &Gradients) -> Vec<Option<Vec<f32>>> {
    let mut collected = Collected {
        gradients,
        found: Vec::new(),
    };
    module.visit(&mut collected);
    collected.found
}

#[wasm_bindgen_test(unsupported = test)]
fn a_new_adapter_changes_nothing() {
    let device = Device::flex();
    for architecture in Architecture::ALL {
        let config = model_config(architecture);
        let model = base(&config, &device);
        let lora = LoraConfig {
            r: 2,
            target_modules: TargetModules::AllLinear,
            ..LoraConfig::default()
        };
        let adapter = LoraAdapter::new(&lora, &config, &mut ChaCha8Rng::seed_from_u64(2), &device).unwrap();
        let input = input(config.vocab_size, &device);
        assert_eq!(
            numbers(model.with_adapter(&adapter).forward(&input)),
            numbers(model.forward(&input)),
            "{architecture:?}"
        );
    }
}

/// 24 · 800 draws from `U(−b, b)`: the mean's standard error is `b/√(3n)`, the mean square is `b²/3`.
#[wasm_bindgen_test(unsupported = test)]
fn a_is_uniform_and_its_bits_belong_to_the_seed() {
    let draws = initial_a(24, 800, &mut ChaCha8Rng::seed_from_u64(3));
    let bound = 1.0 / 24f32.sqrt();
    assert!(draws.iter().all(|x| x.abs() <= bound));
    assert!(largest(&draws) > 0.999 * bound);
    let n = draws.len() as f32;
    let mean = draws.iter().sum::<f32>() / n;
    assert!(mean.abs() < 4.0 * bound / (3.0 * n).sqrt(), "{mean}");
    let square = draws.iter().map(|x| x * x).sum::<f32>() / n;
    assert!((square / (bound * bound / 3.0) - 1.0).abs() < 0.03, "{square}");
    // By hand from the generator's own words.
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for draw in &draws[..3] {
        let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        assert!((f64::from(*draw) - (2.0 * uniform - 1.0) / 24f64.sqrt()).abs() < 1e-8);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn only_the_adapter_has_gradients() {
    let device = Device::flex();
    let config = model_config(Architecture::Llama);
    let model = base(&config, &device);
    let lora = lora_config(TargetModules::named(["q_proj", "down_proj"]));
    let adapter = adapter(&lora, &config, 4, &device.clone().autodiff());
    let logits = model
        .with_adapter(&adapter)
        .forward(&input(config.vocab_size, &device));
    let gradients = logits.square().mean().backward();
    assert!(gradients_of(&model, &gradients).iter().all(Option::is_none));
    let found = gradients_of(&adapter, &gradients);
    assert_eq!(found.len(), 8);
    for gradient in found {
        assert!(largest(&gradient.expect("every matrix is trained")) > 1e-4);
    }
}

/// `∂L/∂A = scale · ∂L/∂W Bᵀ` and `∂L/∂B = scale · Aᵀ ∂L/∂W`, with `∂L/∂W` of the merged, fully trained model: a path
/// that knows nothing of adapters. Merging itself is checked on the way.
#[wasm_bindgen_test(unsupported = test)]
fn merging_gives_the_same_model_and_the_same_gradients() {
    let device = Device::flex();
    let training = device.clone().autodiff();
    for architecture in Architecture::ALL {
        let config = model_config(architecture);
        let adapter = adapter(&lora_config(TargetModules::AllLinear), &config, 5, &training);
        let (frozen, input) = (base(&config, &device), input(config.vocab_size, &device));
        let adapted = frozen.with_adapter(&adapter).forward(&input);
        let merged = base(&config, &training).merged(&adapter);
        let merged_logits = merged.forward(&input);
        let (found, expected) = (numbers(merged_logits.clone()), numbers(adapted.clone()));
        let moved = largest_difference(&expected, &numbers(frozen.forward(&input)));
        assert!(
            moved > 0.05,
            "{architecture:?}: the adapter moves the logits by {moved}"
        );
        assert!(largest_difference(&found, &expected) < 1e-4, "{architecture:?}");

        let gradients = adapted.square().mean().backward();
        let dense = merged_logits.square().mean().backward();
        let names = merged.parameter_names();
        let dense = gradients_of(&merged, &dense);
        for (index, layer) in adapter.layers.iter().enumerate() {
            for (target, pair) in layer.targets.iter().zip(&layer.pairs) {
                let name = file_name(architecture, &format!("model.layers.{index}.{target}.weight"));
                let place = names.iter().position(|parameter| parameter.name == name).unwrap();
                let (a, b) = (pair.lora_a.val().inner(), pair.lora_b.val().inner());
                let shape = [a.dims()[0], b.dims()[1]];
                let dense = TensorData::new(dense[place].clone().unwrap(), shape);
                let dense = Tensor::<2>::from_data(dense, &device) * pair.scale;
                let expected_a = numbers(dense.clone().matmul(b.transpose()));
                let expected_b = numbers(a.transpose().matmul(dense));
                let found_a = numbers(pair.lora_a.val().grad(&gradients).unwrap());
                let found_b = numbers(pair.lora_b.val().grad(&gradients).unwrap());
                for (found, expected) in [(found_a, expected_a), (found_b, expected_b)] {
                    let apart = largest_difference(&found, &expected);
                    assert!(apart < 1e-4 * largest(&expected).max(1e-3), "{name}: {apart}");
                }
            }
        }
    }
}

/// The second adapter is read between the first one's forward and backward pass, and the other way round.
#[wasm_bindgen_test(unsupported = test)]
fn interleaved_adapters_keep_their_own_gradients() {
    let device = Device::flex();
    let config = model_config(Architecture::Qwen3);
    let model = base(&config, &device);
    let lora = lora_config(TargetModules::AllLinear);
    let [first, second] = [6, 7].map(|seed| adapter(&lora, &config, seed, &device.clone().autodiff()));
    let input = input(config.vocab_size, &device);
    let loss = |adapter: &LoraAdapter| model.with_adapter(adapter).forward(&input).square().mean();

    let alone = [&first, &second].map(|adapter| gradients_of(adapter, &loss(adapter).backward()));
    let (loss_of_first, loss_of_second) = (loss(&first), loss(&second));
    let gradients_of_first = loss_of_first.backward();
    let gradients_of_second = loss_of_second.backward();
    assert_eq!(gradients_of(&first, &gradients_of_first), alone[0]);
    assert_eq!(gradients_of(&second, &gradients_of_second), alone[1]);
    assert!(
        gradients_of(&second, &gradients_of_first)
            .iter()
            .all(Option::is_none)
    );
    assert_ne!(alone[0], alone[1]);
}

#[wasm_bindgen_test(unsupported = test)]
fn dropout_follows_its_seed_and_spares_the_mean() {
    let device = Device::flex();
    let config = model_config(Architecture::Llama);
    let adapter = adapter(&lora_config(TargetModules::AllLinear), &config, 8, &device);
    let model = base(&config, &device);
    let input = input(config.vocab_size, &device);
    let logits = |adapter: &LoraAdapter| numbers(model.with_adapter(adapter).forward(&input));
    assert_eq!(logits(&adapter.with_dropout(1)), logits(&adapter.with_dropout(1)));
    assert_ne!(logits(&adapter.with_dropout(1)), logits(&adapter.with_dropout(2)));
    assert_ne!(logits(&adapter.with_dropout(1)), logits(&adapter));

    // What one pair adds is linear in its input, so its mean over many masks is what it adds without.
    let x = Tensor::<3>::from_data([[[0.5f32, -1.0, 2.0, 0.3, -0.7, 1.1, 0.2, -0.4]]], &device);
    let added = |adapter: &LoraAdapter| adapter.layers[0].pairs[0].forward(x.clone());
    let seeds = 4_000u64;
    let sum = (0..seeds)
        .map(|seed| added(&adapter.with_dropout(seed)))
        .reduce(|sum, x| sum + x)
        .unwrap();
    let (mean, expected) = (numbers(sum / seeds as f64), numbers(added(&adapter)));
    assert!(
        largest_difference(&mean, &expected) < 0.02 * largest(&expected),
        "{mean:?} {expected:?}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn targets_are_found_by_the_end_of_their_names() {
    let adapted = |architecture, names: &[&str]| {
        let targets = TargetModules::named(names.iter().copied());
        let blocks = targets::resolve(&targets, &model_config(architecture)).unwrap();
        blocks
            .into_iter()
            .map(|block| block.into_iter().map(|linear| linear.path).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let both = |path: &str| vec![vec![path.to_owned()]; 2];
    assert_eq!(
        adapted(Architecture::Llama, &["self_attn.q_proj"]),
        both("self_attn.q_proj")
    );
    assert_eq!(adapted(Architecture::Bloom, &["dense"]), both("self_attn.o_proj"));
    assert_eq!(
        adapted(
            Architecture::Bloom,
            &["transformer.h.1.self_attention.query_key_value"]
        ),
        [vec![], vec!["self_attn.query_key_value".to_owned()]]
    );
    let all = targets::resolve(&TargetModules::AllLinear, &model_config(Architecture::Glm4)).unwrap();
    assert_eq!(all[1].len(), 6);
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_settings_are_named() {
    let check = |config: LoraConfig, expected: &str| {
        let (model, rng) = (
            model_config(Architecture::Bloom),
            &mut ChaCha8Rng::seed_from_u64(0),
        );
        let error = LoraAdapter::new(&config, &model, rng, &Device::flex()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let default = LoraConfig::of_the_paper(Architecture::Bloom);
    check(
        LoraConfig {
            target_modules: TargetModules::named(["q_proj", "dense", "proj"]),
            ..default.clone()
        },
        "the model has no linear layers [\"proj\", \"q_proj\"] in its blocks; it has [\"query_key_value\", \"dense\", \
         \"dense_h_to_4h\", \"dense_4h_to_h\"]",
    );
    check(
        LoraConfig {
            r: 0,
            ..default.clone()
        },
        "r of the adapter is 0, expected 1 to 65536",
    );
    check(
        LoraConfig {
            lora_dropout: 1.0,
            ..default.clone()
        },
        "lora_dropout of the adapter is 1, expected at least 0 and below 1",
    );
    check(
        LoraConfig {
            lora_alpha: f64::NAN,
            ..default.clone()
        },
        "lora_alpha of the adapter is NaN, expected a finite number above 0",
    );
    check(
        LoraConfig {
            target_modules: TargetModules::Named([].into()),
            ..default
        },
        "target_modules of the adapter is an empty list, expected a list of names, or all-linear",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn settings_are_read_under_pefts_names() {
    let config: LoraConfig =
        serde_json::from_str(r#"{"r": 4, "use_rslora": true, "target_modules": "all-linear"}"#).unwrap();
    assert_eq!(config.scale(), 16.0);
    assert_eq!(config.target_modules, TargetModules::AllLinear);
    let written = serde_json::to_string(&LoraConfig::default()).unwrap();
    assert_eq!(
        written,
        r#"{"r":16,"lora_alpha":32.0,"lora_dropout":0.1,"use_rslora":false,"target_modules":["q_proj","v_proj"]}"#
    );
    assert_eq!(
        serde_json::from_str::<LoraConfig>(&written).unwrap(),
        LoraConfig::default()
    );
    let error = serde_json::from_str::<LoraConfig>(r#"{"target_modules": ".*_proj"}"#).unwrap_err();
    assert!(error.to_string().contains("expected a list of names"), "{error}");
}
