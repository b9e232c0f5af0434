use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{CausalLm, CausalLmConfig, PaddingSide, TokenBatch, initial_weights, token_log_probs};
use rllr_task::Tasks;
use rllr_task::generate::TaskKind;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn model(max_position_embeddings: usize) -> CausalLm {
    let config = CausalLmConfig {
        vocab_size: 259,
        hidden_size: 8,
        intermediate_size: 12,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 4,
        max_position_embeddings,
        tie_word_embeddings: true,
        ..CausalLmConfig::default()
    };
    let weights = initial_weights(&config, 0.5, &mut ChaCha8Rng::seed_from_u64(1));
    CausalLm::from_weights(&config, &weights, &Device::flex()).unwrap()
}

fn answer(model: &CausalLm, examples: &[Example], config: &AnsweringConfig) -> Vec<Prediction> {
    let (tasks, tokenizer) = (Tasks::builtin(), Tokenizer::bytes());
    let task = tasks.get(&examples[0].task).unwrap();
    let positions = model.decoder().max_positions();
    let answering = Answering::new(task, &tokenizer, examples, positions, config).unwrap();
    pollster::block_on(answering.run(model.without_adapter())).unwrap()
}

/// Answers come back in the order of the examples, and neighbours in a batch have no part in them.
#[wasm_bindgen_test(unsupported = test)]
fn answers_do_not_depend_on_the_batch() {
    let model = model(1024);
    let examples = &TaskKind::SceneNli.test_examples()[..7];
    for mode in [AnswerMode::Generate, AnswerMode::Likelihood] {
        let config = |batch_size| AnsweringConfig {
            mode,
            batch_size,
            max_new_tokens: 6,
            ..AnsweringConfig::default()
        };
        let [one, three] = [1, 3].map(|batch_size| answer(&model, examples, &config(batch_size)));
        assert_eq!(one.len(), 7);
        for ((one, three), example) in one.iter().zip(&three).zip(examples) {
            assert_eq!((&one.id, &one.label), (&example.id, &example.label));
            assert_eq!(
                (&one.response, &one.prediction),
                (&three.response, &three.prediction)
            );
            assert_eq!(one.correct, one.prediction.as_ref() == Some(&example.label));
        }
    }
}

/// Divided in the middle of the work, among more parts than there are batches; and put together before all is answered.
#[wasm_bindgen_test(unsupported = test)]
fn parts_answer_what_the_whole_would() {
    let model = model(1024);
    let examples = &TaskKind::SceneNli.test_examples()[..7];
    let config = AnsweringConfig {
        batch_size: 2,
        max_new_tokens: 6,
        ..AnsweringConfig::default()
    };
    let expected = answer(&model, examples, &config);
    let (tasks, tokenizer) = (Tasks::builtin(), Tokenizer::bytes());
    let task = tasks.get(&examples[0].task).unwrap();
    let lm = model.without_adapter();
    for count in [1, 2, 5] {
        let mut answering = Answering::new(task, &tokenizer, examples, None, &config).unwrap();
        pollster::block_on(answering.step(lm)).unwrap();
        let mut parts = answering.divide(count);
        assert_eq!(parts.len(), count);
        pollster::block_on(parts[count - 1].step(lm)).unwrap();
        let joined = Answering::join(parts);
        let answered = if count == 5 { 2 } else { 4 };
        assert_eq!(joined.progress(), (answered, 7), "{count} parts");
        assert_eq!(joined.predictions().len(), answered);
        let all = pollster::block_on(joined.run(lm)).unwrap();
        assert_eq!(all, expected, "{count} parts");
    }
}

/// The same from the logits of each prompt with each answer, read whole.
#[wasm_bindgen_test(unsupported = test)]
fn likelihoods_are_those_of_the_whole_answers() {
    let model = model(1024);
    let tokenizer = Tokenizer::bytes();
    let tasks = Tasks::builtin();
    let examples = &TaskKind::FilmSentiment.test_examples()[..3];
    let task = tasks.get("film_sentiment").unwrap();
    let config = AnsweringConfig {
        mode: AnswerMode::Likelihood,
        format: ResponseFormat::LabelOnly,
        ..AnsweringConfig::default()
    };
    for (found, example) in answer(&model, examples, &config).iter().zip(examples) {
        let prompt = task.prompt(example, 0, ResponseFormat::LabelOnly).unwrap().text;
        let scores: Vec<f64> = ["negative", "positive"]
            .iter()
            .map(|word| {
                let row = tokenizer.encode_example(&prompt, word).unwrap();
                let answer_len = row.response().len();
                let batch = TokenBatch::from_rows(&[row.ids()], PaddingSide::Right, 259).unwrap();
                let input = batch.to_device(&Device::flex());
                let log_probs = token_log_probs(model.forward(&input), input.tokens);
                let log_probs: Vec<f32> = log_probs.into_data().iter::<f32>().collect();
                let answer = &log_probs[log_probs.len() - answer_len..];
                answer.iter().map(|&log_prob| f64::from(log_prob)).sum()
            })
            .collect();
        let negative = 1.0 / (1.0 + (scores[1] - scores[0]).exp());
        let label_probs = found.label_probs.as_ref().unwrap();
        assert!(
            (label_probs[0] - negative).abs() < 1e-4,
            "{label_probs:?} {negative}"
        );
        assert!((label_probs[0] + label_probs[1] - 1.0).abs() < 1e-12);
        let expected = if negative > 0.5 { "negative" } else { "positive" };
        assert_eq!(found.prediction.as_deref(), Some(expected));
    }
}

/// A model with 160 positions reads the end of the prompt, and a text that no cut makes short enough is an error.
#[wasm_bindgen_test(unsupported = test)]
fn long_texts_are_cut_so_that_an_answer_has_room() {
    let mut examples = TaskKind::FilmSentiment.test_examples()[..2].to_vec();
    examples[0].input = rllr_task::Input::Text("A long film. ".repeat(100));
    let config = AnsweringConfig {
        max_new_tokens: 4,
        ..AnsweringConfig::default()
    };
    let found = answer(&model(200), &examples, &config);
    assert_eq!(found.len(), 2);
    let (tasks, tokenizer) = (Tasks::builtin(), Tokenizer::bytes());
    let task = tasks.get("film_sentiment").unwrap();
    let error = Answering::new(task, &tokenizer, &examples, Some(20), &config).unwrap_err();
    assert!(
        matches!(error, AnsweringError::Prompt(PromptError::TooLong { .. })),
        "{error}"
    );
}

/// However long answers may be, a prompt that the model can read is read whole.
#[wasm_bindgen_test(unsupported = test)]
fn long_answers_cut_no_prompt() {
    let examples = &TaskKind::FilmSentiment.test_examples()[..4];
    let (tasks, tokenizer) = (Tasks::builtin(), Tokenizer::bytes());
    let task = tasks.get("film_sentiment").unwrap();
    let prepared = |mode, max_new_tokens, positions| {
        let config = AnsweringConfig {
            mode,
            max_new_tokens,
            ..AnsweringConfig::default()
        };
        Answering::new(task, &tokenizer, examples, positions, &config).unwrap()
    };
    let prompts = |answering: &Answering<'_>| -> Vec<Vec<u32>> {
        let questions = answering.questions.iter();
        questions.map(|question| question.prompt.clone()).collect()
    };
    let whole = prepared(AnswerMode::Generate, 512, None);
    let longest = prompts(&whole).iter().map(Vec::len).max().unwrap();

    let roomy = prepared(AnswerMode::Generate, 512, Some(2 * longest));
    assert_eq!(prompts(&roomy), prompts(&whole));
    assert_eq!((roomy.config.max_new_tokens, roomy.shortened()), (longest, 0));

    // Only then are texts cut, and it is said of how many.
    let tight = prepared(AnswerMode::Generate, 512, Some(longest));
    assert_eq!(tight.config.max_new_tokens, longest / 4);
    let room = longest - longest / 4;
    let long = prompts(&whole)
        .iter()
        .filter(|prompt| prompt.len() > room)
        .count();
    assert!(long > 0);
    assert_eq!(tight.shortened(), long);
    assert!(prompts(&tight).iter().all(|prompt| prompt.len() <= room));

    // A label alone needs little.
    let labels = prepared(AnswerMode::Likelihood, 512, Some(longest + 20));
    assert_eq!((prompts(&labels), labels.shortened()), (prompts(&whole), 0));
}

#[wasm_bindgen_test(unsupported = test)]
fn settings_of_zero_are_errors() {
    let (tasks, tokenizer) = (Tasks::builtin(), Tokenizer::bytes());
    let task = tasks.get("film_sentiment").unwrap();
    let config = AnsweringConfig {
        batch_size: 0,
        ..AnsweringConfig::default()
    };
    let error = Answering::new(task, &tokenizer, &[], None, &config).unwrap_err();
    assert_eq!(error.to_string(), "batch_size: found 0, expected at least 1");
}

/// What is streamed is what a step writes, and the pieces are the response.
#[wasm_bindgen_test(unsupported = test)]
fn a_streamed_answer_is_that_of_a_step() {
    let model = model(1024);
    let (tasks, tokenizer) = (Tasks::builtin(), Tokenizer::bytes());
    let task = tasks.get("scene_nli").unwrap();
    let examples = &TaskKind::SceneNli.test_examples()[..3];
    let config = AnsweringConfig {
        max_new_tokens: 7,
        ..AnsweringConfig::default()
    };
    let written = answer(&model, examples, &config);
    let answering = Answering::new(task, &tokenizer, examples, Some(1024), &config).unwrap();
    for (place, written) in written.iter().enumerate() {
        let mut streaming = answering.stream(model.without_adapter(), place).unwrap();
        let mut text = String::new();
        while let Some(piece) = pollster::block_on(streaming.next()).unwrap() {
            text.push_str(&piece);
        }
        assert!((1..=7).contains(&streaming.new_tokens()));
        assert_eq!(&streaming.finish().unwrap(), written);
        // A character that is still without its last byte is held back.
        assert!(
            written.response.starts_with(text.trim_end_matches('\u{FFFD}')),
            "{text:?}"
        );
    }
}

/// After a response that is no answer the probabilities are those of likelihood mode; after one they are those of the
/// whole answers with that rationale, scored one by one.
#[wasm_bindgen_test(unsupported = test)]
fn labels_are_weighed_after_the_rationale() {
    let model = model(1024);
    let (tasks, tokenizer) = (Tasks::builtin(), Tokenizer::bytes());
    let task = tasks.get("film_sentiment").unwrap();
    let examples = &TaskKind::FilmSentiment.test_examples()[..2];
    let config = |mode| AnsweringConfig {
        mode,
        max_new_tokens: 5,
        ..AnsweringConfig::default()
    };
    let generate = config(AnswerMode::Generate);
    let answering = Answering::new(task, &tokenizer, examples, Some(1024), &generate).unwrap();
    let lm = model.without_adapter();
    let without = answer(&model, examples, &config(AnswerMode::Likelihood));
    let found = pollster::block_on(answering.label_probs_after(lm, 0, "no answer"))
        .unwrap()
        .unwrap();
    let close = |found: &[f64], expected: &[f64]| {
        let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near && found.len() == 2, "{found:?} {expected:?}");
    };
    close(&found, without[0].label_probs.as_ref().unwrap());

    let rationale = "It is well played.";
    let response = format!("{rationale}\nLabel: positive");
    let found = pollster::block_on(answering.label_probs_after(lm, 1, &response))
        .unwrap()
        .unwrap();
    let prompt = task
        .prompt(&examples[1], 0, ResponseFormat::RationaleThenLabel)
        .unwrap()
        .text;
    let sums = ["negative", "positive"].map(|word| {
        let answer = tokenizer
            .encode_response(&format!("{rationale}\nLabel: {word}"))
            .unwrap();
        let row = [tokenizer.encode_prompt(&prompt).unwrap(), answer.clone()].concat();
        let batch = TokenBatch::from_rows(&[row], PaddingSide::Right, 259).unwrap();
        let input = batch.to_device(&Device::flex());
        let log_probs = token_log_probs(model.forward(&input), input.tokens).into_data();
        let log_probs: Vec<f32> = log_probs.iter::<f32>().collect();
        let answer = &log_probs[log_probs.len() - answer.len()..];
        answer.iter().map(|&log_prob| f64::from(log_prob)).sum::<f64>()
    });
    let negative = 1.0 / (1.0 + (sums[1] - sums[0]).exp());
    close(&found, &[negative, 1.0 - negative]);
    assert!(
        (found[0] - without[1].label_probs.as_ref().unwrap()[0]).abs() > 1e-6,
        "the rationale has a part in it"
    );
}
