//! Splitting rows so that no text is on two sides.

use std::collections::HashMap;

use rand::Rng;
use rand::seq::SliceRandom;

use super::normalize::normalized;

/// Why rows cannot be split.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// A share that is no amount.
    #[error("share {number}: found {found}, expected a finite number, at least 0")]
    Share {
        /// Place in the list, counted from 0.
        number: usize,
        /// The value found.
        found: f64,
    },
    /// No share is above 0.
    #[error("found no share above 0 among {0}, expected at least one")]
    NoShare(usize),
}

/// Splits rows into parts of about the given shares (train, dev, test, ..); `shares` need not sum to 1.
///
/// Rows that have a text in common, directly or over other rows, stay together ([`groups_by_text`]); so no
/// normalised text is in two parts. Returns the rows of each part, ascending, in the order of the shares. The
/// shares are met as closely as the groups allow: to a row or two where few texts repeat.
///
/// # Errors
///
/// When a share is negative or not finite, and when none is above 0.
pub fn split_by_text<R: Rng>(
    rows: &[Vec<&str>],
    shares: &[f64],
    rng: &mut R,
) -> Result<Vec<Vec<usize>>, SplitError> {
    if let Some(number) = shares
        .iter()
        .position(|share| !(share.is_finite() && *share >= 0.0))
    {
        return Err(SplitError::Share {
            number,
            found: shares[number],
        });
    }
    if shares.iter().all(|share| *share == 0.0) {
        return Err(SplitError::NoShare(shares.len()));
    }
    let mut groups = groups_by_text(rows);
    groups.shuffle(rng);
    // Large groups first, the small ones then even the parts out. The order among equals stays random.
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let all_shares: f64 = shares.iter().sum();
    let mut parts: Vec<Vec<usize>> = vec![Vec::new(); shares.len()];
    let mut n_rows = 0;
    for group in groups {
        n_rows += group.len();
        // To the part that is farthest behind its share of the rows so far: so each gets groups of every size.
        let shortfall = |part: usize| shares[part] / all_shares * n_rows as f64 - parts[part].len() as f64;
        let farther = |best, part| {
            if shortfall(part) > shortfall(best) {
                part
            } else {
                best
            }
        };
        if let Some(part) = (0..shares.len()).reduce(farther) {
            parts[part].extend(group);
        }
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    Ok(parts)
}

/// Groups of rows that are connected by equal normalised texts, in the order of their first rows; the rows of
/// a group ascend. Rows whose texts occur nowhere else are groups of one.
pub fn groups_by_text(rows: &[Vec<&str>]) -> Vec<Vec<usize>> {
    let mut parents: Vec<usize> = (0..rows.len()).collect();
    let mut first_rows: HashMap<String, usize> = HashMap::new();
    for (row, texts) in rows.iter().enumerate() {
        for text in texts {
            let first = *first_rows.entry(normalized(text)).or_insert(row);
            let (a, b) = (root(&mut parents, first), root(&mut parents, row));
            // The smaller row becomes the root, so a root is the first row of its group.
            parents[a.max(b)] = a.min(b);
        }
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
    for row in 0..rows.len() {
        let root = root(&mut parents, row);
        groups[root].push(row);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// The representative of a row's group (union-find, Tarjan 1975), halving the path on the way.
fn root(parents: &mut [usize], mut row: usize) -> usize {
    while parents[row] != row {
        parents[row] = parents[parents[row]];
        row = parents[row];
    }
    row
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn rng(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn rows_are_connected_over_other_rows() {
        let rows = [
            vec!["a", "b"],
            vec!["c"],
            vec!["B!", "d"],
            vec!["e"],
            vec!["D", "f"],
            vec!["E"],
            vec!["c c", "g"],
        ];
        assert_eq!(
            groups_by_text(&rows),
            [vec![0, 2, 4], vec![1], vec![3, 5], vec![6]]
        );
        assert!(groups_by_text(&[]).is_empty());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn shares_are_met_to_a_row_where_nothing_repeats() {
        let texts: Vec<String> = (0..997).map(|row| format!("text {row}")).collect();
        let rows: Vec<Vec<&str>> = texts.iter().map(|text| vec![text.as_str()]).collect();
        let parts = split_by_text(&rows, &[8.0, 0.0, 1.0, 1.0], &mut rng(1)).unwrap();
        for (part, expected) in parts.iter().zip([797.6, 0.0, 99.7, 99.7]) {
            assert!(
                (part.len() as f64 - expected).abs() <= 1.0,
                "{} rows, expected {expected}",
                part.len()
            );
        }
        // Random, not the first or last rows: the mean row number of the large part is near the middle.
        let mean = parts[0].iter().sum::<usize>() as f64 / parts[0].len() as f64;
        assert!((mean - 498.0).abs() < 30.0, "mean row {mean}");
        let other = split_by_text(&rows, &[8.0, 0.0, 1.0, 1.0], &mut rng(2)).unwrap();
        assert_ne!(parts, other, "two seeds, one split");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn repeated_texts_are_not_all_in_the_largest_part() {
        // 50 pairs and 100 single rows.
        let texts: Vec<String> = (0..200)
            .map(|row: usize| format!("{}", row.saturating_sub(100).max(row / 2)))
            .collect();
        let rows: Vec<Vec<&str>> = texts.iter().map(|text| vec![text.as_str()]).collect();
        let parts = split_by_text(&rows, &[0.8, 0.2], &mut rng(3)).unwrap();
        assert_eq!(parts[1].len(), 40);
        let pairs = parts[1].iter().filter(|row| **row < 100).count();
        assert!(
            (10..=30).contains(&pairs),
            "{pairs} of 40 rows are repeated texts"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn bad_shares_are_an_error() {
        let run = |shares: &[f64]| split_by_text(&[vec!["a"]], shares, &mut rng(0)).unwrap_err();
        assert_eq!(
            run(&[0.5, -0.1]).to_string(),
            "share 1: found -0.1, expected a finite number, at least 0"
        );
        assert!(matches!(run(&[f64::NAN]), SplitError::Share { number: 0, .. }));
        assert_eq!(run(&[]), SplitError::NoShare(0));
        assert_eq!(run(&[0.0, 0.0]), SplitError::NoShare(2));
    }

    proptest! {
        #[wasm_bindgen_test(unsupported = test)]
        fn no_text_on_two_sides_nothing_lost_and_the_seed_decides(
            texts in prop::collection::vec(prop::collection::vec("[aAbB .]{0,3}", 1..3), 0..40),
            shares in prop::collection::vec(0.1..1.0_f64, 1..4), seed: u64,
        ) {
            let rows: Vec<Vec<&str>> =
                texts.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
            let parts = split_by_text(&rows, &shares, &mut rng(seed)).unwrap();
            prop_assert_eq!(parts.len(), shares.len());

            let mut all: Vec<usize> = parts.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows.len()).collect::<Vec<_>>());

            let texts_of = |part: &Vec<usize>| -> HashSet<String> {
                part.iter().flat_map(|row| &rows[*row]).map(|text| normalized(text)).collect()
            };
            for (number, part) in parts.iter().enumerate() {
                for other in &parts[..number] {
                    prop_assert!(texts_of(part).is_disjoint(&texts_of(other)));
                }
            }
            prop_assert_eq!(split_by_text(&rows, &shares, &mut rng(seed)).unwrap(), parts);
        }
    }
}
