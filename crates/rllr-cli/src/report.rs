//! `rllr report`: what a run came to, as HTML, Markdown and JSON.

pub mod document;
pub mod figures;
pub mod sections;
pub mod html;
pub mod markdown;
pub mod read;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rllr_eval::{Comparison, RunRecord, compare_methods};
use rllr_task::bootstrap::BootstrapConfig;
use serde::Serialize;

use crate::data::output::write_whole;
use crate::terminal::say;
use document::{Block, Document, Figure};

/// Arguments of `rllr report`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// Directory of a run, finished or not.
    #[arg(default_value = "rllr-run", value_name = "RUN_DIR")]
    run: PathBuf,
    /// Directory for report.html, report.md, report.json and figures. Default: `report` in the run's directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

/// Resamples of a paired test: the smallest p-value is one in so many, and must survive Holm's correction.
const RESAMPLES: usize = 10_000;

/// What is in `report.json`.
#[derive(Debug, Serialize)]
struct ReportJson<'a> {
    /// Layout of this file.
    version: u32,
    /// Means, intervals and tests.
    comparison: &'a Comparison,
    /// What they were computed from.
    record: &'a RunRecord,
}

/// Writes the report of a run.
///
/// # Errors
///
/// [`ExitError::BadInput`](crate::exit::ExitError) for a directory without results; otherwise when a file cannot be
/// written.
pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let record = read::read_run(&args.run)?;
    let out = args.out.clone().unwrap_or_else(|| args.run.join("report"));
    let path = write_report(&record, &out)?;
    if !args.quiet {
        say!("{}", path.display());
    }
    Ok(())
}

/// Writes `report.html`, `report.md`, `report.json` and `figures/*.svg` into a directory; returns the HTML file's path.
///
/// The same record gives the same bytes.
///
/// # Errors
///
/// For a record without results, and when a file cannot be written.
pub fn write_report(record: &RunRecord, directory: &Path) -> anyhow::Result<PathBuf> {
    let comparison = compare(record)?;
    let document = sections::document(record, &comparison)?;
    for figure in figures_of(&document) {
        let path = directory.join("figures").join(format!("{}.svg", figure.name));
        write_text(&path, &figures::standalone(&figure.svg))?;
    }
    write_text(&directory.join("report.md"), &markdown::markdown(&document))?;
    let json = ReportJson {
        version: 1,
        comparison: &comparison,
        record,
    };
    write_text(
        &directory.join("report.json"),
        &(serde_json::to_string_pretty(&json)? + "\n"),
    )?;
    let path = directory.join("report.html");
    write_text(&path, &html::html(&document))?;
    Ok(path)
}

/// The methods of a run, compared; the same record gives the same numbers.
///
/// # Errors
///
/// For a record without results.
pub fn compare(record: &RunRecord) -> anyhow::Result<Comparison> {
    let config = BootstrapConfig {
        resamples: RESAMPLES,
        ..BootstrapConfig::default()
    };
    Ok(compare_methods(
        record,
        &config,
        &mut ChaCha8Rng::seed_from_u64(0),
    )?)
}

fn figures_of(document: &Document) -> impl Iterator<Item = &Figure> {
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    blocks.flat_map(|block| match block {
        Block::Figures(figures) => figures.as_slice(),
        _ => &[],
    })
}

fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    write_whole(path, |file| Ok(file.write_all(text.as_bytes())?))
}
