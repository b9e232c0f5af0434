//! Requests about models: examples are read, answered and measured with the code of `rllr eval`.

mod ask;
mod data;
mod compare;
mod inspect;

use futures_channel::mpsc::UnboundedReceiver;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rllr_eval::{AnswerMode, Answering, AnsweringConfig, AnsweringError, Evaluation, Prediction};
use rllr_model::{AdaptedLm, GenerateError, LabelScoresError};
use rllr_task::{Answer, Example, Input, ResponseFormat, Task};

use super::devices::Devices;
use super::models::given::{self, File};
use super::models::{Ear, Loaded, Models, Trouble};
use super::run::{macrotask, now};
use super::{failure, post};
use crate::protocol::models::{
    AnsweredRow, AskOptions, Format, Measured, Mode, ModelEvent, ModelRequest, ModelSource,
};
use crate::protocol::{DeviceChoice, Event, Failure, Request};

/// Seed of the intervals: the default of `rllr eval`.
const SEED: u64 = 0;

/// Examples that are answered together. Small on the CPU: a stop waits for the end of a batch, and more rows are
/// no faster there.
const fn batch_size(device: DeviceChoice) -> usize {
    match device {
        DeviceChoice::Cpu => 4,
        DeviceChoice::WebGpu => 16,
    }
}

/// Carries out one request and returns its last event.
pub(super) async fn serve(
    request: ModelRequest,
    devices: &mut Devices,
    models: &mut Models,
    requests: &mut UnboundedReceiver<Request>,
) -> Result<Event, Failure> {
    let mut files = given::take();
    let mut ear = Ear::new(requests);
    let result = match request {
        ModelRequest::Inspect { data } => inspect::inspect(&data, &files).await,
        ModelRequest::Compare { first, second } => compare::compare(&first, &second),
        ModelRequest::Evaluate {
            device,
            model,
            data,
            options,
        } => {
            let of_data = files.split_off(count(&model).min(files.len()));
            match models.get(devices, device, &model, &files, &mut ear).await {
                Ok(loaded) => match data::read(&data, &of_data, options.limit).await {
                    Ok(parts) => evaluate(loaded, device, &parts, &options, &mut ear).await,
                    Err(trouble) => Err(trouble),
                },
                Err(trouble) => Err(trouble),
            }
        }
        ModelRequest::Ask {
            device,
            model,
            task_name,
            texts,
            options,
        } => match models.get(devices, device, &model, &files, &mut ear).await {
            Ok(loaded) => ask::ask(loaded, &task_name, &texts, &options, &mut ear).await,
            Err(trouble) => Err(trouble),
        },
    };
    match result {
        Ok(event) => Ok(Event::Model(event)),
        Err(Trouble::Refused(failure)) => Ok(Event::Model(ModelEvent::Refused(failure))),
        Err(Trouble::Stopped) => Ok(Event::Stopped),
        Err(Trouble::Broken(failure)) => Err(failure),
    }
}

/// How many files travel with a request because of its model.
fn count(model: &ModelSource) -> usize {
    match model {
        ModelSource::Shipped { .. } => 0,
        ModelSource::Given { files } => files.len(),
    }
}

/// Answers and measures the examples, task by task.
async fn evaluate(
    loaded: &Loaded,
    device: DeviceChoice,
    parts: &[(Task, Vec<Example>)],
    options: &AskOptions,
    ear: &mut Ear<'_>,
) -> Result<ModelEvent, Trouble> {
    let total = parts.iter().map(|(_, examples)| examples.len()).sum();
    let config = config(options, batch_size(device));
    let mut before = 0;
    for (task, examples) in parts {
        let answering = Answering::new(task, &loaded.tokenizer, examples, loaded.positions, &config);
        let mut answering = answering.map_err(|error| trouble(&error))?;
        let cut = answering.shortened();
        if let Some(positions) = loaded.positions.filter(|_| cut > 0) {
            let text = failure::texts_cut(&task.name, cut, examples.len(), positions);
            post(&Event::Model(ModelEvent::Notice { text }));
        }
        let mut sent = vec![false; examples.len()];
        let mut seconds = 0.0;
        while answering.progress().0 < examples.len() {
            ear.check()?;
            let start = now();
            let step = answering.step(loaded.lm()).await;
            seconds += (now() - start) / 1000.0;
            step.map_err(|error| trouble(&error))?;
            let rows = new_rows(&answering, loaded.lm(), task, examples, &config, &mut sent).await?;
            let done = before + answering.progress().0;
            post(&Event::Model(ModelEvent::Rows { done, total, rows }));
            macrotask().await;
        }
        before += examples.len();
        let measured = measure(task, examples, &answering, seconds)?;
        post(&Event::Model(ModelEvent::Measured(measured)));
    }
    Ok(ModelEvent::Finished)
}

/// The examples that were answered since the last call.
async fn new_rows(
    answering: &Answering<'_>,
    lm: AdaptedLm<'_>,
    task: &Task,
    examples: &[Example],
    config: &AnsweringConfig,
    sent: &mut [bool],
) -> Result<Vec<AnsweredRow>, Trouble> {
    let mut rows = Vec::new();
    for (place, example) in examples.iter().enumerate() {
        let Some(prediction) = answering.prediction(place).filter(|_| !sent[place]) else {
            continue;
        };
        sent[place] = true;
        let label_probs = match &prediction.label_probs {
            Some(probs) => Ok(Some(probs.clone())),
            None => answering.label_probs_after(lm, place, &prediction.response).await,
        };
        rows.push(AnsweredRow {
            place,
            id: prediction.id.clone(),
            task: prediction.task.clone(),
            texts: texts(example),
            label: prediction.label.clone(),
            prediction: prediction.prediction.clone(),
            correct: prediction.correct,
            response: prediction.response.clone(),
            rationale: rationale(prediction, task, config.format),
            label_probs: label_probs.map_err(|error| trouble(&error))?,
        });
    }
    Ok(rows)
}

/// What the page shows of an example.
fn texts(example: &Example) -> Vec<String> {
    let mut texts = match &example.input {
        Input::Text(text) => vec![text.clone()],
        Input::Pair { text_a, text_b } => vec![text_a.clone(), text_b.clone()],
    };
    let choices = example.choices.iter();
    texts.extend(choices.map(|(letter, choice)| format!("{letter}. {choice}")));
    texts
}

fn rationale(prediction: &Prediction, task: &Task, format: ResponseFormat) -> String {
    let answer = Answer::parse(&prediction.response, task, format);
    answer.map_or_else(|_| String::new(), |answer| answer.rationale().to_owned())
}

fn measure(
    task: &Task,
    examples: &[Example],
    answering: &Answering<'_>,
    seconds: f64,
) -> Result<Measured, Trouble> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let evaluation = Evaluation::new(task, examples, &answering.predictions(), &mut rng)
        .map_err(|error| Trouble::Refused(failure::cannot_answer(&error)))?;
    let Evaluation {
        task,
        n,
        accuracy,
        accuracy_ci95,
        macro_f1,
        invalid_rate,
        labels,
        confusion,
        invalid,
        pearson,
        spearman,
    } = evaluation;
    Ok(Measured {
        task,
        n,
        accuracy,
        accuracy_ci95,
        macro_f1,
        invalid_rate,
        labels,
        confusion,
        invalid,
        pearson,
        spearman,
        seconds,
        tokens_per_second: answering.new_tokens() as f64 / seconds.max(f64::MIN_POSITIVE),
    })
}

fn config(options: &AskOptions, batch_size: usize) -> AnsweringConfig {
    AnsweringConfig {
        mode: match options.mode {
            Mode::Generate => AnswerMode::Generate,
            Mode::Likelihood => AnswerMode::Likelihood,
        },
        format: match options.format {
            Format::RationaleThenLabel => ResponseFormat::RationaleThenLabel,
            Format::LabelThenRationale => ResponseFormat::LabelThenRationale,
            Format::LabelOnly => ResponseFormat::LabelOnly,
        },
        wording: 0,
        batch_size,
        max_new_tokens: options.max_new_tokens,
    }
}

/// A device that fails breaks the worker; everything else is about model and examples.
fn trouble(error: &AnsweringError) -> Trouble {
    match error {
        AnsweringError::Generate(GenerateError::Device(error))
        | AnsweringError::LabelScores(LabelScoresError::Device(error)) => {
            Trouble::Broken(failure::device_lost(error))
        }
        error => Trouble::Refused(failure::cannot_answer(error)),
    }
}

/// The one file of the data, if there should be one.
fn data_file(files: &[File]) -> Option<&File> {
    files.first()
}
