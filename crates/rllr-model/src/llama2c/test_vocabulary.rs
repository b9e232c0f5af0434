//! What the tests share: small vocabularies, and the encoder of `run.c`.

use std::collections::HashMap;

/// A vocabulary file: the fixed tokens, then these.
pub(crate) fn bytes(pieces: &[(&str, f32)]) -> Vec<u8> {
    let mut texts: Vec<(String, f32)> = ["<unk>", "\n<s>\n", "\n</s>\n"]
        .map(|text| (text.to_owned(), 0.0))
        .into();
    texts.extend((0..256).map(|byte| (format!("<0x{byte:02X}>"), 0.0)));
    texts.extend(pieces.iter().map(|&(text, score)| (text.to_owned(), score)));
    let mut bytes = 8i32.to_le_bytes().to_vec();
    for (text, score) in texts {
        bytes.extend(score.to_le_bytes());
        bytes.extend(i32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// `encode` of `run.c`, on texts and scores as the file holds them, with the begin token.
pub(crate) fn encode(pieces: &[(String, f32)], text: &str) -> Vec<u32> {
    let ids: HashMap<&str, u32> = pieces.iter().map(|(text, _)| text.as_str()).zip(0..).collect();
    let mut tokens = Vec::new();
    if !text.is_empty() {
        tokens.push(ids[" "]);
    }
    for character in text.chars() {
        let spelt = character.to_string();
        match ids.get(spelt.as_str()) {
            Some(&id) => tokens.push(id),
            // "+3 is here because the first 3 vocab elements are <unk>, <s>, </s>"
            None => tokens.extend(spelt.bytes().map(|byte| u32::from(byte) + 3)),
        }
    }
    loop {
        let mut best: Option<(f32, usize, u32)> = None;
        for place in 0..tokens.len().saturating_sub(1) {
            let [left, right] = [tokens[place], tokens[place + 1]].map(|id| pieces[id as usize].0.as_str());
            if let Some(&id) = ids.get(format!("{left}{right}").as_str()) {
                let score = pieces[id as usize].1;
                if best.is_none_or(|(highest, ..)| score > highest) {
                    best = Some((score, place, id));
                }
            }
        }
        let Some((_, place, id)) = best else {
            tokens.insert(0, 1);
            return tokens;
        };
        tokens[place] = id;
        tokens.remove(place + 1);
    }
}
