use safetensors::SafeTensors;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::{HostTensor, Weights};

/// Tensors of 1, 2, 3, .. numbers.
fn plan(elements: &[usize], stored_type: StoredType, max_shard_bytes: u64) -> ExportPlan {
    let tensors: Vec<(String, [usize; 1])> = elements
        .iter()
        .enumerate()
        .map(|(number, &elements)| (format!("t{number}"), [elements]))
        .collect();
    let shapes = tensors
        .iter()
        .map(|(name, shape)| (name.as_str(), shape.as_slice()));
    let options = ExportOptions {
        stored_type,
        max_shard_bytes,
    };
    ExportPlan::new(shapes, &options).unwrap()
}

fn tensors(plan: &ExportPlan) -> Vec<Vec<&str>> {
    let names = |file: &PlannedFile| file.tensors.len();
    assert!(plan.files.iter().all(|file| names(file) > 0));
    plan.files
        .iter()
        .map(|file| file.tensors.iter().map(String::as_str).collect())
        .collect()
}

#[wasm_bindgen_test(unsupported = test)]
fn files_are_filled_in_order_up_to_the_limit() {
    // 40, 40, 20, 100, 4 bytes; 80 fit exactly, a larger tensor is alone.
    let elements = [10, 10, 5, 25, 1];
    let divided = plan(&elements, StoredType::F32, 80);
    assert_eq!(
        tensors(&divided),
        [vec!["t0", "t1"], vec!["t2"], vec!["t3"], vec!["t4"]]
    );
    assert_eq!(divided.files[0].name, "model-00001-of-00004.safetensors");
    assert_eq!(divided.files[3].name, "model-00004-of-00004.safetensors");
    let index: Value = serde_json::from_str(divided.index.as_ref().unwrap()).unwrap();
    assert_eq!(
        index["metadata"],
        json!({"total_parameters": 51, "total_size": 204})
    );
    assert_eq!(index["weight_map"]["t2"], "model-00002-of-00004.safetensors");

    // Half the bytes, half the files.
    assert_eq!(tensors(&plan(&elements, StoredType::BF16, 80)).len(), 2);
    let single = plan(&elements, StoredType::F32, 204);
    assert_eq!((single.files.len(), single.index.as_ref()), (1, None));
    assert_eq!(single.files[0].name, "model.safetensors");
    assert_eq!(single.data_bytes(), 204);
}

/// What we write, the field's own reader reads, and writes itself byte for byte alike.
#[wasm_bindgen_test(unsupported = test)]
fn a_file_is_the_one_that_the_safetensors_crate_writes() {
    let tensor = |shape: &[usize]| HostTensor {
        shape: shape.to_vec(),
        data: (0..shape.iter().product()).map(|n| n as f32 - 1.5).collect(),
    };
    let named = [
        ("b.weight", tensor(&[2, 3])),
        ("a\"\\ü", tensor(&[5])),
        ("empty", tensor(&[0, 2])),
    ];
    let weights = Weights(named.map(|(name, tensor)| (name.to_owned(), tensor)).into());
    let ours = weights.to_safetensors().unwrap();
    assert_eq!(
        (ours.len() - 4 * 11) % 8,
        0,
        "the numbers begin at a multiple of 8"
    );
    let reference = SafeTensors::deserialize(&ours).unwrap();
    let views: Vec<_> = reference.iter().collect();
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    assert_eq!(safetensors::serialize(views, Some(metadata)).unwrap(), ours);
    assert_eq!(Weights::from_safetensors(&ours).unwrap(), weights);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_name_that_cannot_be_written_is_refused() {
    for names in [["a", "a"], ["a", "__metadata__"]] {
        let shapes = names.map(|name| (name, &[1usize][..]));
        let message = ExportPlan::new(shapes, &ExportOptions::default()).unwrap_err();
        assert!(
            message.to_string().starts_with("there are two tensors"),
            "{message}"
        );
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn numbers_that_do_not_fill_their_shape_are_refused() {
    let tensor = HostTensor {
        shape: vec![2, 3],
        data: vec![0.0; 5],
    };
    let weights = Weights([("a".to_owned(), tensor)].into());
    let message = weights.to_safetensors().unwrap_err().to_string();
    assert_eq!(message, "tensor a of shape [2, 3] has 5 numbers");
}
