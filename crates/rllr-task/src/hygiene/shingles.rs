//! Which of many texts share pieces with a given one: an exact inverted index of overlapping pieces.

use std::hash::{DefaultHasher, Hasher};

/// Hashes of the distinct overlapping pieces of `length` characters, sorted; empty for a shorter text.
///
/// Pieces are compared by 64-bit hashes: that two different ones of ten million collide has a chance of about
/// 3 in a million.
pub(super) fn pieces(text: &str, length: usize) -> Vec<u64> {
    let mut bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    bounds.push(text.len());
    let hash = |ends: &[usize]| {
        // The standard hasher with its fixed keys: the same on every run.
        let mut hasher = DefaultHasher::new();
        hasher.write(&text.as_bytes()[ends[0]..ends[length]]);
        hasher.finish()
    };
    let mut pieces: Vec<u64> = bounds.windows(length + 1).map(hash).collect();
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

/// Shared entries of two sorted lists without repeats.
pub(super) fn shared(first: &[u64], second: &[u64]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while i < first.len() && j < second.len() {
        match first[i].cmp(&second[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                count += 1;
                i += 1;
                j += 1;
            }
        }
    }
    count
}

/// Texts by piece.
pub(super) struct PieceIndex {
    /// `(piece, text)`, sorted.
    entries: Vec<(u64, u32)>,
    /// Where the pieces with these leading bits begin in `entries`, and the end.
    starts: Vec<usize>,
    /// How far to shift a piece to get its leading bits.
    shift: u32,
}

impl PieceIndex {
    /// Indexes the pieces of texts, numbered in their order.
    pub(super) fn new(texts: &[Vec<u64>]) -> Self {
        let numbered = (0_u32..).zip(texts);
        let mut entries: Vec<(u64, u32)> = numbered
            .flat_map(|(text, pieces)| pieces.iter().map(move |piece| (*piece, text)))
            .collect();
        entries.sort_unstable();
        // About one entry for each pattern of leading bits: hashes are uniform, so a look-up is one step.
        let bits = entries.len().max(2).ilog2();
        let shift = u64::BITS - bits;
        let starts = (0..=1_u64 << bits)
            .scan(0, |at, pattern| {
                *at += entries[*at..]
                    .iter()
                    .take_while(|entry| entry.0 >> shift < pattern)
                    .count();
                Some(*at)
            })
            .collect();
        Self {
            entries,
            starts,
            shift,
        }
    }

    /// Entries of the texts that have a piece.
    fn texts_with(&self, piece: u64) -> &[(u64, u32)] {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "fewer leading bits than `starts` has entries"
        )]
        let pattern = (piece >> self.shift) as usize;
        let bucket = &self.entries[self.starts[pattern]..self.starts[pattern + 1]];
        let first = bucket.partition_point(|entry| entry.0 < piece);
        let length = bucket[first..].partition_point(|entry| entry.0 == piece);
        &bucket[first..first + length]
    }

    /// Texts that may share at least `needed` of these pieces, sorted, without repeats; none of the others does.
    ///
    /// A text that shares `needed` of `n` pieces has one of every `n − needed + 1`. Those that the fewest texts
    /// have are looked up, so that commonplace pieces cost nothing ("prefix filtering", Chaudhuri, Ganti and
    /// Kaushik 2006).
    pub(super) fn candidates(&self, pieces: &[u64], needed: usize) -> Vec<u32> {
        let mut found: Vec<&[(u64, u32)]> = pieces.iter().map(|piece| self.texts_with(*piece)).collect();
        found.sort_by_key(|texts| texts.len());
        found.truncate((pieces.len() + 1).saturating_sub(needed));
        let mut candidates: Vec<u32> = found.into_iter().flatten().map(|entry| entry.1).collect();
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn pieces_overlap_and_count_once() {
        // abcd bcde; abab baba abab; and characters, not bytes.
        assert_eq!(pieces("abcde", 4).len(), 2);
        assert_eq!(pieces("ababab", 4).len(), 2);
        assert_eq!(pieces("äöüß", 4).len(), 1);
        assert!(pieces("abc", 4).is_empty());
        assert_eq!(shared(&pieces("abcde", 4), &pieces("xbcdez", 4)), 1);
    }

    /// Texts over two letters, so that pieces are shared often.
    fn texts() -> impl Strategy<Value = Vec<Vec<u64>>> {
        prop::collection::vec("[ab]{0,12}", 0..12)
            .prop_map(|texts| texts.iter().map(|text| pieces(text, 3)).collect())
    }

    proptest! {
        // The second way: every text compared with the asked one.
        #[wasm_bindgen_test(unsupported = test)]
        fn candidates_miss_nothing(texts in texts(), asked in "[ab]{3,12}", needed in 1..6_usize) {
            let asked = pieces(&asked, 3);
            let candidates = PieceIndex::new(&texts).candidates(&asked, needed);
            for (number, text) in (0_u32..).zip(&texts) {
                let count = asked.iter().filter(|piece| text.contains(piece)).count();
                prop_assert_eq!(count, shared(&asked, text));
                prop_assert!(count < needed || candidates.contains(&number), "text {} shares {}", number, count);
            }
            // And the index finds exactly the texts that have a piece.
            let index = PieceIndex::new(&texts);
            for piece in &asked {
                let found: Vec<u32> = index.texts_with(*piece).iter().map(|entry| entry.1).collect();
                let has = |(_, text): &(u32, &Vec<u64>)| text.contains(piece);
                let expected: Vec<u32> = (0_u32..).zip(&texts).filter(has).map(|(number, _)| number).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
