//! `rllr convert` as users call it.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_cli::devices;
use rllr_cli::model_directory::{COMPANIONS, ModelDirectory};
use rllr_model::{CausalLmConfig, StoredType, Weights, initial_weights};
use serde_json::{Value, json};

const CONFIG: &str = r#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 64,
    "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 16, "rms_norm_eps": 1e-05, "hidden_act": "silu",
    "rope_theta": 500000.0, "rope_scaling": null, "torch_dtype": "float32", "bos_token_id": 1, "eos_token_id": [2, 3],
    "a_key_of_the_future": {"x": [1, 2]}}"#;

/// A folder of one test, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rllr-convert-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Names in the folder, sorted; leftovers of a writer among them.
    fn names(&self) -> Vec<String> {
        names(&self.0)
    }

    /// Writes a model with all companions and returns its weights.
    fn model(&self, name: &str) -> Weights {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        let config = CausalLmConfig::from_hugging_face(CONFIG).unwrap();
        let weights = initial_weights(&config, 0.02, &mut ChaCha8Rng::seed_from_u64(5));
        fs::write(path.join("config.json"), CONFIG).unwrap();
        fs::write(path.join("model.safetensors"), weights.to_safetensors().unwrap()).unwrap();
        for companion in COMPANIONS {
            fs::write(path.join(companion), format!("bytes of {companion}\r\n\u{0}")).unwrap();
        }
        weights
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

fn convert(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rllr"))
        .arg("convert")
        .args(arguments.iter().map(|argument| argument.as_ref()))
        .output()
        .unwrap()
}

/// Converts and expects success; returns what was printed.
fn succeed(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> String {
    let output = convert(arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Converts and expects code 2; returns the message.
fn refuse(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> String {
    let output = convert(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(output.stdout.is_empty(), "nothing is written to standard output");
    assert!(!message.contains("panicked"), "{message}");
    message
}

fn read(path: &Path) -> Weights {
    let directory = ModelDirectory::open(path).unwrap();
    // The directory is a model, not only files.
    directory.load(&devices::cpu()).unwrap();
    Weights::from_files(&directory.weights().unwrap()).unwrap()
}

fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_model_goes_into_shards_and_back_without_a_change() {
    let folder = Folder::new("shards");
    let weights = folder.model("model");
    let (model, shards, back) = (
        folder.path("model"),
        folder.path("deep/shards"),
        folder.path("back"),
    );
    let printed = succeed(&[&model, &"--out", &shards, &"--max-shard-size", &"2KB"]);
    assert!(printed.contains("parameters as float32"), "{printed}");
    let files = names(&shards);
    assert!(
        files.contains(&"model.safetensors.index.json".to_owned()),
        "{files:?}"
    );
    let count = files.iter().filter(|name| name.starts_with("model-0000")).count();
    assert!(count > 2, "{files:?}");
    let index = json_file(&shards.join("model.safetensors.index.json"));
    let parameters: usize = weights.0.values().map(|tensor| tensor.data.len()).sum();
    assert_eq!(
        index["metadata"],
        json!({"total_parameters": parameters, "total_size": 4 * parameters})
    );
    assert_eq!(read(&shards), weights);

    succeed(&[&shards, &"--out", &back, &"--quiet"]);
    let bytes = |path: &Path| fs::read(path.join("model.safetensors")).unwrap();
    assert_eq!(bytes(&back), bytes(&model), "byte for byte what it was");
    for companion in COMPANIONS {
        let of = |path: &Path| fs::read(path.join(companion)).unwrap();
        assert_eq!(of(&back), of(&model), "{companion} is passed through");
    }
    assert_eq!(folder.names(), ["back", "deep", "model"], "nothing else is left");
    assert_eq!(names(&folder.path("deep")), ["shards"]);
}

#[test]
fn a_configuration_keeps_what_it_says_and_says_it_in_both_dialects() {
    let folder = Folder::new("config");
    folder.model("model");
    let out = folder.path("out");
    succeed(&[&folder.path("model"), &"--out", &out, &"--dtype", &"bf16"]);
    let (mut before, after): (Value, Value) = (
        serde_json::from_str(CONFIG).unwrap(),
        json_file(&out.join("config.json")),
    );
    before["torch_dtype"] = json!("bfloat16");
    before["dtype"] = json!("bfloat16");
    before["rope_parameters"] = json!({"rope_type": "default", "rope_theta": 500_000.0});
    assert_eq!(after, before);
    let text = |path: &Path| fs::read_to_string(path.join("config.json")).unwrap();
    assert_eq!(
        CausalLmConfig::from_hugging_face(&text(&out)).unwrap(),
        CausalLmConfig::from_hugging_face(CONFIG).unwrap()
    );
}

#[test]
fn numbers_are_stored_as_asked() {
    let folder = Folder::new("dtype");
    let weights = folder.model("model");
    for (dtype, stored_type) in [("f16", StoredType::F16), ("bf16", StoredType::BF16)] {
        let out = folder.path(dtype);
        let printed = succeed(&[
            &folder.path("model"),
            &"--out",
            &out,
            &"--dtype",
            &dtype,
            &"--json",
        ]);
        let summary: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(summary["dtype"], stored_type.torch_name());
        assert_eq!(summary["files"], json!(["model.safetensors"]));
        let stored = read(&out);
        for (name, tensor) in &weights.0 {
            let expected = stored_type.encode(name, &tensor.data).unwrap();
            assert_eq!(
                stored_type.encode(name, &stored.0[name].data).unwrap(),
                expected,
                "{name}"
            );
        }
        // Once rounded, a second conversion changes nothing.
        let again = folder.path(&format!("{dtype}-again"));
        succeed(&[&out, &"--out", &again, &"--dtype", &dtype, &"--quiet"]);
        let bytes = |path: &Path| fs::read(path.join("model.safetensors")).unwrap();
        assert_eq!(bytes(&again), bytes(&out));
    }
}

#[test]
fn what_is_there_is_replaced_only_when_asked() {
    let folder = Folder::new("force");
    let weights = folder.model("model");
    let (model, out) = (folder.path("model"), folder.path("out"));
    // An empty directory is in nobody's way.
    fs::create_dir(&out).unwrap();
    succeed(&[&model, &"--out", &out, &"--dtype", &"bf16", &"--quiet"]);
    let before = fs::read(out.join("model.safetensors")).unwrap();
    fs::write(out.join("notes.txt"), "mine").unwrap();

    let message = refuse(&[&model, &"--out", &out]);
    assert!(
        message.contains("there is something already; --force replaces a model"),
        "{message}"
    );
    assert_eq!(fs::read(out.join("model.safetensors")).unwrap(), before);

    succeed(&[&model, &"--out", &out, &"--force", &"--quiet"]);
    assert_eq!(read(&out), weights);
    assert!(
        !out.join("notes.txt").exists(),
        "the directory is the new model and nothing else"
    );
    // A model may replace itself: its files stay mapped until it is written.
    succeed(&[&out, &"--out", &out, &"--force", &"--quiet"]);
    assert_eq!(read(&out), weights);

    // With a slip of the pen --force must not remove what is no model.
    let message = refuse(&[&model, &"--out", &folder.0, &"--force"]);
    assert!(
        message.contains("found a directory that is not a model's"),
        "{message}"
    );
    let file = folder.path("file");
    fs::write(&file, "text").unwrap();
    let message = refuse(&[&model, &"--out", &file, &"--force"]);
    assert!(
        message.contains("found a file, expected a directory"),
        "{message}"
    );
    assert_eq!(folder.names(), ["file", "model", "out"], "nothing else is left");
}

/// Damages a model's directory, converts it, and expects code 2, the message, and that nothing is left.
fn assert_refused(damage: impl Fn(&Path), expected: &str) {
    // One folder for each kind of damage, so that the tests can run at once.
    let name: String = expected.chars().filter(char::is_ascii_alphanumeric).collect();
    let folder = Folder::new(&name);
    folder.model("model");
    damage(&folder.path("model"));
    let message = refuse(&[&folder.path("model"), &"--out", &folder.path("out")]);
    assert!(message.contains(expected), "{message}\nexpected {expected}");
    assert_eq!(folder.names(), ["model"], "{expected}");
}

#[test]
fn damaged_weights_are_refused_and_leave_nothing() {
    let cut = |path: &Path, length: usize| {
        let path = path.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..length.min(bytes.len() - 1)]).unwrap();
    };
    assert_refused(
        |path| cut(path, usize::MAX),
        "a file cut short, or with something behind it",
    );
    assert_refused(
        |path| cut(path, 100),
        "a file cut short, or not a safetensors file",
    );
    assert_refused(|path| cut(path, 0), "found 0 bytes");
    assert_refused(
        |path| fs::remove_file(path.join("model.safetensors")).unwrap(),
        "found neither model.safetensors nor model.safetensors.index.json",
    );
}

#[test]
fn a_bad_index_is_refused_and_leaves_nothing() {
    let index = |file: &str| json!({"weight_map": {"model.norm.weight": file}}).to_string();
    let cases = [
        (
            index("../model.safetensors"),
            "into \"../model.safetensors\", expected the name of a file",
        ),
        (
            index("/etc/passwd"),
            "into \"/etc/passwd\", expected the name of a file",
        ),
        (index("model-1.safetensors"), "model-1.safetensors: "),
        (
            index("config.json"),
            "config.json: the weights are not a readable safetensors file",
        ),
        (
            "{".to_owned(),
            "model.safetensors.index.json: the index cannot be read",
        ),
    ];
    for (text, expected) in cases {
        let damage = |path: &Path| {
            fs::remove_file(path.join("model.safetensors")).unwrap();
            fs::write(path.join(INDEX), &text).unwrap();
        };
        assert_refused(damage, expected);
    }
}

#[test]
fn a_bad_configuration_is_refused_and_leaves_nothing() {
    let cases = [
        ("silu", "gelu", "hidden_act is gelu"),
        ("{", "[", "config.json is not a readable model configuration"),
        (
            "64",
            "65",
            "tensor model.embed_tokens.weight has shape [64, 8], expected [65, 8]",
        ),
    ];
    for (from, to, expected) in cases {
        let damage = |path: &Path| fs::write(path.join("config.json"), CONFIG.replace(from, to)).unwrap();
        assert_refused(damage, expected);
    }
    assert_refused(
        |path| fs::remove_file(path.join("config.json")).unwrap(),
        "config.json: ",
    );
    let folder = Folder::new("absent");
    let message = refuse(&[&folder.path("nothing"), &"--out", &folder.path("out")]);
    assert!(message.contains("nothing: "), "{message}");
    assert!(folder.names().is_empty());
}

const INDEX: &str = "model.safetensors.index.json";

#[test]
fn a_number_that_f16_cannot_hold_is_named() {
    let folder = Folder::new("range");
    let mut weights = folder.model("model");
    weights.0.get_mut("model.norm.weight").unwrap().data[3] = 1e5;
    let path = folder.path("model").join("model.safetensors");
    fs::write(path, weights.to_safetensors().unwrap()).unwrap();
    let message = refuse(&[
        &folder.path("model"),
        &"--out",
        &folder.path("out"),
        &"--dtype",
        &"f16",
    ]);
    let expected = "tensor model.norm.weight holds 1e5, which is too large for F16; --dtype f32 holds it";
    assert!(message.contains(expected), "{message}");
    assert_eq!(folder.names(), ["model"]);
}

#[test]
fn bad_usage_is_refused() {
    let folder = Folder::new("usage");
    folder.model("model");
    let (model, out) = (folder.path("model"), folder.path("out"));
    let message = refuse(&[&model, &"--out", &out, &"--max-shard-size", &"0"]);
    assert!(
        message.contains("found \"0\", expected a whole number of bytes"),
        "{message}"
    );
    let message = refuse(&[&model, &"--out", &out, &"--dtype", &"f64"]);
    assert!(message.contains("f32, f16, bf16"), "{message}");
    let message = refuse(&[&model]);
    assert!(message.contains("--out"), "{message}");
    let tokenizer = model.join("tokenizer.json");
    let message = refuse(&[&model, &"--out", &out, &"--tokenizer", &tokenizer]);
    assert!(message.contains("whose tokenizer is copied"), "{message}");
    assert_eq!(folder.names(), ["model"]);
}

/// A llama2.c model of one layer and its vocabulary: two learnt tokens.
fn llama2c() -> (Vec<u8>, Vec<u8>) {
    let [dim, hidden, vocab, positions] = [4usize, 6, 261, 8];
    let header = [4, 6, 1, 2, 1, 261, 8];
    let mut model: Vec<u8> = header
        .iter()
        .flat_map(|number: &i32| number.to_le_bytes())
        .collect();
    let layer = 2 * dim + 2 * dim * dim + 2 * 2 * dim + 3 * dim * hidden;
    let elements = vocab * dim + layer + dim + positions * 2;
    model.extend((0..elements).flat_map(|n| ((n % 97) as f32 / 97.0 - 0.5).to_le_bytes()));

    let mut texts: Vec<String> = ["<unk>", "\n<s>\n", "\n</s>\n"].map(str::to_owned).into();
    texts.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    texts.extend([" ", "a"].map(str::to_owned));
    let mut vocabulary = 6i32.to_le_bytes().to_vec();
    for text in &texts {
        vocabulary.extend((-1.0f32).to_le_bytes());
        vocabulary.extend(i32::try_from(text.len()).unwrap().to_le_bytes());
        vocabulary.extend(text.as_bytes());
    }
    (model, vocabulary)
}

#[test]
fn a_model_of_llama2c_becomes_a_directory() {
    let folder = Folder::new("llama2c");
    let (model, vocabulary) = llama2c();
    let (model_path, vocabulary_path) = (folder.path("model.bin"), folder.path("tokenizer.bin"));
    fs::write(&model_path, &model).unwrap();
    fs::write(&vocabulary_path, &vocabulary).unwrap();
    let out = folder.path("out");
    succeed(&[&model_path, &"--tokenizer", &vocabulary_path, &"--out", &out]);
    assert_eq!(
        names(&out),
        [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json"
        ]
    );
    let config = json_file(&out.join("config.json"));
    let expected: BTreeMap<&str, Value> = [
        ("architectures", json!(["LlamaForCausalLM"])),
        ("model_type", json!("llama")),
        ("vocab_size", json!(261)),
        ("num_key_value_heads", json!(1)),
        ("head_dim", json!(2)),
        ("rms_norm_eps", json!(1e-5)),
        ("rope_theta", json!(10_000.0)),
        (
            "rope_parameters",
            json!({"rope_theta": 10_000.0, "rope_type": "default"}),
        ),
        ("rope_scaling", Value::Null),
        ("tie_word_embeddings", json!(true)),
        ("dtype", json!("float32")),
        ("torch_dtype", json!("float32")),
        ("bos_token_id", json!(1)),
        ("eos_token_id", json!(2)),
        ("pad_token_id", Value::Null),
    ]
    .into();
    for (key, value) in expected {
        assert_eq!(config[key], value, "{key}");
    }
    read(&out);
    // What was converted converts again.
    succeed(&[&out, &"--out", &folder.path("again"), &"--quiet"]);
    assert_eq!(read(&folder.path("again")), read(&out));

    // Without a vocabulary there is no tokenizer.
    succeed(&[&model_path, &"--out", &folder.path("bare"), &"--quiet"]);
    assert_eq!(
        names(&folder.path("bare")),
        ["config.json", "generation_config.json", "model.safetensors"]
    );
}

#[test]
fn bad_files_of_llama2c_are_refused() {
    let folder = Folder::new("bad-llama2c");
    let (model, vocabulary) = llama2c();
    let (model_path, vocabulary_path) = (folder.path("model.bin"), folder.path("tokenizer.bin"));
    fs::write(&model_path, &model[..model.len() - 4]).unwrap();
    fs::write(&vocabulary_path, &vocabulary).unwrap();
    let out = folder.path("out");
    let message = refuse(&[&model_path, &"--out", &out]);
    assert!(
        message.contains("model.bin: the llama2.c model of this header has"),
        "{message}"
    );

    fs::write(&model_path, &model).unwrap();
    fs::write(&vocabulary_path, &vocabulary[..vocabulary.len() - 1]).unwrap();
    let message = refuse(&[&model_path, &"--out", &out, &"--tokenizer", &vocabulary_path]);
    assert!(
        message.contains("tokenizer.bin: the llama2.c file ends"),
        "{message}"
    );
    let message = refuse(&[
        &model_path,
        &"--out",
        &out,
        &"--tokenizer",
        &folder.path("absent.bin"),
    ]);
    assert!(message.contains("absent.bin: "), "{message}");
    assert_eq!(folder.names(), ["model.bin", "tokenizer.bin"]);
}

#[test]
fn stories260k_is_converted() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models/stories260K");
    if !shared.exists() {
        println!("SKIPPED: no model {}", shared.display());
        return;
    }
    let folder = Folder::new("stories");
    let (model, vocabulary, out) = (
        shared.join("stories260K.bin"),
        shared.join("tok512.bin"),
        folder.path("stories"),
    );
    let printed = succeed(&[
        &model,
        &"--tokenizer",
        &vocabulary,
        &"--out",
        &out,
        &"--dtype",
        &"bf16",
    ]);
    assert!(
        printed.contains("260032 parameters as bfloat16, 520064 bytes in model.safetensors"),
        "{printed}"
    );
    assert_eq!(
        ModelDirectory::open(&out)
            .unwrap()
            .config()
            .unwrap()
            .num_parameters(),
        260_032
    );
}
