//! The cases: a valid file is damaged and given to its reader. Shared with `examples/fuzz_files.rs`.

use std::collections::BTreeMap;

use burn::tensor::Device;
use rand::{Rng, RngExt as _};
use safetensors::SafeTensors;

use super::{
    CausalLm, CausalLmConfig, ExportOptions, Llama2cModel, Llama2cVocabulary, SafetensorsFiles,
    SafetensorsStream, ShardIndex, StoredType, UploadedWeights, Weights, WeightsError, initial_weights,
};

const CONFIG: &str = r#"{"model_type": "llama", "vocab_size": 6, "hidden_size": 4, "intermediate_size": 6,
    "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 8,
    "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "hidden_act": "silu",
    "rms_norm_eps": 1e-06, "tie_word_embeddings": true, "rope_scaling": null, "head_dim": 2, "eos_token_id": [2]}"#;

/// Pieces that mean something to one of the readers.
const TOKENS: [&[u8]; 40] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\n",
    b"\0",
    b"\xff",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"1.5",
    b"4",
    b"8",
    b"18446744073709551615",
    b"18446744073709551616",
    b"9223372036854775807",
    b"2305843009213693951",
    b"4294967296",
    b"2147483648",
    b"\\u0000",
    b"\\ud800",
    b"\"F64\"",
    b"\"F16\"",
    b"\"I64\"",
    b"\"F4\"",
    b"\"__metadata__\":{}",
    b"\"weight_map\":{}",
    b"..",
    b"/",
    b"\\\\",
    b"\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},",
    b"\"model_type\":",
    b"ak42",
];

/// Numbers of four bytes that headers are made of.
const NUMBERS: [i32; 12] = [
    0,
    1,
    -1,
    2,
    3,
    4,
    255,
    259,
    65_536,
    i32::MAX,
    i32::MIN,
    0x616b_3432,
];

/// What a kind of file came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) accepted: u64,
    pub(super) refused: u64,
}

impl Count {
    fn note(&mut self, accepted: bool) {
        self.accepted += u64::from(accepted);
        self.refused += u64::from(!accepted);
    }
}

/// What all kinds of files came to.
#[derive(Debug, Default)]
pub(super) struct Counts {
    safetensors: Count,
    index: Count,
    llama2c: Count,
    vocabulary: Count,
    config: Count,
}

impl Counts {
    pub(super) fn kinds(&self) -> [(&'static str, Count); 5] {
        [
            ("safetensors", self.safetensors),
            ("index", self.index),
            ("llama2c", self.llama2c),
            ("vocabulary", self.vocabulary),
            ("config", self.config),
        ]
    }
}

/// Valid files, which every case starts from.
pub(super) struct Seeds {
    files: Vec<Vec<u8>>,
    index: Vec<u8>,
    models: Vec<Vec<u8>>,
    vocabulary: Vec<u8>,
    device: Device,
}

impl Seeds {
    pub(super) fn new(rng: &mut impl Rng) -> Self {
        let config = CausalLmConfig::from_hugging_face(CONFIG).expect("the configuration is valid");
        let weights = initial_weights(&config, 0.02, rng);
        let mut files = Vec::new();
        let mut index = Vec::new();
        for stored_type in [StoredType::F32, StoredType::F16, StoredType::BF16] {
            let options = ExportOptions {
                stored_type,
                max_shard_bytes: 150,
            };
            let plan = weights.plan(&options).expect("the weights are whole");
            for file in &plan.files {
                files.push(weights.file(file, stored_type).expect("the numbers are small"));
            }
            index = plan.index.unwrap_or_default().into_bytes();
        }
        Self {
            files,
            index,
            models: [7, -7].map(llama2c_model).into(),
            vocabulary: llama2c_vocabulary(),
            device: Device::flex(),
        }
    }
}

/// The smallest model of llama2.c: one layer, one head of two.
fn llama2c_model(vocab_size: i32) -> Vec<u8> {
    let header = [2, 3, 1, 1, 1, vocab_size, 4];
    let classifier = if vocab_size < 0 { 14 } else { 0 };
    let elements = 14 + 2 + 4 * 4 + 2 + 3 * 6 + 2 + 2 * 4 + classifier;
    let mut bytes: Vec<u8> = header
        .iter()
        .flat_map(|number: &i32| number.to_le_bytes())
        .collect();
    bytes.extend((0..elements).flat_map(|n: u16| (f32::from(n) / 64.0).to_le_bytes()));
    bytes
}

fn llama2c_vocabulary() -> Vec<u8> {
    let mut texts: Vec<String> = ["<unk>", "\n<s>\n", "\n</s>\n"].map(str::to_owned).into();
    texts.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    texts.extend([" t", "he", " ", "t", "h", "e"].map(str::to_owned));
    let mut bytes = 6i32.to_le_bytes().to_vec();
    for text in &texts {
        bytes.extend((-0.5f32).to_le_bytes());
        bytes.extend(i32::try_from(text.len()).unwrap_or_default().to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// One case of one kind.
pub(super) fn run(seeds: &Seeds, rng: &mut impl Rng, counts: &mut Counts) {
    match rng.random_range(0..8) {
        0..4 => safetensors(seeds, rng, &mut counts.safetensors),
        4 => index(seeds, rng, &mut counts.index),
        5 => llama2c(seeds, rng, &mut counts.llama2c),
        6 => vocabulary(seeds, rng, &mut counts.vocabulary),
        _ => config(rng, &mut counts.config),
    }
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut impl Rng) {
    let at = rng.random_range(0..=bytes.len());
    let end = (at + rng.random_range(0..20)).min(bytes.len());
    match rng.random_range(0..8) {
        0 if at < bytes.len() => bytes[at] = rng.random(),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.truncate(at),
        3 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        // A number of a binary header, where those are.
        4 if bytes.len() >= 4 => {
            let at = 4 * rng.random_range(0..(bytes.len() / 4).min(8));
            let number = NUMBERS[rng.random_range(0..NUMBERS.len())];
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        // A number of a text, replaced by another.
        5 => {
            let is_digit = |b: &u8| b.is_ascii_digit();
            if let Some(first) = bytes[at..].iter().position(is_digit).map(|first| at + first) {
                let length = bytes[first..].iter().take_while(|b| is_digit(b)).count();
                let token = TOKENS[rng.random_range(14..26)];
                bytes.splice(first..first + length, token.iter().copied());
            }
        }
        _ => drop(bytes.splice(at..at, TOKENS[rng.random_range(0..TOKENS.len())].iter().copied())),
    }
}

/// A seed with some damage, or random bytes.
fn damaged(seed: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = match rng.random_range(0..20) {
        0 => (0..rng.random_range(0..200)).map(|_| rng.random()).collect(),
        _ => seed.to_vec(),
    };
    for _ in 0..rng.random_range(0..4) {
        mutate(&mut bytes, rng);
    }
    bytes
}

fn safetensors(seeds: &Seeds, rng: &mut impl Rng, count: &mut Count) {
    let seed = &seeds.files[rng.random_range(0..seeds.files.len())];
    let bytes = if rng.random_ratio(1, 3) {
        damaged(seed, rng)
    } else {
        // Damage within the header, and then a length that fits: else most cases end at the length.
        let mut length = [0; 8];
        length.copy_from_slice(&seed[..8]);
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or_default();
        let header = damaged(&seed[8..8 + length], rng);
        [
            &(header.len() as u64).to_le_bytes()[..],
            &header,
            &seed[8 + length..],
        ]
        .concat()
    };
    let whole = SafetensorsFiles::single(&bytes);
    count.note(whole.is_ok());
    if let Err(error) = &whole {
        assert!(!error.to_string().is_empty(), "an error says nothing");
    }
    let streamed = stream(&bytes, &seeds.device, rng);
    match (&whole, streamed) {
        (Ok(files), Ok(uploaded)) => {
            assert!(
                files.names().eq(uploaded.names()),
                "a stream holds other tensors than the file"
            );
        }
        (Ok(_), Err(WeightsError::TooLarge { .. })) | (Err(_), Err(_)) => {}
        (whole, streamed) => panic!("whole {whole:?}, in pieces {streamed:?}"),
    }
    if let Ok(files) = &whole {
        compare_with_reference(files, &bytes);
        drop(Weights::from_safetensors(&bytes));
        let config = CausalLmConfig::from_hugging_face(CONFIG).expect("the configuration is valid");
        drop(CausalLm::from_source(&config, files.into(), &seeds.device));
    }
}

/// What we accept, the safetensors crate accepts and understands alike. It accepts more: names that come twice. And it
/// refuses numbers that no f64 holds in fields that nobody reads.
fn compare_with_reference(files: &SafetensorsFiles<'_>, bytes: &[u8]) {
    let reference = match SafeTensors::deserialize(bytes) {
        Ok(reference) => reference,
        Err(error) if error.to_string().contains("number out of range") => return,
        Err(error) => panic!("the reference refuses what we accept: {error}"),
    };
    let theirs: BTreeMap<&str, Vec<usize>> = reference
        .iter()
        .map(|(name, view)| (name, view.shape().to_vec()))
        .collect();
    let ours = files
        .names()
        .map(|name| (name, files.shape(name).unwrap_or_default().to_vec()));
    assert_eq!(
        ours.collect::<BTreeMap<_, _>>(),
        theirs,
        "the reference reads other tensors"
    );
}

fn stream(bytes: &[u8], device: &Device, rng: &mut impl Rng) -> Result<UploadedWeights, WeightsError> {
    let mut stream = SafetensorsStream::new(device);
    let longest = [1, 10, 100, 10_000][rng.random_range(0..4)];
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, others) = rest.split_at(rng.random_range(0..=longest).min(rest.len()));
        stream.push(piece)?;
        rest = others;
    }
    stream.finish()
}

fn index(seeds: &Seeds, rng: &mut impl Rng, count: &mut Count) {
    let bytes = damaged(&seeds.index, rng);
    let index = ShardIndex::parse(&String::from_utf8_lossy(&bytes));
    count.note(index.is_ok());
    let Ok(index) = index else { return };
    for file in index.files() {
        // By another way than the reader's: a path of one part, in the eyes of this system.
        let parts: Vec<_> = std::path::Path::new(file).components().collect();
        let is_plain = matches!(parts[..], [std::path::Component::Normal(part)] if part == file);
        assert!(is_plain, "{file:?} is more than a name");
    }
    let some = seeds.files[0].as_slice();
    let shards = index.files().into_iter().map(|file| (file, some)).collect();
    drop(SafetensorsFiles::sharded(&index, &shards));
}

fn llama2c(seeds: &Seeds, rng: &mut impl Rng, count: &mut Count) {
    let bytes = damaged(&seeds.models[rng.random_range(0..seeds.models.len())], rng);
    let model = Llama2cModel::parse(&bytes);
    count.note(model.is_ok());
    if let Ok(Llama2cModel { config, weights }) = model {
        let built = CausalLm::from_weights(&config, &weights, &seeds.device);
        assert!(
            built.is_ok(),
            "an accepted model cannot be built: {:?}",
            built.err()
        );
    }
}

fn vocabulary(seeds: &Seeds, rng: &mut impl Rng, count: &mut Count) {
    let bytes = damaged(&seeds.vocabulary, rng);
    let vocab_size = match rng.random_range(0..10) {
        0 => [0, 1, 258, 259, 264, 266, usize::MAX][rng.random_range(0..7)],
        _ => 265,
    };
    let vocabulary = Llama2cVocabulary::parse(&bytes, vocab_size);
    count.note(vocabulary.is_ok());
    if let Ok(vocabulary) = vocabulary {
        let json = vocabulary.to_tokenizer_json().to_string();
        // The tokenizer's own reader is slower than all the rest.
        if rng.random_ratio(1, 20) {
            let tokenizer: Result<tokenizers::Tokenizer, _> = json.parse();
            assert!(
                tokenizer.is_ok(),
                "an accepted vocabulary makes no tokenizer: {:?}",
                tokenizer.err()
            );
        }
    }
}

fn config(rng: &mut impl Rng, count: &mut Count) {
    let bytes = damaged(CONFIG.as_bytes(), rng);
    let config = CausalLmConfig::from_hugging_face(&String::from_utf8_lossy(&bytes));
    count.note(config.is_ok());
    if let Ok(config) = config {
        assert!(
            config.validate().is_ok(),
            "an accepted configuration is not valid"
        );
    }
}
