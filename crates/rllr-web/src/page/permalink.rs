//! Settings in the address: `#steps=500&seed=3` stands for the defaults with these two changed.

use super::text;
use crate::settings::{Field, TrainSettings};

/// What a fragment says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permalink {
    /// The defaults with the changes that could be read.
    pub settings: TrainSettings,
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

fn read_part(part: &str, settings: &mut TrainSettings, seen: &mut Vec<Field>) -> Result<(), String> {
    let (name, value) = part.split_once('=').ok_or(text::LINK_NO_VALUE)?;
    let field = Field::from_name(name).ok_or_else(text::link_unknown_setting)?;
    if seen.contains(&field) {
        return Err(text::LINK_GIVEN_TWICE.to_owned());
    }
    seen.push(field);
    settings
        .set(field, value)
        .map_err(|error| text::link_bad_value(error.expected))
}

/// The fragment of these settings, without `#`: what differs from the defaults. Empty for the defaults.
pub fn write(settings: &TrainSettings) -> String {
    let defaults = TrainSettings::default();
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

    #[wasm_bindgen_test(unsupported = test)]
    fn the_defaults_need_no_fragment() {
        assert_eq!(write(&TrainSettings::default()), "");
        for empty in ["", "#", "&", "#&&"] {
            assert_eq!(read(empty), Permalink::default(), "{empty:?}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn only_what_differs_is_written() {
        let settings = TrainSettings {
            seed: 3,
            steps: 500,
            ..TrainSettings::default()
        };
        assert_eq!(write(&settings), "steps=500&seed=3");
        assert_eq!(
            read("#steps=500&seed=3"),
            Permalink {
                settings,
                ignored: Vec::new()
            }
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_cannot_be_used_is_ignored_and_listed() {
        let link = read("#steps=0&colour=red&seed=7&layers&batch_size=2.5&seed=8&learning_rate=NaN&=3");
        assert_eq!(
            link.settings,
            TrainSettings {
                seed: 7,
                ..TrainSettings::default()
            }
        );
        let parts: Vec<_> = link.ignored.iter().map(|ignored| ignored.part.as_str()).collect();
        assert_eq!(
            parts,
            [
                "steps=0",
                "colour=red",
                "layers",
                "batch_size=2.5",
                "seed=8",
                "learning_rate=NaN",
                "=3"
            ]
        );
        assert!(
            link.ignored[0].reason.contains("1 to 10000"),
            "{:?}",
            link.ignored[0]
        );
        assert!(
            link.ignored[1].reason.contains("steps"),
            "names the known settings: {:?}",
            link.ignored[1]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_long_part_is_cut() {
        let link = read(&"ü".repeat(1000));
        assert_eq!(link.ignored[0].part.chars().count(), 80);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            hidden in 1..=16_usize, layers in 1..=8_usize, batch_size in 1..=64_usize, seq_len in 4..=256_usize,
            steps in 1..=10_000_usize, learning_rate in 1e-5..=0.1_f64, seed: u64,
        ) {
            let hidden_size = 16 * hidden;
            let settings =
                TrainSettings { hidden_size, layers, batch_size, seq_len, steps, learning_rate, seed };
            let link = read(&write(&settings));
            prop_assert_eq!(link, Permalink { settings, ignored: Vec::new() });
        }

        #[test]
        fn any_text_is_read_without_a_crash_into_allowed_settings(fragment in ".*") {
            prop_assert_eq!(read(&fragment).settings.validate(), Ok(()));
        }
    }
}
