//! Arguments of `rllr pretrain`.

use std::path::PathBuf;

use rllr_model::CausalLmConfig;
use rllr_train::{
    Best, BestMetric, CheckpointConfig, LmTrainerConfig, LrSchedule, NextTokenConfig, RunConfig,
};

use crate::data::load::DataSource;
use crate::devices::DeviceName;

/// Arguments of `rllr pretrain`.
///
/// `--data` names `.txt` files too, or directories with some: a line `<|endoftext|>` ends a document. Of labelled texts
/// all is read but the labels. The documents are shuffled; each ends with the tokenizer's end of text.
#[derive(Clone, Debug, clap::Args)]
pub struct PretrainArgs {
    #[command(flatten)]
    pub(super) source: DataSource,
    /// The split of labelled texts that is used. Default: `train` where the data has one, else everything.
    #[arg(long, value_name = "SPLIT")]
    pub(super) split: Option<String>,
    /// Directory of the run: `checkpoints/`, `events.jsonl`, and in the end `model/`.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Go on from the newest checkpoint in the directory; begin when there is none.
    #[arg(long)]
    pub(super) resume: bool,
    /// A model's directory, or a `tokenizer.json`. Default: every byte is a token.
    #[arg(long, value_name = "PATH")]
    pub(super) tokenizer: Option<PathBuf>,

    /// Optimiser steps.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    steps: usize,
    /// Pieces of text in one step.
    #[arg(long, default_value_t = 16, value_name = "N")]
    batch_size: usize,
    /// Tokens of a piece, and the longest text that the model can read.
    #[arg(long, default_value_t = 128, value_name = "N")]
    seq_len: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 1e-3, value_name = "RATE")]
    learning_rate: f64,
    /// Steps in which the learning rate rises from 0; afterwards it falls as a cosine.
    #[arg(long, default_value_t = 0, value_name = "N")]
    warmup_steps: usize,
    /// Decoupled weight decay.
    #[arg(long, default_value_t = 0.1, value_name = "W")]
    weight_decay: f32,

    /// Width of the model.
    #[arg(long, default_value_t = 128, value_name = "N")]
    hidden_size: usize,
    /// Number of blocks.
    #[arg(long, default_value_t = 4, value_name = "N")]
    layers: usize,
    /// Number of attention heads, which divides the width.
    #[arg(long, default_value_t = 4, value_name = "N")]
    heads: usize,

    /// Steps between two measurements on the last twentieth of the text; 0 for none.
    #[arg(long, default_value_t = 100, value_name = "N")]
    eval_every: usize,
    /// Steps between two checkpoints; 0 for only one at the end.
    #[arg(long, default_value_t = 100, value_name = "N")]
    save_every: usize,
    /// How many of the newest checkpoints are kept. The one with the best `eval_loss` is kept too.
    #[arg(long, default_value_t = 2, value_name = "N")]
    keep: usize,
    /// Write files for TensorBoard too.
    #[arg(long)]
    pub(super) tensorboard: bool,

    /// Seed of the weights and of the order of the texts.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) seed: u64,
    /// `auto`, `cpu`, `webgpu` or `webgpu:N`.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub(super) device: DeviceName,
    /// Print the events as JSON lines.
    #[arg(long)]
    pub(super) json: bool,
    /// Print nothing but errors.
    #[arg(long, conflicts_with = "json")]
    pub(super) quiet: bool,
}

impl PretrainArgs {
    pub(super) fn model_config(&self, vocab_size: usize) -> CausalLmConfig {
        CausalLmConfig {
            vocab_size,
            hidden_size: self.hidden_size,
            // 8/3 of the width, as Llama, and a multiple of 8.
            intermediate_size: (self.hidden_size * 8 / 3).next_multiple_of(8),
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            num_key_value_heads: self.heads,
            head_dim: self.hidden_size / self.heads.max(1),
            max_position_embeddings: self.seq_len,
            tie_word_embeddings: true,
            ..CausalLmConfig::default()
        }
    }

    pub(super) fn stage_config(&self) -> NextTokenConfig {
        NextTokenConfig {
            steps: self.steps,
            batch_size: self.batch_size,
            seq_len: self.seq_len,
            warmup_steps: self.warmup_steps,
            lr_schedule: LrSchedule::Cosine,
            trainer: LmTrainerConfig {
                learning_rate: self.learning_rate,
                weight_decay: self.weight_decay,
                ..LmTrainerConfig::default()
            },
            seed: self.seed,
            ..NextTokenConfig::default()
        }
    }

    pub(super) fn run_config(&self) -> RunConfig {
        let best = BestMetric {
            name: "eval_loss".to_owned(),
            best: Best::Min,
        };
        RunConfig {
            evaluate_every: self.eval_every,
            checkpoints: CheckpointConfig {
                every: self.save_every,
                keep: self.keep,
                best: (self.eval_every > 0).then_some(best),
            },
        }
    }
}
