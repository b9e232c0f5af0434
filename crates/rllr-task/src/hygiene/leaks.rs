//! Which training rows repeat, or nearly repeat, a held-out text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::normalize::normalized;
use super::shingles::{PieceIndex, pieces, shared};

/// What counts as nearly the same text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeakConfig {
    /// Length of the overlapping pieces, in normalised characters. Default 16.
    pub piece_chars: usize,
    /// Texts shorter than this are compared as a whole only: short phrases are commonplace. Default 32.
    pub min_chars: usize,
    /// A training text that holds this share of a held-out text's pieces leaks it. Default 0.7.
    pub held_out_share: f64,
    /// A training text of whose pieces this share lies in a held-out text leaks it. Default 0.8.
    pub training_share: f64,
}

impl Default for LeakConfig {
    fn default() -> Self {
        Self {
            piece_chars: 16,
            min_chars: 32,
            held_out_share: 0.7,
            training_share: 0.8,
        }
    }
}

/// Why texts cannot be compared in pieces.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LeakError {
    /// The length of a piece is 0, or more than the shortest text that is cut into pieces.
    #[error("piece_chars: found {piece_chars}, expected 1 to min_chars = {min_chars}")]
    PieceLength {
        /// The length found.
        piece_chars: usize,
        /// The shortest text that is cut.
        min_chars: usize,
    },
    /// A share that is none.
    #[error("{field}: found {found}, expected more than 0, at most 1")]
    Share {
        /// Name of the setting.
        field: &'static str,
        /// The value found.
        found: f64,
    },
}

/// Rows of one task and split; each row has one or more texts.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// What the report calls it, such as `mr/train`.
    pub name: String,
    /// The texts of each row.
    pub rows: Vec<Vec<&'a str>>,
}

/// How a training text gives a held-out one away.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "share")]
pub enum LeakKind {
    /// This share of the training text's pieces lies in the held-out text.
    LiesInside(f64),
    /// It holds this share of the held-out text's pieces.
    Contains(f64),
    /// The normalised texts are equal.
    Equal,
}

/// A training row that repeats a text of a held-out part: the closest of its matches there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Leak {
    /// Number of the training part.
    pub training_part: usize,
    /// Row in it.
    pub training_row: usize,
    /// Number of the held-out part.
    pub held_out_part: usize,
    /// Row in it: the first that has the text.
    pub held_out_row: usize,
    /// How the two match.
    pub kind: LeakKind,
}

/// Leaking rows between two parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeakCount {
    /// Name of the training part.
    pub training: String,
    /// Name of the held-out part.
    pub held_out: String,
    /// Training rows with a text that equals a held-out one.
    pub equal_rows: usize,
    /// Training rows that only nearly repeat one.
    pub near_rows: usize,
}

/// What [`find_leaks`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeakReport {
    /// One entry for each training row and held-out part that match, in this order.
    pub leaks: Vec<Leak>,
    /// Their number for each pair of parts that has any, in the order of the parts.
    pub counts: Vec<LeakCount>,
}

impl LeakReport {
    /// Rows of a training part that repeat a held-out text, ascending: the rows to remove.
    pub fn leaking_rows(&self, training_part: usize) -> Vec<usize> {
        let of_part = self
            .leaks
            .iter()
            .filter(|leak| leak.training_part == training_part);
        let mut rows: Vec<usize> = of_part.map(|leak| leak.training_row).collect();
        rows.dedup();
        rows
    }
}

/// Compares every text of every training row with every held-out text, across all tasks at once.
///
/// Exact: no near copy is missed, as it could be with random signatures. Only texts that share a rare piece are compared
/// in full.
///
/// # Errors
///
/// When the config makes no sense.
pub fn find_leaks(
    training: &[Part<'_>],
    held_out: &[Part<'_>],
    config: &LeakConfig,
) -> Result<LeakReport, LeakError> {
    check(config)?;
    let training_texts = Texts::new(training, config);
    let held_out_texts = Texts::new(held_out, config);
    let matches = matches(&training_texts, &held_out_texts, config);

    // One leak for each training row and held-out part: the closest match of any of the row's texts.
    let mut closest: BTreeMap<(usize, usize, usize), (LeakKind, usize)> = BTreeMap::new();
    for (places, matches) in training_texts.places.iter().zip(&matches) {
        for (part, row) in places {
            for (held_out_text, kind) in matches {
                for (held_out_part, held_out_row) in held_out_texts.first_in_each_part(*held_out_text) {
                    let found = (*kind, held_out_row);
                    let best = closest.entry((*part, *row, held_out_part)).or_insert(found);
                    if found.0 > best.0 {
                        *best = found;
                    }
                }
            }
        }
    }
    let leak = |(place, found): ((usize, usize, usize), (LeakKind, usize))| Leak {
        training_part: place.0,
        training_row: place.1,
        held_out_part: place.2,
        held_out_row: found.1,
        kind: found.0,
    };
    let leaks: Vec<Leak> = closest.into_iter().map(leak).collect();
    let counts = count(&leaks, training, held_out);
    Ok(LeakReport { leaks, counts })
}

/// The distinct normalised texts of one side.
struct Texts {
    /// Number of each text.
    numbers: BTreeMap<String, usize>,
    /// Part and row of each occurrence, by text.
    places: Vec<Vec<(usize, usize)>>,
    /// Pieces by text; none of short texts.
    pieces: Vec<Vec<u64>>,
}

impl Texts {
    fn new(parts: &[Part<'_>], config: &LeakConfig) -> Self {
        let mut texts = Self {
            numbers: BTreeMap::new(),
            places: Vec::new(),
            pieces: Vec::new(),
        };
        for (part_number, part) in parts.iter().enumerate() {
            for (row_number, row) in part.rows.iter().enumerate() {
                for text in row {
                    texts.add(normalized(text), (part_number, row_number), config);
                }
            }
        }
        texts
    }

    fn add(&mut self, text: String, place: (usize, usize), config: &LeakConfig) {
        if let Some(number) = self.numbers.get(&text) {
            self.places[*number].push(place);
            return;
        }
        let is_long = text.chars().count() >= config.min_chars;
        self.pieces.push(if is_long {
            pieces(&text, config.piece_chars)
        } else {
            Vec::new()
        });
        self.numbers.insert(text, self.places.len());
        self.places.push(vec![place]);
    }

    /// The first row with a text in each part that has it.
    fn first_in_each_part(&self, text: usize) -> impl Iterator<Item = (usize, usize)> {
        self.places[text]
            .chunk_by(|a, b| a.0 == b.0)
            .map(|of_part| of_part[0])
    }
}

/// The held-out texts that each training text repeats, by training text.
fn matches(training: &Texts, held_out: &Texts, config: &LeakConfig) -> Vec<Vec<(usize, LeakKind)>> {
    let mut matches = vec![Vec::new(); training.places.len()];
    for (text, number) in &training.numbers {
        if let Some(same) = held_out.numbers.get(text) {
            matches[*number].push((*same, LeakKind::Equal));
        }
    }
    near(
        &training.pieces,
        &held_out.pieces,
        config.training_share,
        |training, held_out, share| {
            matches[training].push((held_out, LeakKind::LiesInside(share)));
        },
    );
    near(
        &held_out.pieces,
        &training.pieces,
        config.held_out_share,
        |held_out, training, share| {
            matches[training].push((held_out, LeakKind::Contains(share)));
        },
    );
    matches
}

/// Calls `found(inner, outer, share)` for every text of `inner` of whose pieces at least `least_share` are in a
/// text of `outer`.
fn near(inner: &[Vec<u64>], outer: &[Vec<u64>], least_share: f64, mut found: impl FnMut(usize, usize, f64)) {
    let index = PieceIndex::new(outer);
    for (number, pieces) in inner.iter().enumerate().filter(|(_, pieces)| !pieces.is_empty()) {
        let share = |count: usize| count as f64 / pieces.len() as f64;
        // The tolerance keeps 7 of 10 at a share of 0.7.
        let is_enough = |count: &usize| share(*count) >= least_share - 1e-9;
        let needed = (1..=pieces.len()).find(is_enough).unwrap_or(pieces.len());
        for candidate in index.candidates(pieces, needed) {
            let candidate = candidate as usize;
            let count = shared(pieces, &outer[candidate]);
            if count >= needed {
                found(number, candidate, share(count));
            }
        }
    }
}

fn count(leaks: &[Leak], training: &[Part<'_>], held_out: &[Part<'_>]) -> Vec<LeakCount> {
    let mut counts: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
    for leak in leaks {
        let (equal, near) = counts
            .entry((leak.training_part, leak.held_out_part))
            .or_default();
        *(if leak.kind == LeakKind::Equal { equal } else { near }) += 1;
    }
    let named =
        |((training_part, held_out_part), (equal_rows, near_rows)): ((usize, usize), (usize, usize))| {
            let (training, held_out) = (
                training[training_part].name.clone(),
                held_out[held_out_part].name.clone(),
            );
            LeakCount {
                training,
                held_out,
                equal_rows,
                near_rows,
            }
        };
    counts.into_iter().map(named).collect()
}

fn check(config: &LeakConfig) -> Result<(), LeakError> {
    let LeakConfig {
        piece_chars,
        min_chars,
        held_out_share,
        training_share,
    } = *config;
    if piece_chars == 0 || piece_chars > min_chars {
        return Err(LeakError::PieceLength {
            piece_chars,
            min_chars,
        });
    }
    for (field, found) in [
        ("held_out_share", held_out_share),
        ("training_share", training_share),
    ] {
        if !(found > 0.0 && found <= 1.0) {
            return Err(LeakError::Share { field, found });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
