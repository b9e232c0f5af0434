//! How the rows of an optimiser step are cut into parts that fit into memory.

use serde::{Deserialize, Serialize};

/// How much goes through the model at once. Losses are means over the whole step, so this changes memory, not results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum MicroBatching {
    /// All examples of the step.
    Whole,
    /// So many examples.
    Rows(usize),
    /// Examples of similar length, together at most so many slots, padding included; a longer example goes alone.
    Tokens(usize),
}

impl MicroBatching {
    /// Cuts rows of these lengths; each micro-batch is a list of their indices.
    #[must_use]
    pub fn cut(self, lengths: &[usize]) -> Vec<Vec<usize>> {
        let mut rows: Vec<usize> = (0..lengths.len()).collect();
        match self {
            Self::Whole if rows.is_empty() => Vec::new(),
            Self::Whole => vec![rows],
            Self::Rows(size) => rows.chunks(size.max(1)).map(<[usize]>::to_vec).collect(),
            Self::Tokens(budget) => {
                rows.sort_by_key(|&row| lengths[row]);
                let mut parts: Vec<Vec<usize>> = Vec::new();
                for row in rows {
                    // The row is the longest of its part so far.
                    match parts.last_mut() {
                        Some(part) if (part.len() + 1) * lengths[row] <= budget => part.push(row),
                        _ => parts.push(vec![row]),
                    }
                }
                parts
            }
        }
    }

    /// The number that must not be 0.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Rows(size) | Self::Tokens(size) => size,
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn parts_are_cut_by_rows_or_slots() {
        let lengths = [7, 2, 3, 20, 3];
        assert_eq!(
            MicroBatching::Rows(2).cut(&lengths),
            [vec![0, 1], vec![2, 3], vec![4]]
        );
        // 2, 3, 3 make 9 slots of 10; 7 alone; 20 is more than the budget.
        assert_eq!(
            MicroBatching::Tokens(10).cut(&lengths),
            [vec![1, 2, 4], vec![0], vec![3]]
        );
        assert_eq!(MicroBatching::Whole.cut(&lengths), [vec![0, 1, 2, 3, 4]]);
        for nothing in [
            MicroBatching::Whole,
            MicroBatching::Rows(2),
            MicroBatching::Tokens(10),
        ] {
            assert!(nothing.cut(&[]).is_empty());
        }
    }
}
