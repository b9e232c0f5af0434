use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::VecDeque;

use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

type Answers = VecDeque<Result<Vec<u8>, NetworkError>>;

/// Gives prepared answers, and notes what it was asked.
#[derive(Default)]
struct Prepared {
    answers: RefCell<Answers>,
    asked: RefCell<Vec<Freshness>>,
    waited: RefCell<Vec<u32>>,
}

impl Network for &Prepared {
    async fn fetch(
        &self,
        _: &str,
        freshness: Freshness,
        progress: &mut dyn FnMut(u64) -> GoOn,
    ) -> Result<Vec<u8>, NetworkError> {
        self.asked.borrow_mut().push(freshness);
        if progress(1) == GoOn::No {
            return Err(NetworkError::Stopped);
        }
        let answer = self.answers.borrow_mut().pop_front();
        answer.expect("no more requests than answers")
    }

    async fn wait(&self, milliseconds: u32) {
        self.waited.borrow_mut().push(milliseconds);
    }
}

#[derive(Default)]
struct Shelf {
    kept: RefCell<BTreeMap<String, Vec<u8>>>,
    refuses: Cell<bool>,
}

impl Store for &Shelf {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.kept.borrow().get(key).cloned()
    }

    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), String> {
        if self.refuses.get() {
            return Err("quota exceeded".to_owned());
        }
        self.kept.borrow_mut().insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    async fn remove(&self, key: &str) {
        self.kept.borrow_mut().remove(key);
    }
}

const BYTES: &[u8] = b"abc";
/// SHA-256 of "abc", from FIPS 180-2, appendix B.1.
const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn piece() -> Piece {
    Piece {
        file: "1.bin".to_owned(),
        bytes: 3,
        sha256: HASH.to_owned(),
    }
}

struct Outcome {
    result: Result<(Vec<u8>, Origin), DownloadError>,
    remarks: Vec<Remark>,
}

fn fetch(network: &Prepared, shelf: Option<&Shelf>, answers: Answers) -> Outcome {
    *network.answers.borrow_mut() = answers;
    let mut remarks = Vec::new();
    let mut downloader = Downloader::new(network, shelf);
    let result = pollster::block_on(
        downloader.piece(&piece(), &mut |_| GoOn::Yes, &mut |remark| remarks.push(remark)),
    );
    Outcome { result, remarks }
}

fn good() -> Result<Vec<u8>, NetworkError> {
    Ok(BYTES.to_vec())
}

fn bad() -> Result<Vec<u8>, NetworkError> {
    Ok(b"abd".to_vec())
}

fn broken() -> Result<Vec<u8>, NetworkError> {
    Err(NetworkError::Broken("no route".to_owned()))
}

#[wasm_bindgen_test(unsupported = test)]
fn a_fetched_piece_is_kept_and_found_again() {
    let (network, shelf) = (Prepared::default(), Shelf::default());
    let first = fetch(&network, Some(&shelf), [good()].into());
    assert_eq!(first.result, Ok((BYTES.to_vec(), Origin::Fetched)));
    let second = fetch(&network, Some(&shelf), Answers::new());
    assert_eq!(second.result, Ok((BYTES.to_vec(), Origin::Kept)));
    assert!(first.remarks.is_empty() && second.remarks.is_empty());
}

#[wasm_bindgen_test(unsupported = test)]
fn damage_is_noticed_fetched_again_and_in_the_end_told() {
    let (network, shelf) = (Prepared::default(), Shelf::default());
    shelf.kept.borrow_mut().insert(HASH.to_owned(), b"abx".to_vec());
    let healed = fetch(&network, Some(&shelf), [bad(), good()].into());
    assert_eq!(healed.result, Ok((BYTES.to_vec(), Origin::Fetched)));
    assert_eq!(healed.remarks.len(), 2, "the kept one and the first fetched one");
    assert_eq!(*network.asked.borrow(), [Freshness::AnyCopy, Freshness::FromHost]);
    assert_eq!(shelf.kept.borrow()[HASH], BYTES);

    let lost = fetch(&Prepared::default(), None, [bad(), bad(), bad(), bad()].into());
    let message = lost.result.expect_err("never right").to_string();
    for part in ["1.bin", "found 3 bytes", HASH, "4 times"] {
        assert!(message.contains(part), "{message}");
    }
    // As long as it should be, but longer than said.
    let longer = fetch(&Prepared::default(), None, [Ok(b"abcd".to_vec()), good()].into());
    assert!(longer.result.is_ok());
}

#[wasm_bindgen_test(unsupported = test)]
fn a_broken_connection_is_tried_again_with_growing_waits() {
    let network = Prepared::default();
    let healed = fetch(
        &network,
        None,
        [broken(), Err(NetworkError::Status(503)), broken(), good()].into(),
    );
    assert!(healed.result.is_ok());
    assert_eq!(*network.waited.borrow(), [400, 800, 1600]);
    let offline = fetch(
        &Prepared::default(),
        None,
        [broken(), broken(), broken(), broken()].into(),
    );
    assert_eq!(
        offline.result.expect_err("offline").to_string(),
        "1.bin: no route"
    );
    let missing = Prepared::default();
    let answer = fetch(&missing, None, [Err(NetworkError::Status(404))].into());
    assert!(answer.result.expect_err("missing").to_string().contains("404"));
    assert!(
        missing.waited.borrow().is_empty(),
        "what is not there will not come"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_full_store_is_told_once_and_stops_nothing() {
    let (network, shelf) = (Prepared::default(), Shelf::default());
    shelf.refuses.set(true);
    network.answers.borrow_mut().extend([good(), good()]);
    let mut remarks = Vec::new();
    let mut downloader = Downloader::new(&network, Some(&shelf));
    for _ in 0..2 {
        let fetched = pollster::block_on(
            downloader.piece(&piece(), &mut |_| GoOn::Yes, &mut |remark| remarks.push(remark)),
        );
        assert!(fetched.is_ok());
    }
    assert_eq!(remarks, [Remark::NotKept("quota exceeded".to_owned())]);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_stopped_download_ends_at_once_also_between_attempts() {
    let network = Prepared::default();
    let mut downloader = Downloader::new(&network, None::<&Shelf>);
    let stopped = pollster::block_on(downloader.piece(&piece(), &mut |_| GoOn::No, &mut |_| ()));
    assert_eq!(stopped, Err(DownloadError::Stopped));

    network.answers.borrow_mut().push_back(broken());
    let calls = Cell::new(0);
    let mut second = |_| {
        calls.set(calls.get() + 1);
        if calls.get() == 1 { GoOn::Yes } else { GoOn::No }
    };
    let stopped = pollster::block_on(downloader.piece(&piece(), &mut second, &mut |_| ()));
    assert_eq!(stopped, Err(DownloadError::Stopped));
}
