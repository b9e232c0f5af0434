//! How large the page's files are on the wire.

use flate2::{Compression, write::GzEncoder};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The most that the worker's module may take, compressed: 6 MB is about 5 s on a 10 Mbit/s line, once,
/// and what the GPU and CPU backends of the framework come to with some room.
pub const WORKER_BUDGET_BYTES: usize = 6_000_000;

/// The most that the page's own module may take, compressed: it stands between the visitor and the first sight.
pub const PAGE_BUDGET_BYTES: usize = 1_000_000;

/// One file's size, as it is and compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSize {
    /// The file's name, without its folder.
    pub name: String,
    /// Its length.
    pub bytes: usize,
    /// Its length after `gzip -9`, which every static host can do.
    pub gzip_bytes: usize,
}

/// The sizes of all wasm files in the folder of a built page, by name.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn wasm_sizes(dist: &Path) -> io::Result<Vec<FileSize>> {
    let mut sizes = Vec::new();
    for path in wasm_files(dist)? {
        let content = std::fs::read(&path)?;
        sizes.push(FileSize {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            bytes: content.len(),
            gzip_bytes: gzip_bytes(&content)?,
        });
    }
    Ok(sizes)
}

/// The most that a wasm file of the page may take, compressed: the worker's file has `worker` in its name.
#[must_use]
pub fn budget_bytes(name: &str) -> usize {
    if name.contains("worker") {
        WORKER_BUDGET_BYTES
    } else {
        PAGE_BUDGET_BYTES
    }
}

fn wasm_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wasm") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn gzip_bytes(content: &[u8]) -> io::Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasm_files_are_found_in_folders_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("deep")).unwrap();
        std::fs::write(dir.path().join("deep/worker_bg.wasm"), vec![7; 10_000]).unwrap();
        std::fs::write(dir.path().join("page.wasm"), b"abc").unwrap();
        std::fs::write(dir.path().join("page.js"), b"abc").unwrap();
        let sizes = wasm_sizes(dir.path()).unwrap();
        let names: Vec<_> = sizes
            .iter()
            .map(|size| (size.name.as_str(), size.bytes))
            .collect();
        assert_eq!(names, [("worker_bg.wasm", 10_000), ("page.wasm", 3)]);
    }

    #[test]
    fn sizes_are_those_of_gzip() {
        // An empty gzip file is 20 bytes: a header of 10, an empty block of 2, checksum and length of 8 (RFC 1952).
        assert_eq!(gzip_bytes(b"").unwrap(), 20);
        // Equal bytes all but vanish; what must not happen is that the input's length is reported.
        let equal = gzip_bytes(&[7; 10_000]).unwrap();
        assert!((21..100).contains(&equal), "{equal}");
    }

    #[test]
    fn the_worker_has_the_larger_budget() {
        assert_eq!(budget_bytes("rllr-worker-1f2e_bg.wasm"), WORKER_BUDGET_BYTES);
        assert_eq!(budget_bytes("rllr-page-1f2e_bg.wasm"), PAGE_BUDGET_BYTES);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        assert!(wasm_sizes(Path::new("/no/such/folder")).is_err());
    }
}
