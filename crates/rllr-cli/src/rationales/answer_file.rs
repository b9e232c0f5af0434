//! The file that keeps every answer, by the content of its request.
//!
//! One JSON object a line, appended when the answer comes. A line that was cut by a crash is left out.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::data::load::bad_input;

/// A request's name: the SHA-256 of its content, in hexadecimal digits.
pub(super) fn key_of(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptAnswer {
    /// Name of the request.
    pub(super) key: String,
    /// The rationale.
    pub(super) text: String,
    /// Whether it was cut.
    #[serde(default)]
    pub(super) cut: bool,
    /// Tokens read.
    pub(super) read_tokens: u64,
    /// Tokens written.
    pub(super) written_tokens: u64,
}

/// Answers that are known, and the open file.
#[derive(Debug)]
pub(super) struct AnswerFile {
    path: PathBuf,
    file: File,
    known: HashMap<String, KeptAnswer>,
}

impl AnswerFile {
    /// Reads what is there, and opens the file for more.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for a file that holds something else or cannot be written.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let at = |error: std::io::Error| bad_input(format!("{}: {error}", path.display()));
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(at)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(at)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(at)?;
        let mut known = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            match serde_json::from_str::<KeptAnswer>(line) {
                Ok(answer) => {
                    known.insert(answer.key.clone(), answer);
                }
                // The last line alone can be half-written.
                Err(_) if number + 1 == text.lines().count() && !text.ends_with('\n') => {}
                Err(error) => {
                    return Err(bad_input(format!(
                        "{}, line {}: found no answer of an earlier run ({error}); expected the file that --answers names, \
                         or none",
                        path.display(),
                        number + 1
                    )));
                }
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            // The next answer begins on a line of its own.
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            file.set_len(whole as u64).map_err(at)?;
            file.seek(SeekFrom::End(0)).map_err(at)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            known,
        })
    }

    /// The answer to a request, if there is one.
    pub(super) fn get(&self, key: &str) -> Option<&KeptAnswer> {
        self.known.get(key)
    }

    /// Keeps an answer: when this returns, a crash of the program does not lose it.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn keep(&mut self, answer: KeptAnswer) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(&answer)?;
        line.push('\n');
        self.file
            .write_all(line.as_bytes())
            .with_context(|| format!("writing {}", self.path.display()))?;
        self.known.insert(answer.key.clone(), answer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(key: &str) -> KeptAnswer {
        KeptAnswer {
            key: key.to_owned(),
            text: "because".to_owned(),
            cut: false,
            read_tokens: 3,
            written_tokens: 1,
        }
    }

    #[test]
    fn answers_outlive_a_crash_in_the_middle_of_a_line() {
        let path = std::env::temp_dir().join(format!("rllr-answers-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        let mut file = AnswerFile::open(&path).unwrap();
        file.keep(answer("a")).unwrap();
        file.keep(answer("b")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 5]).unwrap();
        let mut file = AnswerFile::open(&path).unwrap();
        assert_eq!(file.get("a"), Some(&answer("a")));
        assert_eq!(file.get("b"), None, "its line was cut");
        file.keep(answer("c")).unwrap();
        let file = AnswerFile::open(&path).unwrap();
        assert_eq!(file.get("c"), Some(&answer("c")), "on a line of its own");
        fs::write(&path, "a shopping list\nmilk\n").unwrap();
        let message = AnswerFile::open(&path).unwrap_err().to_string();
        assert!(message.contains("line 1"), "{message}");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn keys_are_hashes_of_the_content() {
        // `printf abc | sha256sum`
        assert!(key_of(b"abc").starts_with("ba7816bf8f01cfea414140de5dae2223"));
    }
}
