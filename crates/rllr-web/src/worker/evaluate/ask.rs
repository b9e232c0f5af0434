//! One text, answered while the visitor looks on.

use std::collections::BTreeMap;

use rllr_eval::{AnswerMode, Answering, Prediction};
use rllr_task::task::Fields;
use rllr_task::{Example, Input, Task, Tasks};

use super::{config, rationale, trouble};
use crate::protocol::Event;
use crate::protocol::models::{AskOptions, AskedAnswer, ModelEvent};
use crate::worker::models::{Ear, Loaded, Trouble};
use crate::worker::run::{macrotask, now};
use crate::worker::{failure, post};

pub(super) async fn ask(
    loaded: &Loaded,
    task_name: &str,
    texts: &BTreeMap<String, String>,
    options: &AskOptions,
    ear: &mut Ear<'_>,
) -> Result<ModelEvent, Trouble> {
    let tasks = Tasks::builtin();
    let task = tasks
        .get(task_name)
        .map_err(|error| Trouble::Refused(failure::cannot_answer(&error)))?;
    let examples = [example(task, texts)];
    let config = config(options, 1);
    let start = now();
    let answering = Answering::new(task, &loaded.tokenizer, &examples, loaded.positions, &config);
    let mut answering = answering.map_err(|error| trouble(&error))?;
    let (prediction, new_tokens) = if config.mode == AnswerMode::Generate {
        write(loaded, &answering, ear).await?
    } else {
        answering
            .step(loaded.lm())
            .await
            .map_err(|error| trouble(&error))?;
        (answering.prediction(0).expect("it was answered").clone(), 0)
    };
    let seconds = (now() - start) / 1000.0;
    let label_probs = match &prediction.label_probs {
        Some(probs) => Some(probs.clone()),
        None => answering
            .label_probs_after(loaded.lm(), 0, &prediction.response)
            .await
            .map_err(|error| trouble(&error))?,
    };
    Ok(ModelEvent::Answered(AskedAnswer {
        response: prediction.response.clone(),
        rationale: rationale(&prediction, task, config.format),
        label: prediction.prediction.clone(),
        labels: task.labels.iter().map(|label| label.word.clone()).collect(),
        label_probs,
        new_tokens,
        seconds,
    }))
}

/// The model writes; each piece of text is sent as it comes. Returns also the number of tokens.
async fn write(
    loaded: &Loaded,
    answering: &Answering<'_>,
    ear: &mut Ear<'_>,
) -> Result<(Prediction, usize), Trouble> {
    let mut streaming = answering
        .stream(loaded.lm(), 0)
        .map_err(|error| trouble(&error))?;
    while let Some(text) = streaming.next().await.map_err(|error| trouble(&error))? {
        ear.check()?;
        if !text.is_empty() {
            post(&Event::Model(ModelEvent::Piece { text }));
        }
        // Each piece gets to the page before the next one is computed.
        macrotask().await;
    }
    let new_tokens = streaming.new_tokens();
    let prediction = streaming.finish().map_err(|error| trouble(&error))?;
    Ok((prediction, new_tokens))
}

/// The text as an example. It has no gold label: the first one stands in its place and is not looked at.
fn example(task: &Task, texts: &BTreeMap<String, String>) -> Example {
    let text = |field: &str| texts.get(field).cloned().unwrap_or_default();
    let input = match task.fields {
        Fields::Text | Fields::Choices => Input::Text(text("text")),
        Fields::Pair => Input::Pair {
            text_a: text("text_a"),
            text_b: text("text_b"),
        },
    };
    Example {
        id: "asked".to_owned(),
        task: task.name.clone(),
        input,
        label: task.labels[0].word.clone(),
        rationale: None,
        rationale_by: None,
        rationales: BTreeMap::new(),
        choices: BTreeMap::new(),
        evidence: BTreeMap::new(),
        others: Vec::new(),
        score: None,
        source: None,
    }
}
