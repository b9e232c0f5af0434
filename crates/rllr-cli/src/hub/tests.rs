use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::exit::ExitError;
use crate::test_server::{Answered, Asked, TestServer};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A repository with a small file, which git names, and a large one, which is named by its SHA-256 and lies elsewhere.
#[derive(Clone)]
struct Repository {
    files: Vec<(String, Vec<u8>)>,
    /// What the server does wrong.
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The first answer to a download ends in the middle.
    BreaksOnce,
    /// One byte of the weights is another one.
    Damages,
    /// Nobody without the token gets anything.
    WantsToken,
    /// File names lead outside.
    Escapes,
}

fn weights() -> Vec<u8> {
    (0..100_000_u32)
        .map(|number| u8::try_from(number % 251).unwrap())
        .collect()
}

fn repository(fault: Fault) -> Repository {
    let files = [
        ("config.json", b"{\"model_type\":\"llama\"}".to_vec()),
        ("model.safetensors", weights()),
        ("README.md", b"not wanted".to_vec()),
        ("pytorch_model.bin", b"not wanted either".to_vec()),
        ("train.jsonl", b"{\"id\":\"1\"}\n".to_vec()),
    ];
    Repository {
        files: files.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec(),
        fault,
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Repository {
    fn serve(self) -> TestServer {
        TestServer::start(move |asked| self.answer(asked))
    }

    fn answer(&self, asked: &Asked) -> Answered {
        if self.fault == Fault::WantsToken && asked.header("authorization") != Some("Bearer hf_secret") {
            return Answered::new(401, "no");
        }
        for kind in ["models", "datasets"] {
            if asked.path == format!("/api/{kind}/org/toy/revision/main") {
                return Answered::new(200, self.listing()).header("Content-Type", "application/json");
            }
        }
        let path = asked.path.trim_start_matches("/datasets");
        if let Some(name) = path.strip_prefix(&format!("/org/toy/resolve/{COMMIT}/")) {
            return self.file(name, asked);
        }
        match asked.path.strip_prefix("/elsewhere/") {
            Some(name) => self.bytes(name, asked),
            None => Answered::new(404, "no such thing"),
        }
    }

    fn listing(&self) -> String {
        let mut names: Vec<&str> = self.files.iter().map(|file| file.0.as_str()).collect();
        if self.fault == Fault::Escapes {
            names.extend(["../../outside.jsonl", "/etc/inside.jsonl"]);
        }
        let siblings: Vec<String> = names
            .iter()
            .map(|name| format!("{{\"rfilename\":\"{name}\"}}"))
            .collect();
        format!("{{\"sha\":\"{COMMIT}\",\"siblings\":[{}]}}", siblings.join(","))
    }

    fn file(&self, name: &str, asked: &Asked) -> Answered {
        let Some((_, bytes)) = self.files.iter().find(|file| file.0 == name) else {
            return Answered::new(404, "no such file");
        };
        if name.ends_with(".safetensors") {
            return Answered::new(302, "")
                .header(
                    "Location",
                    format!("http://{}/elsewhere/{name}", asked.header("host").unwrap()),
                )
                .header("x-repo-commit", COMMIT)
                .header("x-linked-etag", format!("\"{}\"", hex(&Sha256::digest(bytes))));
        }
        let git = Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes);
        self.bytes(name, asked)
            .header("x-repo-commit", COMMIT)
            .header("ETag", format!("\"{}\"", hex(&git.finalize())))
    }

    fn bytes(&self, name: &str, asked: &Asked) -> Answered {
        let Some((_, bytes)) = self.files.iter().find(|file| file.0 == name) else {
            return Answered::new(404, "no such file");
        };
        let mut bytes = bytes.clone();
        let size = bytes.len();
        if self.fault == Fault::Damages {
            bytes[7] ^= 1;
        }
        let range = asked.header("range").unwrap().strip_prefix("bytes=").unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let from: usize = from.parse().unwrap();
        let to = to.parse().unwrap_or(size - 1);
        if from >= size {
            return Answered::new(416, "");
        }
        let mut answered = Answered::new(206, bytes[from..=to].to_vec())
            .header("Content-Range", format!("bytes {from}-{to}/{size}"));
        if self.fault == Fault::BreaksOnce && from == 0 && to > 0 {
            answered.break_after = Some(size / 3);
        }
        answered
    }
}

/// A hub with an empty cache, which is removed in the end.
struct Place {
    hub: Hub,
}

impl Place {
    fn new(name: &str, endpoint: &str) -> Self {
        let cache = env::temp_dir().join(format!("rllr-hub-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&cache);
        Self {
            hub: Hub {
                endpoint: endpoint.to_owned(),
                token: None,
                cache,
                access: Access::Online,
            },
        }
    }

    fn model(&self) -> anyhow::Result<PathBuf> {
        self.hub.model(&HubName::parse("org/toy").unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.hub.cache);
    }
}

fn downloads(server: &TestServer) -> usize {
    server
        .asked()
        .iter()
        .filter(|asked| asked.header("range").is_some_and(|range| range.ends_with('-')))
        .count()
}

#[test]
fn a_model_is_downloaded_once_and_then_used_without_a_network() {
    let server = repository(Fault::None).serve();
    let mut place = Place::new("once", server.address());
    let directory = place.model().unwrap();
    assert_eq!(fs::read(directory.join("model.safetensors")).unwrap(), weights());
    assert!(directory.join("config.json").exists());
    for unwanted in ["README.md", "pytorch_model.bin", "train.jsonl"] {
        assert!(
            !directory.join(unwanted).exists(),
            "{unwanted} is no part of a model"
        );
    }
    assert_eq!(
        downloads(&server),
        3,
        "two files, of which one is asked for at two places"
    );
    assert_eq!(place.model().unwrap(), directory);
    assert_eq!(downloads(&server), 3, "nothing is downloaded again");
    place.hub.access = Access::Offline;
    assert_eq!(place.model().unwrap(), directory, "offline on purpose");
    drop(server);
    place.hub.access = Access::Online;
    assert_eq!(place.model().unwrap(), directory, "the server is gone");
}

#[test]
fn data_is_its_json_lines() {
    let server = repository(Fault::Escapes).serve();
    let place = Place::new("data", server.address());
    let directory = place.hub.data(&HubName::parse("org/toy").unwrap()).unwrap();
    let names: Vec<String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["train.jsonl"], "and nothing that lies outside");
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let server = repository(Fault::BreaksOnce).serve();
    let place = Place::new("breaks", server.address());
    let directory = place.model().unwrap();
    assert_eq!(fs::read(directory.join("model.safetensors")).unwrap(), weights());
    let ranges: Vec<String> = server
        .asked()
        .iter()
        .filter(|asked| asked.path.starts_with("/elsewhere"))
        .filter_map(|asked| asked.header("range").map(str::to_owned))
        .collect();
    assert!(
        ranges.contains(&format!("bytes={}-", weights().len() / 3)),
        "{ranges:?}"
    );
}

#[test]
fn damaged_files_are_refused_and_not_kept() {
    let server = repository(Fault::Damages).serve();
    let place = Place::new("damage", server.address());
    let error = format!("{:#}", place.model().unwrap_err());
    assert!(error.contains("config.json was damaged"), "{error}");
    let mut offline = place.hub.clone();
    offline.access = Access::Offline;
    assert!(
        offline.model(&HubName::parse("org/toy").unwrap()).is_err(),
        "it is in no cache"
    );
}

#[test]
fn tokens_open_private_repositories_and_are_not_shown() {
    let server = repository(Fault::WantsToken).serve();
    let mut place = Place::new("token", server.address());
    let error = place.model().unwrap_err();
    assert!(error.to_string().contains("set HF_TOKEN"), "{error:#}");
    place.hub.token = Some("hf_secret".to_owned());
    place.model().unwrap();
    assert!(!format!("{:?}", place.hub).contains("hf_secret"));
}

#[test]
fn what_does_not_exist_is_named() {
    let server = repository(Fault::None).serve();
    let place = Place::new("none", server.address());
    let error = place
        .hub
        .model(&HubName::parse("org/other").unwrap())
        .unwrap_err();
    assert!(
        matches!(error.downcast_ref(), Some(ExitError::BadInput(_))),
        "{error:#}"
    );
    assert!(
        error.to_string().contains("found neither a directory"),
        "{error:#}"
    );
    let error = place
        .hub
        .model(&HubName::parse("org/toy@v2").unwrap())
        .unwrap_err();
    assert!(error.to_string().starts_with("org/toy@v2"), "{error:#}");
    assert_eq!(
        model_directory(Path::new("/no/such/place")).unwrap(),
        Path::new("/no/such/place")
    );
    assert_eq!(
        data_path(Path::new("a/b")).unwrap(),
        Path::new("a/b"),
        "data needs the prefix"
    );
    assert!(data_path(Path::new("hub:toy")).is_err());
}
