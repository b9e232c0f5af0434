//! `rllr tokenizer inspect`.

use std::path::Path;

use rllr_model::Tokenizer;
use rllr_model::tokenizer::TextToken;
use serde::Serialize;

use super::InspectArgs;
use super::load::read_tokenizer;
use crate::data::load::bad_input;
use crate::data::output::{print_json, table};
use crate::terminal::say;

pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let tokenizer = read_tokenizer(&args.model)?;
    match &args.text {
        Some(text) => {
            let tokens = TokensOfText::new(&tokenizer, text)?;
            if args.json {
                print_json(&tokens)
            } else {
                tokens.say()
            }
        }
        None => {
            let summary = Summary::new(&tokenizer, &args.model);
            if args.json {
                print_json(&summary)
            } else {
                summary.say()
            }
        }
    }
}

/// A special token with its role.
#[derive(Debug, Serialize)]
struct Role {
    role: &'static str,
    id: u32,
    token: String,
}

/// What a tokenizer is.
#[derive(Debug, Serialize)]
struct Summary {
    /// One more than the largest id.
    vocab_size: usize,
    /// `vocab_size` of the model beside it.
    model_vocab_size: Option<u64>,
    special: Vec<Role>,
    /// Tokens that every prompt begins with.
    prompt_begins_with: Vec<String>,
    chat_template: bool,
}

impl Summary {
    fn new(tokenizer: &Tokenizer, path: &Path) -> Self {
        let ids = tokenizer.special_token_ids();
        let token = |id: u32| tokenizer.token(id).unwrap_or_default();
        let roles = [("bos", ids.bos), ("eos", ids.eos), ("pad", ids.pad)];
        let roles = roles.into_iter().filter_map(|(role, id)| Some((role, id?)));
        let stops = ids.stop.iter().map(|id| ("stop", *id));
        Self {
            vocab_size: tokenizer.vocab_size(),
            model_vocab_size: model_vocab_size(path),
            special: roles
                .chain(stops)
                .map(|(role, id)| Role {
                    role,
                    id,
                    token: token(id),
                })
                .collect(),
            prompt_begins_with: tokenizer.prompt_prefix().iter().map(|id| token(*id)).collect(),
            chat_template: tokenizer.chat_template().is_some(),
        }
    }

    fn say(&self) -> anyhow::Result<()> {
        let Self {
            vocab_size,
            model_vocab_size,
            special,
            prompt_begins_with,
            chat_template,
        } = self;
        let model =
            model_vocab_size.map_or(String::new(), |size| format!(", the model beside it has {size}"));
        say!("ids below {vocab_size}{model}");
        let nothing = || "nothing".to_owned();
        let begin = if prompt_begins_with.is_empty() {
            nothing()
        } else {
            prompt_begins_with.join(" ")
        };
        say!("a prompt begins with: {begin}");
        say!("chat template: {}", if *chat_template { "yes" } else { "none" });
        let row = |role: &Role| {
            vec![
                role.role.to_owned(),
                role.id.to_string(),
                format!("{:?}", role.token),
            ]
        };
        say!(
            "{}",
            table(&["role", "id", "token"], special.iter().map(row).collect())
        );
        Ok(())
    }
}

/// `vocab_size` of the `config.json` in a model's directory, if there is one.
fn model_vocab_size(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path.join("config.json")).ok()?;
    serde_json::from_str::<serde_json::Value>(&text)
        .ok()?
        .get("vocab_size")?
        .as_u64()
}

/// One token of a text.
#[derive(Debug, Serialize)]
struct Row {
    id: u32,
    token: String,
    /// The characters that it stands for. Bytes of one character have it all.
    text: String,
    start: usize,
    end: usize,
}

/// The tokens of a text.
#[derive(Debug, Serialize)]
struct TokensOfText {
    text: String,
    tokens: Vec<Row>,
    /// The ids of the text as a prompt.
    prompt_ids: Vec<u32>,
}

impl TokensOfText {
    fn new(tokenizer: &Tokenizer, text: &str) -> anyhow::Result<Self> {
        let bad = |error: rllr_model::TokenizerError| bad_input(error.to_string());
        let tokens = tokenizer.text_tokens(text).map_err(bad)?;
        let row = |token: TextToken| {
            let TextToken {
                id,
                token,
                start,
                end,
            } = token;
            let text = text.chars().skip(start).take(end.saturating_sub(start)).collect();
            Row {
                id,
                token,
                text,
                start,
                end,
            }
        };
        Ok(Self {
            text: text.to_owned(),
            tokens: tokens.into_iter().map(row).collect(),
            prompt_ids: tokenizer.encode_prompt(text).map_err(bad)?,
        })
    }

    fn say(&self) -> anyhow::Result<()> {
        let row = |row: &Row| {
            vec![
                row.id.to_string(),
                format!("{:?}", row.token),
                format!("{:?}", row.text),
                row.start.to_string(),
                row.end.to_string(),
            ]
        };
        let header = ["id", "token", "text", "start", "end"];
        say!("{}", table(&header, self.tokens.iter().map(row).collect()));
        let ids: Vec<String> = self.prompt_ids.iter().map(u32::to_string).collect();
        say!("{} tokens; as a prompt: {}", self.tokens.len(), ids.join(" "));
        Ok(())
    }
}
