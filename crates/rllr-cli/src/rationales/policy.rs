//! A model on this machine as the writer: it is told the label, and writes the reason for it.
//!
//! The prompt is the task's own in the layout *label, then reason*, with the label filled in. So a model that was
//! fine-tuned on that layout (`--format label-then-rationale`) argues for any label that it is given.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_model::tokenizer::SpecialTokens;
use rllr_model::{AdaptedLm, Decoding, EndReason, GenerationConfig, LogProbs, Sampling, Tokenizer, Uniforms};
use rllr_task::{Answer, PromptError, ResponseFormat, Task, Tasks};

use super::answer_file::{AnswerFile, KeptAnswer, key_of};
use super::answers::{End, one_line};
use super::requests::WriterRequest;
use super::sending::Outcome;
use super::stopped;
use crate::data::load::bad_input;
use crate::devices::{self, DeviceName};
use crate::hub;
use crate::model_directory::ModelDirectory;
use crate::tokenizer::load::read_tokenizer;

/// Rationales that are written together.
const BATCH: usize = 64;

/// How a model writes.
#[derive(Clone, Debug)]
pub(super) struct PolicyConfig {
    pub(super) model: PathBuf,
    pub(super) device: DeviceName,
    pub(super) max_new_tokens: usize,
    /// `None` and 0: the most probable token each time.
    pub(super) temperature: Option<f64>,
    pub(super) wording: usize,
    pub(super) seed: u64,
}

/// A rationale that was not written before.
struct Job {
    key: String,
    prompt: Vec<u32>,
}

/// Lets the model write what it has not written before, and keeps it batch by batch.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for a model or data that cannot be used.
pub(super) fn write_all(
    requests: &[WriterRequest<'_>],
    tasks: &Tasks,
    config: &PolicyConfig,
    answers: &std::path::Path,
    stop: &AtomicBool,
) -> anyhow::Result<Outcome> {
    // 1. The model, and what it reads.
    let path = hub::model_directory(&config.model)?;
    let directory = ModelDirectory::open(&path)?;
    let tokenizer = read_tokenizer(&path)?;
    let device = devices::open(config.device)?;
    let lm = directory.load(&device)?;
    let generation = generation_config(&tokenizer, config, lm.decoder().max_positions());
    let room = lm
        .decoder()
        .max_positions()
        .map(|positions| positions.saturating_sub(generation.max_new_tokens));
    let model_key = model_key(&directory, config, &generation)?;
    let mut answers = AnswerFile::open(answers)?;
    let mut keys = Vec::with_capacity(requests.len());
    let mut jobs: Vec<Job> = Vec::new();
    for request in requests {
        let prompt = prompt(
            tasks.get(&request.example.task)?,
            &tokenizer,
            request,
            config.wording,
            room,
        )?;
        let key = key_of(format!("{model_key}\n{prompt:?}").as_bytes());
        if answers.get(&key).is_none() && !jobs.iter().any(|job| job.key == key) {
            jobs.push(Job {
                key: key.clone(),
                prompt,
            });
        }
        keys.push(key);
    }
    let mut outcome = Outcome::default();
    outcome.written.known_answers = keys.iter().filter(|key| answers.get(key).is_some()).count();

    // 2. Texts, batch by batch; those of similar length together.
    jobs.sort_by_key(|job| job.prompt.len());
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut done = 0;
    for batch in jobs.chunks(BATCH) {
        if stopped(stop) {
            outcome.stopped = Some("stopped".to_owned());
            break;
        }
        for answer in write_batch(lm.without_adapter(), &tokenizer, &generation, batch, &mut rng)? {
            outcome.written.read_tokens += answer.read_tokens;
            outcome.written.written_tokens += answer.written_tokens;
            answers.keep(answer)?;
        }
        done += batch.len();
    }
    outcome.written.unanswered = jobs.len() - done;
    gather(&keys, &answers, &mut outcome);
    Ok(outcome)
}

/// The texts of the requests with these keys, as far as they were written.
fn gather(keys: &[String], answers: &AnswerFile, outcome: &mut Outcome) {
    for (index, key) in keys.iter().enumerate() {
        let Some(answer) = answers.get(key) else { continue };
        outcome.written.cut += usize::from(answer.cut);
        if answer.text.is_empty() {
            outcome.written.unanswered += 1;
        } else {
            outcome.texts.insert(index, answer.text.clone());
        }
    }
    if outcome.stopped.is_none() && outcome.written.unanswered > 0 {
        outcome.stopped = Some(format!(
            "the model wrote nothing for {} labels",
            outcome.written.unanswered
        ));
    }
}

/// What an answer depends on beside its prompt.
fn model_key(
    directory: &ModelDirectory,
    config: &PolicyConfig,
    generation: &GenerationConfig,
) -> anyhow::Result<String> {
    let mut text = format!(
        "{}\n{}\n{}\n",
        directory.config_json(),
        config.seed,
        serde_json::to_string(generation)?
    );
    for file in directory.weight_files() {
        text.push_str(&key_of(file));
    }
    Ok(key_of(text.as_bytes()))
}

fn generation_config(
    tokenizer: &Tokenizer,
    config: &PolicyConfig,
    positions: Option<usize>,
) -> GenerationConfig {
    let special = tokenizer.special_token_ids();
    let decoding = match config.temperature {
        None | Some(0.0) => Decoding::Greedy,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a temperature needs no more digits"
        )]
        Some(temperature) => Decoding::Sampling(Sampling {
            temperature: temperature as f32,
            ..Sampling::default()
        }),
    };
    GenerationConfig {
        // A quarter of the positions at least is for the prompt, as in an evaluation.
        max_new_tokens: positions.map_or(config.max_new_tokens, |positions| {
            config.max_new_tokens.min((positions - positions / 4).max(1))
        }),
        decoding,
        stop_token_ids: special.stop.clone(),
        forbidden_token_ids: special
            .pad
            .into_iter()
            .filter(|pad| !special.stop.contains(pad))
            .collect(),
        log_probs: LogProbs::Omitted,
        ..GenerationConfig::default()
    }
}

/// The task's prompt, and the answer up to where the reason begins.
fn prompt(
    task: &Task,
    tokenizer: &Tokenizer,
    request: &WriterRequest<'_>,
    wording: usize,
    room: Option<usize>,
) -> anyhow::Result<Vec<u32>> {
    let format = ResponseFormat::LabelThenRationale;
    let label = task
        .label(request.label)
        .ok_or_else(|| anyhow::anyhow!("task {} has no label {:?}", task.name, request.label))?;
    let stated = Answer::new("", label).print(task, format) + "\n";
    let mut failed = None;
    let text = match room {
        None => task.prompt(request.example, wording, format),
        Some(room) => task.prompt_within(request.example, wording, format, room, |text| {
            match tokenizer.encode_prompt(&format!("{text}{stated}")) {
                Ok(ids) => ids.len(),
                Err(error) => {
                    failed = Some(error);
                    usize::MAX
                }
            }
        }),
    };
    if let Some(error) = failed {
        return Err(error.into());
    }
    let text = text.map_err(|error: PromptError| bad_input(error.to_string()))?;
    Ok(tokenizer.encode_prompt(&format!("{}{stated}", text.text))?)
}

fn write_batch(
    lm: AdaptedLm<'_>,
    tokenizer: &Tokenizer,
    generation: &GenerationConfig,
    jobs: &[Job],
    rng: &mut ChaCha8Rng,
) -> anyhow::Result<Vec<KeptAnswer>> {
    let prompts: Vec<&[u32]> = jobs.iter().map(|job| &job.prompt[..]).collect();
    let uniforms = Uniforms::draw(generation, prompts.len(), rng);
    let decoding = lm.for_decoding();
    let mut generating = decoding
        .as_lm()
        .start_generation(&prompts, generation, &uniforms)?;
    pollster::block_on(generating.run())?;
    let written = pollster::block_on(generating.finish())?;
    let mut answers = Vec::with_capacity(jobs.len());
    for (job, row) in jobs.iter().zip(&written.rows) {
        let text = tokenizer.decode(&row.tokens, SpecialTokens::Skip)?;
        let end = match row.end {
            EndReason::MaxNewTokens => End::Cut,
            EndReason::StopToken(_) | EndReason::Interrupted => End::Complete,
        };
        answers.push(KeptAnswer {
            key: job.key.clone(),
            text: one_line(&text, end),
            cut: end == End::Cut,
            read_tokens: job.prompt.len() as u64,
            written_tokens: row.tokens.len() as u64,
        });
    }
    Ok(answers)
}
