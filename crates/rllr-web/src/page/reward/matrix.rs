//! Rewards by rationale and label: which of the two a reward model looks at.

/// Rewards, `[rationale][label]`, both in the order of the task's labels.
pub type Matrix = [Vec<f64>];

/// Steps of the colour scale on each side of its middle.
pub const SHADES: i8 = 4;

/// A place in the matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The rationale.
    pub row: usize,
    /// The label.
    pub column: usize,
}

/// How far a cell is from the matrix' mean, in steps of the colour scale: −[`SHADES`] to [`SHADES`].
///
/// The step is the largest distance in the matrix, divided by the number of steps, so each reward model has its own
/// scale: their rewards have no common unit.
pub fn shade(matrix: &Matrix, place: Place) -> i8 {
    let mean = mean(matrix.iter().flatten().copied());
    let largest = matrix
        .iter()
        .flatten()
        .map(|value| (value - mean).abs())
        .fold(0.0, f64::max);
    let distance = matrix[place.row][place.column] - mean;
    if largest > 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "at most SHADES")]
        let shade = (distance / largest * f64::from(SHADES)).round() as i8;
        shade
    } else {
        0
    }
}

/// The place that a key leads to, if it leads to another one.
pub fn moved(from: Place, key: &str, labels: usize) -> Option<Place> {
    let last = labels.saturating_sub(1);
    let Place { row, column } = from;
    let to = match key {
        "ArrowUp" => Place {
            row: row.saturating_sub(1),
            column,
        },
        "ArrowDown" => Place {
            row: (row + 1).min(last),
            column,
        },
        "ArrowLeft" => Place {
            row,
            column: column.saturating_sub(1),
        },
        "ArrowRight" => Place {
            row,
            column: (column + 1).min(last),
        },
        "Home" => Place { row, column: 0 },
        "End" => Place { row, column: last },
        _ => return None,
    };
    (to != from).then_some(to)
}

/// How much of the differences in a matrix the rationale makes, and how much the label: shares of the variance of the
/// means of rows and of columns in the variance of all cells (a two-way analysis of variance without replication;
/// Fisher 1925). What is left is the interaction: whether the two fit together. `None` when all cells are equal.
///
/// ```text
/// rationale = Σᵢ L (x̄ᵢ· − x̄)² / Σᵢⱼ (xᵢⱼ − x̄)²      label = Σⱼ L (x̄·ⱼ − x̄)² / Σᵢⱼ (xᵢⱼ − x̄)²
/// ```
pub fn shares(matrix: &Matrix) -> Option<Shares> {
    let labels = matrix.len();
    let all = mean(matrix.iter().flatten().copied());
    let spread =
        |values: &mut dyn Iterator<Item = f64>| values.map(|value| (value - all).powi(2)).sum::<f64>();
    let total = spread(&mut matrix.iter().flatten().copied());
    let rows = spread(&mut matrix.iter().map(|row| mean(row.iter().copied())));
    let columns = spread(&mut (0..labels).map(|column| mean(matrix.iter().map(|row| row[column]))));
    let share = |of_means: f64| of_means * labels as f64 / total;
    (total > 0.0).then(|| Shares {
        rationale: share(rows),
        label: share(columns),
    })
}

/// What makes the differences in a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Which rationale it is.
    pub rationale: f64,
    /// Which label it is.
    pub label: f64,
}

/// The label sensitivity of one text: `mean |Δ when only the label is flipped| / mean |Δ when only the rationale is
/// swapped|`, from the right answer to every wrong label. `None` with one label, and when no rationale changes anything.
pub fn sensitivity(matrix: &Matrix, gold: usize) -> Option<f64> {
    let right = matrix[gold][gold];
    let wrong = || (0..matrix.len()).filter(|label| *label != gold);
    let flipped = mean(wrong().map(|label| (matrix[gold][label] - right).abs()));
    let swapped = mean(wrong().map(|rationale| (matrix[rationale][gold] - right).abs()));
    let quotient = flipped / swapped;
    quotient.is_finite().then_some(quotient)
}

/// Not a number for no values.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Rows differ by 4, columns by 1.
    fn by_rationale() -> Vec<Vec<f64>> {
        vec![vec![2.5, 1.5], vec![-1.5, -2.5]]
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn the_largest_distance_has_the_strongest_shade() {
        let matrix = by_rationale();
        let shades =
            [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(row, column)| shade(&matrix, Place { row, column }));
        assert_eq!(shades, [4, 2, -2, -4]);
        assert_eq!(shade(&[vec![3.0, 3.0], vec![3.0, 3.0]], Place::default()), 0);
    }

    /// By hand: rows ±2 and columns ±0.5 of a matrix without interaction: 4 : 0.25 of 4.25.
    #[wasm_bindgen_test(unsupported = test)]
    fn shares_by_hand() {
        let Shares { rationale, label } = shares(&by_rationale()).expect("cells differ");
        assert!((rationale - 4.0 / 4.25).abs() < 1e-12, "{rationale}");
        assert!((label - 0.25 / 4.25).abs() < 1e-12, "{label}");
        assert_eq!(shares(&[vec![1.0, 1.0], vec![1.0, 1.0]]), None);
        // Only the interaction differs: an answer is good when rationale and label agree.
        let fits = shares(&[vec![1.0, -1.0], vec![-1.0, 1.0]]).expect("cells differ");
        assert_eq!((fits.rationale, fits.label), (0.0, 0.0));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn sensitivity_by_hand() {
        // From 2.5: the label takes 1, the rationale 4.
        assert_eq!(sensitivity(&by_rationale(), 0), Some(0.25));
        let three = [vec![0.0, -1.0, -3.0], vec![-2.0, 9.0, 9.0], vec![2.0, 9.0, 9.0]];
        assert_eq!(
            sensitivity(&three, 0),
            Some(1.0),
            "the mean of 1 and 3, over that of 2 and 2"
        );
        assert_eq!(sensitivity(&[vec![1.0, 0.0], vec![1.0, 0.0]], 0), None);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keys_move_inside_the_table() {
        let start = Place { row: 1, column: 1 };
        let check = |key, row, column| assert_eq!(moved(start, key, 3), Some(Place { row, column }), "{key}");
        check("ArrowUp", 0, 1);
        check("ArrowDown", 2, 1);
        check("ArrowLeft", 1, 0);
        check("ArrowRight", 1, 2);
        check("Home", 1, 0);
        check("End", 1, 2);
        assert_eq!(moved(Place::default(), "ArrowUp", 3), None);
        assert_eq!(moved(start, "Tab", 3), None);
    }

    proptest! {
        /// Main effects and interaction make up all of the differences.
        #[test]
        fn shares_are_parts_of_one(cells in prop::collection::vec(-5.0..5.0_f64, 9)) {
            let matrix: Vec<Vec<f64>> = cells.chunks(3).map(<[f64]>::to_vec).collect();
            if let Some(Shares { rationale, label }) = shares(&matrix) {
                prop_assert!((-1e-9..=1.0 + 1e-9).contains(&(rationale + label)), "{rationale} + {label}");
            }
        }
    }
}
