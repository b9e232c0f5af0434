//! A tokenizer's files, as transformers reads them.

use serde_json::{Map, Value, json};

use super::Tokenizer;
use super::error::{TokenizerError, shown, value_error_in};

/// Which transformers the files are for. Each reads the other's too, but for the chat template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigDialect {
    /// transformers 4: a class that it knows, the chat template inside `tokenizer_config.json`, and
    /// `special_tokens_map.json`. transformers 5 reads these files too.
    Transformers4,
    /// transformers 5.23: the class `TokenizersBackend`, the chat template in `chat_template.jinja` alone.
    Transformers5,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizerFile {
    /// Its name in the model's directory.
    pub name: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The keys of `tokenizer_config.json` that name special tokens.
const ROLES: [&str; 3] = ["bos_token", "eos_token", "pad_token"];

impl Tokenizer {
    /// `tokenizer.json`, byte for byte as it was read.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The chat template: a Jinja text, from `chat_template.jinja` or else from `tokenizer_config.json`.
    #[must_use]
    pub fn chat_template(&self) -> Option<&str> {
        self.chat_template.as_deref()
    }

    /// The same tokenizer with this chat template.
    #[must_use]
    pub fn with_chat_template(mut self, template: impl Into<String>) -> Self {
        self.chat_template = Some(template.into());
        self
    }

    /// All files of the tokenizer, to be written into a model's directory.
    ///
    /// `tokenizer.json` and `special_tokens_map.json` are as they were read; of `tokenizer_config.json` the keys that
    /// the dialect is about are set, and all others are as they were read.
    #[must_use]
    pub fn files(&self, dialect: ConfigDialect) -> Vec<TokenizerFile> {
        let mut files = vec![
            TokenizerFile {
                name: "tokenizer.json",
                bytes: self.json.clone(),
            },
            TokenizerFile {
                name: "tokenizer_config.json",
                bytes: json_file(&Value::Object(self.tokenizer_config(dialect))),
            },
        ];
        let map = match (&self.special_tokens_map, dialect) {
            (Some(bytes), _) => Some(bytes.clone()),
            (None, ConfigDialect::Transformers4) => Some(json_file(&Value::Object(self.named_roles()))),
            (None, ConfigDialect::Transformers5) => None,
        };
        files.extend(map.map(|bytes| TokenizerFile {
            name: "special_tokens_map.json",
            bytes,
        }));
        files.extend(self.chat_template.iter().map(|template| TokenizerFile {
            name: "chat_template.jinja",
            bytes: template.clone().into_bytes(),
        }));
        files
    }

    /// `tokenizer_config.json` in one of the dialects.
    fn tokenizer_config(&self, dialect: ConfigDialect) -> Map<String, Value> {
        let mut config = self.config.clone();
        if config.is_empty() {
            // Left out, it is true before transformers 5, which then removes spaces from every text that it reads back.
            config.insert("clean_up_tokenization_spaces".to_owned(), json!(false));
        }
        for (key, token) in self.named_roles() {
            config.entry(key).or_insert(token);
        }
        let class = config.remove("tokenizer_class");
        let class = class.filter(|class| *class != "TokenizersBackend" && !class.is_null());
        for key in ["backend", "chat_template"] {
            config.remove(key);
        }
        match dialect {
            ConfigDialect::Transformers4 => {
                let class = class.unwrap_or_else(|| json!("PreTrainedTokenizerFast"));
                config.insert("tokenizer_class".to_owned(), class);
                if let Some(template) = &self.chat_template {
                    config.insert("chat_template".to_owned(), json!(template));
                }
            }
            ConfigDialect::Transformers5 => {
                config.insert("backend".to_owned(), json!("tokenizers"));
                config.insert("tokenizer_class".to_owned(), json!("TokenizersBackend"));
            }
        }
        config
    }

    /// The text of BOS, EOS and PAD, as far as there are any.
    fn named_roles(&self) -> Map<String, Value> {
        let ids = [self.special.bos, self.special.eos, self.special.pad];
        ROLES
            .iter()
            .zip(ids)
            .filter_map(|(key, id)| Some(((*key).to_owned(), json!(self.token(id?)?))))
            .collect()
    }
}

/// A JSON file as Hugging Face writes it: indented by two spaces, with a line break at the end.
fn json_file(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// The chat template: the file wins over the key, as in transformers. Of several, the one named `default`.
pub(super) fn read_chat_template(
    file: Option<&[u8]>,
    config: &Map<String, Value>,
) -> Result<Option<String>, TokenizerError> {
    if let Some(bytes) = file {
        let text = std::str::from_utf8(bytes).map_err(|source| TokenizerError::Utf8 {
            file: "chat_template.jinja",
            source,
        })?;
        return Ok(Some(text.to_owned()));
    }
    let named_default = |entry: &&Value| entry.get("name").is_some_and(|name| name == "default");
    let template = match config.get("chat_template") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(templates)) => templates
            .iter()
            .find(named_default)
            .and_then(|entry| entry.get("template")),
        other => other,
    };
    match template {
        Some(Value::String(template)) => Ok(Some(template.clone())),
        other => Err(value_error_in(
            "tokenizer_config.json",
            "chat_template",
            shown(other),
            "a text, or a list with a template named default",
        )),
    }
}
