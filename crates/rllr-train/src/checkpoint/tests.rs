use std::collections::BTreeMap;

use pollster::block_on;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::checkpoint_store::MemoryStore;

fn manifest(config: &ConfigKeys) -> Manifest {
    Manifest {
        format: CHECKPOINT_FORMAT,
        phase: "test".to_owned(),
        step: 3,
        config: config.clone(),
        best: None,
        files: BTreeMap::new(),
    }
}

fn settings(rate: &str) -> ConfigKeys {
    ConfigKeys::from([("rate".to_owned(), rate.to_owned())])
}

fn written() -> MemoryStore {
    let mut store = MemoryStore::default();
    let snapshot = Snapshot::new(&vec![1.5f64, -0.0]).expect("plain data");
    block_on(write(&mut store, "a", &snapshot, manifest(&settings("1")))).expect("memory is there");
    store
}

#[wasm_bindgen_test(unsupported = test)]
fn what_was_written_is_read() {
    let store = written();
    let (found, restored) = block_on(read(&store, "a", &settings("1"))).expect("undamaged");
    assert_eq!((found.step, found.files.len()), (3, 3));
    let numbers: Vec<f64> = restored.state().expect("two numbers");
    assert_eq!(
        numbers.iter().map(|n| n.to_bits()).collect::<Vec<_>>(),
        [1.5f64.to_bits(), (-0.0f64).to_bits()]
    );
}

/// Every byte of every file, flipped one at a time; every file cut short; every file missing.
#[wasm_bindgen_test(unsupported = test)]
fn damage_is_always_seen() {
    let whole = written();
    let files: Vec<String> = whole.checkpoints["a"].keys().cloned().collect();
    assert_eq!(files.len(), 4);
    let is_refused = |store: &MemoryStore| {
        let refused = block_on(read(store, "a", &settings("1"))).err();
        // A flipped bit may also make another version of the manifest's format.
        matches!(
            refused,
            Some(CheckpointError::Damaged { .. } | CheckpointError::Version { .. })
        )
    };
    let change = |file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut store = whole.clone();
        let bytes = store
            .checkpoints
            .get_mut("a")
            .and_then(|files| files.get_mut(file));
        change(bytes.expect("the file is there"));
        store
    };
    for file in &files {
        let len = whole.checkpoints["a"][file].len();
        for place in 0..len {
            let flipped = change(file, &|bytes| bytes[place] ^= 1 << (place % 8));
            assert!(is_refused(&flipped), "{file}, byte {place}");
            let cut = change(file, &|bytes| bytes.truncate(place));
            assert!(is_refused(&cut), "{file}, cut at {place}");
        }
        let mut missing = whole.clone();
        missing
            .checkpoints
            .get_mut("a")
            .expect("it is there")
            .remove(file);
        assert!(is_refused(&missing), "{file} missing");
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn another_version_and_other_settings_are_named() {
    let mut store = written();
    let message = |store: &MemoryStore, keys: &ConfigKeys| {
        let read = block_on(read(store, "a", keys)).map(|_| ());
        read.expect_err("refused").to_string()
    };
    assert_eq!(
        message(&store, &settings("2")),
        "checkpoint a was written with rate = 1, this run has rate = 2"
    );
    let more = ConfigKeys::from([
        ("rate".to_owned(), "1".to_owned()),
        ("seed".to_owned(), "7".to_owned()),
    ]);
    assert_eq!(
        message(&store, &more),
        "checkpoint a was written with seed = nothing, this run has seed = 7"
    );
    let file = store
        .checkpoints
        .get_mut("a")
        .and_then(|files| files.get_mut(MANIFEST));
    let file = file.expect("a manifest");
    let text = String::from_utf8(file.clone()).expect("JSON is UTF-8");
    *file = text
        .replace("\"format\":1", "\"format\":9,\"new\":0")
        .into_bytes();
    assert_eq!(
        message(&store, &settings("1")),
        "checkpoint a has format 9, expected 1: it was written by another version of rllr"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn settings_have_dotted_keys() {
    let settings = serde_json::json!({"a": {"b": 0.25, "c": {}}, "d": "x", "e": [1, null]});
    let keys = config_keys(&settings).expect("plain data");
    let expected = [("a.b", "0.25"), ("a.c", "{}"), ("d", "x"), ("e", "[1,null]")];
    assert_eq!(
        keys,
        expected
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    );
}
