//! Function names out of the worker's module: a fifth of what a visitor would load, and of use to nobody there.
//!
//! trunk has no switch for it, and Cargo's would compile Burn once more.

use anyhow::{Context as _, Result};
use std::path::Path;
use wasmparser::{Parser, Payload};

/// The worker's module in a built folder.
const WORKER: &str = "worker_bg.wasm";

/// Takes the names out of the worker's module in a built folder.
///
/// # Errors
/// When it is not there, is no module, or cannot be written.
pub fn worker(dist: &Path) -> Result<()> {
    let path = dist.join(WORKER);
    let module = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let stripped = without_names(&module).with_context(|| format!("in {}", path.display()))?;
    std::fs::write(&path, stripped).with_context(|| format!("cannot write {}", path.display()))
}

/// The module without its section of names; all others stay as they are.
///
/// # Errors
/// When it is no module.
pub fn without_names(module: &[u8]) -> Result<Vec<u8>> {
    let mut kept = Vec::with_capacity(module.len());
    // Where the part begins that was not copied yet.
    let mut from = 0;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == "name"
        {
            let range = section.range();
            let [start, end] = [range.start, range.end].map(usize::try_from);
            let (start, end) = (start?, end?);
            kept.extend_from_slice(&module[from..start_of_section(module, start, end - start)]);
            from = end;
        }
    }
    kept.extend_from_slice(&module[from..]);
    Ok(kept)
}

/// Where a section begins whose content begins at `content` and has `len` bytes: before it stand its id, one byte, and
/// its length, as few or as many bytes as the linker took.
fn start_of_section(module: &[u8], content: usize, len: usize) -> usize {
    let is_length = |from: usize| {
        let bytes = &module[from..content];
        let value = bytes
            .iter()
            .rev()
            .fold(0_usize, |value, byte| value << 7 | usize::from(byte & 0x7f));
        let (last, others) = bytes.split_last().expect("at least one byte");
        value == len && last & 0x80 == 0 && others.iter().all(|byte| byte & 0x80 != 0)
    };
    let from = (1..=5)
        .map(|bytes| content - bytes)
        .find(|&from| is_length(from) && module[from - 1] == 0);
    from.expect("a parsed section has an id and a length") - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"\0asm\x01\0\0\0";

    fn custom(name: &str, content: &[u8], length_bytes: usize) -> Vec<u8> {
        let len = 1 + name.len() + content.len();
        let mut section = vec![0];
        for index in 0..length_bytes {
            let more = if index + 1 < length_bytes { 0x80 } else { 0 };
            section.push(u8::try_from(len >> (7 * index) & 0x7f).expect("seven bits") | more);
        }
        section.push(u8::try_from(name.len()).expect("a short name"));
        section.extend_from_slice(name.as_bytes());
        section.extend_from_slice(content);
        section
    }

    #[test]
    fn only_the_names_go() {
        for length_bytes in [1, 2, 5] {
            let producers = custom("producers", &[0], 1);
            // An empty list of function names.
            let names = custom("name", &[1, 1, 0], length_bytes);
            let module = [HEADER, &producers, &names, &producers].concat();
            let expected = [HEADER, &producers, &producers].concat();
            assert_eq!(
                without_names(&module).expect("a module"),
                expected,
                "{length_bytes}"
            );
        }
        assert_eq!(without_names(HEADER).expect("a module"), HEADER);
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        assert!(without_names(b"<html>").is_err());
    }
}
