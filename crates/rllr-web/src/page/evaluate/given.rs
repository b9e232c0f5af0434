//! Which of the files that the visitor gave make a model.

use super::text;
use crate::protocol::Failure;
use crate::protocol::models::GivenFile;

/// Files that a model may have, beside weights in shards. Others are left alone.
const MODEL_FILES: [&str; 8] = [
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
];

/// The files of a model, by index among those that were given.
///
/// # Errors
/// What is missing, if they are not a model.
pub fn model_files(files: &[GivenFile]) -> Result<Vec<usize>, Failure> {
    let has = |name: &str| files.iter().any(|file| file.name == name);
    let has_weights = has("model.safetensors") || has("model.safetensors.index.json");
    let missing: Vec<&str> = [
        ("config.json", has("config.json")),
        ("model.safetensors", has_weights),
        ("tokenizer.json", has("tokenizer.json")),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| (!is_there).then_some(name))
    .collect();
    if !missing.is_empty() {
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        return Err(text::no_model(&names, &missing));
    }
    let belongs = |file: &GivenFile| {
        let is_shard = file.name.ends_with(".safetensors") && !has("model.safetensors");
        MODEL_FILES.contains(&file.name.as_str()) || is_shard
    };
    let mut places: Vec<usize> = (0..files.len()).filter(|place| belongs(&files[*place])).collect();
    // Of several files with one name, which come from different folders, the first.
    let mut seen: Vec<&str> = Vec::new();
    places.retain(|place| {
        let name = files[*place].name.as_str();
        let is_new = !seen.contains(&name);
        seen.push(name);
        is_new
    });
    Ok(places)
}

/// What a path says of a file in a chosen directory: whether it lies in the directory itself and in no folder of it.
pub fn is_at_the_top(path: &str) -> bool {
    path.trim_start_matches('/').matches('/').count() <= 1
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn files(names: &[&str]) -> Vec<GivenFile> {
        let file = |name: &&str| GivenFile {
            name: (*name).to_owned(),
            bytes: 1,
            modified: 0,
        };
        names.iter().map(file).collect()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_belongs_to_a_model_is_chosen() {
        let chosen = |names: &[&str]| model_files(&files(names)).expect("a model");
        let directory = [
            "README.md",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "pytorch_model.bin",
        ];
        assert_eq!(chosen(&directory), [1, 2, 3]);
        let shards = [
            "config.json",
            "tokenizer.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ];
        assert_eq!(chosen(&shards), [0, 1, 2, 3, 4]);
        let both = [
            "config.json",
            "tokenizer.json",
            "model.safetensors",
            "adapter_model.safetensors",
            "config.json",
        ];
        assert_eq!(chosen(&both), [0, 1, 2]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_is_missing_is_named() {
        let failure = model_files(&files(&["config.json", "notes.txt"])).expect_err("no model");
        assert!(failure.have.contains("notes.txt"), "{failure:?}");
        assert!(failure.need.contains("model.safetensors") && failure.need.contains("tokenizer.json"));
        assert!(model_files(&[]).expect_err("nothing").have.contains("no file"));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn folders_of_a_directory_are_left_alone() {
        assert!(is_at_the_top("model/config.json") && is_at_the_top("config.json") && is_at_the_top("/m/a"));
        assert!(!is_at_the_top("model/checkpoint-10/config.json"));
    }
}
