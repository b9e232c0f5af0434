//! Our tokenizer gives what Hugging Face's gives: on every golden case (the same body as in the browser), and on the
//! published tokenizers of GPT-2 and BERT where they are at hand.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]
#![allow(
    clippy::missing_assert_message,
    clippy::print_stdout,
    reason = "a native test: it fails by panicking, and says why it skips"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rllr_model::Tokenizer;
use rllr_model::tokenizer::SpecialTokens;

#[test]
fn golden_tokenizers() {
    rllr_tests::tokenizers::check_all().unwrap();
}

/// Texts of every kind, to be given back.
const TEXTS: [&str; 6] = [
    "Hello, world! It's 12345 o'clock; they'll  wait.\n\n\tThen: (a+b)*c?",
    "Café Zoë näive — “quoted” … 50 % ± 3 €",
    "漢字とかな交じり文、한국어 그리고 русский язык",
    "🙂👩‍👩‍👧 e\u{301} ﬁ İ ß \u{200b}|",
    "   leading and trailing   ",
    "",
];

/// A file beside the workspace, or nothing.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/models/tokenizers")
        .join(name);
    if path.is_file() {
        return Some(path);
    }
    println!("SKIPPED: no published tokenizer at {}", path.display());
    None
}

#[test]
fn gpt2_gives_its_well_known_ids() {
    let (Some(path), Some(merges)) = (shared("gpt2_tokenizer.json"), shared("gpt2_vocab.bpe")) else {
        return;
    };
    let tokenizer = Tokenizer::from_json(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(tokenizer.vocab_size(), 50_257);
    for (text, ids) in [
        ("Hello world", vec![15496, 995]),
        ("Hello, world!", vec![15496, 11, 995, 0]),
        ("<|endoftext|>", vec![50256]),
    ] {
        assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text}");
    }
    // Its post-processor adds nothing, and the file's own limit of 128 tokens does not cut.
    let long = "word ".repeat(300);
    assert_eq!(
        tokenizer.encode_prompt(&long).unwrap(),
        tokenizer.encode(&long).unwrap()
    );
    assert_eq!(tokenizer.encode(&long).unwrap().len(), 301);
    for text in TEXTS {
        let ids = tokenizer.encode(text).unwrap();
        assert_eq!(tokenizer.decode(&ids, SpecialTokens::Keep).unwrap(), text);
    }
    check_merges(&tokenizer, &std::fs::read_to_string(merges).unwrap());
}

/// Words cut by the merges of its publisher's own file, in a plain loop.
fn check_merges(tokenizer: &Tokenizer, merges: &str) {
    let lines = merges.lines().filter(|line| !line.starts_with("#version"));
    let ranks: HashMap<&str, usize> = lines.zip(0..).collect();
    assert_eq!(ranks.len(), 50_000);
    for word in [
        "unbelievably",
        "tokenization",
        "antidisestablishmentarianism",
        "xqzvw",
        "preprocessing",
        "aaaaaaa",
    ] {
        let mut parts: Vec<String> = word.chars().map(String::from).collect();
        loop {
            let rank = |at: usize| ranks.get(format!("{} {}", parts[at], parts[at + 1]).as_str());
            let best = (0..parts.len() - 1).filter_map(|at| Some((rank(at)?, at))).min();
            let Some((_, at)) = best else { break };
            let second = parts.remove(at + 1);
            parts[at].push_str(&second);
            if parts.len() == 1 {
                break;
            }
        }
        let found: Vec<String> = tokenizer
            .text_tokens(word)
            .unwrap()
            .into_iter()
            .map(|token| token.token)
            .collect();
        assert_eq!(found, parts);
    }
}

#[test]
fn bert_gives_its_well_known_ids() {
    let (Some(path), Some(vocabulary)) = (
        shared("bert-base-uncased_tokenizer.json"),
        shared("bert-base-uncased_vocab.txt"),
    ) else {
        return;
    };
    let tokenizer = Tokenizer::from_json(&std::fs::read(path).unwrap()).unwrap();
    let vocabulary = std::fs::read_to_string(vocabulary).unwrap();
    assert_eq!(tokenizer.vocab_size(), vocabulary.lines().count());
    for (token, id) in vocabulary.lines().zip(0..) {
        assert_eq!(tokenizer.id(token), Some(id), "{token}");
        assert_eq!(tokenizer.token(id).as_deref(), Some(token));
    }
    assert_eq!(
        tokenizer.encode("Hello, world!").unwrap(),
        [7592, 1010, 2088, 999]
    );
    let with_special = tokenizer.encode_with_special_tokens("Hello [MASK]").unwrap();
    assert_eq!(with_special, [101, 7592, 103, 102]);
    let ids = tokenizer.encode("Unbelievably, it is RAINING.").unwrap();
    assert_eq!(
        tokenizer.decode(&ids, SpecialTokens::Skip).unwrap(),
        "unbelievably, it is raining."
    );
}
