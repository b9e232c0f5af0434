//! The answers of one model, and which of them are looked at.

use crate::protocol::models::{AnsweredRow, Measured};

/// The answers of one model to some examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// What was measured.
    pub origin: Origin,
    /// One for each task, in the order of their names.
    pub measured: Vec<Measured>,
    /// One for each example.
    pub rows: Vec<AnsweredRow>,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The model's name.
    pub model: String,
    /// Name of the data.
    pub data: String,
    /// How many numbers the model has learnt, once it is loaded.
    pub parameters: Option<u64>,
}

/// Which examples are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of one cell of the confusion matrix.
    pub cell: Option<Cell>,
    /// Only those with this outcome.
    pub outcome: Outcome,
    /// Only those that hold all of these words, in whatever case; in texts, answer, label or id.
    pub search: String,
}

/// A cell of the confusion matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The gold label.
    pub gold: String,
    /// The predicted label; `None`: the response is no answer.
    pub predicted: Option<String>,
}

/// How an answer turned out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Whatever.
    #[default]
    All,
    /// The gold label.
    Right,
    /// Another label, or none.
    Wrong,
    /// No answer.
    Invalid,
    /// The two models have different labels.
    Differing,
}

impl Outcome {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 5] = [
        Self::All,
        Self::Right,
        Self::Wrong,
        Self::Invalid,
        Self::Differing,
    ];

    /// A word for forms and tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Invalid => "invalid",
            Self::Differing => "differing",
        }
    }

    /// The outcome of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

impl Results {
    /// No answers yet.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            ..Self::default()
        }
    }

    /// Sorts the answers as the examples were.
    pub fn put_in_order(&mut self) {
        self.rows
            .sort_by(|a, b| (&a.task, a.place).cmp(&(&b.task, b.place)));
    }

    /// The answers of a task, in the order of the examples.
    pub fn of_task<'a>(&'a self, task: &'a str) -> impl Iterator<Item = &'a AnsweredRow> {
        self.rows.iter().filter(move |row| row.task == task)
    }

    /// The answers of a task that pass a filter. `other` are those of a second model to the same examples.
    pub fn visible<'a>(
        &'a self,
        task: &'a str,
        filter: &Filter,
        other: Option<&Self>,
    ) -> Vec<&'a AnsweredRow> {
        let words: Vec<String> = filter.search.split_whitespace().map(str::to_lowercase).collect();
        let passes = |row: &&AnsweredRow| {
            let in_cell = filter
                .cell
                .as_ref()
                .is_none_or(|cell| row.label == cell.gold && row.prediction == cell.predicted);
            let outcome = match filter.outcome {
                Outcome::All => true,
                Outcome::Right => row.correct,
                Outcome::Wrong => !row.correct,
                Outcome::Invalid => row.prediction.is_none(),
                Outcome::Differing => other
                    .and_then(|other| other.row(row))
                    .is_some_and(|theirs| theirs.prediction != row.prediction),
            };
            in_cell && outcome && holds(row, &words)
        };
        self.of_task(task).filter(passes).collect()
    }

    /// The answer to the same example.
    pub fn row(&self, like: &AnsweredRow) -> Option<&AnsweredRow> {
        self.rows
            .iter()
            .find(|row| row.place == like.place && row.task == like.task && row.id == like.id)
    }

    /// Which examples each of two models has right; `None` when they did not answer the same ones.
    pub fn compared_with(&self, other: &Self) -> Option<(Vec<bool>, Vec<bool>)> {
        let same = |(a, b): (&AnsweredRow, &AnsweredRow)| {
            a.id == b.id && a.task == b.task && a.label == b.label && a.texts == b.texts
        };
        let (ours, theirs) = (&self.rows, &other.rows);
        let are_same = ours.len() == theirs.len() && ours.iter().zip(theirs).all(same);
        let correct = |rows: &[AnsweredRow]| rows.iter().map(|row| row.correct).collect();
        are_same.then(|| (correct(ours), correct(theirs)))
    }
}

fn holds(row: &AnsweredRow, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let mut all = row.texts.join("\n");
    for part in [&row.response, &row.label, &row.id] {
        all.push('\n');
        all.push_str(part);
    }
    let all = all.to_lowercase();
    words.iter().all(|word| all.contains(word.as_str()))
}

#[cfg(test)]
pub(super) mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// A row whose response is an answer when there is a prediction.
    pub(in crate::page::evaluate) fn row(place: usize, gold: &str, predicted: Option<&str>) -> AnsweredRow {
        AnsweredRow {
            place,
            id: format!("t-{place}"),
            task: "t".to_owned(),
            texts: vec![format!("Text number {place}")],
            label: gold.to_owned(),
            prediction: predicted.map(str::to_owned),
            correct: predicted == Some(gold),
            response: predicted.map_or("Hm".to_owned(), |label| format!("Because.\nLabel: {label}")),
            rationale: predicted.map_or("", |_| "Because.").to_owned(),
            label_probs: None,
        }
    }

    fn results(rows: Vec<AnsweredRow>) -> Results {
        let mut results = Results {
            rows,
            ..Results::default()
        };
        results.put_in_order();
        results
    }

    fn places(results: &Results, filter: &Filter, other: Option<&Results>) -> Vec<usize> {
        let visible = results.visible("t", filter, other);
        visible.into_iter().map(|row| row.place).collect()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn filters_by_cell_outcome_and_words() {
        let all = results(vec![
            row(2, "a", None),
            row(0, "a", Some("a")),
            row(1, "a", Some("b")),
            row(3, "b", Some("b")),
        ]);
        let filter = |outcome| Filter {
            outcome,
            ..Filter::default()
        };
        assert_eq!(places(&all, &Filter::default(), None), [0, 1, 2, 3]);
        assert_eq!(places(&all, &filter(Outcome::Right), None), [0, 3]);
        assert_eq!(places(&all, &filter(Outcome::Wrong), None), [1, 2]);
        assert_eq!(places(&all, &filter(Outcome::Invalid), None), [2]);
        let cell = |predicted: Option<&str>| Filter {
            cell: Some(Cell {
                gold: "a".to_owned(),
                predicted: predicted.map(str::to_owned),
            }),
            ..Filter::default()
        };
        assert_eq!(places(&all, &cell(Some("b")), None), [1]);
        assert_eq!(places(&all, &cell(None), None), [2]);
        let search = |search: &str| Filter {
            search: search.to_owned(),
            ..Filter::default()
        };
        assert_eq!(places(&all, &search("NUMBER 3"), None), [3]);
        assert_eq!(places(&all, &search("because label:"), None), [0, 1, 3]);
        assert_eq!(places(&all, &search("t-2"), None), [2]);
        assert!(places(&all, &search("t-2 because"), None).is_empty(), "all words");
        assert!(all.visible("other", &Filter::default(), None).is_empty());
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn two_models_are_compared_on_the_same_examples_only() {
        let first = results(vec![row(0, "a", Some("a")), row(1, "b", Some("a"))]);
        let second = results(vec![row(0, "a", None), row(1, "b", Some("a"))]);
        assert_eq!(
            first.compared_with(&second),
            Some((vec![true, false], vec![false, false]))
        );
        let differing = Filter {
            outcome: Outcome::Differing,
            ..Filter::default()
        };
        assert_eq!(places(&first, &differing, Some(&second)), [0]);
        assert!(places(&first, &differing, None).is_empty());
        assert_eq!(first.compared_with(&results(vec![row(0, "a", None)])), None);
        let mut others = second.clone();
        others.rows[1].texts[0].push('!');
        assert_eq!(
            first.compared_with(&others),
            None,
            "another text under the same id"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn outcomes_have_names() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
        }
        assert_eq!(Outcome::from_name(""), None);
    }
}
