//! A small pretrained model tells the same story everywhere.
//!
//! `stories260K` (260,032 parameters, llama2.c's format, MIT) is not part of this project. Where the data folder beside
//! the repository has it, it is converted and continued greedily; elsewhere the tests say that they skip.

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use rllr_model::tokenizer::SpecialTokens;
use rllr_model::{
    CausalLm, CausalLmConfig, KvCache, Llama2cModel, Llama2cVocabulary, PaddingSide, TokenBatch, Tokenizer,
};

/// The files of the model, or `None` where they are absent.
#[must_use]
pub fn files() -> Option<(&'static [u8], &'static [u8])> {
    #[cfg(has_stories)]
    let files = Some((
        include_bytes!(concat!(env!("RLLR_STORIES"), "/stories260K.bin")).as_slice(),
        include_bytes!(concat!(env!("RLLR_STORIES"), "/tok512.bin")).as_slice(),
    ));
    #[cfg(not(has_stories))]
    let files = None;
    files
}

/// What a test prints where the model is absent.
pub const SKIPPED: &str = "SKIPPED: the model stories260K is not in the data folder beside the repository";

/// The model's first tokens after the one that begins a text, as its authors' program gives them.
const FIRST_TOKENS: [u32; 12] = [403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421];

/// The beginning of the story, as its authors' program tells it.
const STORY: &str = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. \
                     One day, she saw a big, red ball. She wanted to play with it, but it was too high.";

/// Tokens that are generated: enough for [`STORY`].
const NEW_TOKENS: usize = 96;

/// Converts the model, encodes, and continues greedily on `device`.
///
/// # Errors
///
/// When a token or a letter differs from what the authors' program gives.
pub async fn check(model: &[u8], vocabulary: &[u8], device: &Device) -> anyhow::Result<()> {
    let Llama2cModel { config, weights } = Llama2cModel::parse(model)?;
    let vocabulary = Llama2cVocabulary::parse(vocabulary, config.vocab_size)?;
    let tokenizer = Tokenizer::from_json(vocabulary.to_tokenizer_json().to_string().as_bytes())?;
    let encoded = tokenizer.encode("Once upon a time")?;
    ensure!(
        encoded == FIRST_TOKENS[..4],
        "\"Once upon a time\" is {encoded:?}"
    );

    let lm = CausalLm::from_weights(&config, &weights, device)?;
    let tokens = continue_greedily(&lm, &config, device).await?;
    ensure!(
        tokens[..FIRST_TOKENS.len()] == FIRST_TOKENS,
        "the story begins with {tokens:?}"
    );
    let story = tokenizer.decode(&tokens, SpecialTokens::Skip)?;
    ensure!(story.trim_start().starts_with(STORY), "another story: {story:?}");
    Ok(())
}

/// The best token again and again, from the token that begins a text.
async fn continue_greedily(
    lm: &CausalLm,
    config: &CausalLmConfig,
    device: &Device,
) -> anyhow::Result<Vec<u32>> {
    const BOS: u32 = 1;
    let mut tokens = vec![BOS];
    let mut cache = KvCache::new(config, 1, NEW_TOKENS + 1, device);
    for position in 0..NEW_TOKENS {
        let batch = TokenBatch::from_rows(&[&tokens], PaddingSide::Left, config.vocab_size)?;
        let input = batch.columns_to_device(position..position + 1, device);
        let best = lm.forward_cached(&input, &mut cache)?.argmax(2);
        let data = best
            .into_data_async()
            .await
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let best = data.iter::<i64>().next().context("no token")?;
        tokens.push(u32::try_from(best)?);
    }
    Ok(tokens.split_off(1))
}
