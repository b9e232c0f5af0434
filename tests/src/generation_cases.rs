//! Generation on a device: the golden models' greedy tokens, log-probabilities against reading everything again,
//! sampling against loops on the host, and likelihoods of answers.

mod reference;

use anyhow::{Context as _, ensure};
use burn::module::Module as _;
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_model::{
    AdaptedLm, CausalLm, CausalLmConfig, Decoding, EndReason, GeneratedRow, Generation, GenerationConfig,
    HiddenStates, Normalization, PaddingSide, Sampling, TokenBatch, Uniforms, Weights,
};

use crate::golden::ModelFiles;
use crate::model_cases::{Cases, Tolerance};
use crate::numbers::{close, read};

/// Checks generation with every golden model on `device`.
///
/// Log-probabilities are compared within the tolerance of logits: a cache and a different grouping of rows only change
/// the order of sums.
///
/// # Errors
///
/// When a golden file is missing or damaged, or something differs.
pub async fn check_all(cases: &[ModelFiles], device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    for files in cases {
        check(files, device, tolerance)
            .await
            .with_context(|| format!("golden model {}", files.name))?;
    }
    Ok(())
}

/// A golden model and its prompts, of different lengths.
struct Case {
    model: CausalLm,
    prompts: Vec<Vec<u32>>,
    tolerance: f32,
}

async fn check(files: &ModelFiles, device: &Device, tolerance: Tolerance) -> anyhow::Result<()> {
    let config = CausalLmConfig::from_hugging_face(&files.config)?;
    let cases: Cases = serde_json::from_str(&files.cases).context("cases.json")?;
    // The reward model generates nothing.
    let Some(greedy) = &cases.greedy else {
        return Ok(());
    };
    let case = Case {
        model: CausalLm::from_weights(&config, &Weights::from_safetensors(&files.model)?, device)?,
        prompts: cases.left_padded.token_rows(),
        tolerance: tolerance.logits,
    };
    let packed = case.model.without_adapter().for_decoding();
    let expected: Vec<Vec<f64>> = greedy.new_tokens.rows().map(<[f64]>::to_vec).collect();
    for lm in [case.model.without_adapter(), packed.as_lm()] {
        check_greedy(&case, lm, &expected).await.context("greedy")?;
        check_sampling(&case, lm).await.context("sampling")?;
    }
    check_padding(&case, packed.as_lm()).await.context("padding")?;
    check_parts(&case, packed.as_lm()).await.context("in parts")?;
    check_stops(&case, packed.as_lm()).await.context("stop tokens")?;
    check_training_model(&case, &config, files, device)
        .await
        .context("on a training device")?;
    check_answers(&case).await.context("likelihoods of answers")
}

/// Greedy tokens are transformers', and their log-probabilities those of reading everything again.
async fn check_greedy(case: &Case, lm: AdaptedLm<'_>, expected: &[Vec<f64>]) -> anyhow::Result<()> {
    let config = GenerationConfig {
        max_new_tokens: expected[0].len(),
        decoding: Decoding::Greedy,
        ..GenerationConfig::default()
    };
    let generation = generate(lm, &case.prompts, &config, 0).await?;
    for (row, expected) in generation.rows.iter().zip(expected) {
        let found: Vec<f64> = row.tokens.iter().map(|&id| f64::from(id)).collect();
        ensure!(
            found == *expected,
            "tokens {found:?}, transformers has {expected:?}"
        );
        ensure!(row.end == EndReason::MaxNewTokens, "ended by {:?}", row.end);
    }
    check_log_probs(case, &case.prompts, &generation, 1.0).await
}

/// A row alone and next to longer prompts, for every amount of padding: the same tokens and log-probabilities.
async fn check_padding(case: &Case, lm: AdaptedLm<'_>) -> anyhow::Result<()> {
    let config = GenerationConfig {
        max_new_tokens: 5,
        ..GenerationConfig::default()
    };
    let prompt = &case.prompts[0];
    let uniforms = Uniforms::draw(&config, 2, &mut ChaCha8Rng::seed_from_u64(1));
    let start = |prompts: &[Vec<u32>], uniforms: &Uniforms| lm.start_generation(prompts, &config, uniforms);
    let mut alone = start(std::slice::from_ref(prompt), &uniforms.rows(0..1))?;
    alone.run().await?;
    let alone = alone.finish().await?;
    for padding in 0..6 {
        let neighbour: Vec<u32> = prompt
            .iter()
            .copied()
            .cycle()
            .take(prompt.len() + padding)
            .collect();
        let mut both = start(&[prompt.clone(), neighbour], &uniforms)?;
        both.run().await?;
        let both = both.finish().await?;
        let context = || format!("{padding} columns of padding");
        ensure!(
            both.rows[0].tokens == alone.rows[0].tokens,
            "other tokens, {}",
            context()
        );
        close(&both.rows[0].log_probs, &alone.rows[0].log_probs, case.tolerance).with_context(context)?;
    }
    Ok(())
}

/// A batch that is generated in two parts is the batch.
async fn check_parts(case: &Case, lm: AdaptedLm<'_>) -> anyhow::Result<()> {
    let free = GenerationConfig {
        max_new_tokens: 7,
        ..GenerationConfig::default()
    };
    // A stop token, so that the parts are of different lengths.
    let stop = generate(lm, &case.prompts, &free, 5).await?.rows[0].tokens[1];
    let config = GenerationConfig {
        stop_token_ids: vec![stop],
        hidden_states: HiddenStates::OfTokens,
        ..free
    };
    let whole = generate(lm, &case.prompts, &config, 5).await?;
    let rows = case.prompts.len();
    let uniforms = Uniforms::draw(&config, rows, &mut ChaCha8Rng::seed_from_u64(5));
    let mut parts = Vec::new();
    for part in [0..1, 1..rows] {
        let mut generating =
            lm.start_generation(&case.prompts[part.clone()], &config, &uniforms.rows(part))?;
        generating.run().await?;
        parts.push(generating.finish().await?);
    }
    let joined = Generation::concat(parts);
    ensure!(
        tokens_and_ends(&joined.rows) == tokens_and_ends(&whole.rows),
        "the parts have other tokens"
    );
    check_tensors(&joined).await?;
    check_hidden_states(lm, &joined, case.tolerance)
        .await
        .context("hidden states")
}

/// Every sampled token is the one that a loop on the host draws with the same numbers, for every kind of filter.
async fn check_sampling(case: &Case, lm: AdaptedLm<'_>) -> anyhow::Result<()> {
    let pure = Sampling {
        temperature: 0.7,
        ..Sampling::default()
    };
    let filtered = Sampling {
        temperature: 1.5,
        top_k: Some(9),
        top_p: 0.8,
    };
    for (sampling, repetition_penalty, forbidden_token_ids) in [
        (pure, 1.0, vec![]),
        (filtered, 1.0, vec![]),
        (
            Sampling {
                top_k: None,
                ..filtered
            },
            1.3,
            vec![0, 3, 4],
        ),
    ] {
        let config = GenerationConfig {
            max_new_tokens: 6,
            decoding: Decoding::Sampling(sampling),
            repetition_penalty,
            forbidden_token_ids,
            ..GenerationConfig::default()
        };
        let generation = generate(lm, &case.prompts, &config, 2).await?;
        ensure!(
            generation.rows == generate(lm, &case.prompts, &config, 2).await?.rows,
            "a seed gives two answers"
        );
        check_log_probs(case, &case.prompts, &generation, sampling.temperature).await?;
        let uniforms = Uniforms::draw(&config, case.prompts.len(), &mut ChaCha8Rng::seed_from_u64(2));
        for (row, (prompt, generated)) in case.prompts.iter().zip(&generation.rows).enumerate() {
            let logits = logits_of_response(&case.model, prompt, &generated.tokens).await?;
            let numbers = &uniforms.values()[row * config.max_new_tokens..];
            reference::check_row(&config, sampling, prompt, generated, &logits, numbers)
                .with_context(|| format!("row {row} of {config:?}"))?;
        }
    }
    Ok(())
}

/// Rows end behind the first stop token, whichever of several it is; looking early or late changes nothing; and
/// tokens that are read one by one are the same.
async fn check_stops(case: &Case, lm: AdaptedLm<'_>) -> anyhow::Result<()> {
    let free = GenerationConfig {
        max_new_tokens: 11,
        ..GenerationConfig::default()
    };
    let unstopped = generate(lm, &case.prompts, &free, 3).await?;
    // The third token of the first row and the fifth of the second; others may meet them too, or not.
    let stops = vec![unstopped.rows[0].tokens[2], unstopped.rows[1].tokens[4]];
    let expected: Vec<GeneratedRow> = unstopped.rows.iter().map(|row| cut(row, &stops)).collect();
    for steps_between_looks in [1, 2, 8] {
        let config = GenerationConfig {
            stop_token_ids: stops.clone(),
            steps_between_looks,
            ..free.clone()
        };
        let generation = generate(lm, &case.prompts, &config, 3).await?;
        ensure!(
            tokens_and_ends(&generation.rows) == tokens_and_ends(&expected),
            "looked every {steps_between_looks}"
        );
        check_tensors(&generation).await?;

        let uniforms = Uniforms::draw(&config, case.prompts.len(), &mut ChaCha8Rng::seed_from_u64(3));
        let mut generating = lm.start_generation(&case.prompts, &config, &uniforms)?;
        let mut streamed = vec![Vec::new(); case.prompts.len()];
        while let Some(new) = generating.next_tokens().await? {
            for (row, token) in streamed.iter_mut().zip(new) {
                row.extend(token);
            }
        }
        let tokens: Vec<Vec<u32>> = expected.iter().map(|row| row.tokens.clone()).collect();
        ensure!(
            streamed == tokens,
            "read one by one: {streamed:?}, expected {tokens:?}"
        );
    }
    let uniforms = Uniforms::draw(&free, case.prompts.len(), &mut ChaCha8Rng::seed_from_u64(3));
    let mut generating = lm.start_generation(&case.prompts, &free, &uniforms)?;
    generating.next_tokens().await?;
    let interrupted = generating.finish().await?.rows[0].clone();
    ensure!(
        interrupted.tokens == unstopped.rows[0].tokens[..1],
        "one step gives one token"
    );
    ensure!(
        interrupted.end == EndReason::Interrupted,
        "ended by {:?}",
        interrupted.end
    );
    Ok(())
}

/// A model that is being trained generates the same, without gradients.
async fn check_training_model(
    case: &Case,
    config: &CausalLmConfig,
    files: &ModelFiles,
    device: &Device,
) -> anyhow::Result<()> {
    let weights = Weights::from_safetensors(&files.model)?;
    let trained = CausalLm::from_weights(config, &weights, &device.clone().autodiff())?;
    ensure!(
        trained.devices()[0].is_autodiff(),
        "the model is not on a training device"
    );
    let settings = GenerationConfig {
        max_new_tokens: 3,
        ..GenerationConfig::default()
    };
    let expected = generate(case.model.without_adapter(), &case.prompts, &settings, 4).await?;
    for lm in [
        trained.without_adapter(),
        trained.without_adapter().for_decoding().as_lm(),
    ] {
        let found = generate(lm, &case.prompts, &settings, 4).await?;
        ensure!(
            !found.tensors.mask.is_autodiff(),
            "the result is on the training device"
        );
        ensure!(
            tokens_and_ends(&found.rows) == tokens_and_ends(&expected.rows),
            "other tokens"
        );
    }
    Ok(())
}

/// Likelihoods of answers of several lengths, prompts read once, against reading prompt and answer together.
async fn check_answers(case: &Case) -> anyhow::Result<()> {
    let answers: [&[u32]; 4] = [&[5, 9, 2, 7], &[1], &[5, 9], &[8, 8, 8]];
    let lists: Vec<Vec<&[u32]>> = (0..case.prompts.len())
        .map(|row| answers[..answers.len() - row % 3].to_vec())
        .collect();
    for lists in [lists, vec![vec![answers[1]]; case.prompts.len()]] {
        let found = case
            .model
            .without_adapter()
            .label_scores(&case.prompts, &lists)
            .await?;
        ensure!(found.len() == lists.len(), "one list of scores for each prompt");
        for ((prompt, answers), scores) in case.prompts.iter().zip(&lists).zip(found) {
            ensure!(scores.len() == answers.len(), "one score for each answer");
            for (answer, score) in answers.iter().zip(scores) {
                let logits = logits_of_response(&case.model, prompt, answer).await?;
                let expected = reference::log_probs(&logits, answer, 1.0);
                let expected: f64 = expected.iter().sum();
                let apart = (score.log_likelihood - expected).abs();
                ensure!(
                    apart <= f64::from(case.tolerance) * expected.abs().max(1.0)
                        && score.tokens == answer.len(),
                    "{answer:?} after {prompt:?}: {score:?}, expected {expected}"
                );
                ensure!(
                    score.normalized(Normalization::MeanByToken) * answer.len() as f64
                        == score.log_likelihood,
                    "the mean is the sum divided"
                );
            }
        }
    }
    Ok(())
}

async fn generate(
    lm: AdaptedLm<'_>,
    prompts: &[Vec<u32>],
    config: &GenerationConfig,
    seed: u64,
) -> anyhow::Result<Generation> {
    Ok(lm
        .generate(prompts, config, &mut ChaCha8Rng::seed_from_u64(seed))
        .await?)
}

async fn check_log_probs(
    case: &Case,
    prompts: &[Vec<u32>],
    generation: &Generation,
    temperature: f32,
) -> anyhow::Result<()> {
    for (prompt, row) in prompts.iter().zip(&generation.rows) {
        let logits = logits_of_response(&case.model, prompt, &row.tokens).await?;
        #[expect(clippy::cast_possible_truncation, reason = "compared as f32")]
        let expected: Vec<f32> = reference::log_probs(&logits, &row.tokens, temperature)
            .into_iter()
            .map(|log_prob| log_prob as f32)
            .collect();
        close(&row.log_probs, &expected, case.tolerance).context("cached against teacher-forced")?;
    }
    Ok(())
}

/// The scores that predict each token of a response, when prompt and response are read at once and alone.
async fn logits_of_response(
    model: &CausalLm,
    prompt: &[u32],
    response: &[u32],
) -> anyhow::Result<Vec<Vec<f32>>> {
    let device = &model.devices()[0];
    let text = [prompt, response].concat();
    let vocab_size = model.output_weight().dims()[1];
    let batch = TokenBatch::from_rows(&[text], PaddingSide::Right, vocab_size)?;
    let logits = model.forward(&batch.to_device(device));
    let logits = read(logits.narrow(1, prompt.len() - 1, response.len())).await?;
    Ok(logits.chunks(vocab_size).map(<[f32]>::to_vec).collect())
}

/// What is on the device is what was read, up to each row's end.
async fn check_tensors(generation: &Generation) -> anyhow::Result<()> {
    let tensors = generation.tensors.clone();
    let [_, width] = tensors.mask.dims();
    let log_probs = tensors.log_probs.context("log-probabilities were asked for")?;
    let (mask, log_probs) = (read(tensors.mask).await?, read(log_probs).await?);
    let tokens = read(tensors.tokens.float()).await?;
    for (row, generated) in generation.rows.iter().enumerate() {
        for column in 0..width {
            let slot = row * width + column;
            let counts = column < generated.tokens.len();
            ensure!(
                mask[slot] == f32::from(u8::from(counts)),
                "mask of row {row}, column {column}"
            );
            if counts {
                #[expect(clippy::cast_precision_loss, reason = "token ids are small")]
                let token = generated.tokens[column] as f32;
                ensure!(tokens[slot] == token, "token of row {row}, column {column}");
                ensure!(log_probs[slot] == generated.log_probs[column], "log-probability");
            }
        }
    }
    Ok(())
}

/// The output layer makes of a token's hidden state what its log-probability is made of.
async fn check_hidden_states(
    lm: AdaptedLm<'_>,
    generation: &Generation,
    tolerance: f32,
) -> anyhow::Result<()> {
    let states = generation.tensors.hidden_states.clone();
    let logits = lm.logits(states.context("hidden states were asked for")?);
    let [_, width, vocab_size] = logits.dims();
    let logits = read(logits).await?;
    for (row, logits) in generation.rows.iter().zip(logits.chunks(width * vocab_size)) {
        let logits: Vec<Vec<f32>> = logits.chunks(vocab_size).map(<[f32]>::to_vec).collect();
        let expected = reference::log_probs(&logits[..row.tokens.len()], &row.tokens, 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "compared as f32")]
        let expected: Vec<f32> = expected.into_iter().map(|log_prob| log_prob as f32).collect();
        close(&row.log_probs, &expected, tolerance)?;
    }
    Ok(())
}

fn tokens_and_ends(rows: &[GeneratedRow]) -> Vec<(Vec<u32>, EndReason)> {
    rows.iter().map(|row| (row.tokens.clone(), row.end)).collect()
}

/// What stop tokens leave of a row.
fn cut(row: &GeneratedRow, stops: &[u32]) -> GeneratedRow {
    let stop = row.tokens.iter().position(|id| stops.contains(id));
    match stop {
        None => row.clone(),
        Some(last) => GeneratedRow {
            tokens: row.tokens[..=last].to_vec(),
            log_probs: row.log_probs[..=last].to_vec(),
            end: EndReason::StopToken(row.tokens[last]),
        },
    }
}
