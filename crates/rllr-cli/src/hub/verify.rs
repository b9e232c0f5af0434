//! Is a file what the hub says it is?
//!
//! The hub names large files by their SHA-256 and small ones as git does, by the SHA-1 of `blob <length>\0<content>`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Length of a SHA-1 in hexadecimal digits.
const SHA1_DIGITS: usize = 40;

/// Length of a SHA-256 in hexadecimal digits.
const SHA256_DIGITS: usize = 64;

/// Whether this is one of the two hashes.
pub(super) fn is_hash(text: &str) -> bool {
    matches!(text.len(), SHA1_DIGITS | SHA256_DIGITS) && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Compares a file with its hash; the inner error is the hash that was found.
///
/// # Errors
///
/// When the file cannot be read.
pub(super) fn check(path: &Path, expected: &str) -> io::Result<Result<(), String>> {
    let found = if expected.len() == SHA256_DIGITS {
        digest_of(Sha256::new(), path)?
    } else {
        let length = std::fs::metadata(path)?.len();
        digest_of(Sha1::new_with_prefix(format!("blob {length}\0")), path)?
    };
    Ok(if found.eq_ignore_ascii_case(expected) {
        Ok(())
    } else {
        Err(found)
    })
}

fn digest_of(mut hasher: impl Digest, path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `printf hello | sha256sum` and `printf hello | git hash-object --stdin`.
    #[test]
    fn both_hashes_are_those_of_the_tools() {
        let path = std::env::temp_dir().join(format!("rllr-verify-{}", std::process::id()));
        std::fs::write(&path, "hello").unwrap();
        let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let git = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0";
        assert_eq!(check(&path, sha256).unwrap(), Ok(()));
        assert_eq!(check(&path, git).unwrap(), Ok(()));
        assert_eq!(
            check(&path, &sha256.replace('2', "3")).unwrap(),
            Err(sha256.to_owned())
        );
        std::fs::remove_file(&path).unwrap();
        assert!(is_hash(git) && is_hash(sha256));
        assert!(!is_hash("W/\"abc\"") && !is_hash("../../x"));
    }
}
