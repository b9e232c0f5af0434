//! The sentences of the run: what it does, its charts, its settings.

use crate::live::{LiveField, StageName};
use crate::page::live::curves::Part;

/// Heading of the run.
pub const RUN_HEADING: &str = "A reward model learns what its pairs show";
/// What a run is.
pub const RUN_INTRO: &str = "A small model learns to answer with a rationale and a label. Two reward models learn from \
    pairs of answers: the ordinary one from pairs that share the label and differ in the rationale, the \
    label-sensitive one from pairs whose labels differ. Then reinforcement learning runs twice from the same model, \
    once with each.";

/// Legend of the choice between the two runs.
pub const SOURCE: &str = "Show";
/// The recorded run.
pub const SOURCE_RECORDED: &str = "the recorded run";
/// The run of this page.
pub const SOURCE_LIVE: &str = "your run";
/// A badge.
pub const RECORDED_BADGE: &str = "recorded";
/// A badge.
pub const LIVE_BADGE: &str = "live";
/// Before a run of this page has begun.
pub const NO_LIVE_RUN: &str = "(not started yet)";

/// The primary button.
pub const TRAIN_BUTTON: &str = "Train it here";
/// The primary button after a run.
pub const TRAIN_AGAIN_BUTTON: &str = "Train again";
/// The primary button when settings were changed after a run.
pub const TRAIN_CHANGED_BUTTON: &str = "Train with the new settings";
/// Button: one step of a held run.
pub const STEP_BUTTON: &str = "One step";
/// Button: from the start.
pub const RESTART_BUTTON: &str = "Restart";

/// Heading of the progress.
pub const RAIL_LABEL: &str = "Stages of the run";
/// Legend of the choice of charts.
pub const PARTS_LABEL: &str = "Charts of";

/// A line.
pub const LINE_SFT: &str = "fine-tuning";
/// A line.
pub const LINE_FLOOR: &str = "counting words";
/// A line.
pub const LINE_ORDINARY_MODEL: &str = "ordinary reward model";
/// A line.
pub const LINE_LABEL_MODEL: &str = "label-sensitive reward model";
/// A line.
pub const LINE_ORDINARY: &str = "ordinary (RLHF)";
/// A line.
pub const LINE_LABEL: &str = "label-sensitive (RLLR)";
/// A line.
pub const LINE_REWARD_SAYS: &str = "by its reward model";
/// A line.
pub const LINE_TRUTH: &str = "by the right labels";

/// A line of the recorded run.
pub fn recorded_line(label: &str) -> String {
    format!("{label}, recorded")
}

/// Above charts that show two runs.
pub const OVERLAID: &str = "Thin dotted lines are the recorded run, for comparison.";
/// After it, when the runs have not the same settings.
pub const OVERLAID_OTHER: &str = " It has other settings than yours.";

/// A chart: name for tests, heading, caption.
pub const SFT_LOSS_CHART: [&str; 3] = [
    "sft-loss",
    "Loss",
    "Nats per token of the answers. Lower is better.",
];
/// A chart.
pub const SFT_ACCURACY_CHART: [&str; 3] = [
    "sft-accuracy",
    "Held-out accuracy",
    "Share of right labels on examples that nothing is trained on.",
];
/// A chart.
pub const LABEL_PAIRS_CHART: [&str; 3] = [
    "label-pairs",
    "Pairs whose labels differ",
    "Share of held-out pairs that each reward model ranks right. A coin ranks half of them right.",
];
/// A chart.
pub const RATIONALE_PAIRS_CHART: [&str; 3] = [
    "rationale-pairs",
    "Pairs whose rationales differ",
    "Share of held-out pairs that each reward model ranks right.",
];
/// A chart.
pub const REWARD_LOSS_CHART: [&str; 3] = ["reward-loss", "Loss", "Each on its own pairs. Lower is better."];
/// A chart.
pub const ORDINARY_GAP_CHART: [&str; 3] = [
    "gap-ordinary",
    "Ordinary: reward against truth",
    "How probably an answer of a step beats one of the first step, by the reward model that is optimised and by the \
     right labels. Shaded: gained in reward, not in truth.",
];
/// A chart.
pub const LABEL_GAP_CHART: [&str; 3] = [
    "gap-label",
    "Label-sensitive: reward against truth",
    "The same with the label-sensitive reward model.",
];
/// A chart.
pub const ACCURACY_CHART: [&str; 3] = [
    "accuracy",
    "Held-out accuracy",
    "Share of right labels of the most probable answers, on examples that nothing is trained on.",
];
/// A chart.
pub const REWARD_CHART: [&str; 3] = [
    "reward",
    "Reward",
    "Mean score of the sampled answers, each by its own reward model: the two have no common unit.",
];
/// A chart.
pub const KL_CHART: [&str; 3] = [
    "kl",
    "KL from the start",
    "How far the policy has gone from the fine-tuned model, in nats per answer.",
];
/// A chart.
pub const ENTROPY_CHART: [&str; 3] = [
    "entropy",
    "Entropy",
    "How undecided the policy is, in nats per token.",
];
/// The axis.
pub const STEP_AXIS: &str = "step";
/// In place of a chart.
pub const CHART_EMPTY: &str = "The curve appears here when this stage runs.";
/// Below a chart.
pub const CHART_TABLE: &str = "as a table";

/// Heading of the last sample.
pub const SAMPLE_HEADING: &str = "What the model wrote last";
/// Before the first sample.
pub const SAMPLE_NONE: &str = "Samples appear here in reinforcement learning.";

/// Labels of the figures.
pub const STATUS_STAGE: &str = "Stage";
/// Label.
pub const STATUS_STEP: &str = "Step";
/// Label.
pub const STATUS_TIME: &str = "Time";
/// Label.
pub const STATUS_CHECKPOINT: &str = "Last checkpoint";

/// A stage's name.
pub fn stage(stage: StageName) -> &'static str {
    match stage {
        StageName::Sft => "Fine-tuning",
        StageName::OrdinaryReward => "Ordinary reward model",
        StageName::LabelReward => "Label-sensitive reward model",
        StageName::OrdinaryPpo => "RLHF",
        StageName::LabelPpo => "RLLR",
    }
}

/// What a stage does.
pub fn stage_explained(stage: StageName) -> &'static str {
    match stage {
        StageName::Sft => "learns to write rationale and label",
        StageName::OrdinaryReward => "learns from pairs with the same label",
        StageName::LabelReward => "learns from pairs with different labels",
        StageName::OrdinaryPpo => "reinforcement learning with the ordinary reward",
        StageName::LabelPpo => "reinforcement learning with the label-sensitive reward",
    }
}

/// A part's name.
pub fn part(part: Part) -> &'static str {
    match part {
        Part::Sft => "Fine-tuning",
        Part::Reward => "Reward models",
        Part::Ppo => "Reinforcement learning",
    }
}

/// Where the recorded run comes from.
pub fn recorded_by(commit: &str, device: &str, seconds: &str) -> String {
    format!("Recorded by this program’s commit {commit} on a {device}; it took {seconds} s there.")
}

/// Beside the primary button.
pub fn expected_time(seconds: f64) -> String {
    let minutes = (seconds / 60.0).ceil();
    let time = if minutes <= 1.0 {
        "less than a minute".to_owned()
    } else {
        format!("about {minutes} minutes")
    };
    format!("On the CPU {time} with these settings; you can pause at any time.")
}

/// Beside the primary button, with a GPU.
pub const EXPECTED_TIME_UNKNOWN: &str =
    "How long it takes on this GPU is known after the first steps; you can pause at any time.";

/// What pressing the button loads.
pub const LOADS: &str =
    "Nothing is sent anywhere; about 5 MB of program are loaded when you press the button.";

/// Progress of a stage.
pub fn stage_progress(done: usize, total: usize) -> String {
    if total == 0 {
        "not yet".to_owned()
    } else {
        format!("{done} of {total}")
    }
}

/// The run went on after a break.
pub fn went_on(times: u32, saved: Option<(StageName, usize)>) -> String {
    let from = saved.map_or_else(
        || "the beginning".to_owned(),
        |(name, step)| checkpoint(name, step),
    );
    let times = if times == 1 {
        "once".to_owned()
    } else {
        format!("{times} times")
    };
    format!(
        "The computing program was lost {times}; the run went on by itself from its last checkpoint: {from}."
    )
}

/// Where a run goes on from if it breaks.
pub fn checkpoint(name: StageName, step: usize) -> String {
    format!("{}, step {step}", stage(name))
}

/// A time.
pub fn seconds(number: &str) -> String {
    format!("{number} s")
}

/// The alternative text of a chart.
pub fn chart_label(heading: &str, lines: &[(String, Option<String>)]) -> String {
    let ends: Vec<String> = lines
        .iter()
        .map(|(line, last)| format!("{line} {}", last.as_deref().unwrap_or("not yet")))
        .collect();
    format!(
        "{heading}; last values: {}. The table below has the numbers.",
        ends.join(", ")
    )
}

/// The result of a finished run.
pub fn result(sft: &str, ordinary: &str, label_sensitive: &str, examples: usize) -> String {
    format!(
        "Right labels on {examples} held-out examples: {sft} after fine-tuning, {ordinary} after RLHF, \
         {label_sensitive} after RLLR."
    )
}

/// A step's sample.
pub fn sample_caption(stage_: StageName, step: usize, score: Option<&str>) -> String {
    let score = score.map_or_else(String::new, |score| format!(", score {score}"));
    format!("{}, step {step}{score}", stage(stage_))
}

/// Name and meaning of a setting.
pub fn live_field(field: LiveField) -> (&'static str, &'static str) {
    use LiveField as F;
    match field {
        F::Task => ("Task", "Which embedded examples are learned."),
        F::Level => ("Difficulty", "How hard the examples are."),
        F::LabelPairs => (
            "Label-sensitive pairs",
            "The published ones have other rationales too, so a model need not read the label; flipped ones differ in \
             the label alone.",
        ),
        F::Seed => (
            "Seed",
            "The same seed gives the same examples, weights and samples.",
        ),
        F::Demonstrations => (
            "Demonstrations",
            "Examples that fine-tuning and pairs are made of.",
        ),
        F::SftEpochs => (
            "Passes of fine-tuning",
            "How often fine-tuning sees each demonstration.",
        ),
        F::SftLearningRate => (
            "Learning rate of fine-tuning",
            "How far AdamW moves the weights at most. Too large: the loss jumps.",
        ),
        F::RewardEpochs => (
            "Passes of the reward models",
            "Over the label-sensitive pairs; the ordinary model sees as many pairs.",
        ),
        F::RewardLearningRate => ("Learning rate of the reward models", "As above."),
        F::PpoSteps => ("Steps of reinforcement learning", "Of each of the two runs."),
        F::PpoBatchSize => (
            "Answers a step",
            "How many answers are sampled, scored and learned from in a step.",
        ),
        F::PpoLearningRate => ("Learning rate of reinforcement learning", "As above."),
        F::KlCoef => (
            "KL penalty",
            "How strongly the policy is held to the fine-tuned model. 0 lets it go where the reward leads.",
        ),
        F::HeldOut => ("Held-out examples", "What accuracy is measured on."),
        F::HiddenSize => ("Hidden size", "Width of the model: numbers per token and layer."),
        F::Layers => ("Layers", "Transformer blocks. Each one adds time to every step."),
    }
}

/// The line below a setting.
pub fn live_field_hint(field: LiveField, default: &str) -> String {
    format!("{} Default {default}; {}.", live_field(field).1, field.expected())
}

/// The name of a reset button, for those who hear it without its place.
pub fn live_reset_label(field: LiveField) -> String {
    format!("Reset {}", live_field(field).0.to_lowercase())
}

/// A worker that ended without a word.
pub const WORKER_DIED: &str = "The program ended without a message, as when memory runs out.";
