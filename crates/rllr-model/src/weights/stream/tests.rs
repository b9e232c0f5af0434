use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{CausalLm, CausalLmConfig, StoredType, Weights, initial_weights};

fn config() -> CausalLmConfig {
    let json = r#"{"model_type": "llama", "vocab_size": 7, "hidden_size": 4, "intermediate_size": 6,
        "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 8}"#;
    CausalLmConfig::from_hugging_face(json).unwrap()
}

fn weights() -> Weights {
    initial_weights(&config(), 0.02, &mut ChaCha8Rng::seed_from_u64(1))
}

fn stream(pieces: impl IntoIterator<Item = Vec<u8>>) -> Result<UploadedWeights, WeightsError> {
    let mut stream = SafetensorsStream::new(&Device::flex());
    for piece in pieces {
        stream.push(&piece)?;
    }
    stream.finish()
}

fn pieces(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    bytes.chunks(size).map(<[u8]>::to_vec).collect()
}

/// The model that was streamed gives back the weights that were written.
#[wasm_bindgen_test(unsupported = test)]
fn pieces_of_any_size_make_the_model() {
    let bytes = weights().to_safetensors().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut divided: Vec<Vec<Vec<u8>>> = [1, 3, 7, 8, 9, 1000, bytes.len(), 10 * bytes.len()]
        .map(|size| pieces(&bytes, size))
        .into();
    // Random pieces, empty ones among them.
    let mut random = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (piece, others) = rest.split_at(rng.random_range(0..100).min(rest.len()));
        random.push(piece.to_vec());
        rest = others;
    }
    divided.push(random);
    for pieces in divided {
        let uploaded = stream(pieces).unwrap();
        let model = CausalLm::from_source(&config(), uploaded.into(), &Device::flex()).unwrap();
        assert_eq!(pollster::block_on(model.weights()).unwrap(), weights());
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn half_precision_is_streamed_too() {
    for stored_type in [StoredType::F16, StoredType::BF16] {
        let plan = weights()
            .plan(&crate::ExportOptions {
                stored_type,
                ..Default::default()
            })
            .unwrap();
        let bytes = weights().file(&plan.files[0], stored_type).unwrap();
        let uploaded = stream(pieces(&bytes, 11)).unwrap();
        let model = CausalLm::from_source(&config(), uploaded.into(), &Device::flex()).unwrap();
        let read = pollster::block_on(model.weights()).unwrap();
        assert_eq!(read, Weights::from_safetensors(&bytes).unwrap());
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_header_is_known_before_the_numbers() {
    let bytes = weights().to_safetensors().unwrap();
    let mut stream = SafetensorsStream::new(&Device::flex());
    stream.push(&bytes[..20]).unwrap();
    assert!(stream.header().is_none());
    let (header, data) = SafetensorsHeader::read(&bytes).unwrap();
    stream.push(&bytes[20..bytes.len() - data.len()]).unwrap();
    assert_eq!(stream.header(), Some(&header));
    assert!(stream.uploaded.tensors.is_empty());
    // Each tensor is uploaded when it is whole, not before.
    let mut end = 0;
    for (number, tensor) in header.tensors().iter().enumerate() {
        stream.push(&data[end..tensor.bytes.end - 1]).unwrap();
        assert_eq!(stream.uploaded.tensors.len(), number);
        end = tensor.bytes.end - 1;
        stream.push(&data[end..=end]).unwrap();
        end += 1;
        assert_eq!(stream.uploaded.tensors.len(), number + 1);
        assert!(stream.arrived.is_empty(), "its bytes are dropped");
    }
    assert_eq!(stream.finish().unwrap().names().count(), header.tensors().len());
}

#[wasm_bindgen_test(unsupported = test)]
fn a_stream_that_ends_early_says_what_is_missing() {
    let bytes = weights().to_safetensors().unwrap();
    let (header, data) = SafetensorsHeader::read(&bytes).unwrap();
    let data_start = bytes.len() - data.len();
    let tensors = header.tensors().len();
    let first = &header.tensors()[0];
    let cases = [
        (
            0,
            "the weights ended while the header was arriving: found 0 of 8 bytes".to_owned(),
        ),
        (5, "the header was arriving: found 5 of 8 bytes".to_owned()),
        (
            18,
            format!("the header was arriving: found 10 of {} bytes", data_start - 8),
        ),
        (
            data_start + 3,
            format!(
                "tensor {} and {} more was arriving: found 3 of {} bytes",
                first.name,
                tensors - 1,
                first.bytes.len()
            ),
        ),
        (
            bytes.len() - 1,
            format!("while tensor {} was arriving", header.tensors()[tensors - 1].name),
        ),
    ];
    for (length, expected) in cases {
        let message = stream([bytes[..length].to_vec()]).unwrap_err().to_string();
        assert!(message.contains(&expected), "{message}\nexpected {expected}");
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn a_stream_that_was_refused_stays_refused() {
    let bytes = weights().to_safetensors().unwrap();
    let message = stream([bytes.clone(), b"x".to_vec()]).unwrap_err().to_string();
    assert_eq!(
        message,
        "the weights go on after the last tensor, by 1 bytes or more"
    );

    let mut failed = SafetensorsStream::new(&Device::flex());
    assert!(matches!(failed.push(&[0xff; 8]), Err(WeightsError::Header(_))));
    assert!(matches!(failed.push(&bytes), Err(WeightsError::StreamFailed)));
    assert!(matches!(failed.finish(), Err(WeightsError::StreamFailed)));
}

/// A header that promises more than there is memory must not end the program.
#[wasm_bindgen_test(unsupported = test)]
fn a_promise_of_too_much_is_an_error() {
    // More than any memory, but counted in bits within 64 bits, and in bytes within the target's.
    let size = (usize::MAX as u64 - 7).min((1 << 61) - 1);
    let json = format!(r#"{{"a":{{"dtype":"U8","shape":[{size}],"data_offsets":[0,{size}]}}}}"#);
    let file = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    let message = stream([file, vec![0]]).unwrap_err().to_string();
    assert_eq!(message, format!("there is no memory for {size} bytes of weights"));
}

#[wasm_bindgen_test(unsupported = test)]
fn shards_are_added_up() {
    let all = weights();
    let file = |names: &[&str]| {
        let tensors = all.0.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let part = Weights(tensors.map(|(name, t)| (name.clone(), t.clone())).collect());
        stream([part.to_safetensors().unwrap()]).unwrap()
    };
    let mut uploaded = file(&["lm_head.weight"]);
    uploaded.add(file(&["model.norm.weight"])).unwrap();
    assert_eq!(
        uploaded.names().collect::<Vec<_>>(),
        ["lm_head.weight", "model.norm.weight"]
    );
    let message = uploaded.add(file(&["lm_head.weight"])).unwrap_err().to_string();
    assert_eq!(message, "there are two tensors lm_head.weight");
}
