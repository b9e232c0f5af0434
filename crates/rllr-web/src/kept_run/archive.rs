//! A kept run as one file: a tar archive, which every system unpacks.

use std::io::Read as _;

use super::{KeptRun, KeptRunError};

impl KeptRun {
    /// The run as one file.
    pub fn into_tar(self) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, bytes) in self.into_files() {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, path, &bytes[..])
                .expect("our paths are short and relative, and memory takes every byte");
        }
        archive.into_inner().expect("memory takes every byte")
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`KeptRunError`] for another file, and for a part of one.
    pub fn from_tar(bytes: &[u8]) -> Result<Self, KeptRunError> {
        let damaged = |error: std::io::Error| KeptRunError::Archive(error.to_string());
        let mut files = Vec::new();
        for entry in tar::Archive::new(bytes).entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            // The folders of an archive that was packed again.
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = entry.path().map_err(damaged)?.to_string_lossy().into_owned();
            let size = entry.size();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(damaged)?;
            if content.len() as u64 != size {
                let message = format!("{path} has {} bytes, expected {size}", content.len());
                return Err(KeptRunError::Archive(message));
            }
            files.push((path.trim_start_matches("./").to_owned(), content));
        }
        Self::from_files(files)
    }
}
