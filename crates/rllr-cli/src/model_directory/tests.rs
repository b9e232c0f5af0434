use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{ExportOptions, StoredType, initial_weights};

use super::*;
use crate::devices;

const CONFIG_JSON: &str = r#"{"model_type": "llama", "vocab_size": 6, "hidden_size": 4, "intermediate_size": 6,
    "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 8}"#;

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("rllr-model-directory-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn model() -> CausalLm {
    let config = CausalLmConfig::from_hugging_face(CONFIG_JSON).unwrap();
    let weights = initial_weights(&config, 0.02, &mut ChaCha8Rng::seed_from_u64(5));
    CausalLm::from_weights(&config, &weights, &devices::cpu()).unwrap()
}

fn write(target: &Path, overwrite: Overwrite) -> anyhow::Result<()> {
    let directory = DirectoryWriter::begin(target, overwrite)?;
    let options = ExportOptions {
        stored_type: StoredType::F32,
        max_shard_bytes: 200,
    };
    write_weights(&directory, &model().device_weights()?, &options)?;
    directory.file(CONFIG, |out| Ok(out.write_all(CONFIG_JSON.as_bytes())?))?;
    directory.finish()
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_is_read() {
    let root = folder("round-trip");
    let target = root.join("model");
    write(&target, Overwrite::Refuse).unwrap();
    assert_eq!(names(&root), ["model"]);
    let directory = ModelDirectory::open(&target).unwrap();
    let read = directory.load(&devices::cpu()).unwrap();
    assert_eq!(
        pollster::block_on(read.weights()).unwrap(),
        pollster::block_on(model().weights()).unwrap()
    );
    assert_eq!(directory.config_json(), CONFIG_JSON);
    assert_eq!(directory.path(), target);
    assert_eq!(directory.companion("tokenizer.json").unwrap(), None);
    fs::write(target.join("tokenizer.json"), b"{}\r\n").unwrap();
    assert_eq!(directory.companion("tokenizer.json").unwrap().unwrap(), b"{}\r\n");
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_writer_that_stops_leaves_nothing() {
    let root = folder("stops");
    let target = root.join("model");
    write(&target, Overwrite::Refuse).unwrap();
    let before = names(&target);
    let directory = DirectoryWriter::begin(&target, Overwrite::Replace).unwrap();
    directory.file(CONFIG, |out| Ok(out.write_all(b"half")?)).unwrap();
    assert_eq!(names(&root).len(), 2, "under another name, beside the old one");
    let error = directory.file("model.safetensors", |_| anyhow::bail!("the disk is full"));
    let message = format!("{:#}", error.unwrap_err());
    assert!(
        message.contains("model.safetensors: the disk is full"),
        "{message}"
    );
    drop(directory);
    assert_eq!(names(&root), ["model"]);
    assert_eq!(names(&target), before, "the old model stays");
    assert!(
        ModelDirectory::open(&target)
            .unwrap()
            .load(&devices::cpu())
            .is_ok()
    );
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_name_that_appears_meanwhile_is_not_lost() {
    let root = folder("meanwhile");
    let target = root.join("model");
    let directory = DirectoryWriter::begin(&target, Overwrite::Refuse).unwrap();
    fs::create_dir(&target).unwrap();
    fs::write(target.join("mine"), "text").unwrap();
    let message = directory.finish().unwrap_err().to_string();
    assert!(message.contains("there is something already"), "{message}");
    assert_eq!(names(&target), ["mine"]);
    assert_eq!(names(&root), ["model"]);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn only_regular_files_are_mapped() {
    let root = folder("regular");
    fs::write(root.join(CONFIG), CONFIG_JSON).unwrap();
    fs::create_dir(root.join(WEIGHTS)).unwrap();
    let message = ModelDirectory::open(&root).unwrap_err().to_string();
    assert!(
        message.contains("model.safetensors: not a regular file"),
        "{message}"
    );
    fs::remove_dir_all(root).unwrap();
}

/// Hugging Face's cache is made of links.
#[cfg(unix)]
#[test]
fn links_are_followed() {
    let root = folder("links");
    write(&root.join("model"), Overwrite::Refuse).unwrap();
    fs::create_dir(root.join("snapshot")).unwrap();
    for name in names(&root.join("model")) {
        std::os::unix::fs::symlink(root.join("model").join(&name), root.join("snapshot").join(&name))
            .unwrap();
    }
    let directory = ModelDirectory::open(&root.join("snapshot")).unwrap();
    assert!(directory.load(&devices::cpu()).is_ok());
    fs::remove_dir_all(root).unwrap();
}
