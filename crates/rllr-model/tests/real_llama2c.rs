//! Real models and vocabularies of llama2.c. Skips, and says so, where they are absent.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a native test over files: it opens them, asks the environment where they are, and says if it skips"
)]

#[path = "../src/llama2c/test_vocabulary.rs"]
#[allow(dead_code, reason = "the unit tests use all of it")]
mod test_vocabulary;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use rllr_model::{CausalLm, Llama2cModel, Llama2cVocabulary, PaddingSide, TokenBatch};
use tokenizers::Tokenizer;

/// The folder of data beside the workspace, or `RLLR_SHARED_DIR`.
fn shared(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = std::env::var_os("RLLR_SHARED_DIR")
        .map_or(beside, PathBuf::from)
        .join(name);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: no real file {} (set RLLR_SHARED_DIR)", path.display());
    None
}

/// Texts and scores as the file holds them, read by a plain loop.
fn pieces(mut bytes: &[u8]) -> Vec<(String, f32)> {
    let mut take = |length: usize| {
        let (head, rest) = bytes.split_at(length);
        bytes = rest;
        (head.to_vec(), rest.is_empty())
    };
    take(4);
    let mut pieces = Vec::new();
    loop {
        let score = f32::from_le_bytes(take(4).0.try_into().unwrap());
        let length = i32::from_le_bytes(take(4).0.try_into().unwrap());
        let (text, is_last) = take(usize::try_from(length).unwrap());
        pieces.push((String::from_utf8(text).unwrap(), score));
        if is_last {
            return pieces;
        }
    }
}

/// Lines to encode: stories, an encyclopaedia, and what no story holds.
fn lines() -> Vec<String> {
    let mut lines: Vec<String> = [
        "Once upon a time",
        "",
        " ",
        "naïve café, 你好 \u{1f600}\t\u{0}x",
        "3.14159 != 2.71828; <0x41> <s",
        "    four blanks    and then some     ",
        "...... !!!! aaaaaaaaaaaaa hahahahaha",
    ]
    .map(str::to_owned)
    .into();
    for name in ["tinystories_train_0.txt", "wikitext2_valid.txt"] {
        let Some(path) = shared(&format!("data/text_corpora/{name}")) else {
            continue;
        };
        let text = std::fs::read_to_string(path).unwrap();
        // The plain loop takes time in the square of a line.
        // Special tokens that are spelt out are known to the tokenizer, and to llama2.c are characters.
        let line = |line: &str| line.replace("<unk>", "unknown").chars().take(300).collect();
        lines.extend(text.lines().filter(|line| !line.is_empty()).take(250).map(line));
    }
    lines
}

/// How many lines the tokenizer cuts otherwise than llama2.c's own loop.
fn differing_lines(vocabulary: &Path, vocab_size: usize) -> (Vec<String>, usize) {
    let bytes = std::fs::read(vocabulary).unwrap();
    let parsed = Llama2cVocabulary::parse(&bytes, vocab_size).unwrap();
    let tokenizer: Tokenizer = parsed.to_tokenizer_json().to_string().parse().unwrap();
    let pieces = pieces(&bytes);
    assert_eq!(
        pieces.len(),
        vocab_size,
        "the file has as many tokens as the model"
    );
    let lines = lines();
    let count = lines.len();
    let differs = |line: &String| {
        let ids = tokenizer.encode(line.as_str(), true).unwrap().get_ids().to_vec();
        ids != test_vocabulary::encode(&pieces, line)
    };
    (lines.into_iter().filter(differs).collect(), count)
}

#[test]
fn the_tokenizer_of_stories260k_cuts_as_llama2c_does() {
    let Some(vocabulary) = shared("models/stories260K/tok512.bin") else {
        return;
    };
    let (differing, lines) = differing_lines(&vocabulary, 512);
    println!("{lines} lines, {} cut otherwise", differing.len());
    assert!(differing.is_empty(), "{differing:?}");

    let bytes = std::fs::read(&vocabulary).unwrap();
    let parsed = Llama2cVocabulary::parse(&bytes, 512).unwrap();
    let tokenizer: Tokenizer = parsed.to_tokenizer_json().to_string().parse().unwrap();
    let ids = tokenizer
        .encode("Once upon a time", true)
        .unwrap()
        .get_ids()
        .to_vec();
    assert_eq!(ids, [1, 403, 407, 261, 378]);
}

#[test]
fn a_vocabulary_of_4096_tokens_cuts_as_llama2c_does() {
    let Some(vocabulary) = shared("models/tokenizers/tinyllamas_tok4096.bin") else {
        return;
    };
    let (differing, lines) = differing_lines(&vocabulary, 4096);
    println!("{lines} lines, {} cut otherwise", differing.len());
    assert!(differing.is_empty(), "{differing:?}");
}

/// The first tokens of its story, as its page of provenance notes them.
#[test]
fn stories260k_tells_its_story() {
    let Some(path) = shared("models/stories260K/stories260K.bin") else {
        return;
    };
    let Llama2cModel { config, weights } = Llama2cModel::parse(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(config.num_parameters(), 260_032);
    let device = Device::flex();
    let model = CausalLm::from_weights(&config, &weights, &device).unwrap();
    let mut tokens = vec![1u32];
    for _ in 0..12 {
        let batch = TokenBatch::from_rows(&[tokens.clone()], PaddingSide::Right, config.vocab_size).unwrap();
        let logits = model.forward(&batch.to_device(&device)).into_data();
        let logits = logits.try_into_vec::<f32>().unwrap();
        let last = &logits[logits.len() - config.vocab_size..];
        let best = (0..last.len())
            .max_by(|&a, &b| last[a].total_cmp(&last[b]))
            .unwrap();
        tokens.push(u32::try_from(best).unwrap());
    }
    assert_eq!(
        tokens[1..],
        [403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421]
    );
}
