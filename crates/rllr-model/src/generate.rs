//! Generation: prompts in, tokens out, everything between on the device.

mod read_back;

mod result;

pub use result::{EndReason, GeneratedRow, Generation, GenerationTensors};

use burn::module::Module as _;
use burn::tensor::{Device, ExecutionError, Int, Tensor, TensorData};

use self::read_back::ReadBack;
use self::result::Chosen;
use crate::causal_lm::{AdaptedLm, CausalLm};
use crate::decoding_plan::DecodingPlan;
use crate::generation_config::{GenerationConfig, GenerationConfigError, HiddenStates, LogProbs};
use crate::lora::LoraAdapter;
use crate::sampling::{Choice, Sampler};
use crate::{BatchError, KvCache, PaddingSide, TokenBatch, Uniforms};

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The settings do not fit together or do not fit the model.
    #[error(transparent)]
    Config(#[from] GenerationConfigError),
    /// The prompts are not a batch.
    #[error("prompts: {0}")]
    Prompts(#[from] BatchError),
    /// A prompt that the answer would carry beyond the positions that the model knows.
    #[error(
        "prompt {row} has {prompt_tokens} tokens, and {max_new_tokens} new ones make more than the \
         {max_position_embeddings} that the model can read"
    )]
    TooLong {
        /// Index of the prompt, from 0.
        row: usize,
        /// Its length.
        prompt_tokens: usize,
        /// Length of the longest answer.
        max_new_tokens: usize,
        /// Number of positions that the model knows.
        max_position_embeddings: usize,
    },
    /// Random numbers for another generation.
    #[error("random numbers for {found:?} rows and steps, expected {expected:?}")]
    Uniforms {
        /// `[batch, steps]` of the numbers.
        found: [usize; 2],
        /// `[batch, steps]` of the generation.
        expected: [usize; 2],
    },
    /// The device failed.
    #[error("the device failed during generation: {0:?}")]
    Device(ExecutionError),
}

/// A generation under way. Whoever holds it pulls step after step, and may stop at any time.
///
/// Nothing waits for the device but [`Generating::next_tokens`], [`Generating::run`] and [`Generating::finish`].
pub struct Generating {
    model: CausalLm,
    adapter: Option<LoraAdapter>,
    config: GenerationConfig,
    plan: DecodingPlan,
    cache: KvCache,
    sampler: Sampler,
    ending: Ending,
    /// What the output layer reads to score the next token, `[batch, 1, d_model]`.
    hidden: Tensor<3>,
    /// Scores of the next token, `[batch, vocab_size]`.
    logits: Tensor<2>,
    /// One column a step, each `[batch, 1]`.
    tokens: Vec<Tensor<2, Int>>,
    /// One column a step, each `[batch, 1]`; none when they are not asked for.
    log_probs: Vec<Tensor<2>>,
    /// One column a step, each `[batch, 1, d_model]`; none when they are not asked for.
    hidden_states: Vec<Tensor<3>>,
    /// For streaming: whether each row has ended, as far as it was read.
    ended: Vec<bool>,
}

/// Which rows go on.
struct Ending {
    /// 1 while the row goes on, 0 after its stop token, `[batch, 1]`.
    running: Tensor<2, Int>,
    /// 0 at stop tokens, else 1, `[vocab_size]`; `None` when nothing stops a row.
    goes_on: Option<Tensor<1, Int>>,
}

impl AdaptedLm<'_> {
    /// Continues every prompt, as far as a stop token or `max_new_tokens`.
    ///
    /// Random numbers for the whole generation are drawn first, see [`Uniforms`]; if the model is trained, its weights
    /// of now are used, without gradients. [`AdaptedLm::for_decoding`] makes a faster copy for more than a few tokens.
    ///
    /// The device is read once, at the end; and every few steps there is a look at whether all rows have ended.
    ///
    /// # Errors
    ///
    /// [`GenerateError`] when settings or prompts do not fit, or the device fails.
    pub async fn generate<R: AsRef<[u32]>>(
        self,
        prompts: &[R],
        config: &GenerationConfig,
        rng: &mut impl rand::Rng,
    ) -> Result<Generation, GenerateError> {
        let uniforms = Uniforms::draw(config, prompts.len(), rng);
        let mut generating = self.start_generation(prompts, config, &uniforms)?;
        generating.run().await?;
        generating.finish().await
    }

    /// Reads the prompts; the first token is chosen in the first step.
    ///
    /// # Errors
    ///
    /// [`GenerateError`] when settings, prompts or random numbers do not fit.
    pub fn start_generation<R: AsRef<[u32]>>(
        self,
        prompts: &[R],
        config: &GenerationConfig,
        uniforms: &Uniforms,
    ) -> Result<Generating, GenerateError> {
        // Cheap: the copies share the weights.
        let model = self.base().valid();
        let adapter = self.adapter().map(LoraAdapter::valid);
        let [vocab_size, _] = model.model.embed_tokens.weight.dims();
        config.validate(vocab_size)?;
        check_lengths(&model, prompts, config.max_new_tokens)?;
        let expected = [prompts.len(), Uniforms::steps(config)];
        if uniforms.dims() != expected {
            let found = uniforms.dims();
            return Err(GenerateError::Uniforms { found, expected });
        }
        let batch = TokenBatch::from_rows(prompts, PaddingSide::Left, vocab_size)?;
        let [rows, prompt_len] = batch.dims();
        let device = model.model.embed_tokens.weight.val().device();
        let capacity = prompt_len + config.max_new_tokens;
        let mut cache = KvCache::of(&model.model, rows, capacity, &device);
        let lm = AdaptedLm::new(&model, adapter.as_ref());
        let hidden = lm
            .last_hidden_state_cached(&batch.to_device(&device), &mut cache)
            .expect("the cache is larger than the prompts");
        let logits = lm.logits(hidden.clone()).squeeze_dim(1);
        Ok(Generating {
            plan: DecodingPlan::new(&model.model, &batch, capacity, &device),
            sampler: Sampler::new(config, prompts, vocab_size, uniforms, &device),
            ending: Ending::new(&config.stop_token_ids, [rows, vocab_size], &device),
            config: config.clone(),
            cache,
            hidden,
            logits,
            tokens: Vec::new(),
            log_probs: Vec::new(),
            hidden_states: Vec::new(),
            ended: vec![false; rows],
            model,
            adapter,
        })
    }
}

fn check_lengths<R: AsRef<[u32]>>(
    model: &CausalLm,
    prompts: &[R],
    max_new_tokens: usize,
) -> Result<(), GenerateError> {
    let Some(max_position_embeddings) = model.model.max_positions() else {
        return Ok(());
    };
    let lengths = prompts.iter().map(|prompt| prompt.as_ref().len());
    let fits = |tokens: usize| max_position_embeddings.checked_sub(tokens) >= Some(max_new_tokens);
    match lengths.enumerate().find(|&(_, tokens)| !fits(tokens)) {
        None => Ok(()),
        Some((row, prompt_tokens)) => Err(GenerateError::TooLong {
            row,
            prompt_tokens,
            max_new_tokens,
            max_position_embeddings,
        }),
    }
}

impl Generating {
    /// Number of steps done; each gave every row one token.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.tokens.len()
    }

    /// Whether no step is left.
    fn is_full(&self) -> bool {
        self.steps() >= self.config.max_new_tokens
    }

    /// Chooses the next token of every row.
    fn choose(&mut self) {
        let Choice { tokens, log_probs } = self.sampler.choose(self.logits.clone());
        self.tokens.push(self.ending.after(tokens));
        self.log_probs.extend(log_probs);
        if self.config.hidden_states == HiddenStates::OfTokens {
            self.hidden_states.push(self.hidden.clone());
        }
    }

    /// Reads the tokens that were chosen last.
    fn read(&mut self) {
        let Some(tokens) = self.tokens.last().cloned().filter(|_| !self.is_full()) else {
            return;
        };
        let pass = self.plan.pass(self.cache.filled(), self.adapter.as_ref());
        let hidden = self.model.model.read(tokens, 0..1, &pass, &mut self.cache);
        self.hidden = hidden.expect("the cache has room for every step");
        let lm = AdaptedLm::new(&self.model, self.adapter.as_ref());
        self.logits = lm.logits(self.hidden.clone()).squeeze_dim(1);
    }

    /// Does all steps that are left, or fewer when all rows have ended.
    ///
    /// # Errors
    ///
    /// [`GenerateError::Device`].
    pub async fn run(&mut self) -> Result<(), GenerateError> {
        let mut look: Option<ReadBack> = None;
        while !self.is_full() {
            self.choose();
            if self.ending.goes_on.is_some() && self.steps().is_multiple_of(self.config.steps_between_looks) {
                // The answer to the last look has had time to arrive; the device works on meanwhile.
                if let Some(last) = look.take()
                    && !last.finish().await?.any_int_above_zero()
                {
                    return Ok(());
                }
                look = Some(ReadBack::start(vec![], vec![self.ending.running.clone()]));
            }
            self.read();
        }
        // A read that is dropped under way would give its buffer back while the browser still maps it, and the next
        // work on that buffer fails; so one is under way at a time, and the last one is waited for.
        if let Some(last) = look {
            last.finish().await?;
        }
        Ok(())
    }

    /// Does up to `steps` of the steps that are left, and waits for nothing: for those who run several generations side by
    /// side. Rows that have ended are only noticed by [`Generating::has_ended`].
    pub fn advance(&mut self, steps: usize) {
        for _ in 0..steps {
            if self.is_full() {
                return;
            }
            self.choose();
            self.read();
        }
    }

    /// Whether there is nothing left to do: no step, or no row that goes on. Waits for the device where only that tells.
    ///
    /// # Errors
    ///
    /// [`GenerateError::Device`].
    pub async fn has_ended(&self) -> Result<bool, GenerateError> {
        if self.is_full() {
            return Ok(true);
        }
        if self.ending.goes_on.is_none() || self.steps() == 0 {
            return Ok(false);
        }
        let look = ReadBack::start(vec![], vec![self.ending.running.clone()]);
        Ok(!look.finish().await?.any_int_above_zero())
    }

    /// One step, for those who show tokens as they come: the new token of every row, `None` for rows that have ended
    /// before. No more steps when the result is `None`.
    ///
    /// The device computes the next step's scores while the tokens are read.
    ///
    /// # Errors
    ///
    /// [`GenerateError::Device`].
    pub async fn next_tokens(&mut self) -> Result<Option<Vec<Option<u32>>>, GenerateError> {
        if self.is_full() || self.ended.iter().all(|&ended| ended) {
            return Ok(None);
        }
        self.choose();
        let tokens = self.tokens.last().cloned().into_iter().collect();
        let read_back = ReadBack::start(vec![], tokens);
        self.read();
        let ids = read_back.finish().await?.ids();
        let stops = &self.config.stop_token_ids;
        let new = self.ended.iter_mut().zip(ids).map(|(ended, id)| {
            let new = (!*ended).then_some(id);
            *ended |= stops.contains(&id);
            new
        });
        Ok(Some(new.collect()))
    }

    /// Reads what was generated; if that is nothing yet, one step is done.
    ///
    /// # Errors
    ///
    /// [`GenerateError::Device`].
    pub async fn finish(mut self) -> Result<Generation, GenerateError> {
        if self.tokens.is_empty() {
            self.choose();
        }
        let tokens = Tensor::cat(self.tokens, 1);
        let log_probs = match self.config.log_probs {
            LogProbs::OfTokens => Some(Tensor::cat(self.log_probs, 1)),
            LogProbs::Omitted => None,
        };
        let read = ReadBack::start(log_probs.iter().cloned().collect(), vec![tokens.clone()]);
        let read = read.finish().await?;
        let hidden_states = match self.config.hidden_states {
            HiddenStates::OfTokens => Some(Tensor::cat(self.hidden_states, 1)),
            HiddenStates::Omitted => None,
        };
        let chosen = Chosen {
            tokens,
            log_probs,
            hidden_states,
        };
        Ok(Generation::assemble(&self.config, &read, chosen))
    }
}

impl Ending {
    fn new(stop_token_ids: &[u32], [rows, vocab_size]: [usize; 2], device: &Device) -> Self {
        let goes_on = (!stop_token_ids.is_empty()).then(|| {
            let goes_on = |id| i32::from(!stop_token_ids.contains(&id));
            let table: Vec<i32> = (0u32..).take(vocab_size).map(goes_on).collect();
            Tensor::from_data(TensorData::new(table, [vocab_size]), device)
        });
        Self {
            running: Tensor::ones([rows, 1], device),
            goes_on,
        }
    }

    /// The tokens of rows that go on, and a filler for the others. Rows whose token is a stop token end behind it.
    fn after(&mut self, tokens: Tensor<2, Int>) -> Tensor<2, Int> {
        let Some(goes_on) = &self.goes_on else {
            return tokens;
        };
        let [rows, _] = tokens.dims();
        // The filler is id 0; it is cut off by the row's length and never looked at.
        let tokens = tokens * self.running.clone();
        let goes_on = goes_on.clone().select(0, tokens.clone().reshape([rows]));
        self.running = self.running.clone() * goes_on.reshape([rows, 1]);
        tokens
    }
}
