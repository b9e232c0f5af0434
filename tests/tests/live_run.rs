//! The run of the page, natively: it tells everything that the page shows, and goes on where it was broken.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]
#![cfg(not(target_arch = "wasm32"))]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::Device;
use rllr_tests::record_run::{Talk, record};
use rllr_train::{CheckpointStore, MemoryStore, StoreError};
use rllr_web::live::{LiveEvent, LiveSettings, RecordedRun, StageName, TaskChoice};
use rllr_web::story::{Flow, Inspecting, Observer, StoryError, run};

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
    here: F,
}

impl<F: Fn(&LiveEvent) -> bool> Observer for Breaks<F> {
    async fn tell(&mut self, event: LiveEvent) -> Flow {
        let is_here = (self.here)(&event);
        self.events.push(event);
        if is_here { Flow::Stop } else { Flow::GoOn }
    }
}

/// Runs until `here`, and returns what was told.
fn run_until(kept: &Kept, inspecting: Inspecting, here: impl Fn(&LiveEvent) -> bool) -> Vec<LiveEvent> {
    let mut observer = Breaks {
        events: Vec::new(),
        here,
    };
    let stores = |stage| OfStage(kept.clone(), stage);
    let ended = pollster::block_on(run(&tiny(), &Device::flex(), stores, inspecting, &mut observer));
    assert!(matches!(ended, Ok(()) | Err(StoryError::Stopped)), "{ended:?}");
    observer.events
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

#[test]
fn settings_that_cannot_be_are_refused_before_anything_is_made() {
    let settings = LiveSettings { layers: 99, ..tiny() };
    let error = record(&settings, Talk::Quiet).unwrap_err().to_string();
    assert!(
        error.contains("layers: expected a whole number from 1 to 8"),
        "{error}"
    );
}
