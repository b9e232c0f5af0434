//! Settings in the address: `#seed=3&ppo_steps=50` stands for the defaults with these two changed.

use super::text;
use crate::live::{LiveField as Field, LiveSettings};

/// What a fragment says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permalink {
    /// The defaults with the changes that could be read.
    pub settings: LiveSettings,
    /// The parts that were ignored, in the fragment's order.
    pub ignored: Vec<Ignored>,
}

/// A part of the fragment that was ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// As it was given, cut to a readable length.
    pub part: String,
    /// Why, in words.
    pub reason: String,
}

/// Reads a fragment, with or without its `#`. It never fails: what cannot be used is ignored and listed.
pub fn read(fragment: &str) -> Permalink {
    let mut link = Permalink::default();
    let mut seen: Vec<Field> = Vec::new();
    for part in fragment
        .trim_start_matches('#')
        .split('&')
        .filter(|part| !part.is_empty())
    {
        if let Err(reason) = read_part(part, &mut link.settings, &mut seen) {
            link.ignored.push(Ignored {
                part: part.chars().take(80).collect(),
                reason,
            });
        }
    }
    link
}

fn read_part(part: &str, settings: &mut LiveSettings, seen: &mut Vec<Field>) -> Result<(), String> {
    let (name, value) = part.split_once('=').ok_or(text::LINK_NO_VALUE)?;
    let field = Field::from_name(name).ok_or_else(text::link_unknown_setting)?;
    if seen.contains(&field) {
        return Err(text::LINK_GIVEN_TWICE.to_owned());
    }
    seen.push(field);
    settings
        .set(field, value)
        .map_err(|error| text::link_bad_value(&error.expected))
}

/// The fragment of these settings, without `#`: what differs from the defaults. Empty for the defaults.
pub fn write(settings: &LiveSettings) -> String {
    let defaults = LiveSettings::default();
    let parts: Vec<String> = Field::ALL
        .into_iter()
        .filter(|field| settings.get(*field) != defaults.get(*field))
        .map(|field| format!("{field}={}", settings.get(field)))
        .collect();
    parts.join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::live::TaskChoice;

    #[wasm_bindgen_test(unsupported = test)]
    fn the_defaults_need_no_fragment() {
        assert_eq!(write(&LiveSettings::default()), "");
        for empty in ["", "#", "&", "#&&"] {
            assert_eq!(read(empty), Permalink::default(), "{empty:?}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn only_what_differs_is_written() {
        let settings = LiveSettings {
            seed: 3,
            ppo_steps: 50,
            task: TaskChoice::SceneNli,
            ..LiveSettings::default()
        };
        assert_eq!(write(&settings), "task=scene_nli&seed=3&ppo_steps=50");
        assert_eq!(
            read("#task=scene_nli&seed=3&ppo_steps=50"),
            Permalink {
                settings,
                ignored: Vec::new()
            }
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_cannot_be_used_is_ignored_and_listed() {
        let link =
            read("#ppo_steps=0&colour=red&seed=7&layers&held_out=20.5&seed=8&kl_coef=NaN&task=poetry&=3");
        assert_eq!(
            link.settings,
            LiveSettings {
                seed: 7,
                ..LiveSettings::default()
            }
        );
        let parts: Vec<_> = link.ignored.iter().map(|ignored| ignored.part.as_str()).collect();
        assert_eq!(
            parts,
            [
                "ppo_steps=0",
                "colour=red",
                "layers",
                "held_out=20.5",
                "seed=8",
                "kl_coef=NaN",
                "task=poetry",
                "=3"
            ]
        );
        assert!(
            link.ignored[0].reason.contains("1 to 500"),
            "{:?}",
            link.ignored[0]
        );
        assert!(
            link.ignored[1].reason.contains("ppo_steps"),
            "names the known settings: {:?}",
            link.ignored[1]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_long_part_is_cut() {
        let link = read(&"ü".repeat(1000));
        assert_eq!(link.ignored[0].part.chars().count(), 80);
    }

    /// Any settings that are allowed: each of the fields has any of its values.
    fn any_settings() -> impl Strategy<Value = LiveSettings> {
        let words = |field: Field| prop::sample::select(field.words().expect("a choice of words"));
        let choices = (words(Field::Task), words(Field::Level), words(Field::LabelPairs));
        let data = (0..1_u64 << 53, 16..=4_000_usize, 8..=1_000_usize);
        let model = (1..=16_usize, 1..=8_usize);
        let passes = (1..=50_usize, 1..=10_usize, 1..=500_usize, 4..=256_usize);
        let numbers = (1e-5..=0.1_f64, 1e-5..=0.1_f64, 1e-6..=0.01_f64, 0.0..=10.0_f64);
        (choices, data, model, passes, numbers).prop_map(|(choices, data, model, passes, numbers)| {
            let mut settings = LiveSettings {
                seed: data.0,
                demonstrations: data.1,
                held_out: data.2,
                hidden_size: 16 * model.0,
                layers: model.1,
                sft_epochs: passes.0,
                reward_epochs: passes.1,
                ppo_steps: passes.2,
                ppo_batch_size: passes.3,
                sft_learning_rate: numbers.0,
                reward_learning_rate: numbers.1,
                ppo_learning_rate: numbers.2,
                kl_coef: numbers.3,
                ..LiveSettings::default()
            };
            for (field, word) in [
                (Field::Task, choices.0),
                (Field::Level, choices.1),
                (Field::LabelPairs, choices.2),
            ] {
                settings.set(field, word).expect("a word of the list");
            }
            settings
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(settings in any_settings()) {
            prop_assert_eq!(settings.validate(), Ok(()), "the strategy makes what is allowed");
            let link = read(&write(&settings));
            prop_assert_eq!(link, Permalink { settings, ignored: Vec::new() });
        }

        /// A link holds each field that differs from its default once, and no other.
        #[test]
        fn a_link_names_what_differs(settings in any_settings()) {
            let fragment = write(&settings);
            let named: Vec<&str> = fragment.split('&').filter_map(|part| Some(part.split_once('=')?.0)).collect();
            let defaults = LiveSettings::default();
            let differs = Field::ALL.into_iter().filter(|field| settings.get(*field) != defaults.get(*field));
            prop_assert_eq!(named, differs.map(Field::name).collect::<Vec<_>>());
        }

        #[test]
        fn any_text_is_read_without_a_crash_into_allowed_settings(fragment in ".*") {
            prop_assert_eq!(read(&fragment).settings.validate(), Ok(()));
        }
    }
}
