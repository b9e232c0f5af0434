//! `rllr reward`: a reward model learns which of two answers is better.

use std::path::{Path, PathBuf};

use rllr_model::CausalLm;
use rllr_task::pairs::{PairKind, PreferencePair, SensitivityProbe};
use rllr_train::pipeline::{Comparison, HeldOutTexts, MeasuredRewardModel, max_tokens};

use super::context::StageArgs;
use super::driver::{Begin, Driver};
use crate::data::load::bad_input;
use crate::data::rows::read_rows;
use crate::models::{read_model, write_reward_model};

/// Arguments of `rllr reward`.
#[derive(Clone, Debug, clap::Args)]
pub struct RewardArgs {
    #[command(flatten)]
    stage: StageArgs,
    /// Directory of the model that it begins as: the fine-tuned one.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// A file of preference pairs, as `rllr pairs build` writes it. May be repeated.
    #[arg(long, required = true, value_name = "FILE.jsonl")]
    data: Vec<PathBuf>,
    /// Whose settings are used: `label_reward` or `rationale_reward`. Default what most pairs are.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// A file of pairs of both kinds that nothing is trained on.
    #[arg(long, value_name = "FILE.jsonl")]
    held_out: Option<PathBuf>,
    /// A file of responses with only the label flipped, and with only the rationale swapped.
    #[arg(long, value_name = "FILE.jsonl")]
    probes: Option<PathBuf>,
}

/// What the pairs differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The labels.
    Label,
    /// The rationales.
    Rationale,
}

/// Trains a reward model on files.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for settings, data and models that do not fit; otherwise when the run
/// fails.
pub(crate) fn run(args: &RewardArgs) -> anyhow::Result<()> {
    let Some(recipe) = args.stage.recipe()? else {
        return Ok(());
    };
    let mut pairs: Vec<PreferencePair> = Vec::new();
    for path in &args.data {
        pairs.extend(read_rows(path)?);
    }
    let held_out = HeldOutTexts {
        pairs: args
            .held_out
            .as_deref()
            .map(read_rows)
            .transpose()?
            .unwrap_or_default(),
        probes: probes(args.probes.as_deref())?,
    };
    let context = args.stage.context()?;
    let base = read_model(&args.model, &context.device.clone().autodiff())?;
    let comparison = Comparison {
        recipe: &recipe,
        tasks: &[],
        tokenizer: &base.tokenizer,
        config: &base.config,
        max_tokens: max_tokens(&recipe, &base.config),
    };
    let kind = match args.kind {
        Some(Kind::Label) => PairKind::Label,
        Some(Kind::Rationale) => PairKind::Rationale,
        None => most_pairs(&pairs),
    };
    let begin = Begin::of(args.stage.resume);
    let directory = &args.stage.out;
    let driver = context.driver("reward");
    let reward = train_reward_model(
        driver,
        &comparison,
        &base.lm,
        kind,
        (&pairs, &held_out),
        directory,
        begin,
    )?;
    context.talk.tell(&format!(
        "the reward model is in {}\n{}",
        directory.display(),
        described(&reward)
    ));
    Ok(())
}

fn probes(path: Option<&Path>) -> anyhow::Result<Vec<SensitivityProbe>> {
    path.map(read_rows).transpose().map(Option::unwrap_or_default)
}

fn most_pairs(pairs: &[PreferencePair]) -> PairKind {
    let label = pairs.iter().filter(|pair| pair.kind == PairKind::Label).count();
    if 2 * label >= pairs.len() {
        PairKind::Label
    } else {
        PairKind::Rationale
    }
}

/// Trains a reward model, measures it and writes it into the directory of the stage.
///
/// - `texts`: pairs that it is trained on, and what it is measured on
///
/// # Errors
///
/// See [`Driver::drive`].
pub(crate) fn train_reward_model(
    driver: Driver<'_>,
    comparison: &Comparison<'_>,
    sft: &CausalLm,
    kind: PairKind,
    (pairs, held_out): (&[PreferencePair], &HeldOutTexts),
    directory: &Path,
    begin: Begin,
) -> anyhow::Result<MeasuredRewardModel> {
    let stage = comparison
        .reward_stage_of(sft, kind, pairs, held_out)
        .map_err(|error| bad_input(error.to_string()))?;
    let stage = driver.drive(stage, directory, begin)?;
    let reward = pollster::block_on(MeasuredRewardModel::measure(&stage))?;
    let Comparison {
        config, tokenizer, ..
    } = *comparison;
    write_reward_model(directory, &reward, config, tokenizer)?;
    Ok(reward)
}

/// What a reward model is worth, in one line.
pub(crate) fn described(reward: &MeasuredRewardModel) -> String {
    let number = |name: &str, text: &str, scale: f64, digits: usize| {
        let value = reward.metrics.get(name)?;
        Some(format!("{text} {:.digits$}", scale * value))
    };
    let parts = [
        number(
            "eval_label_accuracy",
            "right on label-sensitive pairs, %:",
            100.0,
            1,
        ),
        number(
            "eval_rationale_accuracy",
            "on rationale-sensitive pairs, %:",
            100.0,
            1,
        ),
        number("eval_label_sensitivity", "label sensitivity:", 1.0, 2),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
