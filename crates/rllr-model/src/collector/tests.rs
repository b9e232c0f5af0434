use burn::nn::{Embedding, LayerNorm, Linear};
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{CausalLmConfig, LinearBias, WeightReader, initial_weights};

/// Every kind of module that the reader makes, under names that are not those of the file.
#[derive(Module, Debug)]
struct Mixed {
    words: Embedding,
    blocks: Vec<Inner>,
    scale: Param<Tensor<3>>,
}

#[derive(Module, Debug)]
struct Inner {
    fc: Linear,
    ln: LayerNorm,
}

fn weights() -> Weights {
    let tensor = |shape: &[usize], first: f32| HostTensor {
        shape: shape.to_vec(),
        data: (0..shape.iter().product()).map(|n| first + n as f32).collect(),
    };
    let tensors = [
        ("transformer.word_embeddings.weight", tensor(&[3, 2], 100.0)),
        ("transformer.h.0.dense.weight", tensor(&[5, 2], 200.0)),
        ("transformer.h.0.dense.bias", tensor(&[5], 300.0)),
        ("transformer.h.0.input_layernorm.weight", tensor(&[2], 400.0)),
        ("transformer.h.0.input_layernorm.bias", tensor(&[2], 500.0)),
        ("scale", tensor(&[1, 2, 2], 600.0)),
    ];
    Weights(tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into())
}

fn module(device: &Device) -> Mixed {
    let weights = weights();
    let mut reader = WeightReader::new((&weights).into(), device);
    let block = Inner {
        fc: reader
            .linear("transformer.h.0.dense", 2, 5, LinearBias::Present)
            .unwrap(),
        ln: reader
            .layer_norm("transformer.h.0.input_layernorm", 2, 1e-5)
            .unwrap(),
    };
    let module = Mixed {
        words: reader.embedding("transformer.word_embeddings", 3, 2).unwrap(),
        blocks: vec![block],
        scale: reader.tensor("scale", [1, 2, 2]).unwrap(),
    };
    reader.finish().unwrap();
    module
}

fn file_name(path: &str) -> String {
    path.replace("words", "transformer.word_embeddings")
        .replace("blocks", "transformer.h")
        .replace("fc", "dense")
        .replace("ln", "input_layernorm")
}

#[wasm_bindgen_test(unsupported = test)]
fn every_kind_of_module_gives_back_what_it_was_built_from() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        let collected = DeviceWeights::of(&module(&device), file_name).unwrap();
        assert_eq!(pollster::block_on(collected.read_all()).unwrap(), weights());
        let (first, shape) = collected.shapes().next().unwrap();
        assert_eq!(
            (first, shape),
            ("transformer.word_embeddings.weight", &[3, 2][..]),
            "in the order of the module, in the layout of the file"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn two_parameters_of_one_name_are_refused() {
    let error = DeviceWeights::of(&module(&Device::flex()), |_| "same".to_owned()).unwrap_err();
    assert_eq!(error.to_string(), "there are two tensors same");
}

#[wasm_bindgen_test(unsupported = test)]
fn chunks_are_bounded_and_hold_every_name_once() {
    let collected = DeviceWeights::of(&module(&Device::flex()), file_name).unwrap();
    let names: Vec<String> = collected.shapes().map(|(name, _)| name.to_owned()).collect();
    let sizes: Vec<usize> = collected
        .shapes()
        .map(|(_, shape)| 4 * shape.iter().product::<usize>())
        .collect();
    assert_eq!(sizes, [24, 40, 20, 8, 8, 16]);
    for (limit, expected) in [
        (1, vec![1; 6]),
        (44, vec![1, 1, 3, 1]),
        (64, vec![2, 4]),
        (1000, vec![6]),
    ] {
        let chunks = collected.chunks_of(&names, limit).unwrap();
        let lengths: Vec<usize> = chunks.iter().map(|chunk| chunk.len()).collect();
        assert_eq!(lengths, expected, "limit {limit}");
        assert_eq!(chunks.concat(), names);
    }
    assert!(collected.chunks(&[]).unwrap().is_empty());
    let unknown = ["nothing".to_owned()];
    assert!(matches!(
        collected.chunks(&unknown),
        Err(WeightsError::Missing { .. })
    ));
    assert!(pollster::block_on(collected.read(&unknown)).is_err());
}

/// A trained model reads back from its device what a plan and its files hold.
#[wasm_bindgen_test(unsupported = test)]
fn an_export_in_shards_is_the_model() {
    let json = r#"{"model_type": "llama", "vocab_size": 7, "hidden_size": 4, "intermediate_size": 6,
        "num_hidden_layers": 2, "num_attention_heads": 2, "tie_word_embeddings": true}"#;
    let config = CausalLmConfig::from_hugging_face(json).unwrap();
    let weights = initial_weights(&config, 0.02, &mut ChaCha8Rng::seed_from_u64(1));
    let model = CausalLm::from_weights(&config, &weights, &Device::flex().autodiff()).unwrap();
    let collected = model.device_weights().unwrap();
    let plan = collected
        .plan(&ExportOptions {
            max_shard_bytes: 300,
            ..Default::default()
        })
        .unwrap();
    assert!(plan.files.len() > 3, "{}", plan.files.len());
    let mut read = Weights::default();
    for file in &plan.files {
        let mut bytes = file.header.clone();
        for chunk in collected.chunks(&file.tensors).unwrap() {
            for (name, tensor) in chunk
                .iter()
                .zip(pollster::block_on(collected.read(chunk)).unwrap())
            {
                bytes.extend(plan.stored_type.encode(name, &tensor.data).unwrap());
            }
        }
        read.0.extend(Weights::from_safetensors(&bytes).unwrap().0);
    }
    assert_eq!(read, weights);
}
