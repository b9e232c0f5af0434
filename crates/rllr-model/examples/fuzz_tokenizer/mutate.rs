//! Making cases.

use rand::{Rng, RngExt as _};
use serde_json::{Value, json};

/// The keys of [`PARTS`](crate::files::PARTS) that are parts of a file, and what a sequence of such parts is called.
const KEYS: [(&str, &str); 6] = [
    ("normalizer", "normalizers"),
    ("pre_tokenizer", "pretokenizers"),
    ("post_processor", "processors"),
    ("decoder", "decoders"),
    ("model", "models"),
    ("added_tokens", "tokens"),
];

/// The bytes of one case.
pub(crate) fn case(files: &[Value], parts: &Value, rng: &mut impl Rng) -> Vec<u8> {
    let mut json = files[rng.random_range(0..files.len())].clone();
    for _ in 0..rng.random_range(0..6) {
        mutate(&mut json, files, parts, rng);
    }
    let mut bytes = json.to_string().into_bytes();
    if rng.random_ratio(1, 20) {
        for _ in 0..rng.random_range(1..4) {
            mutate_bytes(&mut bytes, rng);
        }
    }
    bytes
}

/// One of the parts under a key, sometimes of another one.
fn part(parts: &Value, key: &str, rng: &mut impl Rng) -> Value {
    let key = match rng.random_range(0..12) {
        0 => "values",
        1 => KEYS[rng.random_range(0..KEYS.len())].0,
        _ => key,
    };
    let list = parts[key].as_array().expect("every key has a list of parts");
    list[rng.random_range(0..list.len())].clone()
}

/// Adds a token behind all others, with any properties.
fn add_token(json: &mut Value, rng: &mut impl Rng) {
    let ids = |value: &Value| -> Option<u64> {
        let of_model = value["model"]["vocab"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, id)| id.as_u64());
        let added = value["added_tokens"].as_array().into_iter().flatten();
        of_model
            .chain(added.map(|token| token["id"].as_u64()))
            .flatten()
            .max()
    };
    let next = ids(json).map_or(0, |id| id + 1) + u64::from(rng.random_ratio(1, 20));
    let token = json!({
        "id": next, "content": text(rng), "single_word": rng.random::<bool>(), "lstrip": rng.random::<bool>(),
        "rstrip": rng.random::<bool>(), "normalized": rng.random::<bool>(), "special": rng.random::<bool>(),
    });
    if let Some(tokens) = json["added_tokens"].as_array_mut() {
        tokens.push(token);
    }
}

/// Changes one place of a file.
fn mutate(json: &mut Value, files: &[Value], parts: &Value, rng: &mut impl Rng) {
    let (key, sequence) = KEYS[rng.random_range(0..KEYS.len())];
    if !json.is_object() {
        return;
    }
    match rng.random_range(0..12) {
        0..=1 => json[key] = part(parts, key, rng),
        2 => json[key] = files[rng.random_range(0..files.len())][key].clone(),
        3..=5 => {
            let count = rng.random_range(0..4);
            let list: Vec<Value> = (0..count).map(|_| part(parts, key, rng)).collect();
            // There are no sequences of models.
            let (key, sequence) = if list.is_empty() || KEYS[4..].contains(&(key, sequence)) {
                KEYS[0]
            } else {
                (key, sequence)
            };
            json[key] = json!({"type": "Sequence", sequence: list});
        }
        6..=8 => add_token(json, rng),
        9 => json[key] = Value::Null,
        _ => {
            let part = part(parts, "values", rng);
            change(random_place(&mut json[key], rng), part, rng);
        }
    }
}

/// A random place below a value.
fn random_place<'a>(value: &'a mut Value, rng: &mut impl Rng) -> &'a mut Value {
    let count = match value {
        Value::Array(items) => items.len(),
        Value::Object(keys) => keys.len(),
        _ => 0,
    };
    if count == 0 || rng.random_ratio(1, 4) {
        return value;
    }
    let index = rng.random_range(0..count);
    let child = match value {
        Value::Array(items) => items.get_mut(index),
        Value::Object(keys) => keys.values_mut().nth(index),
        _ => None,
    };
    random_place(child.expect("the index is below the count"), rng)
}

fn change(place: &mut Value, part: Value, rng: &mut impl Rng) {
    match place {
        Value::Array(items) if !items.is_empty() => {
            let index = rng.random_range(0..items.len());
            match rng.random_range(0..4) {
                0 => drop(items.remove(index)),
                1 => items.push(items[index].clone()),
                2 => items.insert(index, part),
                _ => *place = part,
            }
        }
        Value::Object(keys) if !keys.is_empty() => {
            let index = rng.random_range(0..keys.len());
            let key = keys.keys().nth(index).cloned().unwrap_or_default();
            match rng.random_range(0..3) {
                0 => drop(keys.remove(&key)),
                1 => drop(keys.insert(key, part)),
                _ => *place = part,
            }
        }
        Value::Number(number) if rng.random() => {
            let number = number.as_i64().unwrap_or(0);
            *place = json!(number + rng.random_range(-2..3));
        }
        Value::Bool(value) => *value = !*value,
        _ => *place = part,
    }
}

fn mutate_bytes(bytes: &mut Vec<u8>, rng: &mut impl Rng) {
    let at = rng.random_range(0..=bytes.len());
    let end = (at + rng.random_range(0..20)).min(bytes.len());
    match rng.random_range(0..4) {
        0 if at < bytes.len() => bytes[at] = rng.random(),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.truncate(at),
        _ => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
    }
}

/// A text of characters that mean something to one of the parts.
pub(crate) fn text(rng: &mut impl Rng) -> String {
    let pieces = [
        "a",
        "b",
        "ab",
        " ",
        "  ",
        "\n",
        "\t",
        "é",
        "e\u{301}",
        "🙂",
        "▁",
        "<s>",
        "</s>",
        "<|bos|>",
        "<|eos|>",
        "[MASK]",
        "low",
        " new",
        "1",
        "23",
        ",",
        "中",
        "ﬁ",
        "ǅ",
        "각",
        "\u{1100}\u{1161}",
        "\u{200b}",
        "\0",
        "ß",
        "İ",
        "\u{fffd}",
        "-",
        "x",
        "\u{344}",
        "\u{2028}",
        "ا",
        "𝒳",
    ];
    (0..rng.random_range(0..10))
        .map(|_| pieces[rng.random_range(0..pieces.len())])
        .collect()
}
