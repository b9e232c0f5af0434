//! How long a run will take, before it is started.

use crate::live::LiveSettings;

/// What the default run takes on the CPU: 68 s in headless Chrome on two cores of an AMD EPYC, nothing else running
/// (`docs/experiments.md`).
pub const DEFAULT_CPU_SECONDS: f64 = 68.0;

/// What a token costs beside another token, by what is done with it: multiplications per weight.
const TRAINED: f64 = 3.0;
const READ: f64 = 1.0;

/// Tokens of a prompt with its answer, about: the embedded tasks differ little.
const TOKENS: f64 = 75.0;

/// Label-sensitive pairs of an example with four labels, flipped ones included.
const PAIRS: usize = 6;

/// About how long a run takes on the CPU, in seconds: the default's time, scaled with the work.
pub fn expected_cpu_seconds(settings: &LiveSettings) -> f64 {
    DEFAULT_CPU_SECONDS * work(settings) / work(&LiveSettings::default())
}

/// Multiplications of a run, in a unit of no interest.
fn work(settings: &LiveSettings) -> f64 {
    let LiveSettings {
        demonstrations,
        sft_epochs,
        reward_epochs,
        ppo_steps,
        ppo_batch_size,
        held_out,
        hidden_size,
        layers,
        ..
    } = settings;
    let sft = TRAINED * (demonstrations * sft_epochs) as f64;
    // Two answers a pair, two reward models.
    let reward = TRAINED * (4 * PAIRS * demonstrations * reward_epochs) as f64;
    // Written, measured by policy, reference, value and reward model, then learned by policy and value model; twice.
    let ppo = (2 * ppo_steps * ppo_batch_size) as f64 * (5.0 * READ + 2.0 * TRAINED);
    let evaluations = 10.0 * READ * *held_out as f64;
    let width = *hidden_size as f64;
    // Blocks grow with the square of the width, the output layer with its first power.
    let model = *layers as f64 * 12.0 * width * width + 600.0 * width;
    TOKENS * (sft + reward + ppo + evaluations) * model
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn the_default_takes_what_was_measured() {
        let seconds = expected_cpu_seconds(&LiveSettings::default());
        assert!((seconds - DEFAULT_CPU_SECONDS).abs() < 1e-9, "{seconds}");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn more_work_takes_longer() {
        let default = expected_cpu_seconds(&LiveSettings::default());
        let longer = [
            LiveSettings {
                sft_epochs: 20,
                ..LiveSettings::default()
            },
            LiveSettings {
                ppo_steps: 100,
                ..LiveSettings::default()
            },
            LiveSettings {
                layers: 3,
                ..LiveSettings::default()
            },
            LiveSettings {
                hidden_size: 80,
                ..LiveSettings::default()
            },
        ];
        for settings in longer {
            assert!(expected_cpu_seconds(&settings) > default, "{settings:?}");
        }
    }
}
