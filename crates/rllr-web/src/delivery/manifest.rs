//! What a model consists of on its host: `models/index.json` lists the models, `models/NAME/manifest.json` the pieces.

use std::fmt::Display;

use serde::Deserialize;

/// The version of both forms that this program reads.
pub const VERSION: u32 = 1;

/// The most that a piece may have, bytes: what a page can hold beside everything else. Ours have 10 MB at most.
const MOST_PIECE_BYTES: u64 = 64 << 20;

/// The models of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// [`VERSION`].
    pub version: u32,
    /// The models, in the order in which they are offered.
    pub models: Vec<CatalogEntry>,
}

/// One model of a host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogEntry {
    /// Its folder below `models/`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it is, in a sentence or two; may be empty.
    pub description: String,
    /// The tasks that it has learnt; may be empty.
    pub tasks: Vec<String>,
    /// What has to be fetched, bytes.
    pub bytes: u64,
}

/// The files of one model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The model's folder.
    pub name: String,
    /// Its files.
    pub files: Vec<DeliveredFile>,
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveredFile {
    /// Its name in the model's directory.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the whole, hexadecimal.
    pub sha256: String,
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Name of the file on the host, beside the manifest.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not the JSON that was expected.
    #[error("{what} is not readable: {message}")]
    Json {
        /// Which list.
        what: &'static str,
        /// What the reader says.
        message: String,
    },
    /// A field with a value that cannot be.
    #[error("{field}: found {found}, expected {expected}")]
    Value {
        /// The field.
        field: String,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
}

impl Catalog {
    /// Reads `models/index.json`.
    ///
    /// # Errors
    /// [`ManifestError`], naming the field.
    pub fn from_json(text: &str) -> Result<Self, ManifestError> {
        let catalog: Self = read(text, "models/index.json")?;
        check_version(catalog.version)?;
        for model in &catalog.models {
            check_name("name", &model.name)?;
        }
        Ok(catalog)
    }
}

impl Manifest {
    /// Reads a manifest and checks that its numbers fit together.
    ///
    /// # Errors
    /// [`ManifestError`], naming the field.
    pub fn from_json(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = read(text, "manifest.json")?;
        check_version(manifest.version)?;
        for file in &manifest.files {
            check_name("files.name", &file.name)?;
            check_hash(&file.name, &file.sha256)?;
            for piece in &file.pieces {
                check_name("pieces.file", &piece.file)?;
                check_hash(&piece.file, &piece.sha256)?;
                if piece.bytes == 0 || piece.bytes > MOST_PIECE_BYTES {
                    let expected = format!("1 to {MOST_PIECE_BYTES} bytes");
                    return Err(value(&piece.file, &piece.bytes, &expected));
                }
            }
            let sum = file
                .pieces
                .iter()
                .try_fold(0u64, |sum, piece| sum.checked_add(piece.bytes));
            if sum != Some(file.bytes) {
                let found = sum.map_or_else(|| "too many".to_owned(), |sum| sum.to_string());
                let expected = format!("{} bytes in its pieces", file.bytes);
                return Err(value(&file.name, &found, &expected));
            }
        }
        Ok(manifest)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, ManifestError> {
    serde_json::from_str(text).map_err(|error| ManifestError::Json {
        what,
        message: error.to_string(),
    })
}

fn value(field: &str, found: &dyn Display, expected: &dyn Display) -> ManifestError {
    ManifestError::Value {
        field: field.to_owned(),
        found: found.to_string(),
        expected: expected.to_string(),
    }
}

fn check_version(version: u32) -> Result<(), ManifestError> {
    if version == VERSION {
        Ok(())
    } else {
        Err(value("version", &version, &VERSION))
    }
}

/// A name becomes part of an address: nothing that could lead out of its folder.
fn check_name(field: &str, name: &str) -> Result<(), ManifestError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) {
        Ok(())
    } else {
        let found: String = name.chars().take(60).collect();
        Err(value(
            field,
            &format!("{found:?}"),
            &"letters, digits, dots, dashes and underscores",
        ))
    }
}

fn check_hash(file: &str, hash: &str) -> Result<(), ManifestError> {
    let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if hash.len() == 64 && hash.chars().all(hexadecimal) {
        Ok(())
    } else {
        let found: String = hash.chars().take(70).collect();
        Err(value(
            file,
            &format!("the hash {found:?}"),
            &"64 hexadecimal digits in small letters",
        ))
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn text(piece_bytes: u64, file: &str, hash: &str) -> String {
        format!(
            r#"{{"version":1,"name":"small","files":[{{"name":"config.json","bytes":7,"sha256":"{hash}",
            "pieces":[{{"file":"{file}","bytes":{piece_bytes},"sha256":"{hash}"}}]}}]}}"#
        )
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_manifest_is_read() {
        let hash = "0".repeat(64);
        let manifest = Manifest::from_json(&text(7, "a1.bin", &hash)).expect("it is one");
        assert_eq!((manifest.bytes(), manifest.files[0].pieces.len()), (7, 1));
        let catalog =
            r#"{"version":1,"models":[{"name":"a","title":"A","description":"","tasks":["t"],"bytes":9}]}"#;
        assert_eq!(Catalog::from_json(catalog).expect("it is one").models[0].bytes, 9);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_cannot_be_is_refused_with_the_field() {
        let hash = "0".repeat(64);
        let refused = |text: &str, part: &str| {
            let message = Manifest::from_json(text).expect_err(text).to_string();
            assert!(message.contains(part), "{message} without {part}");
        };
        refused("", "manifest.json is not readable");
        refused(
            &text(7, "a", &hash).replacen('1', "2", 1),
            "version: found 2, expected 1",
        );
        refused(&text(6, "a", &hash), "config.json: found 6, expected 7 bytes");
        refused(&text(0, "a", &hash), "found 0");
        refused(&text(7, "../a", &hash), "../a");
        refused(&text(7, ".hidden", &hash), "hidden");
        refused(&text(7, "a/b", &hash), "letters, digits");
        refused(&text(7, "a", "12"), "64 hexadecimal digits");
        refused(&text(7, "a", &"A".repeat(64)), "64 hexadecimal digits");
        refused(
            &text(7, "a", &hash).replace("\"bytes\":7,\"sha256\"", "\"bytes\":7,\"x\":1,\"sha256\""),
            "x",
        );
        assert!(
            Catalog::from_json(
                r#"{"version":1,"models":[{"name":"..","title":"","description":"","tasks":[],"bytes":1}]}"#
            )
            .is_err()
        );
    }
}
