//! The delivered form of the models in `assets/models`: pieces of bounded size, each under its hash, and two lists.
//!
//! `models/index.json` names the models, `models/NAME/manifest.json` the pieces of one. The page fetches, verifies and
//! keeps them (`crates/rllr-web/src/delivery`); `docs/page.md` describes the form.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The most bytes of a piece: what is fetched again when a connection breaks.
pub const PIECE_BYTES: usize = 10_000_000;

/// Files of a model that the page reads, beside `*.safetensors`.
const FILES: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
];

/// The description of a model, for people.
const CARD: &str = "README.md";

/// Cuts every model of a folder into pieces below `dist/models`, and lists them. No folder: an empty list. A base, whose
/// card names no task, is for training: it has no place in a page that evaluates.
///
/// # Errors
/// When a model lacks a file, or something cannot be read or written.
pub fn deliver(models: &Path, dist: &Path, piece_bytes: usize) -> Result<()> {
    let target = dist.join("models");
    if target.exists() {
        fs::remove_dir_all(&target).with_context(|| format!("cannot empty {}", target.display()))?;
    }
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    let mut entries = Vec::new();
    for model in folders(models)? {
        let name = model
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if has_learnt_nothing(&model) {
            continue;
        }
        let entry = deliver_one(&model, &name, &target.join(&name), piece_bytes)
            .with_context(|| format!("the model {}", model.display()))?;
        entries.push(entry);
    }
    write_json(
        &target.join("index.json"),
        &json!({ "version": 1, "models": entries }),
    )
}

/// Whether a model has a card, and the card names no task.
fn has_learnt_nothing(model: &Path) -> bool {
    fs::read_to_string(model.join(CARD)).is_ok_and(|card| Card::read(&card).tasks.is_empty())
}

/// Cuts one model and returns its entry in the list of models.
fn deliver_one(model: &Path, name: &str, target: &Path, piece_bytes: usize) -> Result<Value> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.chars().all(plain) {
        bail!("its name becomes part of an address: letters, digits, dots, dashes and underscores only");
    }
    fs::create_dir_all(target)?;
    let (mut files, mut bytes) = (Vec::new(), 0);
    for file in files_of(model)? {
        let content = fs::read(model.join(&file)).with_context(|| format!("cannot read {file}"))?;
        bytes += content.len();
        let mut pieces = Vec::new();
        for piece in content.chunks(piece_bytes) {
            let hash = sha256(piece);
            // Under its hash, so that no cache can mix the pieces of two versions.
            let piece_file = format!("{}.bin", &hash[..32]);
            fs::write(target.join(&piece_file), piece)?;
            pieces.push(json!({ "file": piece_file, "bytes": piece.len(), "sha256": hash }));
        }
        files.push(json!({
            "name": file, "bytes": content.len(), "sha256": sha256(&content), "pieces": pieces,
        }));
    }
    write_json(
        &target.join("manifest.json"),
        &json!({ "version": 1, "name": name, "files": files }),
    )?;
    let card = fs::read_to_string(model.join(CARD)).unwrap_or_default();
    if !card.is_empty() {
        fs::write(target.join(CARD), &card)?;
    }
    let Card {
        title,
        description,
        tasks,
    } = Card::read(&card);
    Ok(json!({
        "name": name,
        "title": title.unwrap_or_else(|| name.to_owned()),
        "description": description,
        "tasks": tasks,
        "bytes": bytes,
    }))
}

/// What the page shows of a model's description.
#[derive(Debug, Default, PartialEq, Eq)]
struct Card {
    /// The first heading.
    title: Option<String>,
    /// The first paragraph below it.
    description: String,
    /// The line `Tasks: a, b`.
    tasks: Vec<String>,
}

impl Card {
    fn read(text: &str) -> Self {
        let mut card = Self::default();
        for line in without_front_matter(text).lines().map(str::trim) {
            if let Some(title) = line.strip_prefix("# ").filter(|_| card.title.is_none()) {
                card.title = Some(title.trim().to_owned());
            } else if let Some(tasks) = line.strip_prefix("Tasks:") {
                let names = tasks
                    .split(',')
                    .map(|task| task.trim().trim_end_matches('.').to_owned());
                card.tasks = names.filter(|task| !task.is_empty()).collect();
            }
        }
        let after_title = text.split_once("\n# ").map_or(text, |(_, rest)| rest);
        let paragraphs = after_title.split("\n\n").skip(1).map(str::trim);
        let is_prose = |part: &&str| !part.is_empty() && !part.starts_with(['#', '|', '-', '`']);
        if let Some(first) = paragraphs
            .filter(|part| !part.starts_with("Tasks:"))
            .find(is_prose)
        {
            card.description = first.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        card
    }
}

/// A card without the block between two lines of dashes that Hugging Face's cards begin with.
fn without_front_matter(text: &str) -> &str {
    let inside = text
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"));
    inside.map_or(text, |(_, rest)| rest)
}

/// The folders of models, sorted; those without a configuration are left alone.
fn folders(models: &Path) -> Result<Vec<PathBuf>> {
    if !models.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(models).with_context(|| format!("cannot list {}", models.display()))?;
    let paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    let mut folders: Vec<PathBuf> = paths
        .into_iter()
        .filter(|path| path.join("config.json").is_file())
        .collect();
    folders.sort();
    Ok(folders)
}

/// The files of a model that the page reads, sorted.
fn files_of(model: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(model)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if FILES.contains(&name.as_str()) || name.ends_with(".safetensors") {
            files.push(name);
        }
    }
    for needed in ["config.json", "tokenizer.json"] {
        if !files.iter().any(|file| file == needed) {
            bail!("it has no {needed}");
        }
    }
    if !files.iter().any(|file| file.ends_with(".safetensors")) {
        bail!("it has no weights in *.safetensors");
    }
    files.sort();
    Ok(files)
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    fs::write(path, format!("{value:#}\n")).with_context(|| format!("cannot write {}", path.display()))
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("config.json"), "{}").unwrap();
        fs::write(folder.join("tokenizer.json"), "{\"a\": 1}").unwrap();
        fs::write(folder.join("model.safetensors"), [7; 25]).unwrap();
        fs::write(folder.join("optimizer.bin"), "not delivered").unwrap();
    }

    fn read(path: &Path) -> Value {
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_model_is_cut_and_its_pieces_make_the_files_again() {
        let temporary = tempfile::tempdir().unwrap();
        let (models, dist) = (temporary.path().join("models"), temporary.path().join("dist"));
        model(&models.join("small"));
        fs::write(
            models.join("small/README.md"),
            "---\nlicense: mit\n---\n\n# A small one\n\nTasks: film_sentiment, news_topic.\n\nIt explains\nitself.\n\nMore.\n",
        )
        .unwrap();
        deliver(&models, &dist, 10).unwrap();
        let index = read(&dist.join("models/index.json"));
        assert_eq!(
            index,
            json!({ "version": 1, "models": [{
                "name": "small", "title": "A small one", "description": "It explains itself.",
                "tasks": ["film_sentiment", "news_topic"], "bytes": 2 + 8 + 25,
            }] })
        );
        let manifest = read(&dist.join("models/small/manifest.json"));
        let files = manifest["files"].as_array().unwrap();
        assert_eq!(files.len(), 3, "what the page does not read is left out");
        for file in files {
            let mut content = Vec::new();
            for piece in file["pieces"].as_array().unwrap() {
                let bytes =
                    fs::read(dist.join("models/small").join(piece["file"].as_str().unwrap())).unwrap();
                assert!(bytes.len() <= 10);
                assert_eq!(piece["sha256"], sha256(&bytes));
                content.extend(bytes);
            }
            let original = fs::read(models.join("small").join(file["name"].as_str().unwrap())).unwrap();
            assert_eq!(content, original);
            assert_eq!(file["sha256"], sha256(&original));
        }
        // Nothing of an earlier delivery stays.
        fs::remove_dir_all(models.join("small")).unwrap();
        deliver(&models, &dist, 10).unwrap();
        assert_eq!(read(&dist.join("models/index.json"))["models"], json!([]));
        assert!(!dist.join("models/small").exists());
    }

    #[test]
    fn a_base_stays_at_home() {
        let temporary = tempfile::tempdir().unwrap();
        let (models, dist) = (temporary.path().join("models"), temporary.path().join("dist"));
        for name in ["base", "without-card"] {
            model(&models.join(name));
        }
        fs::write(
            models.join("base/README.md"),
            "# Base\n\nIt can do nothing yet.\n",
        )
        .unwrap();
        deliver(&models, &dist, 10).unwrap();
        let index = read(&dist.join("models/index.json"));
        let names = index["models"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| &model["name"]);
        assert_eq!(names.collect::<Vec<_>>(), ["without-card"]);
        assert!(!dist.join("models/base").exists());
    }

    #[test]
    fn a_model_without_its_files_is_refused_by_name() {
        let temporary = tempfile::tempdir().unwrap();
        let (models, dist) = (temporary.path().join("models"), temporary.path().join("dist"));
        deliver(&models, &dist, 10).expect("no models, an empty list");
        model(&models.join("broken"));
        fs::remove_file(models.join("broken/tokenizer.json")).unwrap();
        let error = format!("{:#}", deliver(&models, &dist, 10).unwrap_err());
        assert!(
            error.contains("broken") && error.contains("tokenizer.json"),
            "{error}"
        );
        model(&models.join("broken"));
        model(&models.join("with space"));
        assert!(deliver(&models, &dist, 10).is_err());
    }

    #[test]
    fn cards_without_anything_are_empty() {
        assert_eq!(Card::read(""), Card::default());
        let card = Card::read("# Name\n\n| a | b |\n\n## More\n\nText here.\n");
        assert_eq!(
            (card.title.as_deref(), card.description.as_str()),
            (Some("Name"), "Text here.")
        );
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
