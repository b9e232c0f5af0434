//! Settings that contradict each other.

use std::fmt::Display;

use rllr_reward::UnparsableResponse;

use super::{LabelThreshold, Recipe, Training};
use crate::actor_critic::{CriticKind, ReferenceKind};
use crate::optimization::SettingError;
use crate::ppo_config::{PpoConfig, PpoConfigError};

/// A setting that cannot be, or contradicts another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: found {found}, expected {expected}")]
pub struct RecipeError {
    /// The setting, with its tables: `ppo.batch_size`.
    pub key: String,
    /// What it is.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

fn wrong(key: &str, found: &dyn Display, expected: &str) -> Result<(), RecipeError> {
    Err(RecipeError {
        key: key.to_owned(),
        found: found.to_string(),
        expected: expected.to_owned(),
    })
}

fn in_table(table: &str, checked: Result<(), SettingError>) -> Result<(), RecipeError> {
    match checked {
        Ok(()) => Ok(()),
        Err(SettingError {
            field,
            found,
            expected,
        }) => wrong(&format!("{table}.{field}"), &found, expected),
    }
}

impl Recipe {
    /// Checks what a value alone cannot show.
    ///
    /// # Errors
    ///
    /// [`RecipeError`] for the first setting that cannot be or contradicts another one.
    pub fn check(&self) -> Result<(), RecipeError> {
        let lists = [
            ("compare.tasks", self.compare.tasks.len()),
            ("compare.methods", self.compare.methods.len()),
            ("compare.seeds", self.compare.seeds.len()),
            ("data.sft", self.data.sft),
            ("data.held_out", self.data.held_out),
            ("model.num_hidden_layers", self.model.num_hidden_layers),
            ("answering.batch_size", self.answering.batch_size),
            ("answering.max_new_tokens", self.answering.max_new_tokens),
        ];
        if let Some((key, _)) = lists.into_iter().find(|(_, count)| *count == 0) {
            return wrong(key, &0, "at least 1");
        }
        let heads = self.model.num_attention_heads;
        if heads == 0 || !self.model.hidden_size.is_multiple_of(2 * heads) {
            let expected = format!("a multiple of twice model.num_attention_heads, which is {heads}");
            return wrong("model.hidden_size", &self.model.hidden_size, &expected);
        }
        let is_reinforced = self.compare.methods.iter().any(|method| method.is_reinforced());
        if is_reinforced && self.data.prompts == 0 {
            return wrong("data.prompts", &0, "at least 1 for reinforcement learning");
        }
        if let UnparsableResponse::Replace(score) = self.unparsable
            && !score.is_finite()
        {
            return wrong("unparsable.replace", &score, "a finite number");
        }
        match self.label_threshold {
            LabelThreshold::Quantile(quantile) if !(0.0..=1.0).contains(&quantile) => {
                return wrong("label_threshold.quantile", &quantile, "0 to 1");
            }
            LabelThreshold::Fixed(score) if !score.is_finite() => {
                return wrong("label_threshold.fixed", &score, "a finite number");
            }
            _ => {}
        }
        in_table("sft", self.sft.check())?;
        in_table("sft_label", self.sft_label.check())?;
        in_table("label_reward", self.label_reward.check())?;
        in_table("rationale_reward", self.rationale_reward.check())?;
        in_table("distillation", self.distillation.check())?;
        self.check_reinforcement("ppo", &self.ppo)?;
        self.check_reinforcement("grpo", &self.grpo)
    }

    fn check_reinforcement(&self, table: &str, config: &PpoConfig) -> Result<(), RecipeError> {
        if let Err(PpoConfigError {
            field,
            found,
            expected,
        }) = config.check()
        {
            return wrong(&format!("{table}.{field}"), &found, expected);
        }
        // What is trained decides what value model and reference can be.
        let (critics, references) = match self.training {
            Training::Full => (
                [CriticKind::OwnModel, CriticKind::Absent],
                [ReferenceKind::FrozenCopy, ReferenceKind::Absent],
            ),
            Training::Adapter(_) => (
                [CriticKind::OwnAdapter, CriticKind::Absent],
                [ReferenceKind::AdaptersOff, ReferenceKind::Absent],
            ),
        };
        let (what, critic, reference) = match self.training {
            Training::Full => ("full", "own_model or absent", "frozen_copy or absent"),
            Training::Adapter(_) => ("an adapter", "own_adapter or absent", "adapters_off or absent"),
        };
        if !critics.contains(&config.critic) {
            let expected = format!("{critic}, because training is {what}");
            return wrong(
                &format!("{table}.critic"),
                &format!("{:?}", config.critic),
                &expected,
            );
        }
        if !references.contains(&config.reference) {
            let expected = format!("{reference}, because training is {what}");
            return wrong(
                &format!("{table}.reference"),
                &format!("{:?}", config.reference),
                &expected,
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn contradictions_are_named_by_their_key() {
        let check = |change: fn(&mut Recipe), key: &str| {
            let mut recipe = Recipe::default();
            recipe.check().unwrap();
            change(&mut recipe);
            let error = recipe.check().unwrap_err();
            assert_eq!(error.key, key, "{error}");
        };
        check(|recipe| recipe.sft.epochs = 0, "sft.epochs");
        check(
            |recipe| recipe.label_reward.batch_size = 0,
            "label_reward.batch_size",
        );
        check(|recipe| recipe.ppo.temperature = 0.0, "ppo.temperature");
        check(|recipe| recipe.grpo.batch_size = 9, "grpo.batch_size");
        check(|recipe| recipe.ppo.critic = CriticKind::OwnAdapter, "ppo.critic");
        check(|recipe| recipe.model.hidden_size = 97, "model.hidden_size");
        check(|recipe| recipe.compare.seeds.clear(), "compare.seeds");
        check(|recipe| recipe.data.prompts = 0, "data.prompts");
        let quantile = |recipe: &mut Recipe| recipe.label_threshold = LabelThreshold::Quantile(1.5);
        check(quantile, "label_threshold.quantile");
        let adapter =
            |recipe: &mut Recipe| recipe.training = Training::Adapter(rllr_model::LoraConfig::default());
        check(adapter, "ppo.critic");
    }
}
