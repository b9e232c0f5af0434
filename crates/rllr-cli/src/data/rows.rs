//! JSON lines that this program wrote, read back.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::load::bad_input;

/// Reads one value a line.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) with file and line of the first that is not such a value.
pub fn read_rows<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let name = path.display();
    let file = File::open(path).map_err(|error| bad_input(format!("{name}: {error}")))?;
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let at = |error: &dyn std::fmt::Display| bad_input(format!("{name}, line {}: {error}", number + 1));
        let line = line.map_err(|error| at(&error))?;
        if line.trim().is_empty() {
            continue;
        }
        rows.push(serde_json::from_str(&line).map_err(|error| at(&error))?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_is_named() {
        let path = std::env::temp_dir().join(format!("rllr-rows-{}.jsonl", std::process::id()));
        std::fs::write(&path, "[1,2]\n\n[3,\n").unwrap();
        let message = read_rows::<Vec<u32>>(&path).unwrap_err().to_string();
        assert!(
            message.contains("line 3") && message.contains("rllr-rows"),
            "{message}"
        );
        std::fs::write(&path, "[1,2]\n\n[3]\n").unwrap();
        assert_eq!(read_rows::<Vec<u32>>(&path).unwrap(), [vec![1, 2], vec![3]]);
        std::fs::remove_file(&path).unwrap();
    }
}
