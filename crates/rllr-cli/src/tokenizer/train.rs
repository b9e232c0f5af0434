//! `rllr tokenizer train`.

use std::time::Instant;

use rllr_model::tokenizer::{BpeTrainingConfig, BpeTrainingError, ConfigDialect};
use rllr_model::{Tokenizer, train_byte_level_bpe};
use serde::Serialize;

use super::TrainArgs;
use super::output::{check_free, write_directory};
use crate::data::load::bad_input;
use crate::data::output::print_json;
use crate::terminal::say;
use crate::texts::{Purpose, Texts};

/// What was trained.
#[derive(Debug, Serialize)]
struct Report {
    vocab_size: usize,
    rows: usize,
    text_files: usize,
    chars: usize,
    /// Characters of the training texts for each token.
    chars_per_token: f64,
    seconds: f64,
    out: String,
}

/// Texts that are cut into tokens for the report, in bytes.
const MEASURED_BYTES: usize = 4_000_000;

pub(super) fn run(args: &TrainArgs) -> anyhow::Result<()> {
    let config = BpeTrainingConfig {
        vocab_size: args.vocab_size,
        min_frequency: args.min_frequency,
        splitting: args.splitting.into(),
        additional_special_tokens: args.special.clone(),
        ..BpeTrainingConfig::default()
    };
    // Before the work: an option or a name that does not fit should be known at once.
    config.validate().map_err(|error| usage(&error))?;
    check_free(&args.out, args.force)?;
    let texts = Texts::read(&args.source, args.split.as_deref(), Purpose::Tokenizer)?;
    let start = Instant::now();
    let tokenizer = train_byte_level_bpe(&texts.texts, &config).map_err(|error| usage(&error))?;
    let report = Report {
        vocab_size: tokenizer.vocab_size(),
        rows: texts.rows,
        text_files: texts.text_files,
        chars: texts.texts.iter().map(|text| text.chars().count()).sum(),
        chars_per_token: chars_per_token(&tokenizer, &texts.texts)?,
        seconds: start.elapsed().as_secs_f64(),
        out: args.out.display().to_string(),
    };
    // The older dialect is the one that both versions of transformers read.
    write_directory(
        &args.out,
        &tokenizer.files(ConfigDialect::Transformers4),
        args.force,
    )?;
    if args.json {
        return print_json(&report);
    }
    if !args.quiet {
        say(&report, args.vocab_size, &texts.skipped);
    }
    Ok(())
}

/// Errors of the trainer name fields of its configuration; options are spelt with a hyphen.
fn usage(error: &BpeTrainingError) -> anyhow::Error {
    let message = match error {
        BpeTrainingError::Config { field, .. } => {
            let option = match *field {
                "special tokens" => "--special".to_owned(),
                other => format!("--{}", other.replace('_', "-")),
            };
            error.to_string().replacen(field, &option, 1)
        }
        other => other.to_string(),
    };
    bad_input(message)
}

fn chars_per_token(tokenizer: &Tokenizer, texts: &[String]) -> anyhow::Result<f64> {
    let (mut chars, mut tokens, mut bytes) = (0, 0, 0);
    for text in texts {
        chars += text.chars().count();
        tokens += tokenizer.encode(text)?.len();
        bytes += text.len();
        if bytes > MEASURED_BYTES {
            break;
        }
    }
    Ok(chars as f64 / tokens as f64)
}

fn say(report: &Report, asked: usize, skipped: &[String]) {
    let Report {
        vocab_size,
        rows,
        text_files,
        chars,
        chars_per_token,
        seconds,
        out,
    } = report;
    say!(
        "{vocab_size} tokens from {rows} rows and {text_files} text files ({chars} characters) in {seconds:.1} s, \
         {chars_per_token:.2} characters a token; written to {out}"
    );
    if *vocab_size < asked {
        say!("fewer than the {asked} that were asked for: no further pair of tokens occurs often enough");
    }
    for line in skipped {
        say!("{line}");
    }
}
