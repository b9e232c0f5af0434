//! Fetching a piece: from the store if it is there, else from the network, verified, and again if it is damaged.

use sha2::{Digest as _, Sha256};

use super::manifest::Piece;

/// How often a piece is asked for before it is given up.
pub const ATTEMPTS: u32 = 4;

/// Wait before the second attempt; twice as long before each further one.
const FIRST_WAIT_MILLISECONDS: u32 = 400;

/// The network, and time.
pub trait Network {
    /// Fetches a file beside the manifest. `progress` is told how many bytes are here, and answers whether to go on.
    /// `freshness` says whether a copy of the browser will do.
    fn fetch(
        &self,
        file: &str,
        freshness: Freshness,
        progress: &mut dyn FnMut(u64) -> GoOn,
    ) -> impl Future<Output = Result<Vec<u8>, NetworkError>>;

    /// Waits.
    fn wait(&self, milliseconds: u32) -> impl Future<Output = ()>;
}

/// Where verified pieces are kept from one visit to the next. Keys are hashes.
pub trait Store {
    /// The bytes under a key. A store that fails has nothing.
    fn get(&self, key: &str) -> impl Future<Output = Option<Vec<u8>>>;

    /// Keeps bytes.
    ///
    /// The error is what the browser says: no room, or storage refused.
    fn put(&self, key: &str, bytes: &[u8]) -> impl Future<Output = Result<(), String>>;

    /// Forgets a key.
    fn remove(&self, key: &str) -> impl Future<Output = ()>;
}

/// Whether a copy that the browser kept will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It will.
    AnyCopy,
    /// The last copy was damaged: ask the host.
    FromHost,
}

/// Whether to go on with a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// Yes.
    Yes,
    /// The visitor has stopped it.
    No,
}

/// Why a fetch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// No answer, or the connection broke: what the browser says.
    Broken(String),
    /// The host answered with this status.
    Status(u16),
    /// [`GoOn::No`].
    Stopped,
}

/// Where a piece came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The store.
    Kept,
    /// The network.
    Fetched,
}

/// Something to tell that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A kept or fetched piece was damaged and is fetched again.
    Damaged {
        /// The piece.
        file: String,
    },
    /// Pieces cannot be kept: what the browser says. Told once.
    NotKept(String),
}

/// Why a piece did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// It came, but never as it should be.
    #[error(
        "{file}: found {found_bytes} bytes with the hash {found}, expected {expected_bytes} bytes with {expected}, {ATTEMPTS} times"
    )]
    Damaged {
        /// The piece.
        file: String,
        /// Its length as it came.
        found_bytes: u64,
        /// Its hash as it came.
        found: String,
        /// Its length.
        expected_bytes: u64,
        /// Its hash.
        expected: String,
    },
    /// The network does not give it.
    #[error("{file}: {reason}")]
    Network {
        /// The piece.
        file: String,
        /// What the browser or the host says.
        reason: String,
    },
    /// The visitor has stopped it.
    #[error("stopped")]
    Stopped,
}

/// Fetches the pieces of one model.
pub struct Downloader<N, S> {
    network: N,
    store: Option<S>,
    keeps: bool,
}

impl<N: Network, S: Store> Downloader<N, S> {
    /// Without a store, because there is none or it was refused, everything is fetched and nothing kept.
    pub fn new(network: N, store: Option<S>) -> Self {
        let keeps = store.is_some();
        Self {
            network,
            store,
            keeps,
        }
    }

    /// The bytes of a piece, verified.
    ///
    /// A damaged copy in the store is thrown away. A damaged download, a broken connection and an error of the host
    /// (5xx, 408, 429) are tried again with growing waits; other answers of the host are final.
    ///
    /// # Errors
    /// [`DownloadError`].
    pub async fn piece(
        &mut self,
        piece: &Piece,
        progress: &mut dyn FnMut(u64) -> GoOn,
        remark: &mut dyn FnMut(Remark),
    ) -> Result<(Vec<u8>, Origin), DownloadError> {
        let Piece { file, sha256, .. } = piece;
        if let Some(store) = &self.store
            && let Some(bytes) = store.get(sha256).await
        {
            if verify(piece, &bytes).is_ok() {
                return Ok((bytes, Origin::Kept));
            }
            store.remove(sha256).await;
            remark(Remark::Damaged { file: file.clone() });
        }
        let bytes = self.fetch(piece, progress, remark).await?;
        if self.keeps
            && let Some(store) = &self.store
            && let Err(reason) = store.put(sha256, &bytes).await
        {
            self.keeps = false;
            remark(Remark::NotKept(reason));
        }
        Ok((bytes, Origin::Fetched))
    }

    async fn fetch(
        &self,
        piece: &Piece,
        progress: &mut dyn FnMut(u64) -> GoOn,
        remark: &mut dyn FnMut(Remark),
    ) -> Result<Vec<u8>, DownloadError> {
        let file = &piece.file;
        let mut freshness = Freshness::AnyCopy;
        for attempt in 1.. {
            let error = match self.network.fetch(file, freshness, progress).await {
                Ok(bytes) => match verify(piece, &bytes) {
                    Ok(()) => return Ok(bytes),
                    Err(error) => {
                        freshness = Freshness::FromHost;
                        if attempt < ATTEMPTS {
                            remark(Remark::Damaged { file: file.clone() });
                        }
                        error
                    }
                },
                Err(NetworkError::Stopped) => return Err(DownloadError::Stopped),
                Err(NetworkError::Broken(reason)) => network_error(file, reason),
                Err(NetworkError::Status(status)) => {
                    let error = network_error(file, format!("the host answered with status {status}"));
                    if !matches!(status, 408 | 429 | 500..) {
                        return Err(error);
                    }
                    error
                }
            };
            if attempt >= ATTEMPTS {
                return Err(error);
            }
            self.network.wait(FIRST_WAIT_MILLISECONDS << (attempt - 1)).await;
            if progress(0) == GoOn::No {
                return Err(DownloadError::Stopped);
            }
        }
        unreachable!("the last attempt returns")
    }
}

fn network_error(file: &str, reason: String) -> DownloadError {
    DownloadError::Network {
        file: file.to_owned(),
        reason,
    }
}

fn verify(piece: &Piece, bytes: &[u8]) -> Result<(), DownloadError> {
    let found = hexadecimal(&Sha256::digest(bytes));
    let found_bytes = bytes.len() as u64;
    if found_bytes == piece.bytes && found == piece.sha256 {
        return Ok(());
    }
    Err(DownloadError::Damaged {
        file: piece.file.clone(),
        found_bytes,
        found,
        expected_bytes: piece.bytes,
        expected: piece.sha256.clone(),
    })
}

/// Two small digits for each byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
