//! `rllr ppo`: a policy learns to earn more.

use std::path::{Path, PathBuf};

use rllr_model::CausalLm;
use rllr_reward::Reward;
use rllr_task::pairs::PairKind;
use rllr_train::pipeline::{Comparison, MeasuredRewardModel, Method, RewardModelPair, reinforced};
use serde::{Deserialize, Serialize};

use super::context::StageArgs;
use super::driver::{Begin, Driver};
use super::examples::training_examples;
use super::sft::cut;
use crate::data::load::{DataSource, bad_input};
use crate::data::output::write_whole;
use crate::models::{read_model, read_reward_model, write_model};

/// Arguments of `rllr ppo`.
#[derive(Clone, Debug, clap::Args)]
pub struct PpoArgs {
    #[command(flatten)]
    stage: StageArgs,
    /// Directory of the model that the policy begins as and is held to: the fine-tuned one.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    #[command(flatten)]
    source: DataSource,
    /// The split whose questions are asked, where the data has several.
    #[arg(long, default_value = "train", value_name = "SPLIT")]
    split: String,
    /// What the policy is rewarded for: rlhf, rllr, rllr-mixed, exact-label or grpo.
    #[arg(long, value_name = "METHOD")]
    method: Method,
    /// Directory of the label-sensitive reward model.
    #[arg(long, value_name = "DIR")]
    label_reward: Option<PathBuf>,
    /// Directory of the rationale-sensitive reward model.
    #[arg(long, value_name = "DIR")]
    rationale_reward: Option<PathBuf>,
}

/// What a policy was rewarded for: `reward.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyReward {
    /// The method.
    pub method: Method,
    /// The reward, in words.
    pub reward: String,
    /// The cap of RLLR-mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_threshold: Option<f32>,
}

/// Trains a policy on files.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for settings, data and models that do not fit; otherwise when the run
/// fails.
pub(crate) fn run(args: &PpoArgs) -> anyhow::Result<()> {
    let Some(recipe) = args.stage.recipe()? else {
        return Ok(());
    };
    let context = args.stage.context()?;
    let mut tasks = training_examples(&args.source, &args.split, &recipe)?;
    let device = context.device.clone().autodiff();
    let sft = read_model(&args.model, &device)?;
    let max_tokens = cut(&mut tasks, &recipe, &sft)?;
    let read = |kind: PairKind, path: &Option<PathBuf>, flag: &str| -> anyhow::Result<_> {
        match path {
            Some(path) if args.method.reward_models().contains(&kind) => {
                read_reward_model(path, &sft, &device).map(Some)
            }
            None if args.method.reward_models().contains(&kind) => {
                Err(bad_input(format!("--method {} needs {flag} DIR", args.method)))
            }
            _ => Ok(None),
        }
    };
    let label: Option<MeasuredRewardModel> = read(PairKind::Label, &args.label_reward, "--label-reward")?;
    let rationale = read(PairKind::Rationale, &args.rationale_reward, "--rationale-reward")?;
    let rewards = RewardModelPair {
        label: label.as_ref(),
        rationale: rationale.as_ref(),
    };
    let comparison = Comparison {
        recipe: &recipe,
        tasks: &tasks,
        tokenizer: &sft.tokenizer,
        config: &sft.config,
        max_tokens,
    };
    let begin = Begin::of(args.stage.resume);
    let driver = context.driver(args.method.name());
    reinforce(
        driver,
        &comparison,
        args.method,
        &sft.lm,
        rewards,
        &args.stage.out,
        begin,
    )?;
    context.talk.tell(&format!(
        "the policy is in {}",
        args.stage.out.join("model").display()
    ));
    Ok(())
}

/// Trains a policy and writes it into the directory of the stage.
///
/// # Errors
///
/// See [`Driver::drive`].
pub(crate) fn reinforce<'a>(
    driver: Driver<'_>,
    comparison: &Comparison<'a>,
    method: Method,
    sft: &CausalLm,
    rewards: RewardModelPair<'a>,
    directory: &Path,
    begin: Begin,
) -> anyhow::Result<()> {
    let stage = comparison
        .ppo_stage(method, sft, rewards)
        .map_err(|error| bad_input(error.to_string()))?;
    let reward = stage.reward();
    let stage = driver.drive(stage, directory, begin)?;
    let Comparison {
        config, tokenizer, ..
    } = *comparison;
    write_model(
        &directory.join("model"),
        &reinforced(&stage),
        config,
        Some(tokenizer),
    )?;
    let described = PolicyReward {
        method,
        reward: in_words(reward).to_owned(),
        label_threshold: match reward {
            Reward::Mixed { label_threshold } => Some(label_threshold),
            _ => None,
        },
    };
    write_whole(&directory.join("reward.json"), |out| {
        serde_json::to_writer_pretty(&mut *out, &described)?;
        Ok(out.write_all(b"\n")?)
    })
}

/// What a policy was rewarded for, `None` in the directory of another stage.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for a file that is not ours.
pub fn read_reward(stage: &Path) -> anyhow::Result<Option<PolicyReward>> {
    let path = stage.join("reward.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(None);
    };
    let read = serde_json::from_str(&text).map_err(|error| bad_input(format!("{}: {error}", path.display())));
    read.map(Some)
}

fn in_words(reward: Reward) -> &'static str {
    match reward {
        Reward::Rationale => "the score of the rationale-sensitive reward model",
        Reward::Label => "the score of the label-sensitive reward model",
        Reward::Mixed { .. } => "the label score up to the threshold, and the rationale score",
        Reward::Stratified(_) => "the rationale score within right and within wrong labels",
        Reward::ExactLabel => "a rule that knows the right label",
    }
}
