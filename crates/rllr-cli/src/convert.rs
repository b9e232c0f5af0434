//! `rllr convert`: models from other forms into a directory in Hugging Face's layout.

mod config_json;
mod hugging_face;
mod llama2c;
mod size;

use std::path::PathBuf;

use rllr_model::{CausalLm, ExportOptions, StoredType};
use serde::Serialize;

use crate::data::load::bad_input;
use crate::data::output::print_json;
use crate::hub;
use crate::model_directory::{CONFIG, DirectoryWriter, Overwrite, write_weights};
use crate::terminal::say;

/// Arguments of `rllr convert`.
#[derive(Clone, Debug, clap::Args)]
pub struct ConvertArgs {
    /// A model's directory in Hugging Face's layout, or a llama2.c file (version 0).
    source: PathBuf,
    /// Directory for the converted model.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How numbers are stored.
    #[arg(long, value_enum, default_value_t)]
    dtype: DtypeArgument,
    /// Divide the weights into files of at most so many bytes; endings KB, MB, GB, KiB, MiB, GiB.
    #[arg(long, value_name = "BYTES", default_value = "5GB", value_parser = size::parse)]
    max_shard_size: u64,
    /// The vocabulary of a llama2.c model (tokenizer.bin).
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Replace the model that is in the output directory.
    #[arg(long)]
    force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Print nothing.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

/// `--dtype`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum DtypeArgument {
    /// 4 bytes a number.
    #[default]
    F32,
    /// 2 bytes, more precise than bf16; refused where a number is above 65,504.
    F16,
    /// 2 bytes, the range of f32.
    Bf16,
}

impl From<DtypeArgument> for StoredType {
    fn from(argument: DtypeArgument) -> Self {
        match argument {
            DtypeArgument::F32 => Self::F32,
            DtypeArgument::F16 => Self::F16,
            DtypeArgument::Bf16 => Self::BF16,
        }
    }
}

/// A model to be written: read, built and so found to be whole.
struct Imported {
    model: CausalLm,
    config_json: String,
    /// Files beside the weights: name and bytes.
    companions: Vec<(String, Vec<u8>)>,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Summary {
    out: PathBuf,
    parameters: u64,
    dtype: &'static str,
    data_bytes: u64,
    files: Vec<String>,
}

/// Converts a model.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for a source that is damaged or not supported, and for an output
/// that is in the way; otherwise if the disk fails.
pub fn run(args: &ConvertArgs) -> anyhow::Result<()> {
    let stored_type = StoredType::from(args.dtype);
    let overwrite = if args.force {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    };
    // Before the work, so that a name that is taken is known at once.
    let directory = DirectoryWriter::begin(&args.out, overwrite)?;
    let source = hub::model_directory(&args.source)?;
    let imported = if source.is_dir() {
        if let Some(tokenizer) = &args.tokenizer {
            return Err(bad_input(format!(
                "--tokenizer {}: found a source in Hugging Face's layout, whose tokenizer is copied",
                tokenizer.display()
            )));
        }
        hugging_face::import(&source, stored_type)?
    } else {
        llama2c::import(&source, args.tokenizer.as_deref(), stored_type)?
    };

    let weights = imported.model.device_weights()?;
    let options = ExportOptions {
        stored_type,
        max_shard_bytes: args.max_shard_size,
    };
    let plan = write_weights(&directory, &weights, &options)?;
    let companions = imported
        .companions
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    for (name, bytes) in companions.chain([(CONFIG, imported.config_json.as_bytes())]) {
        directory.file(name, |out| Ok(out.write_all(bytes)?))?;
    }
    directory.finish()?;

    let summary = Summary {
        out: args.out.clone(),
        parameters: plan.data_bytes() / stored_type.bytes() as u64,
        dtype: stored_type.torch_name(),
        data_bytes: plan.data_bytes(),
        files: plan.files.into_iter().map(|file| file.name).collect(),
    };
    report(args, &summary)
}

fn report(args: &ConvertArgs, summary: &Summary) -> anyhow::Result<()> {
    if args.json {
        return print_json(summary);
    }
    if !args.quiet {
        let Summary {
            out,
            parameters,
            dtype,
            data_bytes,
            files,
        } = summary;
        let files = match files.as_slice() {
            [one] => one.clone(),
            several => format!("{} files", several.len()),
        };
        say!(
            "{parameters} parameters as {dtype}, {data_bytes} bytes in {files}, written to {}",
            out.display()
        );
    }
    Ok(())
}
