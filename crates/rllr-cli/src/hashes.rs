//! Content hashes: SHA-256 of values, files and directories, in hexadecimal.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

/// The hash of a value as JSON. Objects are hashed in the order in which they are written.
///
/// # Errors
///
/// If the value cannot be written as JSON.
pub fn of_json(value: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(hexadecimal(&Sha256::digest(serde_json::to_vec(value)?)))
}

/// The hash of a file's bytes.
///
/// # Errors
///
/// If the file cannot be read.
pub fn of_file(path: &Path) -> anyhow::Result<String> {
    let read = || -> io::Result<String> {
        let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hexadecimal(&hasher.finalize())),
                length => hasher.update(&buffer[..length]),
            }
        }
    };
    read().with_context(|| format!("reading {}", path.display()))
}

/// The hashes of all files in a directory, by path from it.
///
/// # Errors
///
/// If a file cannot be read.
pub fn of_files(root: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        let at = || format!("reading {}", directory.display());
        for entry in fs::read_dir(&directory).with_context(at)? {
            let path = entry.with_context(at)?.path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let name = path.strip_prefix(root).expect("below the root");
            let name = name.to_string_lossy().replace('\\', "/");
            found.insert(name, of_file(&path)?);
        }
    }
    Ok(found)
}

/// The hash of a file, or of names and bytes of all files in a directory.
///
/// # Errors
///
/// If a file cannot be read.
pub fn of_path(path: &Path) -> anyhow::Result<String> {
    if path.is_dir() {
        of_json(&of_files(path)?)
    } else {
        of_file(path)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf abc | sha256sum`; a directory's hash changes with a name and with a byte.
    #[test]
    fn hashes_are_those_of_the_content() {
        let root = std::env::temp_dir().join(format!("rllr-hashes-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("below")).unwrap();
        fs::write(root.join("below/a"), "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_file(&root.join("below/a")).unwrap(), abc);
        assert_eq!(
            of_files(&root).unwrap(),
            [("below/a".to_owned(), abc.to_owned())].into()
        );
        let first = of_path(&root).unwrap();
        fs::rename(root.join("below/a"), root.join("below/b")).unwrap();
        let renamed = of_path(&root).unwrap();
        fs::write(root.join("below/b"), "abd").unwrap();
        assert!(first != renamed && renamed != of_path(&root).unwrap());
        assert!(of_path(&root.join("none")).is_err());
        fs::remove_dir_all(&root).unwrap();
    }
}
