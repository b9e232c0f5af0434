//! A model answers the examples of a task.

use rllr_model::tokenizer::SpecialTokens;
use rllr_model::{
    AdaptedLm, Decoding, GenerateError, GenerationConfig, LabelScore, LabelScoresError, LogProbs,
    Normalization, Tokenizer, TokenizerError, Uniforms,
};
use rllr_task::{Answer, Example, Label, PromptError, ResponseFormat, Task};
use serde::{Deserialize, Serialize};

mod prompts;
mod label_probs;
mod streaming;
#[cfg(test)]
mod tests;

use prompts::{Prompts, prompts};
pub use streaming::Streaming;

/// How a model is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnsweringConfig {
    /// Where the label comes from. Default: the model writes it.
    pub mode: AnswerMode,
    /// Layout of the answers. Default: rationale, then label.
    pub format: ResponseFormat,
    /// Index of the prompt's wording. Default 0.
    pub wording: usize,
    /// Examples that are answered together, at least 1. Default 64.
    pub batch_size: usize,
    /// Most tokens of an answer, EOS included; at least 1. Default 512 (the released code of RLLR). A model with fewer
    /// positions gives what the longest prompt leaves of them, or a quarter.
    pub max_new_tokens: usize,
}

/// Where a label comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerMode {
    /// The model writes an answer, greedily, and the answer is parsed.
    #[default]
    Generate,
    /// The model says how probable each label is as the whole answer, without a rationale; the most probable wins.
    Likelihood,
}

/// What a model answered to one example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The example's id.
    pub id: String,
    /// Name of the task.
    pub task: String,
    /// The label's word; `None` where the response is no answer.
    pub prediction: Option<String>,
    /// The gold label's word.
    pub label: String,
    /// What the model wrote; in likelihood mode the most probable answer.
    pub response: String,
    /// Whether the label is the gold one.
    pub correct: bool,
    /// Probability of each label, in the task's order, among the labels; in likelihood mode only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_probs: Option<Vec<f64>>,
}

/// Why examples cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum AnsweringError {
    /// An example does not fit the task, or its wording alone is longer than the model can read.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// A text cannot be cut into tokens, or tokens are no text.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Nothing could be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// Labels could not be compared.
    #[error(transparent)]
    LabelScores(#[from] LabelScoresError),
    /// A setting that cannot be.
    #[error("{field}: found 0, expected at least 1")]
    Zero {
        /// The setting.
        field: &'static str,
    },
}

/// Examples that are being answered. Whoever holds it pulls batch after batch, and may stop at any time.
#[derive(Clone, Debug)]
pub struct Answering<'a> {
    task: &'a Task,
    tokenizer: &'a Tokenizer,
    config: AnsweringConfig,
    /// By length, so that a batch has little padding.
    questions: Vec<Question<'a>>,
    /// How many questions are answered.
    done: usize,
    /// By place among the examples.
    predictions: Vec<Option<Prediction>>,
    new_tokens: usize,
    shortened: usize,
}

/// An example and what the model reads of it.
#[derive(Clone, Debug)]
struct Question<'a> {
    place: usize,
    example: &'a Example,
    gold: Label,
    prompt: Vec<u32>,
}

/// A response in the two modes.
struct Response {
    text: String,
    label_probs: Option<Vec<f64>>,
}

impl Default for AnsweringConfig {
    fn default() -> Self {
        Self {
            mode: AnswerMode::Generate,
            format: ResponseFormat::RationaleThenLabel,
            wording: 0,
            batch_size: 64,
            max_new_tokens: 512,
        }
    }
}

impl<'a> Answering<'a> {
    /// Prepares the prompts; nothing is answered yet.
    ///
    /// - `max_positions`: positions that the model knows, if it is limited. Answers are then as long as the longest prompt
    ///   leaves room for; texts are cut only where that is less than a quarter of the positions
    ///
    /// # Errors
    ///
    /// [`AnsweringError`] for settings of 0, an example that does not fit the task, or a text without tokens.
    pub fn new(
        task: &'a Task,
        tokenizer: &'a Tokenizer,
        examples: &'a [Example],
        max_positions: Option<usize>,
        config: &AnsweringConfig,
    ) -> Result<Self, AnsweringError> {
        let mut config = config.clone();
        for (field, value) in [
            ("batch_size", config.batch_size),
            ("max_new_tokens", config.max_new_tokens),
        ] {
            if value == 0 {
                return Err(AnsweringError::Zero { field });
            }
        }
        let Prompts {
            mut questions,
            max_new_tokens,
            shortened,
        } = prompts(task, tokenizer, examples, max_positions, &config)?;
        config.max_new_tokens = max_new_tokens;
        questions.sort_by_key(|question| question.prompt.len());
        Ok(Self {
            task,
            tokenizer,
            config,
            predictions: vec![None; questions.len()],
            questions,
            done: 0,
            new_tokens: 0,
            shortened,
        })
    }

    /// Questions whose texts were cut, because the model knows too few positions for them and an answer.
    #[must_use]
    pub fn shortened(&self) -> usize {
        self.shortened
    }

    /// What is not answered yet, in so many parts, for programs that have threads; [`Answering::join`] puts them together.
    ///
    /// Batches are dealt in turn and stay what they are, so the answers do too.
    #[must_use]
    pub fn divide(self, count: usize) -> Vec<Self> {
        let count = count.max(1);
        let mut parts = vec![
            Self {
                task: self.task,
                tokenizer: self.tokenizer,
                config: self.config.clone(),
                questions: Vec::new(),
                done: 0,
                predictions: vec![None; self.predictions.len()],
                new_tokens: 0,
                shortened: self.shortened,
            };
            count
        ];
        // What is answered stays with the first.
        let (answered, open) = self.questions.split_at(self.done);
        parts[0].questions = answered.to_vec();
        parts[0].done = self.done;
        parts[0].new_tokens = self.new_tokens;
        parts[0].predictions = self.predictions;
        for (number, batch) in open.chunks(self.config.batch_size).enumerate() {
            parts[number % count].questions.extend_from_slice(batch);
        }
        parts
    }

    /// The parts that [`Answering::divide`] made, with what was answered since.
    ///
    /// # Panics
    ///
    /// Without a part.
    #[must_use]
    pub fn join(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().expect("at least one part");
        let mut open = whole.questions.split_off(whole.done);
        for mut part in parts {
            open.extend(part.questions.split_off(part.done));
            whole.done += part.done;
            whole.new_tokens += part.new_tokens;
            whole.questions.extend(part.questions);
            for (found, more) in whole.predictions.iter_mut().zip(part.predictions) {
                *found = found.take().or(more);
            }
        }
        open.sort_by_key(|question| question.prompt.len());
        whole.questions.extend(open);
        whole
    }

    /// How many examples are answered, and how many there are.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.questions.len())
    }

    /// Tokens that the model wrote so far.
    #[must_use]
    pub fn new_tokens(&self) -> usize {
        self.new_tokens
    }

    /// Answers the next batch. Does nothing when all is answered.
    ///
    /// # Errors
    ///
    /// [`AnsweringError`] when the model cannot answer or the device fails.
    pub async fn step(&mut self, lm: AdaptedLm<'_>) -> Result<(), AnsweringError> {
        let end = (self.done + self.config.batch_size).min(self.questions.len());
        let questions = &self.questions[self.done..end];
        if questions.is_empty() {
            return Ok(());
        }
        let prompts: Vec<&[u32]> = questions.iter().map(|question| &question.prompt[..]).collect();
        let (responses, new_tokens) = match self.config.mode {
            AnswerMode::Generate => self.write(lm, &prompts).await?,
            AnswerMode::Likelihood => (self.weigh(lm, &prompts).await?, 0),
        };
        for (question, response) in questions.iter().zip(responses) {
            self.predictions[question.place] = Some(self.judge(question, response));
        }
        self.new_tokens += new_tokens;
        self.done = end;
        Ok(())
    }

    /// What was answered so far, in the order of the examples.
    #[must_use]
    pub fn predictions(&self) -> Vec<Prediction> {
        self.predictions.iter().flatten().cloned().collect()
    }

    /// What was answered to one example, if it was.
    ///
    /// - `place`: index of the example
    #[must_use]
    pub fn prediction(&self, place: usize) -> Option<&Prediction> {
        self.predictions.get(place)?.as_ref()
    }

    /// Answers everything that is left.
    ///
    /// The model is laid out for decoding once; see [`AdaptedLm::for_decoding`].
    ///
    /// # Errors
    ///
    /// As [`Answering::step`].
    pub async fn run(mut self, lm: AdaptedLm<'_>) -> Result<Vec<Prediction>, AnsweringError> {
        let decoding = lm.for_decoding();
        while self.done < self.questions.len() {
            self.step(decoding.as_lm()).await?;
        }
        Ok(self.predictions())
    }

    /// The model writes; also returns how many tokens.
    async fn write(
        &self,
        lm: AdaptedLm<'_>,
        prompts: &[&[u32]],
    ) -> Result<(Vec<Response>, usize), AnsweringError> {
        let config = self.generation_config();
        // Greedy decoding draws nothing.
        let uniforms = Uniforms::none(prompts.len());
        let mut generating = lm.start_generation(prompts, &config, &uniforms)?;
        generating.run().await?;
        let generation = generating.finish().await?;
        let mut responses = Vec::with_capacity(prompts.len());
        let mut new_tokens = 0;
        for row in &generation.rows {
            new_tokens += row.tokens.len();
            let text = self.tokenizer.decode(&row.tokens, SpecialTokens::Skip)?;
            responses.push(Response {
                text,
                label_probs: None,
            });
        }
        Ok((responses, new_tokens))
    }

    fn question(&self, place: usize) -> &Question<'a> {
        let question = self.questions.iter().find(|question| question.place == place);
        question.expect("the place is that of an example")
    }

    fn generation_config(&self) -> GenerationConfig {
        let special = self.tokenizer.special_token_ids();
        GenerationConfig {
            max_new_tokens: self.config.max_new_tokens,
            decoding: Decoding::Greedy,
            stop_token_ids: special.stop.clone(),
            forbidden_token_ids: special
                .pad
                .into_iter()
                .filter(|pad| !special.stop.contains(pad))
                .collect(),
            log_probs: LogProbs::Omitted,
            ..GenerationConfig::default()
        }
    }

    /// The model says how probable each label is as the whole answer, EOS included.
    async fn weigh(&self, lm: AdaptedLm<'_>, prompts: &[&[u32]]) -> Result<Vec<Response>, AnsweringError> {
        let texts: Vec<String> = (0..self.task.labels.len())
            .map(|label| Answer::new("", Label(label)).print(self.task, self.config.format))
            .collect();
        let answers: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| self.tokenizer.encode_response(text))
            .collect::<Result<_, _>>()?;
        let lists = vec![&answers[..]; prompts.len()];
        let scores = lm.label_scores(prompts, &lists).await?;
        let response = |scores: &Vec<LabelScore>| {
            let scores: Vec<f64> = scores
                .iter()
                .map(|score| score.normalized(Normalization::Sum))
                .collect();
            let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(b.cmp(&a)));
            Response {
                text: best.map(|best| texts[best].clone()).unwrap_or_default(),
                label_probs: Some(softmax(&scores)),
            }
        };
        Ok(scores.iter().map(response).collect())
    }

    fn judge(&self, question: &Question<'_>, response: Response) -> Prediction {
        let Response { text, label_probs } = response;
        let label = Answer::parse(&text, self.task, self.config.format)
            .ok()
            .map(|answer| answer.label());
        Prediction {
            id: question.example.id.clone(),
            task: self.task.name.clone(),
            prediction: label.map(|label| self.task.word(label).to_owned()),
            label: self.task.word(question.gold).to_owned(),
            response: text,
            correct: label == Some(question.gold),
            label_probs,
        }
    }
}

/// `exp(xᵢ) / Σⱼ exp(xⱼ)`, with the largest taken off first so that nothing overflows.
fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
