//! Gives damaged `tokenizer.json` files to the reader, and uses every tokenizer that comes out. Nothing is caught: a
//! panic ends the program.
//!
//! `cargo run --release -p rllr-model --example fuzz_tokenizer -- [CASES] [SEED]`
//!
//! Each case takes a small valid file, exchanges, removes and repeats parts of it (sometimes bytes), and reads it.
//! What is read has to encode and decode any text, or say why not. Checked beside the absence of panics: ids are below
//! the vocabulary size, pieces of a stream are the whole text, an example ends with one EOS, and the files that are
//! written give the same ids again.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a program: it reads its arguments and a clock, and prints"
)]

mod files;
mod mutate;

use std::error::Error;
use std::time::Instant;

use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rllr_model::tokenizer::{ConfigDialect, Cut, LengthLimit, SpecialTokens, TokenizerFile};
use rllr_model::{Tokenizer, TokenizerError, TokenizerFiles};
use serde_json::Value;

use files::{PARTS, valid_files};
use mutate::{case, text};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let cases: u64 = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let files = valid_files()?;
    for file in &files {
        read(&file.to_string().into_bytes(), &mut rng).map_err(|error| format!("a valid file: {error}"))?;
    }
    let parts: Value = serde_json::from_str(PARTS)?;
    let start = Instant::now();
    let mut counts = Counts::default();
    for _ in 0..cases {
        let bytes = case(&files, &parts, &mut rng);
        match read(&bytes, &mut rng) {
            Ok(tokenizer) => {
                counts.read += 1;
                use_it(&tokenizer, &mut rng, &mut counts)?;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty(), "an error says nothing");
                counts.refused += 1;
            }
        }
    }
    let Counts {
        read,
        refused,
        texts,
        failed,
    } = counts;
    println!(
        "{cases} cases, seed {seed}: {refused} refused, {read} read, {texts} texts, {failed} of them not encoded, \
         no panic, {:.1} s",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

#[derive(Default)]
struct Counts {
    read: u64,
    refused: u64,
    texts: u64,
    failed: u64,
}

/// Reads a file, with other files that are mostly right.
fn read(bytes: &[u8], rng: &mut impl Rng) -> Result<Tokenizer, TokenizerError> {
    let generation = [
        None,
        Some("{\"eos_token_id\": [2, 1], \"pad_token_id\": -1}"),
        Some("{\"eos_token_id\": 0}"),
        Some("{\"eos_token_id\": 99999999999}"),
    ];
    let config = [
        None,
        Some("{\"add_bos_token\": false, \"bos_token\": null}"),
        Some("{\"bos_token\": {\"content\": \"<s>\"}, \"add_bos_token\": true}"),
        Some("{\"chat_template\": [{\"name\": \"default\", \"template\": \"{{ messages }}\"}]}"),
    ];
    let one = |list: [Option<&'static str>; 4], rng: &mut dyn Rng| {
        // Mostly none: an error of these would hide the tokenizer.
        let index = if rng.random_ratio(2, 3) {
            0
        } else {
            rng.random_range(0..4)
        };
        list[index].map(str::as_bytes)
    };
    Tokenizer::from_files(&TokenizerFiles {
        tokenizer: bytes,
        tokenizer_config: one(config, rng),
        generation_config: one(generation, rng),
        ..TokenizerFiles::default()
    })
}

/// Uses everything that a tokenizer can do.
fn use_it(tokenizer: &Tokenizer, rng: &mut impl Rng, counts: &mut Counts) -> Result<(), Box<dyn Error>> {
    for _ in 0..4 {
        let (text, other) = (text(rng), text(rng));
        counts.texts += 1;
        let Ok(ids) = tokenizer.encode(&text) else {
            counts.failed += 1;
            continue;
        };
        assert!(
            ids.iter().all(|id| (*id as usize) < tokenizer.vocab_size()),
            "an id is not below the vocabulary size"
        );
        drop(tokenizer.text_tokens(&text));
        drop(tokenizer.encode_pair(&text, &other));
        drop(tokenizer.word_ids(&[&text, &other]));
        let limit = LengthLimit {
            max_tokens: rng.random_range(0..8),
            cut: [Cut::Start, Cut::End, Cut::Never][rng.random_range(0..3)],
        };
        drop(tokenizer.encode_rows(&[&text, &other], &limit));
        drop(tokenizer.encode_prompts(&[&text, &other], &limit));
        drop(tokenizer.encode_preference(&text, &other, "a", &limit));
        example(tokenizer, &text, &other);
        stream(tokenizer, &ids, rng)?;
    }
    drop(tokenizer.check_fits(rng.random_range(0..400)));
    again(tokenizer, rng)
}

fn example(tokenizer: &Tokenizer, prompt: &str, response: &str) {
    let (Ok(eos), Ok(example)) = (tokenizer.eos_id(), tokenizer.encode_example(prompt, response)) else {
        return;
    };
    let Some((last, before)) = example.response().split_last() else {
        panic!("a response has no token, not even EOS");
    };
    assert_eq!(*last, eos, "a response does not end with EOS");
    assert!(before.last() != Some(&eos), "a response ends with EOS twice");
    assert_eq!(
        [example.prompt(), example.response()].concat(),
        example.ids(),
        "prompt and response are not the example"
    );
}

/// The pieces of a stream are the whole text.
fn stream(tokenizer: &Tokenizer, ids: &[u32], rng: &mut impl Rng) -> Result<(), Box<dyn Error>> {
    let mut ids = ids.to_vec();
    for _ in 0..rng.random_range(0..4) {
        let largest = u32::try_from(tokenizer.vocab_size()).unwrap_or(u32::MAX).max(1);
        ids.push(rng.random_range(0..largest));
    }
    for special_tokens in [SpecialTokens::Keep, SpecialTokens::Skip] {
        let whole = tokenizer.decode(&ids, special_tokens);
        let mut decoder = tokenizer.stream_decoder(special_tokens);
        let pieces: Result<Vec<String>, TokenizerError> = ids.iter().map(|id| decoder.push(*id)).collect();
        let (Ok(whole), Ok(pieces)) = (whole, pieces) else {
            continue;
        };
        match decoder.finish() {
            Ok(rest) => assert_eq!(pieces.concat() + &rest, whole, "a stream is not the whole text"),
            Err(TokenizerError::StreamChanged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The written files give the same ids.
fn again(tokenizer: &Tokenizer, rng: &mut impl Rng) -> Result<(), Box<dyn Error>> {
    let dialect = [ConfigDialect::Transformers4, ConfigDialect::Transformers5][rng.random_range(0..2)];
    let files = tokenizer.files(dialect);
    let find = |name: &str| {
        let file = files.iter().find(|file| file.name == name);
        file.map(|TokenizerFile { bytes, .. }| bytes.as_slice())
    };
    let files = TokenizerFiles::from_directory(find).ok_or("tokenizer.json is not written")?;
    let again = Tokenizer::from_files(&files)?;
    let text = text(rng);
    assert_eq!(
        again.encode_prompt(&text).ok(),
        tokenizer.encode_prompt(&text).ok(),
        "the written files give other ids"
    );
    Ok(())
}
