//! An answer beside the one before.

use std::collections::BTreeMap;

use crate::page::word_diff::{Change, word_diff};
use crate::protocol::models::AskedAnswer;

/// A question with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Name of the task.
    pub task: String,
    /// The text or texts.
    pub texts: BTreeMap<String, String>,
    /// The answer.
    pub answer: AskedAnswer,
}

/// What changed from one answer to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The texts, word by word, those that changed.
    pub texts: Vec<Vec<Change>>,
    /// The rationale, word by word.
    pub rationale: Vec<Change>,
    /// The labels; `None` where a response was no answer.
    pub labels: [Option<String>; 2],
    /// Label, probability before, probability now; empty where one of them is not known.
    pub probs: Vec<(String, f64, f64)>,
}

/// Compares two answers; `None` where the tasks differ: then there is nothing to compare.
pub fn changed(before: &Asked, now: &Asked) -> Option<Changed> {
    if before.task != now.task {
        return None;
    }
    let edited = now.texts.iter().filter_map(|(field, text)| {
        let old = before.texts.get(field)?;
        (old != text).then(|| word_diff(old, text))
    });
    let (old, new) = (&before.answer, &now.answer);
    let probs = match (&old.label_probs, &new.label_probs) {
        (Some(old_probs), Some(new_probs)) => {
            let pairs = old_probs.iter().zip(new_probs);
            let rows = new.labels.iter().cloned().zip(pairs);
            rows.map(|(label, (old, new))| (label, *old, *new)).collect()
        }
        _ => Vec::new(),
    };
    Some(Changed {
        texts: edited.collect(),
        rationale: word_diff(&old.rationale, &new.rationale),
        labels: [old.label.clone(), new.label.clone()],
        probs,
    })
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::page::word_diff::Kind;

    fn asked(task: &str, text: &str, label: Option<&str>, probs: Option<Vec<f64>>) -> Asked {
        Asked {
            task: task.to_owned(),
            texts: [("text".to_owned(), text.to_owned())].into(),
            answer: AskedAnswer {
                response: String::new(),
                rationale: format!("it is {}", label.unwrap_or("unclear")),
                label: label.map(str::to_owned),
                labels: vec!["bad".to_owned(), "good".to_owned()],
                label_probs: probs,
                new_tokens: 1,
                seconds: 1.0,
            },
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn an_edited_word_is_shown_with_what_it_changed() {
        let before = asked("t", "a fine film", Some("good"), Some(vec![0.25, 0.75]));
        let now = asked("t", "a dull film", Some("bad"), Some(vec![0.5, 0.5]));
        let changed = changed(&before, &now).expect("the same task");
        let kinds: Vec<Kind> = changed.texts[0].iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [Kind::Same, Kind::Removed, Kind::Added, Kind::Same]);
        assert_eq!(changed.labels, [Some("good".to_owned()), Some("bad".to_owned())]);
        assert_eq!(
            changed.probs,
            [("bad".to_owned(), 0.25, 0.5), ("good".to_owned(), 0.75, 0.5)]
        );
        assert_eq!(changed.rationale.len(), 3);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn other_tasks_and_missing_probabilities() {
        let before = asked("t", "x", None, None);
        assert_eq!(changed(&before, &asked("u", "x", None, None)), None);
        let same =
            changed(&before, &asked("t", "x", Some("bad"), Some(vec![1.0, 0.0]))).expect("the same task");
        assert!(same.texts.is_empty() && same.probs.is_empty());
    }
}
