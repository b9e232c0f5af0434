//! `rllr sft`: a model learns to answer.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use rllr_model::CausalLm;
use rllr_task::ResponseFormat;
use rllr_train::pipeline::{
    Comparison, Recipe, TaskExamples, fine_tuned, max_tokens, new_model, train_tokenizer,
};

use super::context::StageArgs;
use super::driver::{Begin, Driver};
use super::examples::training_examples;
use crate::data::load::{DataSource, bad_input};
use crate::models::{LoadedModel, read_model, write_model};
use crate::pairs::Format;

/// Arguments of `rllr sft`.
#[derive(Clone, Debug, clap::Args)]
pub struct SftArgs {
    #[command(flatten)]
    stage: StageArgs,
    /// Directory of the model that is trained. Default a new one of the settings' sizes, with a new tokenizer.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    #[command(flatten)]
    source: DataSource,
    /// The split that is learnt from, where the data has several.
    #[arg(long, default_value = "train", value_name = "SPLIT")]
    split: String,
    /// Layout of the answers. With label-only the settings are those of `sft_label`, otherwise those of `sft`.
    #[arg(long, value_enum, default_value_t = Format::RationaleThenLabel)]
    format: Format,
}

/// Fine-tunes a model on files.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for settings, data and models that do not fit; otherwise when the run
/// fails.
pub(crate) fn run(args: &SftArgs) -> anyhow::Result<()> {
    let Some(mut recipe) = args.stage.recipe()? else {
        return Ok(());
    };
    let format = ResponseFormat::from(args.format);
    if format != ResponseFormat::LabelOnly {
        recipe.data.format = format;
    }
    let context = args.stage.context()?;
    let mut tasks = training_examples(&args.source, &args.split, &recipe)?;
    let base = base_model(args.model.as_deref(), &recipe, &tasks, &context.device)?;
    let max_tokens = cut(&mut tasks, &recipe, &base)?;
    let comparison = Comparison {
        recipe: &recipe,
        tasks: &tasks,
        tokenizer: &base.tokenizer,
        config: &base.config,
        max_tokens,
    };
    let begin = Begin::of(args.stage.resume);
    fine_tune(
        context.driver("sft"),
        &comparison,
        base.lm.clone(),
        format,
        &args.stage.out,
        begin,
    )?;
    context.talk.tell(&format!(
        "the model is in {}",
        args.stage.out.join("model").display()
    ));
    Ok(())
}

/// Fine-tunes a model and writes it into the directory of the stage.
///
/// # Errors
///
/// See [`Driver::drive`].
pub(crate) fn fine_tune(
    driver: Driver<'_>,
    comparison: &Comparison<'_>,
    base: CausalLm,
    format: ResponseFormat,
    directory: &Path,
    begin: Begin,
) -> anyhow::Result<()> {
    let stage = comparison
        .sft_stage(base, format)
        .map_err(|error| bad_input(error.to_string()))?;
    let stage = driver.drive(stage, directory, begin)?;
    let Comparison {
        config, tokenizer, ..
    } = *comparison;
    write_model(
        &directory.join("model"),
        &fine_tuned(&stage),
        config,
        Some(tokenizer),
    )
}

/// The model of a directory, or a new one with a new tokenizer.
pub(super) fn base_model(
    path: Option<&Path>,
    recipe: &Recipe,
    tasks: &[TaskExamples],
    device: &Device,
) -> anyhow::Result<LoadedModel> {
    let device = device.clone().autodiff();
    match path {
        Some(path) => read_model(path, &device),
        None => new_base(recipe, tasks, &device),
    }
}

/// A new model with a new tokenizer.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for sizes and texts that do not fit.
pub(crate) fn new_base(
    recipe: &Recipe,
    tasks: &[TaskExamples],
    device: &Device,
) -> anyhow::Result<LoadedModel> {
    let bad = |error: rllr_train::pipeline::ComparisonError| bad_input(error.to_string());
    let tokenizer = train_tokenizer(recipe, tasks).map_err(bad)?;
    let lm = new_model(recipe, &tokenizer, device).map_err(bad)?;
    Ok(LoadedModel {
        lm,
        config: recipe.model.config(tokenizer.vocab_size()),
        tokenizer,
    })
}

/// Cuts texts to what the model can read, and returns how many tokens that are.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) when a prompt is too long without any text.
pub(crate) fn cut(tasks: &mut [TaskExamples], recipe: &Recipe, base: &LoadedModel) -> anyhow::Result<usize> {
    let max_tokens = max_tokens(recipe, &base.config);
    for examples in tasks {
        let cut = examples.cut(recipe, &base.tokenizer, max_tokens);
        cut.map_err(|error| bad_input(error.to_string()))?;
    }
    Ok(max_tokens)
}

impl Begin {
    /// Of the flag `--resume`.
    #[must_use]
    pub fn of(resume: bool) -> Self {
        if resume { Self::GoOn } else { Self::Fresh }
    }
}
