//! Sizes as people write them.

/// Reads `5GB`, `200MiB` or a plain number of bytes, as `max_shard_size` of transformers.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let units: [(&str, u64); 7] = [
        ("KIB", 1 << 10),
        ("MIB", 1 << 20),
        ("GIB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("", 1),
    ];
    let upper = text.to_ascii_uppercase();
    let number = units
        .iter()
        .find_map(|(unit, bytes)| Some((upper.strip_suffix(unit)?, bytes)))
        .and_then(|(number, bytes)| number.trim_end().parse::<u64>().ok()?.checked_mul(*bytes));
    match number {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(format!(
            "found {text:?}, expected a whole number of bytes above 0, with KB, MB, GB, KiB, MiB or GiB behind it or nothing"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_read_as_transformers_reads_them() {
        let cases = [
            ("1000", 1_000),
            ("5GB", 5_000_000_000),
            ("200mb", 200_000_000),
            ("3 KB", 3_000),
            ("1KiB", 1_024),
            ("2MiB", 2 << 20),
            ("1GiB", 1 << 30),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "GB", "-1", "1.5GB", "5TB", "99999999999GB", "five"] {
            let message = parse(text).unwrap_err();
            assert!(
                message.starts_with(&format!("found {text:?}, expected")),
                "{message}"
            );
        }
    }
}
