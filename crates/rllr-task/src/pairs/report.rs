//! What became of the examples that pairs were built from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PairError, PreferencePair};

/// Why a pair is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// No rationale for a label, or none by the writer of the other side.
    NoRationale,
    /// No other text to corrupt the rationale with.
    NoCorruption,
    /// Chosen and rejected would be the same text.
    Identical,
    /// The same prompt and responses occurred before.
    Repeated,
    /// The responses alone exceed the maximum length, or leave no room for the prompt's fixed part.
    TooLong,
}

impl DropReason {
    /// All reasons, in the order in which they are found.
    pub const ALL: [Self; 5] = [
        Self::NoRationale,
        Self::NoCorruption,
        Self::Identical,
        Self::Repeated,
        Self::TooLong,
    ];

    /// The reason as people read it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::NoRationale => "no rationale by one writer for both labels",
            Self::NoCorruption => "no other rationale to set against",
            Self::Identical => "chosen and rejected identical",
            Self::Repeated => "repeated",
            Self::TooLong => "too long",
        }
    }
}

/// Counts of everything that was built, cut and dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairReport {
    /// Examples (or rows) that went in.
    pub examples: usize,
    /// Pairs that came out.
    pub pairs: usize,
    /// Pairs whose prompt was cut to the maximum length.
    pub prompts_cut: usize,
    /// Pairs that are missing, by reason.
    pub dropped: BTreeMap<DropReason, usize>,
    /// Pairs by label of the chosen response.
    pub chosen_labels: BTreeMap<String, usize>,
    /// Pairs by label of the rejected response.
    pub rejected_labels: BTreeMap<String, usize>,
    /// Pairs by writers, `chosen > rejected`.
    pub writers: BTreeMap<String, usize>,
}

impl PairReport {
    /// Pairs that are missing, for whatever reason.
    pub fn dropped_total(&self) -> usize {
        self.dropped.values().sum()
    }

    /// Adds the counts of another report, such as another task's.
    pub fn add(&mut self, other: &Self) {
        let Self {
            examples,
            pairs,
            prompts_cut,
            dropped,
            chosen_labels,
            rejected_labels,
            writers,
        } = other;
        self.examples += examples;
        self.pairs += pairs;
        self.prompts_cut += prompts_cut;
        for (reason, count) in dropped {
            *self.dropped.entry(*reason).or_default() += count;
        }
        for (mine, theirs) in [
            (&mut self.chosen_labels, chosen_labels),
            (&mut self.rejected_labels, rejected_labels),
            (&mut self.writers, writers),
        ] {
            for (key, count) in theirs {
                *mine.entry(key.clone()).or_default() += count;
            }
        }
    }

    /// Refuses a build that lost more than the share `limit` (0 to 1) of its pairs as too long, identical or repeated.
    ///
    /// Missing rationales do not count: they are no fault of the pairs that are there.
    ///
    /// # Errors
    ///
    /// [`PairError::TooManyLost`].
    pub fn refuse_above(&self, limit: f64) -> Result<(), PairError> {
        let reasons = [DropReason::TooLong, DropReason::Identical, DropReason::Repeated];
        let lost: usize = reasons.iter().filter_map(|reason| self.dropped.get(reason)).sum();
        let candidates = self.pairs + lost;
        if lost as f64 <= limit * candidates as f64 {
            return Ok(());
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 0 to 1"
        )]
        let limit_percent = (100.0 * limit.clamp(0.0, 1.0)).round() as u32;
        Err(PairError::TooManyLost {
            lost,
            candidates,
            limit_percent,
        })
    }

    pub(super) fn count_dropped(&mut self, reason: DropReason) {
        *self.dropped.entry(reason).or_default() += 1;
    }

    /// Counts a pair; `labels` are those of chosen and rejected.
    pub(super) fn count_pair(&mut self, pair: &PreferencePair, labels: [&str; 2]) {
        self.pairs += 1;
        let [chosen, rejected] = labels;
        add_one(&mut self.chosen_labels, chosen);
        add_one(&mut self.rejected_labels, rejected);
        if let (Some(chosen), Some(rejected)) = (&pair.chosen_by, &pair.rejected_by) {
            add_one(&mut self.writers, &format!("{chosen} > {rejected}"));
        }
    }
}

fn add_one(counts: &mut BTreeMap<String, usize>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.to_owned(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn report(pairs: usize, dropped: &[(DropReason, usize)]) -> PairReport {
        PairReport {
            examples: 9,
            pairs,
            dropped: dropped.iter().copied().collect(),
            ..PairReport::default()
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn counts_of_tasks_add_up() {
        let mut total = report(3, &[(DropReason::Identical, 1)]);
        total.writers.insert("rule > rule".to_owned(), 3);
        let mut other = report(4, &[(DropReason::Identical, 1), (DropReason::TooLong, 2)]);
        other.writers.insert("rule > rule".to_owned(), 4);
        total.add(&other);
        assert_eq!((total.examples, total.pairs, total.dropped_total()), (18, 7, 4));
        assert_eq!(total.writers.get("rule > rule"), Some(&7));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_build_that_lost_too_much_is_refused() {
        let lossy = report(
            8,
            &[
                (DropReason::Identical, 1),
                (DropReason::TooLong, 1),
                (DropReason::NoRationale, 90),
            ],
        );
        assert_eq!(lossy.refuse_above(0.2), Ok(()), "2 of 10 are lost");
        let refused = PairError::TooManyLost {
            lost: 2,
            candidates: 10,
            limit_percent: 19,
        };
        assert_eq!(lossy.refuse_above(0.19), Err(refused));
        assert_eq!(
            report(0, &[]).refuse_above(0.0),
            Ok(()),
            "nothing lost of nothing"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn every_reason_has_its_own_words() {
        let words: std::collections::BTreeSet<&str> = DropReason::ALL.map(DropReason::describe).into();
        assert_eq!(words.len(), DropReason::ALL.len());
    }
}
