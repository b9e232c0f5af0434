//! BOS once, EOS once, the boundary between prompt and response, and what is cut.

use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;

use super::fixtures::{ids, plain_bytes, sentence_piece, with_config, word_piece};
use crate::tokenizer::{Boundary, Cut, LengthLimit, SpecialTokens, Tokenizer};
use crate::{PaddingSide, TokenBatch};

const BOS: u32 = 256;
const EOS: u32 = 257;

fn with_bos(text: &str) -> Vec<u32> {
    [vec![BOS], ids(text)].concat()
}

fn limit(max_tokens: usize, cut: Cut) -> LengthLimit {
    LengthLimit { max_tokens, cut }
}

#[wasm_bindgen_test(unsupported = test)]
fn bos_stands_once_whoever_adds_it() {
    let names = json!({"bos_token": "<|bos|>", "eos_token": "<|eos|>"});
    let config = |add: Value| {
        let mut config = names.clone();
        config["add_bos_token"] = add;
        config
    };
    let template = serde_json::from_slice::<Value>(Tokenizer::bytes().json()).unwrap();
    let bare = plain_bytes();
    let adding = [
        ("the post-processor", with_config(&template, &names)),
        ("both", with_config(&template, &config(json!(true)))),
        ("the configuration", with_config(&bare, &config(json!(true)))),
    ];
    let not_adding = [
        ("nobody", with_config(&bare, &names)),
        (
            "the configuration forbids it",
            with_config(&template, &config(json!(false))),
        ),
    ];
    // What a chat template renders begins with BOS, and it may be rendered twice.
    for prompt in ["hi", "<|bos|>hi", "<|bos|><|bos|>hi", "<|bos|><|bos|><|bos|>hi"] {
        for (who, tokenizer) in &adding {
            assert_eq!(
                tokenizer.encode_prompt(prompt).unwrap(),
                with_bos("hi"),
                "{who} adds, {prompt}"
            );
        }
        let expected = if prompt == "hi" { ids("hi") } else { with_bos("hi") };
        for (who, tokenizer) in &not_adding {
            assert_eq!(
                tokenizer.encode_prompt(prompt).unwrap(),
                expected,
                "{who}, {prompt}"
            );
        }
    }
    let [(_, tokenizer), ..] = &adding;
    assert_eq!(tokenizer.encode_prompt("").unwrap(), [BOS]);
    assert_eq!(
        tokenizer.encode_prompt("a<|bos|>").unwrap(),
        [BOS, 97, BOS],
        "inside, it is the text's own"
    );
}

/// GLM begins prompts with two special tokens.
#[wasm_bindgen_test(unsupported = test)]
fn a_prefix_of_several_tokens_stands_once() {
    let mut json = serde_json::from_slice::<Value>(Tokenizer::bytes().json()).unwrap();
    json["post_processor"]["special_tokens"]["<|pad|>"] =
        json!({"id": "<|pad|>", "ids": [258], "tokens": ["<|pad|>"]});
    let pad = json!({"SpecialToken": {"id": "<|pad|>", "type_id": 0}});
    json["post_processor"]["single"]
        .as_array_mut()
        .unwrap()
        .insert(0, pad);
    let tokenizer = with_config(&json, &json!({"bos_token": "<|bos|>"}));
    for prompt in ["hi", "<|pad|><|bos|>hi"] {
        assert_eq!(tokenizer.encode_prompt(prompt).unwrap(), [258, BOS, 104, 105]);
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn a_prompt_does_not_end_with_special_tokens() {
    let tokenizer = Tokenizer::from_json(word_piece().to_string().as_bytes()).unwrap();
    assert_eq!(tokenizer.encode_prompt("ab").unwrap(), [1, 3, 4]);
}

#[wasm_bindgen_test(unsupported = test)]
fn eos_stands_once() {
    let tokenizer = Tokenizer::bytes();
    let expected = [ids("yes"), vec![EOS]].concat();
    for response in ["yes", "yes<|eos|>", "yes<|eos|><|eos|>"] {
        assert_eq!(
            tokenizer.encode_response(response).unwrap(),
            expected,
            "{response}"
        );
        let example = tokenizer.encode_example("q", response).unwrap();
        assert_eq!(example.response(), expected, "{response}");
    }
    assert_eq!(tokenizer.encode_response("").unwrap(), [EOS]);
    let without = Tokenizer::from_json(plain_bytes().to_string().as_bytes()).unwrap();
    let error = without.encode_response("yes").unwrap_err().to_string();
    assert!(error.starts_with("the tokenizer has no EOS token: "), "{error}");
}

#[wasm_bindgen_test(unsupported = test)]
fn an_example_is_prompt_and_response() {
    let tokenizer = Tokenizer::bytes();
    let example = tokenizer.encode_example("<|bos|>q:", " a").unwrap();
    assert_eq!(example.ids(), [BOS, 113, 58, 32, 97, EOS]);
    assert_eq!(example.prompt(), tokenizer.encode_prompt("q:").unwrap());
    assert_eq!(example.response(), [32, 97, EOS]);
    assert_eq!(example.response_mask(), [false, false, false, true, true, true]);
    assert_eq!(example.boundary(), Boundary::Same);
    let empty = tokenizer.encode_example("", "").unwrap();
    assert_eq!(
        (empty.prompt(), empty.response()),
        ([BOS].as_slice(), [EOS].as_slice())
    );
}

/// Prompt and response are cut together. Alone, `ab` would begin with the `▁` of a text.
#[wasm_bindgen_test(unsupported = test)]
fn the_boundary_is_that_of_the_joint_text() {
    let tokenizer = with_config(&sentence_piece(), &json!({"eos_token": "</s>"}));
    let example = tokenizer.encode_example("a:\n", "ab").unwrap();
    assert_eq!(
        (example.prompt(), example.response()),
        ([1, 6, 11, 12].as_slice(), [9, 2].as_slice())
    );
    assert_eq!(example.boundary(), Boundary::Same);
    assert_eq!(tokenizer.encode_response("ab").unwrap(), [10, 2]);

    // The space belongs to the response.
    let example = tokenizer.encode_example("a:", " ab").unwrap();
    assert_eq!(
        (example.prompt(), example.response()),
        ([1, 6, 11].as_slice(), [10, 2].as_slice())
    );
    // On the prompt's side it melts into the response's first word: that token is the response's.
    let example = tokenizer.encode_example("a: ", "ab").unwrap();
    assert_eq!(
        (example.prompt(), example.response()),
        ([1, 6, 11].as_slice(), [10, 2].as_slice())
    );
    assert_eq!(example.boundary(), Boundary::Melted);
    assert_eq!(tokenizer.encode_prompt("a: ").unwrap(), [1, 6, 11, 3]);
}

#[wasm_bindgen_test(unsupported = test)]
fn the_prompt_is_cut_and_never_the_response() {
    let tokenizer = Tokenizer::bytes();
    let cut = |max_tokens, cut| {
        let mut example = tokenizer.encode_example("prompt", "yes").unwrap();
        let count = example.cut_prompt(&limit(max_tokens, cut))?;
        Ok::<_, crate::TokenizerError>((
            count,
            tokenizer.decode(example.prompt(), SpecialTokens::Keep)?,
            example,
        ))
    };
    let (count, prompt, example) = cut(11, Cut::Never).unwrap();
    assert_eq!(
        (count, prompt.as_str(), example.ids().len()),
        (0, "<|bos|>prompt", 11)
    );
    for (side, expected) in [(Cut::Start, "<|bos|>mpt"), (Cut::End, "<|bos|>pro")] {
        let (count, prompt, example) = cut(8, side).unwrap();
        assert_eq!((count, prompt.as_str()), (3, expected));
        assert_eq!(example.response(), [ids("yes"), vec![EOS]].concat());
        assert_eq!(example.response_mask().iter().filter(|mask| **mask).count(), 4);
    }
    assert_eq!(cut(5, Cut::End).unwrap().1, "<|bos|>");
    assert_eq!(
        cut(4, Cut::Start).unwrap_err().to_string(),
        "a prompt with its response has 11 tokens, expected at most 4; even without the prompt it is too long, and \
         responses are never cut"
    );
    let error = cut(10, Cut::Never).unwrap_err().to_string();
    assert_eq!(
        error,
        "a prompt with its response has 11 tokens, expected at most 10; nothing may be cut"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn both_sides_of_a_pair_have_the_same_prompt() {
    let tokenizer = Tokenizer::bytes();
    let pair = tokenizer
        .encode_preference("prompt", "yes", "certainly", &limit(13, Cut::Start))
        .unwrap();
    assert_eq!(pair.cut, 4, "17 tokens with the longer response");
    assert_eq!(pair.chosen.prompt(), with_bos("pt"));
    assert_eq!(pair.chosen.prompt(), pair.rejected.prompt());
    assert_eq!(pair.rejected.ids().len(), 13);
    assert!(!pair.identical());
    let same = tokenizer
        .encode_preference("q", "a", "a<|eos|>", &limit(9, Cut::Start))
        .unwrap();
    assert!(same.identical(), "EOS is not a difference");
}

#[wasm_bindgen_test(unsupported = test)]
fn rows_keep_their_special_tokens() {
    let tokenizer = Tokenizer::from_json(word_piece().to_string().as_bytes()).unwrap();
    let rows = |cut, max| tokenizer.encode_rows(&["aaaa c", "a"], &limit(max, cut));
    assert_eq!(
        rows(Cut::Never, 7).unwrap(),
        [vec![1, 3, 5, 5, 5, 6, 2], vec![1, 3, 2]]
    );
    assert_eq!(rows(Cut::End, 4).unwrap(), [vec![1, 3, 5, 2], vec![1, 3, 2]]);
    assert_eq!(rows(Cut::Start, 4).unwrap(), [vec![1, 5, 6, 2], vec![1, 3, 2]]);
    assert_eq!(rows(Cut::Start, 2).unwrap(), [[1, 2], [1, 2]]);
    let error = rows(Cut::Start, 1).unwrap_err().to_string();
    assert!(
        error.ends_with("there is no room for the special tokens around it"),
        "{error}"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn prompts_of_a_rollout_end_together() {
    let tokenizer = Tokenizer::bytes();
    let batch = tokenizer
        .encode_prompts(&["abcd", "<|bos|>e"], &limit(4, Cut::Start))
        .unwrap();
    let rows: [&[u32]; 2] = [&[BOS, 98, 99, 100], &[BOS, 101]];
    assert_eq!(
        batch,
        TokenBatch::from_rows(&rows, PaddingSide::Left, 259).unwrap()
    );
    let plain = Tokenizer::from_json(plain_bytes().to_string().as_bytes()).unwrap();
    let error = plain
        .encode_prompts(&["a", ""], &limit(4, Cut::Start))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("row 1 of the batch has no token"), "{error}");
}
