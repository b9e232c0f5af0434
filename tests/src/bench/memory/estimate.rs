//! What a plan says of a case before anything is computed.

use rllr_model::LoraConfig;
use rllr_train::plan::{PlannedModel, StageRows, TrainedPart, ppo_stage, sft_stage};
use rllr_train::{MicroBatching, SftConfig};

use super::super::ppo_iteration::{Models, model_config};
use super::{Args, Case, config};

/// What a plan says before anything is computed; `None` for what is no stage.
pub(super) fn megabytes(args: &Args, case: Case) -> anyhow::Result<Option<u64>> {
    let lora = LoraConfig::default();
    let trained = match case {
        Case::TrainAll | Case::TrainAllPerBlock | Case::Ppo => TrainedPart::Full,
        _ => TrainedPart::Adapter(&lora),
    };
    let lm = match case {
        Case::Ppo | Case::PpoAdapters => model_config(),
        _ => config(args),
    };
    let model = PlannedModel {
        config: &lm,
        trained,
        frozen_weight_bytes: if case == Case::TrainAdapterPerBlockF16 {
            2
        } else {
            4
        },
        // Cases of one step have a single part.
        workers: args.ppo.workers,
    };
    let plan = match case {
        Case::ScoreWhole | Case::ScoreInChunks => return Ok(None),
        Case::Ppo | Case::PpoAdapters => {
            let settings = args.ppo.config(if case == Case::Ppo {
                Models::OwnModel
            } else {
                Models::Adapters
            });
            let rows = StageRows {
                count: args.ppo.ppo_batch,
                longest_prompt: args.ppo.prompt,
                longest_response: args.ppo.new_tokens,
                mean_len: (args.ppo.prompt + args.ppo.new_tokens) as f64,
            };
            ppo_stage(case.name(), &model, &settings, 1, 1, &rows)?
        }
        _ => {
            let settings = SftConfig {
                batch_size: args.batch,
                micro_batching: MicroBatching::Rows(args.batch),
                checkpointing: case.checkpointing(),
                ..SftConfig::default()
            };
            let rows = StageRows {
                count: args.batch,
                longest_prompt: 0,
                longest_response: args.seq_len,
                mean_len: args.seq_len as f64,
            };
            sft_stage(case.name(), &model, &settings, &rows)?
        }
    };
    Ok(Some(plan.memory.peak_bytes() / 1_000_000))
}
