use safetensors::SafeTensors;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

/// A file with this header and so many bytes of data.
fn file(json: &str, data_bytes: usize) -> Vec<u8> {
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend(json.as_bytes());
    file.resize(file.len() + data_bytes, 0);
    file
}

/// The entry of one tensor.
fn entry(name: &str, dtype: &str, shape: &str, start: u64, end: u64) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#)
}

fn message(bytes: &[u8]) -> String {
    SafetensorsHeader::read(bytes).unwrap_err().to_string()
}

#[wasm_bindgen_test(unsupported = test)]
fn a_header_says_what_is_where() {
    // Not in the order of the bytes, with an empty tensor, a scalar, a type that is not read and blanks behind.
    let json = format!(
        "{{{},{},{},{},\"__metadata__\":{{\"format\":\"pt\"}}}}   ",
        entry("b", "BF16", "[2,3]", 4, 16),
        entry("a", "F32", "[]", 0, 4),
        entry("empty", "I64", "[0,7]", 16, 16),
        entry("c", "U8", "[5]", 16, 21),
    );
    let bytes = file(&json, 21);
    let (header, data) = SafetensorsHeader::read(&bytes).unwrap();
    assert_eq!(data.len(), 21);
    assert_eq!(header.metadata()["format"], "pt");
    let found: Vec<_> = header
        .tensors()
        .iter()
        .map(|t| (t.name.as_str(), t.dtype, t.shape.as_slice(), t.bytes.clone()))
        .collect();
    assert_eq!(
        found,
        [
            ("a", Dtype::F32, &[][..], 0..4),
            ("b", Dtype::BF16, &[2, 3][..], 4..16),
            ("empty", Dtype::I64, &[0, 7][..], 16..16),
            ("c", Dtype::U8, &[5][..], 16..21),
        ]
    );
    // The field's own reader agrees.
    let reference = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(reference.len(), 4);
    for tensor in header.tensors() {
        let view = reference.tensor(&tensor.name).unwrap();
        assert_eq!(
            (view.dtype(), view.shape()),
            (tensor.dtype, tensor.shape.as_slice())
        );
        assert_eq!(view.data().len(), tensor.bytes.len());
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn a_damaged_file_is_refused_with_what_and_where() {
    let whole = file(&format!("{{{}}}", entry("a", "F32", "[2]", 0, 8)), 8);
    let header_bytes = whole.len() - 16;
    let with_length = |length: u64| [&length.to_le_bytes()[..], &whole[8..]].concat();
    let cases: Vec<(Vec<u8>, String)> = vec![
        (Vec::new(), "found 0 bytes".to_owned()),
        (
            whole[..7].to_vec(),
            "8 bytes that say how long its header is, found 7 bytes".to_owned(),
        ),
        (
            with_length(u64::MAX),
            "said to have 18446744073709551615 bytes, expected at most 100000000".to_owned(),
        ),
        (
            with_length(100_000_001),
            "said to have 100000001 bytes, expected at most".to_owned(),
        ),
        (
            with_length(90_000_000),
            format!("said to have 90000000 bytes, found {}", whole.len() - 8),
        ),
        (
            whole[..20].to_vec(),
            format!("said to have {header_bytes} bytes, found 12: a file cut short"),
        ),
        (with_length(0), "the header cannot be read: EOF".to_owned()),
        (with_length(3), "the header cannot be read: EOF".to_owned()),
        (
            whole[..whole.len() - 1].to_vec(),
            "the tensors have 8 bytes, found 7: a file cut short".to_owned(),
        ),
        (
            [&whole[..], b"x"].concat(),
            "the tensors have 8 bytes, found 9".to_owned(),
        ),
    ];
    for (bytes, expected) in cases {
        let message = message(&bytes);
        assert!(message.contains(&expected), "{message}\nexpected {expected}");
        assert!(
            SafeTensors::deserialize(&bytes).is_err(),
            "the reference refuses: {expected}"
        );
    }
}

/// Gives each list of entries to the reader, in front of 8 bytes of data.
fn assert_refused<const N: usize>(cases: [(Vec<String>, &str); N]) {
    for (entries, expected) in cases {
        let bytes = file(&format!("{{{}}}", entries.join(",")), 8);
        let message = message(&bytes);
        assert!(message.contains(expected), "{message}\nexpected {expected}");
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn tensors_that_do_not_lie_side_by_side_are_refused() {
    let a = entry("a", "F32", "[2]", 0, 8);
    assert_refused([
        (
            vec![a.clone(), entry("b", "F32", "[2]", 4, 12)],
            "tensor b begins at byte 4 of the data, expected byte 8",
        ),
        (
            vec![a.clone(), entry("b", "F32", "[1]", 12, 16)],
            "tensor b begins at byte 12 of the data, expected byte 8",
        ),
        (
            vec![entry("a", "F32", "[1]", 4, 8)],
            "tensor a begins at byte 4 of the data, expected byte 0",
        ),
        (
            vec![entry("a", "F32", "[2]", 8, 0)],
            "tensor a lies at bytes 8 to 0 of the data, expected a place of 8 bytes",
        ),
        (
            vec![entry("a", "F32", "[3]", 0, 8)],
            "tensor a lies at bytes 0 to 8 of the data, expected a place of 12 bytes",
        ),
        (
            vec![entry("a", "F16", "[2]", 0, 8)],
            "tensor a lies at bytes 0 to 8 of the data, expected a place of 4 bytes",
        ),
    ]);
}

#[wasm_bindgen_test(unsupported = test)]
fn entries_that_cannot_be_are_refused() {
    let a = entry("a", "F32", "[2]", 0, 8);
    assert_refused([
        (
            vec![entry("a", "F32", "[4294967296,4294967296,4294967296]", 0, 8)],
            "tensor a of type F32 and shape [4294967296, 4294967296, 4294967296] has no size",
        ),
        (
            // 2^61 numbers of 64 bits: the elements can be counted, their bits cannot.
            vec![entry("a", "F64", "[2305843009213693952]", 0, 8)],
            "has no size in bytes that can be held",
        ),
        (
            vec![entry("a", "F4", "[3]", 0, 2)],
            "tensor a of type F4 and shape [3] has no size in bytes",
        ),
        (
            vec![entry("a", "F33", "[2]", 0, 8)],
            "tensor a has numbers of type \"F33\"",
        ),
        (vec![a.clone(), a.clone()], "tensor a is in the header twice"),
        (
            vec![entry("a", "F32", "[-1]", 0, 8)],
            "the header cannot be read: invalid value: integer `-1`",
        ),
        (
            vec![entry("a", "F32", "[1e2]", 0, 8)],
            "the header cannot be read: invalid type: floating point",
        ),
        (
            vec![r#""a":{"dtype":"F32","shape":[2]}"#.to_owned()],
            "missing field `data_offsets`",
        ),
        (
            vec![r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}"#.to_owned()],
            "the header cannot be read",
        ),
        (
            vec![r#""__metadata__":{"format":1}"#.to_owned()],
            "the header cannot be read",
        ),
        (
            vec![r#""__metadata__":{},"__metadata__":{}"#.to_owned()],
            "duplicate field `__metadata__`",
        ),
    ]);
}

#[wasm_bindgen_test(unsupported = test)]
fn a_header_that_is_no_object_is_refused() {
    for json in ["[]", "7", "null", "{\"a\":", "{\"a\": []}", "\u{feff}{}"] {
        let message = message(&file(json, 0));
        assert!(message.contains("the header cannot be read"), "{json}: {message}");
    }
    let not_utf8 = [&1u64.to_le_bytes()[..], b"\xff"].concat();
    assert!(message(&not_utf8).contains("the header cannot be read"));
}

/// The sum of the sizes leaves 64 bits only with eight tensors or more, each of which passes by itself.
#[wasm_bindgen_test(unsupported = test)]
fn sizes_that_overflow_together_are_refused() {
    let size = (1u64 << 61) - 1;
    let entries: Vec<String> = (0..8)
        .map(|n| {
            entry(
                &format!("t{n}"),
                "U8",
                &format!("[{size}]"),
                n * size,
                (n + 1) * size,
            )
        })
        .collect();
    let bytes = file(&format!("{{{}}}", entries.join(",")), 0);
    assert!(SafetensorsHeader::read(&bytes).is_err());
}

#[wasm_bindgen_test(unsupported = test)]
fn a_file_without_tensors_is_one() {
    for json in ["{}", r#"{"__metadata__":{"format":"pt"}}"#] {
        let bytes = file(json, 0);
        let (header, data) = SafetensorsHeader::read(&bytes).unwrap();
        assert!(header.tensors().is_empty() && data.is_empty());
    }
}
