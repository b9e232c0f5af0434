//! The project's own examples: small tasks written for it, so that everything runs without foreign data.
//!
//! Each task is a small grammar over a vocabulary written by hand.
//! It does not sample a text and then guess its label: it builds a *meaning*, and both the text and the label
//! follow from it (who is of that opinion, which clause decides, what is denied, how many).
//!
//! One draw is a **family**: for each label one meaning, all from the same draws and as alike as they can be.
//! One member becomes the example; the rationale for each other label is what its member would have had to say.
//! So a wrong rationale is a sound argument from a misread text, by the same writer, and because the gold member
//! is drawn independently of the rationales, nothing in label and rationale alone tells gold from wrong.
//!
//! Does not: read files, keep a generator of random numbers, know prompts or tokenizers.
//!
//! `compose` answers by reading the text alone; `tests` holds it, counting words, and chance against each other.

mod dice;
mod family;
mod wording;

mod film_sentiment;
mod news_topic;
mod scene_nli;

mod question_paraphrase;

mod app_stars;

mod sentence_similarity;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use rand::Rng;
use thiserror::Error;

use self::dice::Dice;
use self::family::{Family, Member};
use crate::example::{Example, Input};
use crate::read::{ReadOptions, examples};

/// The tasks that this project wrote examples for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskKind {
    /// Is the writer's opinion of a film negative or positive?
    FilmSentiment,
    /// What is the main event of a news sentence about?
    NewsTopic,
    /// Does a caption entail, contradict, or leave open a sentence?
    SceneNli,
    /// Do two questions ask the same?
    QuestionParaphrase,
    /// How many stars does a review of an app give in the end?
    AppStars,
    /// In how many of five parts (who, does, what, where, when) do two sentences agree?
    SentenceSimilarity,
}

impl TaskKind {
    /// All of them, in a fixed order.
    pub const ALL: [Self; 6] = [
        Self::FilmSentiment,
        Self::NewsTopic,
        Self::SceneNli,
        Self::QuestionParaphrase,
        Self::AppStars,
        Self::SentenceSimilarity,
    ];

    /// The task's name in data files: the `task` of its examples.
    pub fn name(self) -> &'static str {
        match self {
            Self::FilmSentiment => "film_sentiment",
            Self::NewsTopic => "news_topic",
            Self::SceneNli => "scene_nli",
            Self::QuestionParaphrase => "question_paraphrase",
            Self::AppStars => "app_stars",
            Self::SentenceSimilarity => "sentence_similarity",
        }
    }

    /// The label words.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::FilmSentiment => &["negative", "positive"],
            Self::NewsTopic => &["world", "sports", "business", "technology"],
            Self::SceneNli => &["entailment", "neutral", "contradiction"],
            Self::QuestionParaphrase => &["different", "duplicate"],
            Self::AppStars => &["1", "2", "3", "4", "5"],
            Self::SentenceSimilarity => &["0", "1", "2", "3", "4", "5"],
        }
    }

    /// The hand-written test items of this task, in the uniform JSON-lines form.
    ///
    /// No generator makes them; `assets/tasks/README.md` says how they were written.
    pub fn test_jsonl(self) -> &'static str {
        match self {
            Self::FilmSentiment => include_str!("../../../assets/tasks/film_sentiment/test.jsonl"),
            Self::NewsTopic => include_str!("../../../assets/tasks/news_topic/test.jsonl"),
            Self::SceneNli => include_str!("../../../assets/tasks/scene_nli/test.jsonl"),
            Self::QuestionParaphrase => include_str!("../../../assets/tasks/question_paraphrase/test.jsonl"),
            Self::AppStars => include_str!("../../../assets/tasks/app_stars/test.jsonl"),
            Self::SentenceSimilarity => include_str!("../../../assets/tasks/sentence_similarity/test.jsonl"),
        }
    }

    /// The hand-written test items of this task.
    pub fn test_examples(self) -> Vec<Example> {
        let file = format!("assets/tasks/{}/test.jsonl", self.name());
        let rows = examples(self.test_jsonl().as_bytes(), ReadOptions::new(file));
        rows.collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("an embedded file is broken: {error}"))
    }

    fn family(self, difficulty: Difficulty, dice: &mut Dice<'_>) -> Family {
        match self {
            Self::FilmSentiment => film_sentiment::family(difficulty, dice),
            Self::NewsTopic => news_topic::family(difficulty, dice),
            Self::SceneNli => scene_nli::family(difficulty, dice),
            Self::QuestionParaphrase => question_paraphrase::family(difficulty, dice),
            Self::AppStars => app_stars::family(difficulty, dice),
            Self::SentenceSimilarity => sentence_similarity::family(difficulty, dice),
        }
    }
}

/// How much has to be composed to find the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Difficulty {
    /// One clause, at most one operation, such as a single negation.
    Easy,
    /// Two clauses or counts that pull in different directions.
    Medium,
    /// Several operations at once, such as negation inside a contrast beside somebody else's opinion.
    Hard,
}

impl Difficulty {
    /// All levels, easiest first.
    pub const ALL: [Self; 3] = [Self::Easy, Self::Medium, Self::Hard];

    /// The level as a word: it stands in [`Example::source`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }
}

/// In which proportions the levels occur. The weights need not sum to anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DifficultyMix {
    /// Weight of [`Difficulty::Easy`].
    pub easy: u32,
    /// Weight of [`Difficulty::Medium`].
    pub medium: u32,
    /// Weight of [`Difficulty::Hard`].
    pub hard: u32,
}

impl DifficultyMix {
    /// Only this level.
    pub fn only(difficulty: Difficulty) -> Self {
        let mut mix = Self {
            easy: 0,
            medium: 0,
            hard: 0,
        };
        match difficulty {
            Difficulty::Easy => mix.easy = 1,
            Difficulty::Medium => mix.medium = 1,
            Difficulty::Hard => mix.hard = 1,
        }
        mix
    }

    fn draw(self, dice: &mut Dice<'_>) -> Difficulty {
        let Self { easy, medium, hard } = self;
        dice.weighted(&[
            (easy, Difficulty::Easy),
            (medium, Difficulty::Medium),
            (hard, Difficulty::Hard),
        ])
    }
}

impl Default for DifficultyMix {
    /// A fifth easy, two fifths each medium and hard: word counting must not carry the task.
    fn default() -> Self {
        Self {
            easy: 1,
            medium: 2,
            hard: 2,
        }
    }
}

/// Why no examples could be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GenerateError {
    /// All weights of the mix are zero.
    #[error("the difficulty mix is all zero: expected at least one positive weight")]
    EmptyMix,
    /// The grammar has no more distinct texts, or so few that drawing them takes forever.
    #[error("{task} at these levels gave only {found} distinct examples, expected {expected}")]
    Exhausted {
        /// Name of the task.
        task: &'static str,
        /// Distinct examples that were found.
        found: usize,
        /// Examples that were asked for.
        expected: usize,
    },
}

/// Failed draws in a row after which a grammar counts as exhausted.
const MAX_REPEATS: usize = 2_000;

/// Makes `count` examples, all with different texts, whose label counts differ by at most one, in random order.
///
/// The same generator state gives the same examples on every target.
/// Training and held-out examples with no text in common are two parts of one call's result.
/// Ids are `<task>-rule-<number>`; the difficulty is the last part of `source`.
///
/// # Errors
///
/// When the mix is empty, or the grammar has fewer texts than asked for.
pub fn generate(
    kind: TaskKind,
    mix: DifficultyMix,
    count: usize,
    rng: &mut impl Rng,
) -> Result<Vec<Example>, GenerateError> {
    if mix
        == (DifficultyMix {
            easy: 0,
            medium: 0,
            hard: 0,
        })
    {
        return Err(GenerateError::EmptyMix);
    }
    let mut dice = Dice::new(rng);
    let mut seen = HashSet::with_capacity(count);
    let mut examples = Vec::with_capacity(count);
    let mut repeats = 0;
    while examples.len() < count {
        // In turn, so that the labels are balanced; a repeated text is drawn again for the same label.
        let gold = examples.len() % kind.labels().len();
        let difficulty = mix.draw(&mut dice);
        let family = kind.family(difficulty, &mut dice);
        if seen.insert(family.text(gold)) {
            examples.push(example(kind, difficulty, family, gold));
            repeats = 0;
        } else {
            repeats += 1;
            if repeats > MAX_REPEATS {
                let (task, found) = (kind.name(), examples.len());
                return Err(GenerateError::Exhausted {
                    task,
                    found,
                    expected: count,
                });
            }
        }
    }
    dice.shuffle(&mut examples);
    for (number, example) in examples.iter_mut().enumerate() {
        example.id = format!("{}-rule-{number}", kind.name());
    }
    Ok(examples)
}

/// One example: the gold member's text, every member's argument. The id is set when the order is known.
fn example(kind: TaskKind, difficulty: Difficulty, family: Family, gold: usize) -> Example {
    let labels = kind.labels();
    let (input, rationales) = family.into_example(gold);
    assert_eq!(
        rationales.len(),
        labels.len(),
        "a family of {} has a member for each label",
        kind.name()
    );
    let rationales: BTreeMap<String, String> = labels
        .iter()
        .map(|label| (*label).to_owned())
        .zip(rationales)
        .collect();
    Example {
        id: String::new(),
        task: kind.name().to_owned(),
        input,
        label: labels[gold].to_owned(),
        rationale: rationales.get(labels[gold]).cloned(),
        rationale_by: Some("rule".to_owned()),
        rationales,
        choices: BTreeMap::new(),
        evidence: BTreeMap::new(),
        others: Vec::new(),
        // The label of the graded task is its score.
        score: match kind {
            TaskKind::SentenceSimilarity => u8::try_from(gold).ok().map(f64::from),
            _ => None,
        },
        source: Some(format!("grammar, {}", difficulty.name())),
    }
}

/// Answers by composition: reads the text of a generated example, and nothing else, clause by clause.
///
/// This is the model that word counting is measured against, and the proof that labels follow from texts.
/// It shares the grammars' word lists but none of their structure, and is no classifier for free text:
/// where it cannot read a text, `None`.
pub fn compose(kind: TaskKind, input: &Input) -> Option<&'static str> {
    let label = match (kind, input) {
        (TaskKind::FilmSentiment, Input::Text(text)) => film_sentiment::read(text),
        (TaskKind::NewsTopic, Input::Text(text)) => news_topic::read(text),
        (TaskKind::AppStars, Input::Text(text)) => app_stars::read(text),
        (TaskKind::SceneNli, Input::Pair { text_a, text_b }) => scene_nli::read(text_a, text_b),
        (TaskKind::QuestionParaphrase, Input::Pair { text_a, text_b }) => {
            question_paraphrase::read(text_a, text_b)
        }
        (TaskKind::SentenceSimilarity, Input::Pair { text_a, text_b }) => {
            sentence_similarity::read(text_a, text_b)
        }
        _ => None,
    };
    label.and_then(|index| kind.labels().get(index).copied())
}
