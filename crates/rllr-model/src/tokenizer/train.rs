//! Training of byte-level BPE, deterministic on every target.
//!
//! The `tokenizers` crate has a trainer too. It is not used: it starts threads unless a variable of the environment or
//! a global switch says otherwise, and it counts pairs in 32 bits. What it gives is the same, in every run and with any
//! number of threads (400 random corpora, 8 runs with and 8 without threads): the tests use it, on one thread, as the second opinion.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use serde::{Deserialize, Serialize};

pub use super::byte_level::Splitting;
use super::byte_level::{ByteLevelBpe, RoleNames, byte_characters};
use super::{Tokenizer, TokenizerError};

#[cfg(test)]
mod tests;

/// What a byte-level BPE is trained to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BpeTrainingConfig {
    /// Number of tokens: special ones, 256 bytes and merges, 300 to 65,536. Fewer when no pair is frequent enough.
    pub vocab_size: usize,
    /// How often a pair has to occur to become a token, at least 1. Default 2.
    pub min_frequency: u64,
    /// How texts are cut into words. Default GPT-2's.
    pub splitting: Splitting,
    /// Begins every prompt; id 0. Default `<|bos|>`.
    pub bos_token: String,
    /// Ends every response; id 1. Default `<|eos|>`.
    pub eos_token: String,
    /// Fills rows up in other programs; id 2. Default `<|pad|>`.
    pub pad_token: String,
    /// Further special tokens, such as those of a chat template; the ids behind.
    pub additional_special_tokens: Vec<String>,
}

impl Default for BpeTrainingConfig {
    fn default() -> Self {
        Self {
            vocab_size: 4096,
            min_frequency: 2,
            splitting: Splitting::default(),
            bos_token: "<|bos|>".to_owned(),
            eos_token: "<|eos|>".to_owned(),
            pad_token: "<|pad|>".to_owned(),
            additional_special_tokens: Vec::new(),
        }
    }
}

/// Why no tokenizer can be trained.
#[derive(Debug, thiserror::Error)]
pub enum BpeTrainingError {
    /// A value that this field cannot have.
    #[error("{field}: found {found}, expected {expected}")]
    Config {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// There is nothing to learn from.
    #[error("the texts are empty: there is nothing to train a tokenizer on")]
    NoText,
    /// What was trained cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Smallest and largest vocabulary.
const SIZES: std::ops::RangeInclusive<usize> = 300..=65_536;

impl BpeTrainingConfig {
    fn special_tokens(&self) -> Vec<&str> {
        let roles = [&self.bos_token, &self.eos_token, &self.pad_token];
        let all = roles.into_iter().chain(&self.additional_special_tokens);
        all.map(String::as_str).collect()
    }

    /// Checks what serde cannot.
    ///
    /// # Errors
    ///
    /// [`BpeTrainingError::Config`] naming the first field that does not fit.
    pub fn validate(&self) -> Result<(), BpeTrainingError> {
        let error = |field, found: String, expected: String| {
            Err(BpeTrainingError::Config {
                field,
                found,
                expected,
            })
        };
        let special = self.special_tokens();
        for (index, token) in special.iter().enumerate() {
            // Others would be read back as bytes: the byte-level decoder takes their characters for its own.
            let usable = token.len() > 1 && token.bytes().all(|byte| byte.is_ascii_graphic());
            if !usable {
                let expected = "two or more visible ASCII characters";
                return error("special tokens", format!("{token:?}"), expected.to_owned());
            }
            if special[..index].contains(token) {
                return error(
                    "special tokens",
                    format!("{token:?} twice"),
                    "each once".to_owned(),
                );
            }
        }
        let smallest = (256 + special.len()).max(*SIZES.start());
        if !(smallest..=*SIZES.end()).contains(&self.vocab_size) {
            let expected = format!("{smallest} to {}", SIZES.end());
            return error("vocab_size", self.vocab_size.to_string(), expected);
        }
        if self.min_frequency == 0 {
            return error("min_frequency", "0".to_owned(), "at least 1".to_owned());
        }
        Ok(())
    }
}

/// Trains a byte-level BPE tokenizer: the same texts give the same tokenizer, in any order and on every target.
///
/// Byte-pair encoding (Sennrich et al. 2016, arXiv 1508.07909, algorithm 1) on the bytes of UTF-8 (GPT-2): again and
/// again the most frequent pair of neighbours inside words becomes a token. Of equally frequent pairs the one whose
/// first, then second token has the smaller id comes first, as in Hugging Face's tokenizers.
/// Special tokens inside the texts are left out.
///
/// # Errors
///
/// [`BpeTrainingError`] for a configuration that does not fit, and for texts without a character.
pub fn train_byte_level_bpe(
    texts: impl IntoIterator<Item = impl AsRef<str>>,
    config: &BpeTrainingConfig,
) -> Result<Tokenizer, BpeTrainingError> {
    config.validate()?;
    let special = config.special_tokens();
    let mut characters = byte_characters();
    characters.sort_unstable();
    let alphabet = characters.map(String::from);
    let mut tokens: Vec<String> = special
        .iter()
        .map(|&token| token.to_owned())
        .chain(alphabet)
        .collect();
    let roles = RoleNames {
        bos: &config.bos_token,
        eos: &config.eos_token,
        pad: &config.pad_token,
    };
    let build = |tokens: &[String], merges: &[(String, String)]| {
        ByteLevelBpe {
            tokens,
            merges,
            special: &special,
            roles: roles.clone(),
            splitting: Some(config.splitting),
        }
        .build()
    };

    // The words are cut by the tokenizer itself, so that training and use cut alike.
    let words = count_words(&build(&tokens, &[])?, texts)?;
    if words.is_empty() {
        return Err(BpeTrainingError::NoText);
    }
    let first = special.len();
    let ids: HashMap<char, u32> = characters.into_iter().zip((first..).map(id_of)).collect();
    let words = words.into_iter().map(|(word, count)| {
        let symbols = word.chars().filter_map(|c| ids.get(&c).copied()).collect();
        Word { symbols, count }
    });
    let merges = Merger::new(words.collect()).run(&mut tokens, config);
    let names = |(a, b): &(u32, u32)| (tokens[*a as usize].clone(), tokens[*b as usize].clone());
    let merges: Vec<(String, String)> = merges.iter().map(names).collect();
    Ok(build(&tokens, &merges)?)
}

/// The words of all texts with their counts, sorted.
fn count_words(
    tokenizer: &Tokenizer,
    texts: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<Vec<(String, u64)>, TokenizerError> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for text in texts {
        tokenizer.for_each_word(text.as_ref(), |word| match counts.get_mut(word) {
            Some(count) => *count += 1,
            None => drop(counts.insert(word.to_owned(), 1)),
        })?;
    }
    let mut words: Vec<(String, u64)> = counts.into_iter().collect();
    words.sort_unstable();
    Ok(words)
}

/// A token's id is its place.
fn id_of(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

type Pair = (u32, u32);

/// A word as tokens, and how often it occurs.
struct Word {
    symbols: Vec<u32>,
    count: u64,
}

/// The words while their pairs are merged, and how often each pair occurs in them.
struct Merger {
    words: Vec<Word>,
    counts: HashMap<Pair, u64>,
    /// The words that a pair occurs in, or did: some may have lost it, none is missing.
    places: HashMap<Pair, Vec<usize>>,
    /// The most frequent pair first, of equal ones the smallest. Counts may be out of date, but never too small.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
}

impl Merger {
    fn new(words: Vec<Word>) -> Self {
        let mut counts: HashMap<Pair, u64> = HashMap::new();
        let mut places: HashMap<Pair, Vec<usize>> = HashMap::new();
        for (place, word) in words.iter().enumerate() {
            for pair in pairs(&word.symbols) {
                *counts.entry(pair).or_default() += word.count;
                places.entry(pair).or_default().push(place);
            }
        }
        let queue = counts
            .iter()
            .map(|(pair, count)| (*count, Reverse(*pair)))
            .collect();
        Self {
            words,
            counts,
            places,
            queue,
        }
    }

    /// Merges until the vocabulary is full or no pair is frequent enough. New tokens go behind `tokens`; returned are
    /// the merged pairs in order.
    fn run(mut self, tokens: &mut Vec<String>, config: &BpeTrainingConfig) -> Vec<Pair> {
        let mut ids: HashMap<String, u32> = tokens.iter().cloned().zip((0..).map(id_of)).collect();
        let mut rules: HashMap<Pair, u32> = HashMap::new();
        let mut merges = Vec::new();
        while tokens.len() < config.vocab_size
            && let Some((count, pair)) = self.next_pair()
            && count >= config.min_frequency
        {
            let (a, b) = pair;
            let merged = format!("{}{}", tokens[a as usize], tokens[b as usize]);
            // Should two pairs make the same text, it is one token with two rules.
            let new = *ids.entry(merged.clone()).or_insert_with(|| {
                tokens.push(merged);
                id_of(tokens.len() - 1)
            });
            // And should a pair come back that has a rule, the rule holds.
            if rules.insert(pair, new).is_none() {
                merges.push(pair);
            }
            self.merge(pair, new);
        }
        merges
    }

    /// The most frequent pair and its count.
    fn next_pair(&mut self) -> Option<(u64, Pair)> {
        while let Some((count, Reverse(pair))) = self.queue.pop() {
            let now = self.counts.get(&pair).copied().unwrap_or(0);
            if now == count && count > 0 {
                return Some((count, pair));
            }
            // Out of date. Pairs that became more frequent were queued again when they did.
            if 0 < now && now < count {
                self.queue.push((now, Reverse(pair)));
            }
        }
        None
    }

    /// Makes a pair one token, in all words.
    fn merge(&mut self, pair: Pair, new: u32) {
        let mut places = self.places.remove(&pair).unwrap_or_default();
        places.sort_unstable();
        places.dedup();
        let mut grown = Vec::new();
        for place in places {
            let Word { symbols, count } = &mut self.words[place];
            let merged = merged(symbols, pair, new);
            for old in pairs(symbols) {
                if let Some(counted) = self.counts.get_mut(&old) {
                    *counted -= *count;
                }
            }
            for pair in pairs(&merged) {
                *self.counts.entry(pair).or_default() += *count;
                if pair.0 == new || pair.1 == new {
                    self.places.entry(pair).or_default().push(place);
                    grown.push(pair);
                }
            }
            *symbols = merged;
        }
        grown.sort_unstable();
        grown.dedup();
        for pair in grown {
            self.queue.push((self.counts[&pair], Reverse(pair)));
        }
        self.counts.remove(&pair);
    }
}

/// Neighbours in a word.
fn pairs(symbols: &[u32]) -> impl Iterator<Item = Pair> {
    symbols.windows(2).map(|pair| (pair[0], pair[1]))
}

/// A word with a pair made one token, from left to right.
fn merged(symbols: &[u32], pair: Pair, new: u32) -> Vec<u32> {
    let mut result = Vec::with_capacity(symbols.len());
    let mut rest = symbols;
    while let [first, behind @ ..] = rest {
        match behind {
            [second, after @ ..] if (*first, *second) == pair => {
                result.push(new);
                rest = after;
            }
            _ => {
                result.push(*first);
                rest = behind;
            }
        }
    }
    result
}
