//! Models and data of the Hugging Face hub: `--model org/name` and `--data hub:org/name`.
//!
//! What is downloaded lies in the cache that Python's `huggingface_hub` has too, and is used from there without a
//! network. The environment says what it says there:
//!
//! | variable | meaning |
//! |---|---|
//! | `HF_ENDPOINT` | another server than `https://huggingface.co` |
//! | `HF_TOKEN`, or the file `HF_TOKEN_PATH`, or `HF_HOME/token` | for private and gated repositories |
//! | `HF_HUB_CACHE`, or `HF_HOME/hub` | the cache; default `~/.cache/huggingface/hub` |
//! | `HF_HUB_OFFLINE` | 1: only the cache |

mod name;
mod verify;

#[cfg(test)]
mod tests;

use std::env;
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use rllr_model::TokenizerFiles;

use crate::data::load::bad_input;
use crate::page_run::PageRunFile;
use name::HubName;

/// What `--data` has before a name of the hub.
const DATA_PREFIX: &str = "hub:";

/// Attempts for a download, each from where the last one stopped.
const RETRIES: usize = 4;

/// A server with models and data, and the cache of what came from it.
#[derive(Clone)]
pub struct Hub {
    endpoint: String,
    token: Option<String>,
    cache: PathBuf,
    access: Access,
}

/// Whether the server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The server is asked what is newest; without a connection the cache is used.
    Online,
    /// Only the cache is used.
    Offline,
}

impl std::fmt::Debug for Hub {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// The local directory of a model: a directory as it is; one unpacked from a file of the page, `FILE.tar` or
/// `FILE.tar#STAGE` (see [`page_run`](crate::page_run)); else a name of the hub, `org/name` or `org/name@revision`.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) when neither exists, and otherwise when it cannot be downloaded.
pub fn model_directory(given: &Path) -> anyhow::Result<PathBuf> {
    let text = given.to_string_lossy();
    if let Some(file) = PageRunFile::parse(&text) {
        return file.unpack();
    }
    match HubName::parse(&text) {
        // A directory has precedence, as in transformers.
        Some(name) if !given.exists() => Hub::from_env()?.model(&name),
        _ => Ok(given.to_owned()),
    }
}

/// The local file or directory of data: a path as it is, `hub:org/name` from the hub.
///
/// # Errors
///
/// As [`model_directory`].
pub fn data_path(given: &Path) -> anyhow::Result<PathBuf> {
    let text = given.to_string_lossy();
    let Some(rest) = text.strip_prefix(DATA_PREFIX) else {
        return Ok(given.to_owned());
    };
    let name = HubName::parse(rest).ok_or_else(|| {
        bad_input(format!(
            "--data: found {text:?}, expected hub:org/name or hub:org/name@revision"
        ))
    })?;
    Hub::from_env()?.data(&name)
}

impl Hub {
    /// As the environment says.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) when there is no home directory and no other place for the cache.
    pub fn from_env() -> anyhow::Result<Self> {
        let var = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let home = match (var("HF_HOME"), var("XDG_CACHE_HOME"), env::home_dir()) {
            (Some(home), ..) => PathBuf::from(home),
            (None, Some(cache), _) => PathBuf::from(cache).join("huggingface"),
            (None, None, Some(home)) => home.join(".cache/huggingface"),
            (None, None, None) => {
                return Err(bad_input(
                    "found no home directory, expected HF_HOME to name one".to_owned(),
                ));
            }
        };
        let token_file = var("HF_TOKEN_PATH").map_or_else(|| home.join("token"), PathBuf::from);
        let token = var("HF_TOKEN").or_else(|| fs::read_to_string(token_file).ok());
        let offline = var("HF_HUB_OFFLINE")
            .is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str()));
        Ok(Self {
            endpoint: var("HF_ENDPOINT")
                .unwrap_or_else(|| "https://huggingface.co".to_owned())
                .trim_end_matches('/')
                .to_owned(),
            token: token
                .map(|token| token.trim().to_owned())
                .filter(|token| !token.is_empty()),
            cache: var("HF_HUB_CACHE").map_or_else(|| home.join("hub"), PathBuf::from),
            access: if offline { Access::Offline } else { Access::Online },
        })
    }

    /// The directory of a model: configuration, tokenizer and weights, and nothing else that may lie beside them.
    fn model(&self, name: &HubName) -> anyhow::Result<PathBuf> {
        self.fetch(name, RepoType::Model, |files| {
            let has = |file: &str| files.iter().any(|known| known == file);
            if !has("config.json") {
                return Err("found no config.json, expected a model in Hugging Face's layout".to_owned());
            }
            let is_shard = |file: &str| file.ends_with(".safetensors") && !file.contains('/');
            if !files.iter().any(|file| is_shard(file)) {
                return Err(
                    "found no weights in safetensors, expected model.safetensors or shards".to_owned(),
                );
            }
            let one_file = has("model.safetensors");
            let wanted = |file: &String| {
                file == "config.json"
                    || file == "generation_config.json"
                    || TokenizerFiles::NAMES.contains(&file.as_str())
                    || if one_file {
                        file == "model.safetensors"
                    } else {
                        file == "model.safetensors.index.json"
                            || (is_shard(file) && file.starts_with("model-"))
                    }
            };
            Ok(files.iter().filter(|file| wanted(file)).cloned().collect())
        })
    }

    /// The directory of the JSON lines of a data set.
    fn data(&self, name: &HubName) -> anyhow::Result<PathBuf> {
        self.fetch(name, RepoType::Dataset, |files| {
            let is_data = |file: &&String| file.ends_with(".jsonl") || file.ends_with(".jsonl.gz");
            let wanted: Vec<String> = files.iter().filter(is_data).cloned().collect();
            if wanted.is_empty() {
                return Err(
                    "found no JSON lines, expected files that end with .jsonl or .jsonl.gz".to_owned(),
                );
            }
            Ok(wanted)
        })
    }

    /// Downloads what `choose` wants of a repository's files, all of one commit.
    fn fetch(
        &self,
        name: &HubName,
        kind: RepoType,
        choose: impl FnOnce(&[String]) -> Result<Vec<String>, String>,
    ) -> anyhow::Result<PathBuf> {
        if self.access == Access::Offline {
            return self.cached(name, kind, "HF_HUB_OFFLINE is set");
        }
        let api = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_retries(RETRIES)
            .with_progress(std::io::stderr().is_terminal())
            .with_user_agent("rllr", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|error| self.failed(name, &error))?;

        // 1. What there is, and in which commit.
        let newest = Repo::with_revision(name.repo.clone(), kind, name.revision.clone());
        let info = match api.repo(newest.clone()).info() {
            Ok(info) => info,
            Err(error) if is_unreachable(&error) => {
                return self.cached(
                    name,
                    kind,
                    &format!("{} cannot be reached ({error})", self.endpoint),
                );
            }
            Err(error) => return Err(self.failed(name, &error)),
        };
        if !name::is_commit(&info.sha) {
            return Err(bad_input(format!(
                "{name}: the server names the commit {:?}, which is none",
                info.sha
            )));
        }
        let files: Vec<String> = info.siblings.into_iter().map(|file| file.rfilename).collect();
        let files: Vec<String> = files.into_iter().filter(|file| name::is_inside(file)).collect();
        let wanted = choose(&files).map_err(|reason| bad_input(format!("{name}: {reason}")))?;

        // 2. Files of that commit, each checked.
        let pinned = Repo::with_revision(name.repo.clone(), kind, info.sha.clone());
        let repo = api.repo(pinned.clone());
        let cache = Cache::new(self.cache.clone());
        let in_cache = cache.repo(pinned);
        for file in &wanted {
            if in_cache.get(file).is_none() {
                self.download(name, &api, &repo, file)?;
            }
        }

        // 3. Only now is the revision known to be whole, for the next time without a network.
        let snapshot = in_cache.pointer_path(&info.sha);
        cache
            .repo(newest)
            .create_ref(&info.sha)
            .map_err(|error| anyhow::anyhow!("{}: {error}", self.cache.display()))?;
        Ok(snapshot)
    }

    /// Downloads one file and checks it by its hash; a damaged one is downloaded once more, from its start.
    fn download(&self, name: &HubName, api: &Api, repo: &ApiRepo, file: &str) -> anyhow::Result<()> {
        let failed = |error: ApiError| self.failed(name, &error).context(file.to_owned());
        let etag = api.metadata(&repo.url(file)).map_err(failed)?.etag().to_owned();
        // The server's hash becomes a file's name.
        if !verify::is_hash(&etag) {
            return Err(bad_input(format!(
                "{name}: {file} has the hash {etag:?}, which is none"
            )));
        }
        let mut damage = None;
        for _ in 0..2 {
            let path = match repo.download(file) {
                Ok(path) => path,
                // What is left of an earlier download is longer than the file: it belongs to something else.
                Err(error @ (ApiError::InvalidResume | ApiError::RequestError(_))) if damage.is_none() => {
                    self.forget_part(name, repo, &etag);
                    damage = Some(error.to_string());
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            let blob = fs::canonicalize(&path)?;
            match verify::check(&blob, &etag)? {
                Ok(()) => return Ok(()),
                Err(found) => {
                    fs::remove_file(&path)?;
                    fs::remove_file(&blob)?;
                    damage = Some(format!("its hash is {found}, expected {etag}"));
                }
            }
        }
        let damage = damage.unwrap_or_default();
        anyhow::bail!("{name}: {file} was damaged on its way: {damage}")
    }

    /// Removes the beginning of a download.
    fn forget_part(&self, name: &HubName, _repo: &ApiRepo, etag: &str) {
        for kind in [RepoType::Model, RepoType::Dataset] {
            let repo = Cache::new(self.cache.clone()).repo(Repo::new(name.repo.clone(), kind));
            let part = repo.blob_path(etag).with_extension("sync.part");
            // Where there is none, there is nothing to forget.
            let _ = fs::remove_file(part);
        }
    }

    /// What was downloaded before.
    fn cached(&self, name: &HubName, kind: RepoType, why: &str) -> anyhow::Result<PathBuf> {
        let repo = Repo::with_revision(name.repo.clone(), kind, name.revision.clone());
        let folder = self.cache.join(repo.folder_name());
        let commit = if name::is_commit(&name.revision) {
            Some(name.revision.clone())
        } else {
            fs::read_to_string(folder.join("refs").join(&name.revision)).ok()
        };
        let snapshot = commit.map(|commit| folder.join("snapshots").join(commit.trim()));
        snapshot.filter(|path| path.is_dir()).ok_or_else(|| {
            bad_input(format!(
                "{name}: found neither a directory of this name nor a copy in {}, and {why}",
                self.cache.display()
            ))
        })
    }

    /// What a failure means for whoever asked.
    fn failed(&self, name: &HubName, error: &ApiError) -> anyhow::Error {
        let status = match error {
            ApiError::RequestError(error) => match **error {
                ureq::Error::StatusCode(status) => Some(status),
                _ => None,
            },
            _ => None,
        };
        let token = if self.token.is_some() {
            "the token in HF_TOKEN may not read it"
        } else {
            "set HF_TOKEN if it is private or gated"
        };
        match status {
            Some(401 | 403) => bad_input(format!("{name}: {} refuses it: {token}", self.endpoint)),
            Some(404) => bad_input(format!(
                "{name}: found neither a directory of this name nor a repository on {}; {token}",
                self.endpoint
            )),
            _ => anyhow::anyhow!("{name}: {}: {error}", self.endpoint),
        }
    }
}

/// Whether there is no connection at all, so that the cache is the best there is.
fn is_unreachable(error: &ApiError) -> bool {
    match error {
        ApiError::RequestError(error) => matches!(
            **error,
            ureq::Error::Io(_)
                | ureq::Error::HostNotFound
                | ureq::Error::ConnectionFailed
                | ureq::Error::Timeout(_)
        ),
        _ => false,
    }
}
