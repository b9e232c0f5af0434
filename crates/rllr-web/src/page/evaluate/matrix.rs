//! The confusion matrix as a table whose cells can be walked through.

use super::results::Cell;
use crate::protocol::models::Measured;

/// Steps of the colour scale.
const SHADES: usize = 5;

/// The confusion matrix as a table: gold labels down, predicted ones across.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Names of the rows.
    pub gold: Vec<String>,
    /// Names of the columns; `None`: no answer. That column is there when something stands in it.
    pub predicted: Vec<Option<String>>,
    /// The counts, by row and column.
    pub counts: Vec<Vec<usize>>,
}

/// A place in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The row, from 0.
    pub row: usize,
    /// The column, from 0.
    pub column: usize,
}

impl Matrix {
    /// The table of a measurement.
    pub fn new(measured: &Measured) -> Self {
        let with_invalid = measured.invalid.iter().any(|count| *count > 0);
        let counts = measured.confusion.iter().zip(&measured.invalid);
        Self {
            gold: measured.labels.clone(),
            predicted: measured
                .labels
                .iter()
                .cloned()
                .map(Some)
                .chain(with_invalid.then_some(None))
                .collect(),
            counts: counts
                .map(|(row, invalid)| {
                    row.iter()
                        .copied()
                        .chain(with_invalid.then_some(*invalid))
                        .collect()
                })
                .collect(),
        }
    }

    /// The cell at a place.
    pub fn cell(&self, place: Place) -> Cell {
        Cell {
            gold: self.gold[place.row].clone(),
            predicted: self.predicted[place.column].clone(),
        }
    }

    /// How dark a cell is, from 0 to 5: its share of its row. Only an empty cell has 0.
    pub fn shade(&self, place: Place) -> usize {
        let row = &self.counts[place.row];
        let all: usize = row.iter().sum();
        (SHADES * row[place.column]).div_ceil(all.max(1))
    }

    /// Whether a cell holds right answers.
    pub fn is_right(&self, place: Place) -> bool {
        self.predicted[place.column].as_ref() == Some(&self.gold[place.row])
    }

    /// Where a key leads, `None` for keys that lead nowhere: arrows, and Home and End for the ends of a row.
    pub fn after_key(&self, from: Place, key: &str) -> Option<Place> {
        let (last_row, last_column) = (
            self.gold.len().saturating_sub(1),
            self.predicted.len().saturating_sub(1),
        );
        let Place { row, column } = from;
        Some(match key {
            "ArrowUp" => Place {
                row: row.saturating_sub(1),
                column,
            },
            "ArrowDown" => Place {
                row: (row + 1).min(last_row),
                column,
            },
            "ArrowLeft" => Place {
                row,
                column: column.saturating_sub(1),
            },
            "ArrowRight" => Place {
                row,
                column: (column + 1).min(last_column),
            },
            "Home" => Place { row, column: 0 },
            "End" => Place {
                row,
                column: last_column,
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    pub(in crate::page::evaluate) fn measured(confusion: Vec<Vec<usize>>, invalid: Vec<usize>) -> Measured {
        Measured {
            task: "t".to_owned(),
            n: 1,
            accuracy: 0.5,
            accuracy_ci95: [0.25, 0.75],
            macro_f1: 0.4,
            invalid_rate: 0.0,
            labels: vec!["a".to_owned(), "b".to_owned()],
            confusion,
            invalid,
            pearson: None,
            spearman: None,
            seconds: 1.0,
            tokens_per_second: 2.0,
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_column_for_no_answer_only_where_there_is_one() {
        let valid = Matrix::new(&measured(vec![vec![3, 1], vec![0, 0]], vec![0, 0]));
        assert_eq!(valid.predicted.len(), 2);
        let matrix = Matrix::new(&measured(vec![vec![3, 1], vec![0, 0]], vec![0, 2]));
        assert_eq!(matrix.counts, [[3, 1, 0], [0, 0, 2]]);
        let at = |row, column| Place { row, column };
        assert_eq!(matrix.cell(at(1, 2)).predicted, None);
        assert_eq!(matrix.cell(at(0, 1)).predicted.as_deref(), Some("b"));
        assert!(matrix.is_right(at(0, 0)) && !matrix.is_right(at(1, 2)) && !matrix.is_right(at(0, 1)));
        let shades = [at(0, 0), at(0, 1), at(0, 2), at(1, 2)].map(|place| matrix.shade(place));
        assert_eq!(shades, [4, 2, 0, 5]);
        assert_eq!(valid.shade(at(1, 0)), 0, "a row without examples");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn keys_stay_inside_the_table() {
        let matrix = Matrix::new(&measured(vec![vec![3, 1], vec![0, 0]], vec![0, 2]));
        let walk = |keys: &[&str]| {
            let step = |place, key: &&str| matrix.after_key(place, key).unwrap_or(place);
            let Place { row, column } = keys.iter().fold(Place::default(), step);
            (row, column)
        };
        assert_eq!(walk(&["ArrowUp", "ArrowLeft"]), (0, 0));
        assert_eq!(walk(&["ArrowDown", "ArrowRight"]), (1, 1));
        assert_eq!(walk(&["ArrowDown", "ArrowDown", "End", "ArrowRight"]), (1, 2));
        assert_eq!(walk(&["End", "Home"]), (0, 0));
        assert_eq!(matrix.after_key(Place::default(), "Tab"), None);
    }
}
