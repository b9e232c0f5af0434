//! Settings of the PPO trainer as files: what is written is read again, and a misspelt field is refused.
#![cfg(not(target_arch = "wasm32"))]

use anyhow::{Context as _, ensure};
use rllr_train::{PpoConfig, PpoPreset, PpoState};

#[test]
fn every_preset_survives_toml_and_json() -> anyhow::Result<()> {
    for preset in PpoPreset::ALL {
        let (config, name) = (preset.config(), preset.name());
        let text = toml::to_string(&config).context(name)?;
        ensure!(
            toml::from_str::<PpoConfig>(&text).context(name)? == config,
            "{name}: {text}"
        );
        // serde_json may miss the last bit of a number that it reads, unless its `float_roundtrip` is on.
        let text = serde_json::to_string(&config)?;
        serde_json::from_str::<PpoConfig>(&text).context(text)?.check()?;
        ensure!(serde_json::to_string(&preset)? == format!("\"{name}\""), "{name}");
    }
    Ok(())
}

/// As a user writes it: what is not said is the default, nested fields too.
#[test]
fn a_file_says_what_differs() -> anyhow::Result<()> {
    let text = r#"
        learning_rate = 1e-4
        critic = "own_model"
        gradient_clipping = "never"
        kl_penalty = { estimate = "k3" }
        kl_controller = { fixed = { kl_coef = 0.05 } }
        advantage_whitening = { groups = { size = 2, variance = "biased" } }
        score_normalization = { running_std = {} }
        [optimizer.adam]
        beta_2 = 0.95
        [loss]
        clip_range_high = 0.28
    "#;
    let config: PpoConfig = toml::from_str(text)?;
    ensure!(config.learning_rate == 1e-4 && config.loss.clip_range_high == 0.28);
    ensure!(config.loss.clip_range_low == 0.2 && config.batch_size == 16);
    ensure!(config.kl_controller.kl_coef() == 0.05);
    let error = toml::from_str::<PpoConfig>("learning_rat = 1.0")
        .err()
        .context("a misspelt field")?;
    ensure!(error.to_string().contains("learning_rat"), "{error}");
    let error = toml::from_str::<PpoConfig>("[loss]\ncliprange = 1.0")
        .err()
        .context("a misspelt field")?;
    ensure!(error.to_string().contains("cliprange"), "{error}");
    Ok(())
}

/// What a checkpoint holds beside tensors is read again to the last bit; in TOML, for the reason above.
#[test]
fn a_state_survives_to_the_last_bit() -> anyhow::Result<()> {
    let config = PpoConfig::default();
    let mut state = PpoState {
        step: 3,
        optimizer_step: 7,
        episodes: 48,
        kl_controller: config.kl_controller,
        score_normalization: config.score_normalization,
    };
    state.kl_controller.update(1.0 / 3.0, 16);
    state.score_normalization.normalize(&[0.1, 0.7, -3.3]);
    let text = toml::to_string(&state)?;
    ensure!(toml::from_str::<PpoState>(&text)? == state, "{text}");
    Ok(())
}
