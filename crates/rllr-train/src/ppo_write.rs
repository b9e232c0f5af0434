//! The policy writes: prompts in, responses out, with what the sampler said of their tokens.

use burn::module::Module as _;
use burn::tensor::{Tensor, Transaction};
use rllr_model::{
    AdaptedLm, Decoding, Generating, Generation, GenerationConfig, HiddenStates, Sampling, ScalarHead,
    SpecialTokenIds, Uniforms,
};

use crate::actor_critic::Critic;
use crate::ppo::PpoTrainer;
use crate::ppo_config::{OldLogProbs, PpoConfig, RolloutModel};
use crate::ppo_error::PpoError;
use crate::random_stream::{Purpose, random_stream};
use crate::responses::Responses;
use crate::rounding::to_f32;
use crate::workers::{Workers, map};

impl PpoConfig {
    /// How responses are written: from the policy's own distribution at the temperature that scores them, as far as
    /// `top_k` and `top_p` say nothing else. The padding id is never chosen, unless it also ends a response.
    #[must_use]
    pub fn generation_config(&self, tokens: &SpecialTokenIds) -> GenerationConfig {
        let pad = tokens.pad.filter(|pad| !tokens.stop.contains(pad));
        GenerationConfig {
            max_new_tokens: self.max_new_tokens,
            decoding: Decoding::Sampling(Sampling {
                temperature: to_f32(self.temperature),
                top_k: (self.top_k > 0).then_some(self.top_k),
                top_p: to_f32(self.top_p),
            }),
            stop_token_ids: tokens.stop.clone(),
            forbidden_token_ids: pad.into_iter().collect(),
            ..GenerationConfig::default()
        }
    }
}

impl PpoTrainer {
    /// The policy as it is now answers prompts; with group methods each of them several times, answers to one prompt
    /// together.
    ///
    /// Random numbers are a function of the seed, the step and the draw, so a resumed run writes the same answers. How
    /// many rows are written at a time does not change them.
    ///
    /// - `prompts`: token ids, without padding
    /// - `tokens`: what ends a response, what is never written, and what begins a prompt
    /// - `draw`: 0, and one more for each time that the same step writes again
    ///
    /// # Errors
    ///
    /// [`PpoError`] when prompts do not fit the model, begin twice, or the device fails.
    pub async fn write(
        &self,
        prompts: &[Vec<u32>],
        tokens: &SpecialTokenIds,
        draw: usize,
    ) -> Result<Responses, PpoError> {
        let config = &self.config;
        let group_size = config.advantage.group_size();
        let prompts: Vec<Vec<u32>> = prompts
            .iter()
            .flat_map(|prompt| std::iter::repeat_n(prompt.clone(), group_size))
            .collect();
        check_prompts(&prompts, tokens)?;
        let head = self.head_on_policy();
        let hidden_states = match head {
            Some(_) => HiddenStates::OfTokens,
            None => HiddenStates::Omitted,
        };
        let generation_config = GenerationConfig {
            hidden_states,
            ..config.generation_config(tokens)
        };
        let mut rng = random_stream(config.seed, Purpose::Responses, self.state.step as u64, draw);
        let uniforms = Uniforms::draw(&generation_config, prompts.len(), &mut rng);
        let policy = self.models.policy();
        let writing = Writing {
            prompts: &prompts,
            config: &generation_config,
            uniforms: &uniforms,
            workers: &*self.workers,
        };
        let rows = config.generation_batch_size;
        let generation = match config.rollout_model {
            RolloutModel::Copy => writing.generate(policy.for_decoding().as_lm(), rows).await?,
            RolloutModel::Policy => writing.generate(policy, rows).await?,
        };
        let values = match head {
            Some(head) => Some(values(&generation, head).await?),
            None => None,
        };
        let responses = Responses::from_generation(
            prompts,
            generation,
            values,
            config.temperature,
            config.max_new_tokens,
        )?;
        check_tokens(&responses, tokens)?;
        Ok(responses)
    }

    /// The value model, where it is a head on the policy and its values are wanted while the policy writes.
    fn head_on_policy(&self) -> Option<&ScalarHead> {
        let is_wanted = self.config.old_log_probs == OldLogProbs::Sampled;
        match &self.models.trained().critic {
            Some(Critic::SharedHead(head)) if is_wanted => Some(head),
            _ => None,
        }
    }
}

/// `V(state before the token)` of every token that was written.
async fn values(generation: &Generation, head: &ScalarHead) -> Result<Vec<Vec<f32>>, PpoError> {
    let hidden: Tensor<3> = generation
        .tensors
        .hidden_states
        .clone()
        .expect("they were asked for");
    let [_, width, _] = hidden.dims();
    let values = head.valid().values(hidden);
    let read = Transaction::default().register(values).execute_async().await?;
    let numbers: Vec<f32> = read.iter().flat_map(|data| data.iter::<f32>()).collect();
    let rows = generation.rows.iter().zip(numbers.chunks(width));
    Ok(rows
        .map(|(row, values)| values[..row.tokens.len()].to_vec())
        .collect())
}

/// What is to be written, and by whom.
struct Writing<'a> {
    prompts: &'a [Vec<u32>],
    config: &'a GenerationConfig,
    /// Each row has random numbers of its own.
    uniforms: &'a Uniforms,
    workers: &'a dyn Workers,
}

impl Writing<'_> {
    /// Writes `rows` rows at a time, and as many times that as there are workers.
    async fn generate(&self, lm: AdaptedLm<'_>, rows: usize) -> Result<Generation, PpoError> {
        let starts: Vec<usize> = (0..self.prompts.len()).step_by(rows).collect();
        let mut done = Vec::new();
        for turn in starts.chunks(self.workers.count().max(1)) {
            let started = map(self.workers, turn, |&start| {
                let part = start..self.prompts.len().min(start + rows);
                let uniforms = self.uniforms.rows(part.clone());
                lm.start_generation(&self.prompts[part], self.config, &uniforms)
            });
            let started = started.into_iter().collect::<Result<Vec<_>, _>>()?;
            for generating in self.go_on(started).await? {
                done.push(generating.finish().await?);
            }
        }
        Ok(Generation::concat(done))
    }

    /// Does all steps. Alone, one part looks whether its rows have ended while it goes on; several are looked at between
    /// their steps.
    async fn go_on(&self, mut parts: Vec<Generating>) -> Result<Vec<Generating>, PpoError> {
        if let [alone] = &mut parts[..] {
            alone.run().await?;
            return Ok(parts);
        }
        let steps = self.config.steps_between_looks.max(1);
        loop {
            let mut all_ended = true;
            for part in &parts {
                all_ended &= part.has_ended().await?;
            }
            if all_ended {
                return Ok(parts);
            }
            parts = map(self.workers, parts, |mut part| {
                part.advance(steps);
                part
            });
        }
    }
}

/// There are prompts, and each begins at most once: a template that writes the token and a tokenizer that adds it make
/// two of them.
fn check_prompts(prompts: &[Vec<u32>], tokens: &SpecialTokenIds) -> Result<(), PpoError> {
    if prompts.is_empty() {
        return Err(crate::responses::ResponsesError::Empty.into());
    }
    let Some(bos) = tokens.bos else {
        return Ok(());
    };
    for (row, prompt) in prompts.iter().enumerate() {
        let found = prompt.iter().filter(|&&id| id == bos).count();
        if found > 1 {
            return Err(PpoError::BeginsTwice {
                row,
                bos,
                found,
                prompt: prompt.clone(),
            });
        }
    }
    Ok(())
}

/// What must not be written was not, whatever the sampler was told.
fn check_tokens(responses: &Responses, tokens: &SpecialTokenIds) -> Result<(), PpoError> {
    for (row, response) in responses.responses().iter().enumerate() {
        let is_forbidden = |id: &u32| tokens.pad == Some(*id) && !tokens.stop.contains(id);
        if let Some(slot) = response.iter().position(is_forbidden) {
            return Err(PpoError::Forbidden {
                slot,
                found: response[slot],
                sample: responses.sample(row, f32::NAN),
            });
        }
    }
    Ok(())
}
