use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{ExportOptions, HostTensor, StoredType, Weights};

/// Three tensors, 24, 16 and 8 bytes.
fn weights() -> Weights {
    let tensor = |shape: &[usize], first: f32| HostTensor {
        shape: shape.to_vec(),
        data: (0..shape.iter().product()).map(|n| first + n as f32).collect(),
    };
    let tensors = [
        ("a", tensor(&[2, 3], 1.0)),
        ("b", tensor(&[4], -2.0)),
        ("c", tensor(&[1, 2], 0.5)),
    ];
    Weights(tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into())
}

/// The files of an export by name, and its index.
fn shards(weights: &Weights, max_shard_bytes: u64) -> (Vec<(String, Vec<u8>)>, ShardIndex) {
    let options = ExportOptions {
        stored_type: StoredType::F32,
        max_shard_bytes,
    };
    let plan = weights.plan(&options).unwrap();
    let files = plan
        .files
        .iter()
        .map(|file| (file.name.clone(), weights.file(file, StoredType::F32).unwrap()))
        .collect();
    (files, ShardIndex::parse(&plan.index.unwrap()).unwrap())
}

fn read(files: &[(String, Vec<u8>)], index: &ShardIndex) -> Result<Weights, WeightsError> {
    let by_name = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    Weights::from_files(&SafetensorsFiles::sharded(index, &by_name)?)
}

#[wasm_bindgen_test(unsupported = test)]
fn shards_hold_what_one_file_holds() {
    let (files, index) = shards(&weights(), 40);
    assert_eq!(files.len(), 2, "40 and 8 bytes");
    assert_eq!(read(&files, &index).unwrap(), weights());
    let single = weights().to_safetensors().unwrap();
    let single = SafetensorsFiles::single(&single).unwrap();
    assert_eq!(single.names().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((single.shape("a"), single.shape("d")), (Some(&[2, 3][..]), None));
    assert_eq!(single.largest_tensor_bytes(), 24);
}

#[wasm_bindgen_test(unsupported = test)]
fn an_index_that_does_not_fit_the_shards_is_refused() {
    let (files, index) = shards(&weights(), 40);
    let [first, second] = [&files[0].0, &files[1].0];

    let message = read(&files[..1], &index).unwrap_err().to_string();
    assert_eq!(
        message,
        format!("the index names the file {second}, which is missing")
    );

    let mut damaged = files.clone();
    damaged[1].1.pop();
    let message = read(&damaged, &index).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{second}: ")) && message.contains("cut short"),
        "{message}"
    );

    let other = |text: String| ShardIndex::parse(&text).unwrap();
    let absent = other(format!(
        r#"{{"weight_map":{{"a":"{first}","b":"{first}","c":"{second}","d":"{second}"}}}}"#
    ));
    let message = read(&files, &absent).unwrap_err().to_string();
    assert_eq!(
        message,
        format!("the index puts tensor d into {second}, which does not hold it")
    );

    // The tensor is in the other shard than the index says: found there, missing here, and one of both is named.
    let swapped = other(format!(
        r#"{{"weight_map":{{"a":"{second}","b":"{first}","c":"{second}"}}}}"#
    ));
    let message = read(&files, &swapped).unwrap_err().to_string();
    assert_eq!(
        message,
        format!("tensor a is in {second} and in {first}, expected it in one of them")
    );
}

/// transformers 5 reads every tensor of the shards, whether the index names it or not; the model decides.
#[wasm_bindgen_test(unsupported = test)]
fn a_tensor_that_the_index_does_not_name_is_read_once() {
    let (mut files, index) = shards(&weights(), 40);
    let [first, second] = [&files[0].0, &files[1].0];
    let unlisted = format!(r#"{{"weight_map":{{"a":"{first}","c":"{second}"}}}}"#);
    let unlisted = ShardIndex::parse(&unlisted).unwrap();
    assert_eq!(read(&files, &unlisted).unwrap(), weights());

    // Two copies are refused, named by the index or not.
    let mut more = weights();
    more.0.remove("a");
    files[1].1 = more.to_safetensors().unwrap();
    for (index, expected) in [(&index, "tensor b is in"), (&unlisted, "tensor b is in")] {
        let message = read(&files, index).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
}
