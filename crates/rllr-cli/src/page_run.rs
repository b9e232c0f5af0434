//! A run that the page saved as one file, from which a language model is read: `--model FILE.tar`.
//!
//! The file is a tar archive with the files of a model, without its weights, and the newest checkpoint of each stage
//! (docs/formats.md). `FILE.tar` means the label-sensitive policy if the run got so far, else the fine-tuned model;
//! `FILE.tar#sft`, `#ordinary-ppo` and `#label-ppo` name one.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_model::{CausalLm, CausalLmConfig, Tokenizer, TokenizerFiles, initial_weights};
use rllr_train::{Actor, MemoryStore, read_checkpoint};
use sha2::{Digest as _, Sha256};

use crate::data::load::bad_input;
use crate::model_directory::CONFIG;
use crate::models::write_model;

/// Stages with a language model, the last trained first, and the part of their checkpoints that is the model.
const STAGES: [(&str, &str); 3] = [
    ("label-ppo", "trained.actor"),
    ("ordinary-ppo", "trained.actor"),
    ("sft", "model"),
];

/// What is taken when no stage is named.
const DEFAULT: [&str; 2] = ["label-ppo", "sft"];

/// A file of the page, and which of its models is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRunFile {
    file: PathBuf,
    stage: Option<String>,
}

/// What the archive holds.
#[derive(Default)]
struct Contents {
    /// The files of the model beside its weights.
    model: BTreeMap<String, Vec<u8>>,
    /// Checkpoints by stage.
    stages: BTreeMap<String, MemoryStore>,
}

impl PageRunFile {
    /// Takes `FILE.tar` and `FILE.tar#STAGE`; `None` for anything else, and for a directory of that name.
    #[must_use]
    pub fn parse(given: &str) -> Option<Self> {
        let (file, stage) = match given.rsplit_once('#') {
            Some((file, stage)) if is_archive(file) => (file, Some(stage.to_owned())),
            _ if is_archive(given) => (given, None),
            _ => return None,
        };
        let file = PathBuf::from(file);
        (!file.is_dir()).then_some(Self { file, stage })
    }

    /// Writes the model as a directory in Hugging Face's layout, in the system's folder for temporary files, and returns
    /// its path. The same file is unpacked to the same place.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for a file that is not one of the page, is damaged, or has no such
    /// model; if the disk cannot be written.
    pub fn unpack(&self) -> anyhow::Result<PathBuf> {
        let bytes = fs::read(&self.file).map_err(|error| self.bad(&error))?;
        let contents = Contents::read(&bytes).map_err(|error| self.bad(&error))?;
        let (stage, part) = self.stage_of(&contents)?;
        let (lm, config, tokenizer) = self.model(&contents, stage, part)?;
        let hash: String = Sha256::digest(&bytes)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let target = std::env::temp_dir().join(format!("rllr-page-run-{hash}-{stage}"));
        write_model(&target, &lm, &config, Some(&tokenizer))?;
        Ok(target)
    }

    /// The stage whose model is wanted, and the part of its checkpoints that is the model.
    fn stage_of(&self, contents: &Contents) -> anyhow::Result<(&'static str, &'static str)> {
        let has = |stage: &str| contents.stages.contains_key(stage);
        let found = match &self.stage {
            Some(wanted) => STAGES
                .into_iter()
                .find(|(stage, _)| stage == wanted && has(stage)),
            None => STAGES
                .into_iter()
                .find(|(stage, _)| DEFAULT.contains(stage) && has(stage)),
        };
        let there: Vec<&str> = STAGES
            .iter()
            .map(|(stage, _)| *stage)
            .filter(|stage| has(stage))
            .collect();
        found.ok_or_else(|| {
            let wanted = self.stage.as_deref().unwrap_or("a language model");
            let message = format!("found models of [{}], expected {wanted}", there.join(", "));
            self.bad(&message)
        })
    }

    fn model(
        &self,
        contents: &Contents,
        stage: &str,
        part: &str,
    ) -> anyhow::Result<(CausalLm, CausalLmConfig, Tokenizer)> {
        // 1. What belongs to the weights.
        let find = |name: &str| contents.model.get(name).map(Vec::as_slice);
        let missing = |name: &str| self.bad(&format!("there is no model/{name}"));
        let config = find(CONFIG).ok_or_else(|| missing(CONFIG))?;
        let config = CausalLmConfig::from_hugging_face(&String::from_utf8_lossy(config))
            .map_err(|error| self.bad(&error))?;
        let files = TokenizerFiles::from_directory(find).ok_or_else(|| missing("tokenizer.json"))?;
        let tokenizer = Tokenizer::from_files(&files).map_err(|error| self.bad(&error))?;
        tokenizer
            .check_fits(config.vocab_size)
            .map_err(|error| self.bad(&error))?;

        // 2. A model of that shape, then the checkpoint's weights in place of its own.
        let store = &contents.stages[stage];
        let name = store
            .checkpoints
            .keys()
            .next_back()
            .expect("a stage is there when it has a checkpoint");
        let read = pollster::block_on(read_checkpoint(store, name));
        let (_, mut restored) = read.map_err(|error| self.bad(&error))?;
        let blank = initial_weights(&config, 0.0, &mut ChaCha8Rng::seed_from_u64(0));
        let blank =
            CausalLm::from_weights(&config, &blank, &Device::flex()).map_err(|error| self.bad(&error))?;
        let trained = restored.module(part, Actor::Full(blank));
        match trained.map_err(|error| self.bad(&error))? {
            Actor::Full(lm) => Ok((lm, config, tokenizer)),
            Actor::Adapter(_) => unreachable!("a module keeps its kind"),
        }
    }

    fn bad(&self, error: &dyn std::fmt::Display) -> anyhow::Error {
        bad_input(format!("{}: {error}", self.file.display()))
    }
}

impl Contents {
    /// Reads the archive. Files of other names are left alone.
    fn read(bytes: &[u8]) -> std::io::Result<Self> {
        let mut contents = Self::default();
        for entry in tar::Archive::new(bytes).entries()? {
            let mut entry = entry?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = entry.path()?.to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            match path.trim_start_matches("./").split('/').collect::<Vec<_>>()[..] {
                ["model", file] => drop(contents.model.insert(file.to_owned(), content)),
                ["checkpoints", stage, name, file] => {
                    let store = contents.stages.entry(stage.to_owned()).or_default();
                    let files = store.checkpoints.entry(name.to_owned()).or_default();
                    files.insert(file.to_owned(), content);
                }
                _ => {}
            }
        }
        Ok(contents)
    }
}

fn is_archive(path: &str) -> bool {
    let extension = Path::new(path).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_stage_are_told_from_names_of_the_hub() {
        let parsed = |given: &str| PageRunFile::parse(given);
        let file = |stage: Option<&str>| PageRunFile {
            file: "some/run.tar".into(),
            stage: stage.map(str::to_owned),
        };
        assert_eq!(parsed("some/run.tar"), Some(file(None)));
        assert_eq!(parsed("some/run.tar#sft"), Some(file(Some("sft"))));
        for other in ["org/name", "org/name@tar", "model", "a#b", "run.tar/model"] {
            assert_eq!(parsed(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let path = std::env::temp_dir().join(format!("rllr-page-run-{}.tar", std::process::id()));
        let says = |bytes: &[u8], part: &str| {
            fs::write(&path, bytes).expect("written");
            let file = PageRunFile::parse(&path.to_string_lossy()).expect("a file of the page");
            let error = file.unpack().expect_err("no run").to_string();
            assert!(
                error.starts_with(&*path.to_string_lossy()) && error.contains(part),
                "{error}"
            );
        };
        says(b"not an archive", "read");
        says(&[0; 1024], "found models of []");
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        let name = "checkpoints/sft/step-000000001/manifest.json";
        archive
            .append_data(&mut header, name, &b"{}"[..])
            .expect("appended");
        says(&archive.into_inner().expect("finished"), "model/config.json");
        fs::remove_file(&path).expect("removed");
    }
}
