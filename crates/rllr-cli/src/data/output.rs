//! What commands print and write: tables, JSON lines, files that are whole or absent.

use crate::terminal::say;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// A table with a header, in the form that Markdown reads; columns of numbers are aligned right.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let is_number = |cell: &String| cell.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let numbers: Vec<bool> = (0..header.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).all(is_number))
        .collect();
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header.to_vec());
    table.add_rows(rows);
    for (column, _) in table
        .column_iter_mut()
        .zip(numbers)
        .filter(|(_, is_number)| *is_number)
    {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// One JSON object on a line of its own.
///
/// # Errors
///
/// If the value cannot be written as JSON.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// A share as people read it: `62.4 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Writes a file under a temporary name beside it and renames it when it is whole.
///
/// Directories on the way are made. A file that exists is replaced.
///
/// # Errors
///
/// If the file cannot be written; then no file of the name is left half-written.
pub fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("making the directory {}", parent.display()))?;
    }
    let partial = partial_name(path);
    let written = (|| {
        let mut file = BufWriter::new(File::create(&partial)?);
        write(&mut file)?;
        let file = file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        anyhow::Ok(())
    })();
    if written.is_err() {
        // The first error is the one to report; a partial file that cannot be removed does no harm.
        let _ = fs::remove_file(&partial);
    }
    written.with_context(|| format!("writing {}", path.display()))
}

/// Writes values as JSON lines; see [`write_whole`].
///
/// # Errors
///
/// As [`write_whole`].
pub fn write_json_lines<'a, T: Serialize + 'a>(
    path: &Path,
    rows: impl IntoIterator<Item = &'a T>,
) -> anyhow::Result<()> {
    write_whole(path, |file| {
        for row in rows {
            serde_json::to_writer(&mut *file, row)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    })
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let rows = [["mr", "7", "x"], ["sst2", "10", "y"]];
        let text = table(
            &["task", "rows", "note"],
            rows.map(|row| row.map(str::to_owned).to_vec()).to_vec(),
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "| task | rows | note |",
                "|------|------|------|",
                "| mr   |    7 | x    |",
                "| sst2 |   10 | y    |"
            ]
        );
    }

    #[test]
    fn a_file_is_whole_or_absent() {
        let root = std::env::temp_dir().join(format!("rllr-output-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let path = root.join("a/b.jsonl");
        write_json_lines(&path, &[1, 2]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n");
        let failed = write_whole(&path, |file| {
            file.write_all(b"half")?;
            anyhow::bail!("the disk is full")
        });
        assert!(format!("{:#}", failed.unwrap_err()).contains("the disk is full"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n", "the old file stays");
        assert_eq!(
            fs::read_dir(root.join("a")).unwrap().count(),
            1,
            "no partial file is left"
        );
        fs::remove_dir_all(root).unwrap();
    }
}
