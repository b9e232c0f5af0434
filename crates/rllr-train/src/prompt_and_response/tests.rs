use rllr_model::tokenizer::{BpeTrainingConfig, Cut};
use rllr_model::train_byte_level_bpe;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

const SPECIAL: SpecialTokenIds = SpecialTokenIds {
    bos: Some(1),
    eos: Some(2),
    pad: None,
    stop: Vec::new(),
};

#[wasm_bindgen_test(unsupported = test)]
fn a_response_ends_or_is_an_error_or_is_completed() {
    let [prompt, response] = [vec![1, 5], vec![6, 7]];
    let error = PromptAndResponse::new(prompt.clone(), response.clone(), &SPECIAL).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the response [6, 7] to prompt [1, 5] ends with token 7, expected EOS, token 2"
    );
    let completed = PromptAndResponse::completed(prompt.clone(), response.clone(), &SPECIAL).unwrap();
    assert_eq!(completed.response(), [6, 7, 2]);
    assert_eq!(completed.tokens(), [1, 5, 6, 7, 2]);
    let again =
        PromptAndResponse::completed(prompt.clone(), completed.response().to_vec(), &SPECIAL).unwrap();
    assert_eq!(again, completed);
    assert_eq!(
        PromptAndResponse::new(prompt.clone(), vec![6, 7, 2], &SPECIAL).unwrap(),
        completed
    );
    assert!(
        !PromptAndResponse::unended(prompt.clone(), response, &SPECIAL)
            .unwrap()
            .ended()
    );
    assert!(
        PromptAndResponse::unended(prompt.clone(), vec![6, 2], &SPECIAL)
            .unwrap()
            .ended()
    );
    let no_eos = SpecialTokenIds { eos: None, ..SPECIAL };
    let error = PromptAndResponse::completed(prompt, vec![6], &no_eos).unwrap_err();
    assert!(matches!(error, PromptAndResponseError::NoEos));
}

#[wasm_bindgen_test(unsupported = test)]
fn bos_stands_at_the_start_only() {
    let new = |prompt: &[u32], response: &[u32]| {
        PromptAndResponse::new(prompt.to_vec(), response.to_vec(), &SPECIAL)
    };
    let error = new(&[1, 1, 5], &[6, 2]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "token 1 of [1, 1, 5, 6, 2] is BOS, token 1, expected it at the start only"
    );
    assert!(matches!(
        new(&[1, 5], &[6, 1, 2]),
        Err(PromptAndResponseError::Bos { position: 3, .. })
    ));
    assert!(new(&[5], &[6, 2]).is_ok(), "there are tokenizers that add none");
    let same = SpecialTokenIds {
        bos: Some(2),
        ..SPECIAL
    };
    assert!(PromptAndResponse::new(vec![2, 5], vec![6, 2], &same).is_ok());
    assert!(matches!(
        new(&[], &[2]),
        Err(PromptAndResponseError::EmptyPrompt { .. })
    ));
    assert!(matches!(
        new(&[1], &[]),
        Err(PromptAndResponseError::EmptyResponse { .. })
    ));
}

#[wasm_bindgen_test(unsupported = test)]
fn texts_become_tokens_whose_prompt_a_rollout_reads() {
    let settings = BpeTrainingConfig {
        vocab_size: 300,
        ..BpeTrainingConfig::default()
    };
    let tokenizer = train_byte_level_bpe(["yes or no: the film is good"], &settings).unwrap();
    let limit = |max_tokens| LengthLimit {
        max_tokens,
        cut: Cut::Start,
    };
    let (example, fit) = PromptAndResponse::from_texts(&tokenizer, "is it?\n", "yes", &limit(100)).unwrap();
    assert_eq!(example.prompt(), tokenizer.encode_prompt("is it?\n").unwrap());
    assert_eq!(example.response(), tokenizer.encode_response("yes").unwrap());
    assert_eq!(
        fit,
        TextFit {
            cut: 0,
            boundary: Boundary::Same
        }
    );
    let whole = example.len();
    let (short, fit) =
        PromptAndResponse::from_texts(&tokenizer, "is it?\n", "yes", &limit(whole - 2)).unwrap();
    assert_eq!((short.len(), fit.cut), (whole - 2, 2));
    assert_eq!(short.response(), example.response(), "responses are never cut");
}
