//! The stages of a run as commands: `rllr sft`, `reward`, `ppo`, `distill`, `generate`. Each reads and writes plain
//! files, so that a run can be entered anywhere; `rllr run` is these stages in one directory.

mod driver;
mod examples;
mod context;
mod sft;
mod reward;
mod ppo;
mod answers;
mod distill;
mod generate;

pub use answers::{Measured, answer, read_evaluations};
pub use context::{Context, SAVE_SECONDS, StageArgs, Talk};
pub use distill::DistillArgs;
pub use driver::{Begin, Driver};
pub use examples::{ExampleFiles, read_examples, write_examples};
pub use generate::GenerateArgs;
pub use ppo::{PolicyReward, PpoArgs, read_reward};
pub use reward::RewardArgs;
pub use sft::SftArgs;

pub(crate) use distill::run as distill;
pub(crate) use generate::run as generate;
pub(crate) use ppo::{reinforce, run as ppo};
pub(crate) use reward::{described, run as reward, train_reward_model};
pub(crate) use sft::{cut, fine_tune, new_base, run as sft};
