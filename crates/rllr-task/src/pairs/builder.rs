//! What all ways of building pairs share: prompts within the limit, and a count of everything dropped.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{DropReason, PairConfig, PairError, PairKind, Pairs, PreferencePair};
use crate::answer::Answer;
use crate::example::{Example, Explanation};
use crate::prompt::PromptError;
use crate::task::{Label, Task};

/// One response in the making.
pub(super) struct Side<'a> {
    label: Label,
    text: &'a str,
    by: Option<&'a str>,
}

impl<'a> Side<'a> {
    /// A label with the rationale for it, or alone.
    pub(super) fn new(label: Label, rationale: Option<&'a Explanation>) -> Self {
        let text = rationale.map_or("", |rationale| rationale.text.as_str());
        Self {
            label,
            text,
            by: rationale.map(|rationale| rationale.by.as_str()),
        }
    }

    /// A label with a text and its writer.
    pub(super) fn by(label: Label, text: &'a str, by: Option<&'a str>) -> Self {
        Self { label, text, by }
    }
}

/// Collects pairs of one task.
pub(super) struct Builder<'a, L> {
    task: &'a Task,
    config: &'a PairConfig,
    length: L,
    /// The whole prompt of the current example, and its length if there is a limit.
    prompt: (String, usize),
    seen: Seen,
    built: Pairs,
}

/// Finds pairs whose three texts occurred before, without a second copy of the texts.
#[derive(Default)]
pub(super) struct Seen {
    /// Hash of the texts to the places of the pairs that have it.
    places: HashMap<u64, Vec<usize>>,
}

impl Seen {
    /// Whether `pairs` holds one with the texts of `pair`. If not, the caller appends it to `pairs`.
    pub(super) fn is_repeated(&mut self, pair: &PreferencePair, pairs: &[PreferencePair]) -> bool {
        let mut hasher = DefaultHasher::new();
        (&pair.prompt, &pair.chosen, &pair.rejected).hash(&mut hasher);
        let places = self.places.entry(hasher.finish()).or_default();
        let is_same = |other: &PreferencePair| {
            other.prompt == pair.prompt && other.chosen == pair.chosen && other.rejected == pair.rejected
        };
        let is_repeated = places.iter().any(|&at| is_same(&pairs[at]));
        if !is_repeated {
            places.push(pairs.len());
        }
        is_repeated
    }
}

impl<'a, L: FnMut(&str) -> usize> Builder<'a, L> {
    pub(super) fn new(task: &'a Task, config: &'a PairConfig, length: L) -> Self {
        let built = Pairs::default();
        Self {
            task,
            config,
            length,
            prompt: (String::new(), 0),
            seen: Seen::default(),
            built,
        }
    }

    /// Begins an example: its prompt is made once for all its pairs.
    pub(super) fn start(&mut self, example: &Example) -> Result<(), PairError> {
        let prompt = self
            .task
            .prompt(example, self.config.wording, self.config.format)?
            .text;
        let length = if self.config.max_length.is_some() {
            (self.length)(&prompt)
        } else {
            0
        };
        self.prompt = (prompt, length);
        self.built.report.examples += 1;
        Ok(())
    }

    /// Counts a pair that cannot be built.
    pub(super) fn drop_pair(&mut self, reason: DropReason) {
        self.built.report.count_dropped(reason);
    }

    /// Adds the pair of two sides, `[chosen, rejected]`, or counts why not.
    pub(super) fn push(
        &mut self,
        example: &Example,
        kind: PairKind,
        id: String,
        sides: [Side<'_>; 2],
    ) -> Result<(), PairError> {
        let task = self.task;
        let [chosen, rejected] = sides
            .each_ref()
            .map(|side| Answer::new(side.text, side.label).print(task, self.config.format));
        if chosen == rejected {
            self.drop_pair(DropReason::Identical);
            return Ok(());
        }
        let Some((prompt, is_cut)) = self.prompt_for(example, [&chosen, &rejected])? else {
            self.drop_pair(DropReason::TooLong);
            return Ok(());
        };
        let [chosen_by, rejected_by] = sides.each_ref().map(|side| side.by.map(str::to_owned));
        let labels = sides.map(|side| task.word(side.label));
        let task = task.name.clone();
        let pair = PreferencePair {
            prompt,
            chosen,
            rejected,
            kind,
            task,
            id,
            chosen_by,
            rejected_by,
        };
        if self.seen.is_repeated(&pair, &self.built.pairs) {
            self.drop_pair(DropReason::Repeated);
            return Ok(());
        }
        self.built.report.prompts_cut += usize::from(is_cut);
        self.built.report.count_pair(&pair, labels);
        self.built.pairs.push(pair);
        Ok(())
    }

    pub(super) fn finish(self) -> Pairs {
        self.built
    }

    /// The prompt, cut so that it fits together with the longer response; `None` if no cut can achieve that.
    fn prompt_for(
        &mut self,
        example: &Example,
        responses: [&str; 2],
    ) -> Result<Option<(String, bool)>, PairError> {
        let Self {
            task,
            config,
            length,
            prompt: (whole, whole_length),
            ..
        } = self;
        let Some(max_length) = config.max_length else {
            return Ok(Some((whole.clone(), false)));
        };
        let longer = responses.map(&mut *length).into_iter().max().unwrap_or(0);
        let Some(limit) = max_length.checked_sub(longer) else {
            return Ok(None);
        };
        if *whole_length <= limit {
            return Ok(Some((whole.clone(), false)));
        }
        match task.prompt_within(example, config.wording, config.format, limit, length) {
            Ok(prompt) => Ok(Some((prompt.text, prompt.cut_chars > 0))),
            Err(PromptError::TooLong { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
