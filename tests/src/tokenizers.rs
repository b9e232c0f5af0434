//! The one body of the tokenizer test: every golden case against Hugging Face's tokenizers.

use anyhow::{Context as _, ensure};
use rllr_model::tokenizer::{Boundary, Cut, LengthLimit, SpecialTokens};
use rllr_model::{PaddingSide, TokenBatch, Tokenizer, TokenizerFiles};
use serde::Deserialize;

use crate::golden::{TokenizerCaseFiles, tokenizer_cases};

#[derive(Deserialize)]
struct Cases {
    vocab_size: usize,
    special_tokens: std::collections::BTreeMap<String, u32>,
    cases: Vec<Case>,
    pairs: Vec<Pair>,
    streaming: Vec<Streaming>,
    batches: Vec<Batch>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    tokens: Vec<String>,
    offsets: Vec<(usize, usize)>,
    ids_with_special: Vec<u32>,
    decoded: String,
    decoded_skip_special: String,
}

#[derive(Deserialize)]
struct Pair {
    text: String,
    pair: String,
    ids: Vec<u32>,
    type_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Streaming {
    text: String,
    ids: Vec<u32>,
    decoded_prefixes: Vec<String>,
}

#[derive(Deserialize)]
struct Batch {
    texts: Vec<String>,
    padding_side: String,
    truncation_max_length: Option<usize>,
    truncation_side: Option<String>,
    input_ids: Vec<Vec<u32>>,
    attention_mask: Vec<Vec<u8>>,
}

/// Runs every golden case and compares.
///
/// # Errors
///
/// When a golden file is missing, or ids, tokens, places or texts are not those of Hugging Face's tokenizers.
pub fn check_all() -> anyhow::Result<()> {
    for files in tokenizer_cases()? {
        check(&files).with_context(|| format!("golden tokenizer {}", files.name))?;
    }
    Ok(())
}

fn check(files: &TokenizerCaseFiles) -> anyhow::Result<()> {
    let cases: Cases = serde_json::from_str(&files.cases).context("cases.json")?;
    // The cases name no EOS; examples need one, and any special token will do.
    let (eos, eos_id) = cases.special_tokens.last_key_value().context("a special token")?;
    let config = serde_json::json!({ "eos_token": eos }).to_string();
    let tokenizer = Tokenizer::from_files(&TokenizerFiles {
        tokenizer: &files.tokenizer,
        tokenizer_config: Some(config.as_bytes()),
        ..TokenizerFiles::default()
    })?;
    ensure!(
        tokenizer.vocab_size() == cases.vocab_size,
        "vocabulary size {}",
        tokenizer.vocab_size()
    );
    for (token, id) in &cases.special_tokens {
        ensure!(tokenizer.id(token) == Some(*id), "id of {token}");
        ensure!(tokenizer.token(*id).as_ref() == Some(token), "token {id}");
        ensure!(tokenizer.is_special(*id), "{token} is special");
    }
    ensure!(!cases.cases.is_empty() && !cases.pairs.is_empty(), "no cases");
    for case in &cases.cases {
        check_case(&tokenizer, case).with_context(|| format!("text {:?}", case.text))?;
        check_examples(&tokenizer, case, *eos_id).with_context(|| format!("text {:?} in two", case.text))?;
    }
    for Pair {
        text,
        pair,
        ids,
        type_ids,
    } in &cases.pairs
    {
        let found = tokenizer.encode_pair(text, pair)?;
        ensure!(
            found.ids == *ids,
            "ids of the pair {text:?}: {:?}, expected {ids:?}",
            found.ids
        );
        ensure!(
            found.type_ids == *type_ids,
            "types of the pair {text:?}: {:?}",
            found.type_ids
        );
    }
    for streaming in &cases.streaming {
        check_streaming(&tokenizer, streaming).with_context(|| format!("stream {:?}", streaming.text))?;
    }
    for (number, batch) in cases.batches.iter().enumerate() {
        check_batch(&tokenizer, batch).with_context(|| format!("batch {number}"))?;
    }
    Ok(())
}

fn check_case(tokenizer: &Tokenizer, case: &Case) -> anyhow::Result<()> {
    let ids = tokenizer.encode(&case.text)?;
    ensure!(ids == case.ids, "ids {ids:?}, expected {:?}", case.ids);
    let tokens = tokenizer.text_tokens(&case.text)?;
    ensure!(
        tokens.iter().map(|token| token.id).eq(ids.iter().copied()),
        "ids with places"
    );
    ensure!(
        tokens.iter().map(|token| &token.token).eq(&case.tokens),
        "tokens {tokens:?}"
    );
    let places: Vec<(usize, usize)> = tokens.iter().map(|token| (token.start, token.end)).collect();
    ensure!(
        places == case.offsets,
        "places {places:?}, expected {:?}",
        case.offsets
    );
    let special = tokenizer.encode_with_special_tokens(&case.text)?;
    ensure!(
        special == case.ids_with_special,
        "with special tokens {special:?}"
    );
    for (special_tokens, expected) in [
        (SpecialTokens::Keep, &case.decoded),
        (SpecialTokens::Skip, &case.decoded_skip_special),
    ] {
        let text = tokenizer.decode(&ids, special_tokens)?;
        ensure!(text == *expected, "decoded {text:?}, expected {expected:?}");
        let mut decoder = tokenizer.stream_decoder(special_tokens);
        let mut streamed = String::new();
        for id in &ids {
            streamed.push_str(&decoder.push(*id)?);
        }
        streamed.push_str(&decoder.finish()?);
        ensure!(
            streamed == *expected,
            "streamed {streamed:?}, expected {expected:?}"
        );
    }
    Ok(())
}

/// A text cut in two at every character: prompt and response are its ids, with BOS and EOS once.
fn check_examples(tokenizer: &Tokenizer, case: &Case, eos: u32) -> anyhow::Result<()> {
    let is_bos = |id: &u32| Some(*id) == tokenizer.special_token_ids().bos;
    let added = case.ids_with_special.len() - case.ids.len();
    let prompt = tokenizer.encode_prompt(&case.text)?;
    let leading = prompt.iter().take_while(|id| is_bos(id)).count();
    let own = case.ids.iter().take_while(|id| is_bos(id)).count();
    ensure!(
        leading == added.max(own.min(1)),
        "BOS {leading} times before the prompt {prompt:?}"
    );
    ensure!(
        prompt[leading..] == case.ids[own..],
        "the prompt's ids {prompt:?}"
    );
    let trailing = case.ids.iter().rev().take_while(|id| **id == eos).count();
    if own > 0 || trailing > 0 {
        return Ok(());
    }
    let expected = [case.ids_with_special.as_slice(), &[eos]].concat();
    for (at, _) in case.text.char_indices() {
        let (prompt, response) = case.text.split_at(at);
        // These come out once, and then the two halves are not the whole.
        if prompt.contains("<|") || prompt.contains("<s>") || prompt.contains("</s>") {
            break;
        }
        let example = tokenizer.encode_example(prompt, response)?;
        ensure!(
            example.ids() == expected,
            "cut at {at}: {:?}, expected {expected:?}",
            example.ids()
        );
        let same = example.prompt() == tokenizer.encode_prompt(prompt)?;
        ensure!(
            same == (example.boundary() == Boundary::Same),
            "cut at {at}: {:?}",
            example.boundary()
        );
    }
    Ok(())
}

/// The decoding of each prefix; and what has come out by then is how it begins.
fn check_streaming(tokenizer: &Tokenizer, streaming: &Streaming) -> anyhow::Result<()> {
    let Streaming {
        text,
        ids,
        decoded_prefixes,
    } = streaming;
    ensure!(tokenizer.encode(text)? == *ids, "ids");
    ensure!(ids.len() == decoded_prefixes.len(), "a prefix for each id");
    let mut decoder = tokenizer.stream_decoder(SpecialTokens::Skip);
    let mut streamed = String::new();
    for (position, expected) in decoded_prefixes.iter().enumerate() {
        let prefix = tokenizer.decode(&ids[..=position], SpecialTokens::Skip)?;
        ensure!(
            prefix == *expected,
            "prefix {position}: {prefix:?}, expected {expected:?}"
        );
        streamed.push_str(&decoder.push(ids[position])?);
        ensure!(
            expected.starts_with(&streamed),
            "{streamed:?} came out, the prefix is {expected:?}"
        );
    }
    streamed.push_str(&decoder.finish()?);
    ensure!(streamed == *text, "streamed {streamed:?}");
    Ok(())
}

fn check_batch(tokenizer: &Tokenizer, batch: &Batch) -> anyhow::Result<()> {
    let cut = match batch.truncation_side.as_deref() {
        None => Cut::Never,
        Some("left") => Cut::Start,
        Some("right") => Cut::End,
        Some(other) => anyhow::bail!("truncation_side {other:?}, expected left or right"),
    };
    let side = match batch.padding_side.as_str() {
        "left" => PaddingSide::Left,
        "right" => PaddingSide::Right,
        other => anyhow::bail!("padding_side {other:?}, expected left or right"),
    };
    let limit = LengthLimit {
        max_tokens: batch.truncation_max_length.unwrap_or(usize::MAX),
        cut,
    };
    let rows = tokenizer.encode_rows(&batch.texts, &limit)?;
    ensure!(rows.len() == batch.input_ids.len(), "{} rows", rows.len());
    let seen = |row: usize| {
        let ids = batch.input_ids[row].iter().zip(&batch.attention_mask[row]);
        ids.filter(|(_, seen)| **seen == 1)
            .map(|(id, _)| *id)
            .collect::<Vec<u32>>()
    };
    for (number, row) in rows.iter().enumerate() {
        ensure!(
            *row == seen(number),
            "row {number}: {row:?}, expected {:?}",
            seen(number)
        );
    }
    // A batch of ours has no row without a token.
    let full: Vec<usize> = (0..rows.len()).filter(|row| !rows[*row].is_empty()).collect();
    let full_rows: Vec<&[u32]> = full.iter().map(|row| rows[*row].as_slice()).collect();
    let padded = TokenBatch::from_rows(&full_rows, side, tokenizer.vocab_size())?;
    let mask = full
        .iter()
        .flat_map(|row| &batch.attention_mask[*row])
        .map(|seen| *seen == 1);
    ensure!(padded.mask().iter().copied().eq(mask), "the padding's place");
    let tokens = padded
        .tokens()
        .iter()
        .zip(padded.mask())
        .filter(|(_, seen)| **seen)
        .map(|(id, _)| *id);
    ensure!(
        tokens.eq(full.iter().flat_map(|row| seen(*row))),
        "the tokens beside the padding"
    );
    Ok(())
}
