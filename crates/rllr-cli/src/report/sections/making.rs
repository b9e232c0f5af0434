//! How the numbers were made, so that they can be made again.

use rllr_eval::RunRecord;

use super::or_dash;
use crate::report::document::{Block, DataTable, Section};

pub(super) fn section(record: &RunRecord) -> Section {
    let mut blocks: Vec<Block> = record
        .notes
        .iter()
        .map(|note| Block::Text(format!("Note: {note}")))
        .collect();
    let seeds: Vec<String> = record.seeds().iter().map(u64::to_string).collect();
    let mut facts = vec![vec!["seeds".to_owned(), seeds.join(", ")]];
    let versions = record.versions.iter();
    facts.extend(versions.map(|(name, version)| vec![name.clone(), version.clone()]));
    blocks.push(Block::Table(DataTable::new(
        "Seeds and versions",
        &["what", "value"],
        facts,
    )));
    if !record.data.is_empty() {
        let files = record.data.iter().map(|file| {
            vec![
                file.name.clone(),
                or_dash(file.rows.map(|rows| rows.to_string())),
                file.hash.clone(),
            ]
        });
        blocks.push(Block::Table(DataTable::new(
            "Data",
            &["data", "rows", "hash"],
            files.collect(),
        )));
    }
    if !record.config.is_empty() {
        blocks.push(Block::Code {
            caption: "The whole configuration".to_owned(),
            text: record.config.clone(),
        });
    }
    Section {
        id: "making",
        title: "How was this made?".to_owned(),
        explanation: "Everything that decides the numbers. The same program with this configuration, data and seeds gives the \
                      same numbers on the same kind of device."
            .to_owned(),
        blocks,
    }
}
