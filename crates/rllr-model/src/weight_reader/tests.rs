use burn::tensor::{Tolerance, s};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{
    CausalLm, CausalLmConfig, HostTensor, SafetensorsFiles, SafetensorsStream, StoredType, UploadedWeights,
    Weights, initial_weights,
};

fn config(tied: &str) -> CausalLmConfig {
    let json = r#"{"model_type": "llama", "vocab_size": 7, "hidden_size": 4, "intermediate_size": 6,
        "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 8, "tie_word_embeddings": TIED}"#;
    CausalLmConfig::from_hugging_face(&json.replace("TIED", tied)).unwrap()
}

fn weights(tied: &str) -> Weights {
    initial_weights(&config(tied), 0.02, &mut ChaCha8Rng::seed_from_u64(1))
}

fn uploaded(bytes: &[u8]) -> UploadedWeights {
    let mut stream = SafetensorsStream::new(&Device::flex());
    stream.push(bytes).unwrap();
    stream.finish().unwrap()
}

/// What loading says, from each kind of source.
fn load_all(config: &CausalLmConfig, weights: &Weights) -> [Result<Weights, String>; 3] {
    let bytes = weights.to_safetensors().unwrap();
    let files = SafetensorsFiles::single(&bytes).unwrap();
    let sources = [
        WeightSource::from(weights),
        WeightSource::from(&files),
        WeightSource::from(uploaded(&bytes)),
    ];
    sources.map(|source| {
        let model = CausalLm::from_source(config, source, &Device::flex().autodiff());
        model
            .map(|model| pollster::block_on(model.weights()).unwrap())
            .map_err(|error| error.to_string())
    })
}

fn assert_loads(config: &CausalLmConfig, weights: &Weights, expected: &Weights) {
    for loaded in load_all(config, weights) {
        assert_eq!(loaded.as_ref(), Ok(expected));
    }
}

fn assert_fails(config: &CausalLmConfig, weights: &Weights, expected: &str) {
    for loaded in load_all(config, weights) {
        assert_eq!(loaded, Err(expected.to_owned()));
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn every_source_gives_the_same_model() {
    for tied in ["true", "false"] {
        assert_loads(&config(tied), &weights(tied), &weights(tied));
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn every_source_names_what_does_not_fit() {
    let untied = config("false");
    let change = |change: &dyn Fn(&mut Weights)| {
        let mut weights = weights("false");
        change(&mut weights);
        weights
    };
    let missing = change(&|w| drop(w.0.remove("model.layers.1.mlp.up_proj.weight")));
    let expected = "tensor model.layers.1.mlp.up_proj.weight is missing, expected one of shape [6, 4]";
    assert_fails(&untied, &missing, expected);

    let reshaped = change(&|w| w.0.get_mut("lm_head.weight").unwrap().shape = vec![4, 7]);
    let expected = "tensor lm_head.weight has shape [4, 7], expected [7, 4]";
    assert_fails(&untied, &reshaped, expected);

    let bias = HostTensor {
        shape: vec![4],
        data: vec![0.0; 4],
    };
    let more = change(&|w| drop(w.0.insert("model.layers.0.self_attn.q_proj.bias".to_owned(), bias.clone())));
    let expected = "the model has no tensors [\"model.layers.0.self_attn.q_proj.bias\"]; do the weights and the \
                    configuration belong together?";
    assert_fails(&untied, &more, expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn buffers_of_old_files_are_ignored() {
    let mut old = weights("false");
    let frequencies = HostTensor {
        shape: vec![1],
        data: vec![1.0],
    };
    for layer in 0..2 {
        let name = format!("model.layers.{layer}.self_attn.rotary_emb.inv_freq");
        old.0.insert(name, frequencies.clone());
    }
    assert_loads(&config("false"), &old, &weights("false"));
    old.0.insert("model.inv_freq_other".to_owned(), frequencies);
    assert!(load_all(&config("false"), &old).iter().all(Result::is_err));
}

#[wasm_bindgen_test(unsupported = test)]
fn a_tied_output_layer_may_be_there_if_it_is_the_embedding() {
    let mut both = weights("true");
    let embedding = both.0["model.embed_tokens.weight"].clone();
    both.0.insert("lm_head.weight".to_owned(), embedding.clone());
    assert_loads(&config("true"), &both, &weights("true"));

    let expected = "tensor lm_head.weight differs from model.embed_tokens.weight, but tie_word_embeddings says that \
                    they are one; if they are not, set it to false";
    both.0.get_mut("lm_head.weight").unwrap().data[27] += 1e-6;
    assert_fails(&config("true"), &both, expected);
    both.0.insert(
        "lm_head.weight".to_owned(),
        HostTensor {
            shape: vec![4, 7],
            ..embedding
        },
    );
    assert_fails(&config("true"), &both, expected);
}

#[wasm_bindgen_test(unsupported = test)]
fn numbers_of_another_type_are_an_error_only_where_they_are_needed() {
    let bytes = weights("false").to_safetensors().unwrap();
    let norm = r#""model.norm.weight":{"dtype":"F32""#;
    let position = bytes
        .windows(norm.len())
        .position(|part| part == norm.as_bytes())
        .unwrap();
    let mut changed = bytes.clone();
    changed[position..position + norm.len()].copy_from_slice(norm.replace("F32", "I32").as_bytes());
    let files = SafetensorsFiles::single(&changed).unwrap();
    for source in [WeightSource::from(&files), uploaded(&changed).into()] {
        let error = CausalLm::from_source(&config("false"), source, &Device::flex()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tensor model.norm.weight has numbers of type I32, expected F32, F16, BF16 or F64"
        );
    }
    assert!(Weights::from_safetensors(&changed).is_err());
}

#[wasm_bindgen_test(unsupported = test)]
fn numbers_that_do_not_fill_their_shape_are_refused() {
    let mut short = weights("false");
    short.0.get_mut("model.norm.weight").unwrap().data.pop();
    let error = CausalLm::from_weights(&config("false"), &short, &Device::flex()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor model.norm.weight of shape [4] has 3 numbers"
    );
}

/// `x W + b` and the normalisation by hand, from each kind of source.
#[wasm_bindgen_test(unsupported = test)]
fn modules_compute_with_what_the_file_says() {
    let tensor = |shape: &[usize], data: &[f32]| HostTensor {
        shape: shape.to_vec(),
        data: data.to_vec(),
    };
    let named = [
        ("fc.weight", tensor(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        ("fc.bias", tensor(&[3], &[0.5, 0.25, -1.0])),
        ("ln.weight", tensor(&[2], &[2.0, 3.0])),
        ("ln.bias", tensor(&[2], &[10.0, 20.0])),
    ];
    let weights = Weights(named.map(|(name, tensor)| (name.to_owned(), tensor)).into());
    let bytes = weights.to_safetensors().unwrap();
    let files = SafetensorsFiles::single(&bytes).unwrap();
    let device = Device::flex();
    for source in [(&weights).into(), (&files).into(), uploaded(&bytes).into()] {
        let mut reader = WeightReader::new(source, &device);
        assert!(reader.has("fc.bias") && !reader.has("fc.gamma"));
        let fc = reader.linear("fc", 2, 3, LinearBias::Present).unwrap();
        assert!(!reader.has("fc.bias"), "it was read");
        let ln = reader.layer_norm("ln", 2, 0.0).unwrap();
        reader.finish().unwrap();

        let x = Tensor::<2>::from_data([[1.0, -1.0]], &device);
        // (1·1 − 1·2) + 0.5, (3 − 4) + 0.25, (5 − 6) − 1.
        let expected = TensorData::from([[-0.5, -0.75, -2.0]]);
        fc.forward(x.clone())
            .into_data()
            .assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
        // Mean 0, standard deviation 1: 1 · 2 + 10, −1 · 3 + 20.
        let expected = TensorData::from([[12.0, 17.0]]);
        ln.forward(x)
            .into_data()
            .assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
        let row = fc.weight.val().slice(s![1, ..]).into_data().try_into_vec::<f32>();
        assert_eq!(
            row.unwrap(),
            [2.0, 4.0, 6.0],
            "Burn's row 1 is the file's column 1"
        );
    }
}

/// On a device with autodiff the parameters are trainable, wherever they come from.
#[wasm_bindgen_test(unsupported = test)]
fn parameters_are_trainable_from_every_source() {
    let weights = weights("true");
    let bytes = weights.to_safetensors().unwrap();
    let files = SafetensorsFiles::single(&bytes).unwrap();
    let device = Device::flex().autodiff();
    for source in [(&weights).into(), (&files).into(), uploaded(&bytes).into()] {
        let mut reader = WeightReader::new(source, &device);
        let layer = reader
            .linear("model.layers.0.mlp.gate_proj", 4, 6, LinearBias::Absent)
            .unwrap();
        let norm = reader.rms_norm("model.norm", 4, 1e-6).unwrap();
        let x = Tensor::<2>::ones([1, 4], &device);
        let gradients = layer.forward(norm.forward(x)).sum().backward();
        let gradient = layer.weight.grad(&gradients).expect("the weight is trainable");
        let expected = TensorData::from([[1.0f32; 6]; 4]);
        gradient
            .into_data()
            .assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
        assert!(norm.gamma.grad(&gradients).is_some());
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn half_precision_files_load_rounded() {
    let weights = weights("true");
    for stored_type in [StoredType::F16, StoredType::BF16] {
        let options = crate::ExportOptions {
            stored_type,
            ..Default::default()
        };
        let plan = weights.plan(&options).unwrap();
        let bytes = weights.file(&plan.files[0], stored_type).unwrap();
        let files = SafetensorsFiles::single(&bytes).unwrap();
        let model = CausalLm::from_source(&config("true"), (&files).into(), &Device::flex()).unwrap();
        let read = pollster::block_on(model.weights()).unwrap();
        for (name, tensor) in &weights.0 {
            for (&before, &after) in tensor.data.iter().zip(&read.0[name].data) {
                // Half a step of the stored type: 2⁻¹¹ and 2⁻⁸ of the number.
                let bound = if stored_type == StoredType::F16 {
                    1.0 / 2048.0
                } else {
                    1.0 / 256.0
                };
                assert!(
                    (before - after).abs() <= bound * before.abs() + 3e-8,
                    "{name}: {before} {after}"
                );
            }
        }
    }
}
