//! `rllr distill`: a smaller model learns from a larger one.

use std::path::PathBuf;

use burn::module::Module as _;
use rllr_train::pipeline::{Comparison, DistillationStage, new_model};
use rllr_train::{Actor, DistillationConfig, SftModels, Teacher};

use super::context::StageArgs;
use super::driver::Begin;
use super::examples::training_examples;
use super::sft::cut;
use crate::data::load::{DataSource, bad_input};
use crate::models::{LoadedModel, read_model, write_model};

/// Arguments of `rllr distill`.
#[derive(Clone, Debug, clap::Args)]
pub struct DistillArgs {
    #[command(flatten)]
    stage: StageArgs,
    /// Directory of the model that is learnt from.
    #[arg(long, value_name = "DIR")]
    teacher: PathBuf,
    /// Directory of the student, which has the teacher's tokenizer. Default a new model of the settings' sizes.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    #[command(flatten)]
    source: DataSource,
    /// The split whose prompts are learnt, where the data has several.
    #[arg(long, default_value = "train", value_name = "SPLIT")]
    split: String,
}

/// Distils a model on files.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for settings, data and models that do not fit; otherwise when the run
/// fails.
pub(crate) fn run(args: &DistillArgs) -> anyhow::Result<()> {
    let Some(recipe) = args.stage.recipe()? else {
        return Ok(());
    };
    let bad = |error: &dyn std::fmt::Display| bad_input(error.to_string());
    let context = args.stage.context()?;
    let mut tasks = training_examples(&args.source, &args.split, &recipe)?;
    let device = context.device.clone().autodiff();
    let teacher = read_model(&args.teacher, &device)?;
    let student = match &args.model {
        Some(path) => read_model(path, &device)?,
        None => LoadedModel {
            lm: new_model(&recipe, &teacher.tokenizer, &device).map_err(|error| bad(&error))?,
            config: recipe.model.config(teacher.tokenizer.vocab_size()),
            tokenizer: teacher.tokenizer.clone(),
        },
    };
    let max_tokens = cut(&mut tasks, &recipe, &student)?;
    let comparison = Comparison {
        recipe: &recipe,
        tasks: &tasks,
        tokenizer: &student.tokenizer,
        config: &student.config,
        max_tokens,
    };
    let demonstrations = comparison
        .demonstrations(recipe.data.format)
        .map_err(|error| bad(&error))?;
    let mut config: DistillationConfig = recipe.distillation.clone();
    config.training.seed = recipe.seed;
    let stage = DistillationStage::new(
        SftModels::new(None, Actor::Full(student.lm.clone()))?,
        Teacher::new(&teacher.lm.valid(), None),
        demonstrations,
        config,
        (
            &student.tokenizer,
            recipe.answering.max_new_tokens.min(max_tokens - max_tokens / 4),
        ),
    )
    .map_err(|error| bad(&error))?;
    let stage = context
        .driver("distill")
        .drive(stage, &args.stage.out, Begin::of(args.stage.resume))?;
    let Actor::Full(lm) = stage.models().trained() else {
        unreachable!("a whole model was trained");
    };
    let target = args.stage.out.join("model");
    write_model(&target, lm, &student.config, Some(&student.tokenizer))?;
    context
        .talk
        .tell(&format!("the student is in {}", target.display()));
    Ok(())
}
