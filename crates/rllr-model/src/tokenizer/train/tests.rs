use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::Value;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::tokenizer::SpecialTokens;

fn config(vocab_size: usize) -> BpeTrainingConfig {
    BpeTrainingConfig {
        vocab_size,
        ..BpeTrainingConfig::default()
    }
}

/// The merges of a tokenizer as texts, `Ġ` for the space.
fn merges(tokenizer: &Tokenizer) -> Vec<String> {
    let json: Value = serde_json::from_slice(tokenizer.json()).unwrap();
    let merges = json["model"]["merges"].as_array().unwrap();
    let part = |pair: &Value, index: usize| pair[index].as_str().unwrap().to_owned();
    merges
        .iter()
        .map(|pair| format!("{} {}", part(pair, 0), part(pair, 1)))
        .collect()
}

/// Words are `low` twice, `Ġlower` twice, `Ġlow` and `Ġnew`, each once.
#[wasm_bindgen_test(unsupported = test)]
fn merges_are_those_done_by_hand() {
    let texts = ["low lower", "low lower low new"];
    let tokenizer = train_byte_level_bpe(texts, &config(300)).unwrap();
    // 1. `l o` and `o w` occur 5 times; `l` is before `o`, so `l o` is first. Then `lo w` 5 times.
    // 2. `Ġ low` 3 times (twice in `Ġlower`). Then, twice each, `e r` and `Ġlow e`: `e` has a smaller id than `Ġlow`.
    // 3. `Ġlow er` twice. Nothing else occurs twice.
    assert_eq!(merges(&tokenizer), ["l o", "lo w", "Ġ low", "e r", "Ġlow er"]);
    assert_eq!(
        tokenizer.vocab_size(),
        3 + 256 + 5,
        "fewer tokens than asked for: no pair is frequent enough"
    );
    assert_eq!(tokenizer.text_tokens("lower").unwrap().len(), 2);
    assert_eq!(tokenizer.text_tokens(" lower").unwrap()[0].token, "Ġlower");
    let once = BpeTrainingConfig {
        min_frequency: 1,
        ..config(300)
    };
    let tokenizer = train_byte_level_bpe(texts, &once).unwrap();
    assert_eq!(
        merges(&tokenizer)[5..],
        ["e w", "n ew", "Ġ new"],
        "`Ġ n`, `n e` and `e w` once: the smallest first"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn special_tokens_come_first_and_every_byte_has_a_token() {
    let config = BpeTrainingConfig {
        additional_special_tokens: vec!["<|user|>".to_owned()],
        ..config(300)
    };
    let tokenizer = train_byte_level_bpe(["abababab"], &config).unwrap();
    for (id, token) in (0..).zip(["<|bos|>", "<|eos|>", "<|pad|>", "<|user|>", "!", "\""]) {
        assert_eq!(tokenizer.token(id).unwrap(), token);
    }
    let special = tokenizer.special_token_ids();
    assert_eq!(
        (special.bos, special.eos, special.pad),
        (Some(0), Some(1), Some(2))
    );
    for byte in 0..=u8::MAX {
        let id = tokenizer.id(&byte_characters()[usize::from(byte)].to_string());
        assert!(id.is_some_and(|id| (4..260).contains(&id)), "byte {byte}");
    }
    let text = "<|user|>zß🙂\0";
    let ids = tokenizer.encode_prompt(text).unwrap();
    assert_eq!((ids[0], ids[1]), (0, 3));
    assert_eq!(tokenizer.decode(&ids[1..], SpecialTokens::Keep).unwrap(), text);
}

/// Special tokens inside texts are no words, and nothing is learnt from how they are written.
#[wasm_bindgen_test(unsupported = test)]
fn special_tokens_in_texts_teach_nothing() {
    let plain = train_byte_level_bpe(["ab", "ab", "cd", "cd"], &config(300)).unwrap();
    let marked =
        train_byte_level_bpe(["<|bos|>ab<|eos|><|bos|>ab<|eos|>", "cd<|pad|>cd"], &config(300)).unwrap();
    assert_eq!(merges(&marked), merges(&plain));
}

#[wasm_bindgen_test(unsupported = test)]
fn splitting_says_where_tokens_end() {
    let split = |splitting| {
        let config = BpeTrainingConfig {
            splitting,
            ..config(320)
        };
        let text = "year 12345 don't\n\n".repeat(3);
        let tokenizer = train_byte_level_bpe([&text], &config).unwrap();
        let tokens = tokenizer.text_tokens("year 12345 don't\n\n").unwrap();
        tokens.into_iter().map(|token| token.token).collect::<Vec<_>>()
    };
    // Before a word GPT-2 cuts off the last white space, so that two line breaks stand together only at the end.
    assert_eq!(split(Splitting::Gpt2), ["year", "Ġ12345", "Ġdon", "'t", "Ċ", "Ċ"]);
    assert_eq!(
        split(Splitting::Llama3),
        ["year", "Ġ", "123", "45", "Ġdon", "'t", "ĊĊ"]
    );
}

/// Random texts of few letters: many equal counts, and runs of one letter, where a pair overlaps itself.
fn random_texts(seed: u64, letters: &[char]) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut below = |n: usize| rng.next_u32() as usize % n;
    (0..20)
        .map(|_| (0..60).map(|_| letters[below(letters.len())]).collect())
        .collect()
}

/// The word with one symbol in place of each pair, from the left.
fn replaced(word: &[u32], pair: Pair, new: u32) -> Vec<u32> {
    let mut result = Vec::new();
    let mut at = 0;
    while at < word.len() {
        if at + 1 < word.len() && (word[at], word[at + 1]) == pair {
            result.push(new);
            at += 2;
        } else {
            result.push(word[at]);
            at += 1;
        }
    }
    result
}

/// Algorithm 1 of the paper as it stands: all pairs are counted again for each merge.
fn plain_loop(texts: &[String], config: &BpeTrainingConfig) -> Vec<String> {
    let base = train_byte_level_bpe(
        texts,
        &BpeTrainingConfig {
            min_frequency: u64::MAX,
            ..config.clone()
        },
    )
    .unwrap();
    let mut words: BTreeMap<Vec<u32>, u64> = BTreeMap::new();
    for text in texts {
        let mut add = |word: &str| {
            let symbols = word.chars().map(|c| base.id(&c.to_string()).unwrap()).collect();
            *words.entry(symbols).or_default() += 1;
        };
        base.for_each_word(text, &mut add).unwrap();
    }
    let mut tokens: Vec<String> = (0..).map_while(|id| base.token(id)).collect();
    let mut merges: Vec<String> = Vec::new();
    while tokens.len() < config.vocab_size {
        let mut counts: BTreeMap<Pair, u64> = BTreeMap::new();
        for (word, count) in &words {
            for pair in word.windows(2) {
                *counts.entry((pair[0], pair[1])).or_default() += count;
            }
        }
        let Some((pair, count)) = counts
            .into_iter()
            .max_by_key(|(pair, count)| (*count, Reverse(*pair)))
        else {
            break;
        };
        if count < config.min_frequency {
            break;
        }
        let (a, b) = (&tokens[pair.0 as usize], &tokens[pair.1 as usize]);
        let (rule, token) = (format!("{a} {b}"), format!("{a}{b}"));
        let new = tokens
            .iter()
            .position(|known| *known == token)
            .unwrap_or(tokens.len());
        if new == tokens.len() {
            tokens.push(token);
        }
        if !merges.contains(&rule) {
            merges.push(rule);
        }
        let mut merged: BTreeMap<Vec<u32>, u64> = BTreeMap::new();
        for (word, count) in words {
            *merged.entry(replaced(&word, pair, id_of(new))).or_default() += count;
        }
        words = merged;
    }
    merges
}

#[wasm_bindgen_test(unsupported = test)]
fn merges_are_those_of_a_plain_loop() {
    for (seed, letters) in [
        (1, "ab "),
        (2, "aab "),
        (3, "abcé ,1"),
        (4, "a "),
        (5, "abcdefgh  \n"),
    ] {
        let texts = random_texts(seed, &letters.chars().collect::<Vec<_>>());
        let config = config(340);
        let found = merges(&train_byte_level_bpe(&texts, &config).unwrap());
        assert_eq!(found, plain_loop(&texts, &config), "letters {letters:?}");
        assert!(
            found.len() > 10,
            "letters {letters:?} give {} merges",
            found.len()
        );
    }
}

/// Hugging Face's trainer, on one thread.
#[wasm_bindgen_test(unsupported = test)]
fn merges_are_those_of_hugging_face() {
    use tokenizers::models::bpe::{BPE, BpeTrainer};
    tokenizers::parallelism::set_parallelism(false);
    let texts = random_texts(6, &"abcdefghij   \n.é".chars().collect::<Vec<_>>());
    let config = config(360);
    let ours = train_byte_level_bpe(&texts, &config).unwrap();
    let words = count_words(&ours, &texts).unwrap();
    let special = config
        .special_tokens()
        .into_iter()
        .map(|token| tokenizers::AddedToken::from(token, true));
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(config.vocab_size)
        .min_frequency(config.min_frequency)
        .special_tokens(special.collect())
        .initial_alphabet(byte_characters().into_iter().collect())
        .build();
    let mut model = BPE::default();
    let counts = words
        .iter()
        .map(|(word, count)| (word.as_str().into(), *count))
        .collect();
    trainer.do_train(&counts, &mut model).unwrap();
    let theirs = serde_json::to_value(&model).unwrap();
    let ours: Value = serde_json::from_slice(ours.json()).unwrap();
    assert_eq!(ours["model"]["merges"], theirs["merges"]);
    assert_eq!(ours["model"]["vocab"], theirs["vocab"]);
    assert!(
        theirs["merges"].as_array().unwrap().len() > 50,
        "there is something to compare"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn the_order_of_texts_does_not_matter() {
    let mut texts = random_texts(7, &"aab \n".chars().collect::<Vec<_>>());
    let first = train_byte_level_bpe(&texts, &config(330)).unwrap();
    texts.reverse();
    let second = train_byte_level_bpe(&texts, &config(330)).unwrap();
    assert_eq!(first.json(), second.json());
}

/// The same on every target: this is the whole of a small training, as a number.
#[wasm_bindgen_test(unsupported = test)]
fn every_target_trains_the_same() {
    let texts = random_texts(8, &"abcdeé 🙂\n12'".chars().collect::<Vec<_>>());
    let tokenizer = train_byte_level_bpe(&texts, &config(400)).unwrap();
    // FNV-1a, 64 bits.
    let hash = tokenizer
        .json()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    assert_eq!((tokenizer.vocab_size(), hash), (326, 9_832_833_530_474_083_045));
}

#[wasm_bindgen_test(unsupported = test)]
fn what_cannot_be_trained_is_named() {
    let texts = ["some text"];
    let error = |config: BpeTrainingConfig| train_byte_level_bpe(texts, &config).unwrap_err().to_string();
    assert_eq!(error(config(299)), "vocab_size: found 299, expected 300 to 65536");
    assert_eq!(
        error(config(65_537)),
        "vocab_size: found 65537, expected 300 to 65536"
    );
    let many = BpeTrainingConfig {
        additional_special_tokens: (0..50).map(|n| format!("<{n}>")).collect(),
        ..config(300)
    };
    assert_eq!(error(many), "vocab_size: found 300, expected 309 to 65536");
    let none = BpeTrainingConfig {
        min_frequency: 0,
        ..config(300)
    };
    assert_eq!(error(none), "min_frequency: found 0, expected at least 1");
    for (token, expected) in [
        (
            "<|bos|>",
            "special tokens: found \"<|bos|>\" twice, expected each once",
        ),
        (
            "é<",
            "special tokens: found \"é<\", expected two or more visible ASCII characters",
        ),
        (
            "",
            "special tokens: found \"\", expected two or more visible ASCII characters",
        ),
    ] {
        let config = BpeTrainingConfig {
            eos_token: token.to_owned(),
            ..config(300)
        };
        assert_eq!(error(config), expected);
    }
    let empty: [&str; 2] = ["", "<|bos|>"];
    assert!(matches!(
        train_byte_level_bpe(empty, &config(300)),
        Err(BpeTrainingError::NoText)
    ));
}

#[wasm_bindgen_test(unsupported = test)]
fn a_configuration_is_plain_data() {
    let read: BpeTrainingConfig =
        serde_json::from_str(r#"{"vocab_size": 512, "splitting": "llama3"}"#).unwrap();
    assert_eq!(
        (read.vocab_size, read.splitting, read.min_frequency),
        (512, Splitting::Llama3, 2)
    );
    assert!(serde_json::from_str::<BpeTrainingConfig>(r#"{"vocabsize": 512}"#).is_err());
}
