//! The run of the page, natively: it tells everything that the page shows, and goes on where it was broken.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]
#![cfg(not(target_arch = "wasm32"))]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use burn::tensor::Device;
use clap::Parser as _;
use rllr_cli::page_run::PageRunFile;
use rllr_tests::record_run::{Talk, record};
use rllr_train::{CheckpointStore, MemoryStore, StoreError};
use rllr_web::kept_run::{AboutRun, Files, KEPT_FORMAT, KeptCheckpoint, KeptRun};
use rllr_web::live::{
    AnsweredInput, LiveEvent, LiveSettings, ModelAnswer, RecordedRun, ScoredAnswer, StageName, TaskChoice,
};
use rllr_web::protocol::DeviceChoice;
use rllr_web::story::{Flow, Inspecting, Observer, StoryError, run};
use serde_json::json;

/// Every stage computes; nothing is learned.
fn tiny() -> LiveSettings {
    LiveSettings {
        task: TaskChoice::FilmSentiment,
        demonstrations: 24,
        sft_epochs: 2,
        ppo_steps: 4,
        ppo_batch_size: 4,
        held_out: 16,
        hidden_size: 16,
        layers: 1,
        ..LiveSettings::default()
    }
}

/// Checkpoints that outlive a run, as those of the page outlive a worker.
#[derive(Clone, Debug, Default)]
struct Kept(Rc<RefCell<BTreeMap<StageName, MemoryStore>>>);

/// Those of one stage.
struct OfStage(Kept, StageName);

impl OfStage {
    fn copy(&self) -> MemoryStore {
        self.0.0.borrow().get(&self.1).cloned().unwrap_or_default()
    }

    fn put(&self, store: MemoryStore) {
        self.0.0.borrow_mut().insert(self.1, store);
    }
}

impl CheckpointStore for OfStage {
    async fn list(&self) -> Result<Vec<String>, StoreError> {
        self.copy().list().await
    }

    async fn begin(&mut self, name: &str) -> Result<(), StoreError> {
        let mut store = self.copy();
        store.begin(name).await?;
        self.put(store);
        Ok(())
    }

    async fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut store = self.copy();
        store.append(file, bytes).await?;
        self.put(store);
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        let mut store = self.copy();
        store.commit().await?;
        self.put(store);
        Ok(())
    }

    async fn read(&self, name: &str, file: &str) -> Result<Vec<u8>, StoreError> {
        self.copy().read(name, file).await
    }

    async fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        let mut store = self.copy();
        store.remove(name).await?;
        self.put(store);
        Ok(())
    }
}

/// Stops the run at the first event of its choice.
struct Breaks<F> {
    events: Vec<LiveEvent>,
    model: Files,
    here: F,
}

impl<F: Fn(&LiveEvent) -> bool> Observer for Breaks<F> {
    async fn tell(&mut self, event: LiveEvent) -> Flow {
        let is_here = (self.here)(&event);
        self.events.push(event);
        if is_here { Flow::Stop } else { Flow::GoOn }
    }

    fn model(&mut self, files: Files) {
        self.model = files;
    }
}

/// Runs until `here`, and returns what was told.
fn run_until(kept: &Kept, inspecting: Inspecting, here: impl Fn(&LiveEvent) -> bool) -> Vec<LiveEvent> {
    observed_until(&tiny(), kept, inspecting, here).events
}

fn observed_until<F: Fn(&LiveEvent) -> bool>(
    settings: &LiveSettings,
    kept: &Kept,
    inspecting: Inspecting,
    here: F,
) -> Breaks<F> {
    let mut observer = Breaks {
        events: Vec::new(),
        model: Files::new(),
        here,
    };
    let stores = |stage| OfStage(kept.clone(), stage);
    let ended = pollster::block_on(run(settings, &Device::flex(), stores, inspecting, &mut observer));
    assert!(matches!(ended, Ok(()) | Err(StoryError::Stopped)), "{ended:?}");
    observer
}

fn is_step(event: &LiveEvent, of: StageName, number: usize) -> bool {
    matches!(event, LiveEvent::Step { stage, step, .. } if *stage == of && *step == number)
}

#[test]
fn a_run_tells_everything_that_the_page_shows() {
    let recorded = record(&tiny(), Talk::Quiet).unwrap();
    let read = RecordedRun::from_json(&recorded.to_json()).unwrap();
    assert_eq!(read, recorded);
    let inspection = read.inspection().unwrap();
    assert_eq!(inspection.labels, ["negative", "positive"]);
    let points: usize = inspection
        .inputs
        .iter()
        .map(|input| input.scores.ordinary.len().pow(2))
        .sum();
    assert_eq!(points, inspection.inputs.len() * 4);
    for stage in StageName::ALL {
        let steps = read
            .events
            .iter()
            .filter(|timed| matches!(&timed.event, LiveEvent::Step { stage: of, .. } if *of == stage));
        assert!(steps.count() > 1, "{}", stage.name());
    }
    // The policies take turns, so their curves grow beside each other.
    let turns: Vec<StageName> = read
        .events
        .iter()
        .filter_map(|timed| match timed.event {
            LiveEvent::Step {
                stage: stage @ (StageName::OrdinaryPpo | StageName::LabelPpo),
                ..
            } => Some(stage),
            _ => None,
        })
        .collect();
    let expected = [StageName::OrdinaryPpo, StageName::LabelPpo].repeat(4);
    assert_eq!(turns, expected);
}

/// Broken in fine-tuning, in the second reward model and in reinforcement learning, the run ends with the same answers.
#[test]
fn a_run_that_breaks_three_times_ends_as_an_undisturbed_one() {
    let whole = run_until(&Kept::default(), Inspecting::Now, |_| false);
    let Some(LiveEvent::Answered(undisturbed)) = whole.last() else {
        panic!("the last event is {:?}", whole.last());
    };

    let kept = Kept::default();
    run_until(&kept, Inspecting::Now, |event| is_step(event, StageName::Sft, 2));
    assert!(kept.0.borrow().is_empty(), "nothing was saved yet");
    run_until(&kept, Inspecting::Now, |event| {
        is_step(event, StageName::LabelReward, 2)
    });
    let told = run_until(&kept, Inspecting::Now, |event| {
        is_step(event, StageName::LabelPpo, 4)
    });
    assert!(
        !told
            .iter()
            .any(|event| is_step(event, StageName::OrdinaryReward, 1)),
        "a stage that is done is not done again"
    );
    assert!(
        told.iter().any(|event| matches!(event, LiveEvent::Inspected(_))),
        "it was not told before"
    );
    let told = run_until(&kept, Inspecting::WasTold, |_| false);
    assert!(
        !told.iter().any(|event| matches!(event, LiveEvent::Inspected(_))),
        "it was told before"
    );
    let first = told.iter().find_map(|event| match event {
        LiveEvent::Step {
            stage: StageName::LabelPpo,
            step,
            ..
        } => Some(*step),
        _ => None,
    });
    assert_eq!(first, Some(4), "it goes on after the checkpoint of step 3");
    assert_eq!(told.last(), Some(&LiveEvent::Answered(undisturbed.clone())));
}

#[derive(clap::Parser)]
struct Native {
    #[command(flatten)]
    arguments: rllr_cli::evaluate::EvalArgs,
}

/// What `rllr eval` lets a model answer to these texts.
fn native_responses(model: &str, data: &Path) -> Vec<String> {
    let predictions = data.with_extension("predictions");
    let [data, out] = [data, predictions.as_path()].map(|path| path.display().to_string());
    let arguments = [
        "eval",
        "--model",
        model,
        "--data",
        &data,
        "--predictions",
        &out,
        // As many as the run's answers have.
        "--max-new-tokens",
        "40",
        "--quiet",
    ];
    let arguments = Native::try_parse_from(arguments).unwrap().arguments;
    rllr_cli::evaluate::run(&arguments).unwrap();
    let lines = fs::read_to_string(&predictions).unwrap();
    let response = |line: &str| -> String {
        let prediction: serde_json::Value = serde_json::from_str(line).unwrap();
        prediction["response"].as_str().unwrap().to_owned()
    };
    lines.lines().map(response).collect()
}

/// What the page would save of a run.
fn saved(kept: &Kept, model: Files) -> KeptRun {
    let newest = |(stage, store): (&StageName, &MemoryStore)| {
        let (name, files) = store.checkpoints.last_key_value().unwrap();
        let (name, files) = (name.clone(), files.clone());
        (*stage, KeptCheckpoint { name, files })
    };
    KeptRun {
        about: AboutRun {
            format: KEPT_FORMAT,
            commit: String::new(),
            begun_ms: 0.0,
            device: DeviceChoice::Cpu,
            settings: tiny(),
        },
        events: Vec::new(),
        model,
        checkpoints: kept.0.borrow().iter().map(newest).collect(),
    }
}

/// The file that the page saves has three language models; `rllr eval` lets each answer what it answered in the run.
#[test]
fn the_program_reads_the_models_of_a_saved_run() {
    // Enough to write words, and other ones after reinforcement learning.
    let settings = LiveSettings {
        demonstrations: 64,
        sft_epochs: 12,
        ppo_steps: 2,
        ppo_learning_rate: 0.01,
        hidden_size: 32,
        ..tiny()
    };
    let kept = Kept::default();
    let observed = observed_until(&settings, &kept, Inspecting::Now, |_| false);
    let Some(LiveEvent::Answered(answers)) = observed.events.last() else {
        panic!("the last event is {:?}", observed.events.last());
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.tar");
    fs::write(&file, saved(&kept, observed.model).into_tar()).unwrap();
    let data = folder.path().join("texts.jsonl");
    let labels = ["negative", "positive"];
    let line = |(id, input): (usize, &AnsweredInput)| {
        let (text, label) = (&input.text, labels[input.gold]);
        let line = json!({ "id": id.to_string(), "task": "film_sentiment", "text": text, "label": label });
        format!("{line}\n")
    };
    let lines: String = answers.inputs.iter().enumerate().map(line).collect();
    fs::write(&data, lines).unwrap();

    let of = |answer: fn(&ModelAnswer<ScoredAnswer>) -> &ScoredAnswer| -> Vec<String> {
        let answers = answers.inputs.iter().map(|input| answer(&input.answers));
        answers.map(|answer| answer.response.clone()).collect()
    };
    let file = file.display();
    let sft = of(|answers| &answers.sft);
    let ordinary = of(|answers| &answers.ordinary);
    let label_sensitive = of(|answers| &answers.label_sensitive);
    assert!(
        label_sensitive != sft && label_sensitive != ordinary,
        "else nothing is told apart"
    );
    for (model, expected) in [
        ("#sft", &sft),
        ("#ordinary-ppo", &ordinary),
        ("#label-ppo", &label_sensitive),
        ("", &label_sensitive),
    ] {
        let found = native_responses(&format!("{file}{model}"), &data);
        assert_eq!(found, *expected, "{model}");
    }
    let unknown = PageRunFile::parse(&format!("{file}#label-reward"))
        .unwrap()
        .unpack();
    assert!(unknown.unwrap_err().to_string().contains("expected label-reward"));
}

#[test]
fn settings_that_cannot_be_are_refused_before_anything_is_made() {
    let settings = LiveSettings { layers: 99, ..tiny() };
    let error = record(&settings, Talk::Quiet).unwrap_err().to_string();
    assert!(
        error.contains("layers: expected a whole number from 1 to 8"),
        "{error}"
    );
}
