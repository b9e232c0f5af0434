//! Giveaways: how well the responses of a preference pair tell chosen from rejected *without the prompt*.
//!
//! A reward model that can rank the responses by their wording, length, author or label alone need not read the
//! prompt, and reinforcement learning then amplifies what it does read. The check trains the simplest such model, a
//! bag of words, on part of the pairs and counts how often it is right on the rest: 0.5 is wanted. Whatever it
//! reaches is the floor for the accuracy of a reward model on these pairs.
//!
//! What a rationale quotes of the input gives something away too: that part is in the number.

mod linear;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

use rand::Rng;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use crate::pairs::PreferencePair;
use linear::{Features, PairwiseLinear, name_features, word_features};

/// Parts of the cross-validation: four parts train, one is counted, five times.
pub const FOLDS: usize = 5;

/// From this accuracy on (lower end of the interval) a cue is reported as a giveaway.
///
/// 0.55 on 10,000 pairs is far from chance and still harmless: 10 % of what a perfect cue would give.
pub const GIVEAWAY_LIMIT: f64 = 0.55;

/// How often one cue picks the chosen response.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CueAccuracy {
    /// Pairs that were judged.
    pub pairs: usize,
    /// Share of pairs in which the cue picks the chosen response; a tie counts half. 0.5 is chance.
    pub accuracy: f64,
    /// 95 % interval of `accuracy`, `[low, high]`; pairs of one prompt count as one draw.
    pub ci95: [f64; 2],
}

/// How well chosen is told from rejected without the prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Giveaway {
    /// Different prompts among the pairs.
    pub prompts: usize,
    /// Words and word pairs of the response, its label line among them.
    pub words: CueAccuracy,
    /// Words and word pairs beside the response's label: "team" for the label "sports" is another word than "team"
    /// for "business". High where rationales quote the input, since quotations beside a label are a small
    /// classification task of their own; this is then the floor, and no fault of the wording.
    pub words_with_label: CueAccuracy,
    /// The label alone: far from 0.5 where the labels are unbalanced.
    pub label: CueAccuracy,
    /// The author alone, if the pairs name authors. 0.5 where both sides have the same author.
    pub writer: Option<CueAccuracy>,
    /// "The longer response is the chosen one": below 0.5 if the shorter one mostly is.
    pub longer: CueAccuracy,
    /// `words_with_label`, by the authors of chosen and rejected (`human > palm`).
    pub by_writers: BTreeMap<String, CueAccuracy>,
    /// `words_with_label`, by which response is longer: `chosen`, `rejected`, `neither`.
    pub by_longer: BTreeMap<String, CueAccuracy>,
}

/// Pairs that cannot be cross-validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GiveawayError {
    /// Too few prompts for a train and a test part in every fold.
    #[error("the giveaway check needs pairs of at least {FOLDS} different prompts; found {found}")]
    TooFewPrompts {
        /// Different prompts found.
        found: usize,
    },
}

impl Giveaway {
    /// What a user should be told, one sentence or two each; empty if nothing stands out.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let Self {
            words,
            words_with_label,
            ..
        } = self;
        let wording = if words_with_label.accuracy > words.accuracy {
            words_with_label
        } else {
            words
        };
        let cues = [
            ("the wording", Some(*wording)),
            ("the label", Some(self.label)),
            ("the author", self.writer),
        ];
        for (cue, measured) in cues {
            if let Some(CueAccuracy {
                accuracy,
                ci95: [low, high],
                ..
            }) = measured
                && low > GIVEAWAY_LIMIT
            {
                warnings.push(format!(
                    "{cue} alone tells chosen from rejected in {:.1} % of the pairs (95 % interval {:.1} to {:.1}, \
                     chance 50): a reward model can reach that without reading the prompt.",
                    100.0 * accuracy,
                    100.0 * low,
                    100.0 * high,
                ));
            }
        }
        let CueAccuracy {
            accuracy,
            ci95: [low, high],
            ..
        } = self.longer;
        let sides = [("longer", low, accuracy), ("shorter", 1.0 - high, 1.0 - accuracy)];
        for (side, lowest, share) in sides {
            if lowest > GIVEAWAY_LIMIT {
                warnings.push(format!(
                    "the {side} response is the chosen one in {:.1} % of the pairs: watch the length of what is \
                     trained on them.",
                    100.0 * share
                ));
            }
        }
        warnings
    }
}

/// The features of the two responses of a pair, whose labels are given.
type FeaturesOf = dyn Fn(&PreferencePair, &[Option<String>; 2]) -> [Features; 2];

/// Measures how well chosen is told from rejected without the prompt, by five-fold cross-validation over prompts.
///
/// `label_of` reads the label of a response, `None` where there is none. The generator assigns prompts to folds; the
/// same pairs and generator give the same numbers.
///
/// # Errors
///
/// [`GiveawayError::TooFewPrompts`].
pub fn giveaway(
    pairs: &[PreferencePair],
    label_of: impl Fn(&PreferencePair, &str) -> Option<String>,
    rng: &mut impl Rng,
) -> Result<Giveaway, GiveawayError> {
    let prompts = prompt_numbers(pairs);
    let count = prompts.iter().max().map_or(0, |last| last + 1);
    if count < FOLDS {
        return Err(GiveawayError::TooFewPrompts { found: count });
    }
    let mut folds: Vec<usize> = (0..count).map(|prompt| prompt % FOLDS).collect();
    folds.shuffle(rng);
    let fold_of: Vec<usize> = prompts.iter().map(|&prompt| folds[prompt]).collect();

    let responses = rare_responses(pairs);
    let labels: Vec<[Option<String>; 2]> = pairs
        .iter()
        .map(|pair| [&pair.chosen, &pair.rejected].map(|response| label_of(pair, response)))
        .collect();
    let wins = |features: &FeaturesOf| {
        let differences: Vec<Features> = pairs
            .iter()
            .zip(&labels)
            .map(|(pair, labels)| {
                let [chosen, rejected] = features(pair, labels);
                chosen.minus(&rejected)
            })
            .collect();
        cross_validated_wins(&differences, &fold_of, &responses)
    };
    let word_wins =
        wins(&|pair, _| [&pair.chosen, &pair.rejected].map(|response| word_features(response, "")));
    let label_wins = wins(&|_, labels| labels.each_ref().map(|label| name_features(label.as_deref())));
    let joined_wins = wins(&|pair, [chosen, rejected]| {
        [(&pair.chosen, chosen), (&pair.rejected, rejected)]
            .map(|(response, label)| word_features(response, label.as_deref().unwrap_or_default()))
    });
    let writer_wins =
        wins(&|pair, _| [&pair.chosen_by, &pair.rejected_by].map(|writer| name_features(writer.as_deref())));
    let longer_wins: Vec<f64> = pairs.iter().map(longer_win).collect();
    let names_writers = pairs
        .iter()
        .any(|pair| pair.chosen_by.is_some() || pair.rejected_by.is_some());

    let accuracy = |wins: &[f64]| cue_accuracy(wins.iter().copied().zip(prompts.iter().copied()));
    let by = |key: fn(&PreferencePair) -> String| {
        let judged = joined_wins.iter().copied().zip(prompts.iter().copied());
        accuracy_by(pairs.iter().map(key).zip(judged))
    };
    Ok(Giveaway {
        prompts: count,
        words: accuracy(&word_wins),
        words_with_label: accuracy(&joined_wins),
        label: accuracy(&label_wins),
        writer: names_writers.then(|| accuracy(&writer_wins)),
        longer: accuracy(&longer_wins),
        by_writers: if names_writers {
            by(writers_key)
        } else {
            BTreeMap::new()
        },
        by_longer: by(longer_key),
    })
}

/// Accuracies of wins, each with its prompt, by key.
fn accuracy_by(judged: impl Iterator<Item = (String, (f64, usize))>) -> BTreeMap<String, CueAccuracy> {
    let mut parts: BTreeMap<String, Vec<(f64, usize)>> = BTreeMap::new();
    for (key, win) in judged {
        parts.entry(key).or_default().push(win);
    }
    parts
        .into_iter()
        .map(|(key, part)| (key, cue_accuracy(part)))
        .collect()
}

/// Numbers the prompts in the order of their first appearance.
fn prompt_numbers(pairs: &[PreferencePair]) -> Vec<usize> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    pairs
        .iter()
        .map(|pair| {
            let next = numbers.len();
            *numbers.entry(&pair.prompt).or_insert(next)
        })
        .collect()
}

/// The responses of each pair that occur in few pairs, by number; at most two.
///
/// If a pair sets an example's rationale against another example's, the same text is chosen here and rejected there.
/// A model that has seen it in one place then guesses the other by memory, always wrongly, and the accuracy falls far
/// below chance (30 % on e-SNLI) without saying anything about new texts. Frequent texts ("a man is not a woman.")
/// are no such memory: they are wording.
fn rare_responses(pairs: &[PreferencePair]) -> Vec<Vec<usize>> {
    const FEW: usize = 4;
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for response in pairs.iter().flat_map(|pair| [&pair.chosen, &pair.rejected]) {
        let next = counts.len();
        counts.entry(response).or_insert((next, 0)).1 += 1;
    }
    let rare = |response: &String| {
        let (number, count) = counts[response.as_str()];
        (count <= FEW).then_some(number)
    };
    pairs
        .iter()
        .map(|pair| {
            [&pair.chosen, &pair.rejected]
                .into_iter()
                .filter_map(rare)
                .collect()
        })
        .collect()
}

/// For each pair 1 if a model trained on other folds prefers the chosen response, 0 if the rejected, else 0.5.
///
/// A pair does not train if it shares a rare response with the fold that is judged.
fn cross_validated_wins(differences: &[Features], fold_of: &[usize], responses: &[Vec<usize>]) -> Vec<f64> {
    let mut wins = vec![0.0; differences.len()];
    let rows = 0..differences.len();
    for fold in 0..FOLDS {
        let judged: Vec<usize> = rows.clone().filter(|&row| fold_of[row] == fold).collect();
        let texts: HashSet<usize> = judged.iter().flat_map(|&row| &responses[row]).copied().collect();
        let trains =
            |row: &usize| fold_of[*row] != fold && responses[*row].iter().all(|text| !texts.contains(text));
        let train: Vec<&Features> = rows.clone().filter(trains).map(|row| &differences[row]).collect();
        let model = PairwiseLinear::fit(&train);
        for row in judged {
            wins[row] = win_of(model.score(&differences[row]));
        }
    }
    wins
}

fn win_of(difference: f32) -> f64 {
    match difference {
        positive if positive > 0.0 => 1.0,
        negative if negative < 0.0 => 0.0,
        _ => 0.5,
    }
}

fn longer_win(pair: &PreferencePair) -> f64 {
    match pair.chosen.len().cmp(&pair.rejected.len()) {
        Ordering::Greater => 1.0,
        Ordering::Equal => 0.5,
        Ordering::Less => 0.0,
    }
}

fn longer_key(pair: &PreferencePair) -> String {
    match pair.chosen.len().cmp(&pair.rejected.len()) {
        Ordering::Greater => "chosen",
        Ordering::Equal => "neither",
        Ordering::Less => "rejected",
    }
    .to_owned()
}

fn writers_key(pair: &PreferencePair) -> String {
    let name = |writer: &Option<String>| writer.clone().unwrap_or_else(|| "unknown".to_owned());
    format!("{} > {}", name(&pair.chosen_by), name(&pair.rejected_by))
}

/// Mean of the wins and its interval with prompts as clusters.
///
/// ```text
/// p = sum_i w_i / n,   se^2 = G / (G - 1) * sum_g (sum_{i in g} (w_i - p))^2 / n^2,   p ± 1.96 se
/// ```
///
/// Source: the usual cluster-robust variance of a mean, as in Cameron and Miller, "A Practitioner's Guide to
/// Cluster-Robust Inference", Journal of Human Resources 50(2), 2015, section II.
fn cue_accuracy(wins: impl IntoIterator<Item = (f64, usize)>) -> CueAccuracy {
    let wins: Vec<(f64, usize)> = wins.into_iter().collect();
    let pairs = wins.len();
    assert!(pairs > 0, "a cue is judged on at least one pair");
    let accuracy = wins.iter().map(|(win, _)| win).sum::<f64>() / pairs as f64;
    let mut clusters: BTreeMap<usize, f64> = BTreeMap::new();
    for (win, prompt) in &wins {
        *clusters.entry(*prompt).or_default() += win - accuracy;
    }
    let count = clusters.len() as f64;
    let ci95 = if clusters.len() < 2 {
        // One draw says nothing about its spread.
        [0.0, 1.0]
    } else {
        let squares: f64 = clusters.values().map(|sum| sum * sum).sum();
        let error = (count / (count - 1.0) * squares).sqrt() / pairs as f64;
        [
            (accuracy - 1.96 * error).max(0.0),
            (accuracy + 1.96 * error).min(1.0),
        ]
    };
    CueAccuracy {
        pairs,
        accuracy,
        ci95,
    }
}

#[cfg(test)]
mod tests;
