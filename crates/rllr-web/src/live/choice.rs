//! Settings that are one of a few words.

use serde::{Deserialize, Serialize};

/// An embedded task with labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskChoice {
    /// What is the main event of a news sentence about?
    #[default]
    NewsTopic,
    /// Is the writer's opinion of a film negative or positive?
    FilmSentiment,
    /// Does a caption entail, contradict, or leave open a sentence?
    SceneNli,
    /// Do two questions ask the same?
    QuestionParaphrase,
}

/// How hard the examples are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelChoice {
    /// One clause, at most one operation.
    #[default]
    Easy,
    /// Two clauses that pull in different directions.
    Medium,
    /// Several operations at once.
    Hard,
    /// A fifth easy, two fifths each medium and hard.
    Mixed,
}

/// What the label-sensitive reward model learns from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelPairsChoice {
    /// The gold label with its rationale against a wrong label with the rationale for it.
    Published,
    /// These, and the gold label against a wrong one with the same rationale.
    #[default]
    WithFlippedLabels,
}

/// A setting that is one of a few words.
pub(super) trait Choice: Copy + PartialEq + Sized + 'static {
    /// The allowed values with their words, in the order of the form.
    const ALL: &'static [(Self, &'static str)];

    /// The word of a value.
    fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(value, _)| *value == self);
        found.expect("every value has a word").1
    }

    /// The value of a word.
    fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, other)| *other == word);
        found.map(|(value, _)| *value)
    }
}

impl Choice for TaskChoice {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::NewsTopic, "news_topic"),
        (Self::FilmSentiment, "film_sentiment"),
        (Self::SceneNli, "scene_nli"),
        (Self::QuestionParaphrase, "question_paraphrase"),
    ];
}

impl Choice for LevelChoice {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Easy, "easy"),
        (Self::Medium, "medium"),
        (Self::Hard, "hard"),
        (Self::Mixed, "mixed"),
    ];
}

impl Choice for LabelPairsChoice {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::WithFlippedLabels, "with_flipped_labels"),
        (Self::Published, "published"),
    ];
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn check<C: Choice + Serialize + std::fmt::Debug>() {
        for (value, word) in C::ALL {
            assert_eq!((C::from_word(word), value.word()), (Some(*value), *word));
            // The word of the form is the word of the JSON.
            let json = serde_json::to_value(value).expect("plain data");
            assert_eq!(json, *word);
        }
        assert_eq!(C::from_word("nothing"), None);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn words_lead_to_their_values() {
        check::<TaskChoice>();
        check::<LevelChoice>();
        check::<LabelPairsChoice>();
    }
}
