//! The settings of a run: a file, changes on the command line, and errors that name the key and the nearest valid one.

use std::path::PathBuf;

use anyhow::Context as _;
use rllr_train::pipeline::Recipe;

use crate::data::load::bad_input;

#[cfg(test)]
mod tests;

/// The settings that come with the program, by name.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("embedded", include_str!("../../../assets/runs/embedded.toml")),
    ("real-small", include_str!("../../../assets/runs/real-small.toml")),
    ("paper", include_str!("../../../assets/runs/paper.toml")),
];

/// Where settings come from; what goes before what: `--set`, `--config`, defaults.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SettingsArgs {
    /// Settings, in TOML, or the name of one that comes with the program: embedded, real-small, paper.
    /// What it leaves out has its default.
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// One setting, such as `sft.epochs=2`. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Print the settings that would be used, and stop.
    #[arg(long)]
    pub print_config: bool,
}

impl SettingsArgs {
    /// The effective settings.
    ///
    /// - `default`: a name of [`BUILT_IN`] for where no file is named, or none
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for a file that cannot be read, a key that is not known, a value
    /// that a key cannot have, and settings that contradict each other.
    pub fn read(&self, default: Option<&str>) -> anyhow::Result<Recipe> {
        let mut settings = toml::Table::try_from(Recipe::default())?;
        if let Some((name, text)) = self.file(default)? {
            merge(&mut settings, checked(&text, &name)?);
        }
        for change in &self.set {
            merge(&mut settings, checked_change(change)?);
        }
        let recipe: Recipe = settings
            .try_into()
            .map_err(|error: toml::de::Error| bad_input(format!("settings: {}", error.message())))?;
        recipe
            .check()
            .map_err(|error| bad_input(format!("settings: {error}")))?;
        Ok(recipe)
    }

    /// Whether a file or a change names a key, such as `compare.tasks`.
    ///
    /// # Errors
    ///
    /// As [`SettingsArgs::read`].
    pub fn names(&self, table: &str, key: &str) -> anyhow::Result<bool> {
        let mut tables = Vec::new();
        if let Some((name, text)) = self.file(None)? {
            tables.push(checked(&text, &name)?);
        }
        for change in &self.set {
            tables.push(checked_change(change)?);
        }
        let names =
            |settings: &toml::Table| settings.get(table).is_some_and(|found| found.get(key).is_some());
        Ok(tables.iter().any(names))
    }

    /// Name and text of the file, if there is one.
    fn file(&self, default: Option<&str>) -> anyhow::Result<Option<(String, String)>> {
        let built_in = |name: &str| {
            let found = BUILT_IN.into_iter().find(|(known, _)| *known == name);
            found.map(|(name, text)| (name.to_owned(), text.to_owned()))
        };
        let Some(path) = &self.config else {
            return Ok(default.and_then(built_in));
        };
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some((name, text))),
            Err(error) => match built_in(&name) {
                Some(found) => Ok(Some(found)),
                None => Err(bad_input(format!("--config {name}: {error}"))),
            },
        }
    }
}

/// The settings as a file that `--config` reads again.
///
/// # Errors
///
/// None that is known: all settings can be written.
pub fn to_toml(recipe: &Recipe) -> anyhow::Result<String> {
    // By way of a table, which puts values before tables.
    let table = toml::Table::try_from(recipe)?;
    toml::to_string_pretty(&table).context("writing settings")
}

/// The settings that a text names, after a check that all of them are known: errors of merged settings would name no
/// line.
fn checked(text: &str, name: &str) -> anyhow::Result<toml::Table> {
    let at = |error: toml::de::Error| {
        let message = error.to_string();
        let hint = nearest(error.message()).map_or(String::new(), |key| format!("\ndid you mean `{key}`?"));
        bad_input(format!("{name}: {}{hint}", message.trim_end()))
    };
    toml::from_str::<Recipe>(text).map_err(at)?;
    toml::from_str(text).map_err(at)
}

/// One `key=value`; a value that is no TOML is a word.
fn checked_change(change: &str) -> anyhow::Result<toml::Table> {
    let Some((key, value)) = change.split_once('=') else {
        return Err(bad_input(format!(
            "--set {change}: expected KEY=VALUE, such as sft.epochs=2"
        )));
    };
    let (key, value) = (key.trim(), value.trim());
    let text = format!("{key} = {value}");
    let text = match toml::from_str::<toml::Table>(&text) {
        Ok(_) => text,
        Err(_) => format!("{key} = {}", toml::Value::String(value.to_owned())),
    };
    let at = |error: toml::de::Error| {
        let hint = nearest(error.message()).map_or(String::new(), |key| format!("; did you mean `{key}`?"));
        bad_input(format!("--set {change}: {}{hint}", error.message()))
    };
    toml::from_str::<Recipe>(&text).map_err(at)?;
    toml::from_str(&text).map_err(at)
}

/// The expected word that is most like the one found, in a message such as ``unknown field `a`, expected `b` or `c` ``.
fn nearest(message: &str) -> Option<&str> {
    let mut words = message.split('`').skip(1).step_by(2);
    let found = words.next()?;
    let (likeness, word) = words
        .map(|word| (strsim::normalized_damerau_levenshtein(found, word), word))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness >= 0.5).then_some(word)
}

/// A table by task: its keys are no choices.
const BY_TASK: &str = "limits";

/// Puts changes into settings, key by key.
///
/// A choice with settings of its own is a table with one key, the choice's name: another choice replaces it.
fn merge(settings: &mut toml::Table, changes: toml::Table) {
    for (key, change) in changes {
        match (settings.get_mut(&key), change) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new))
                if key == BY_TASK || !is_other_choice(old, &new) =>
            {
                merge(old, new);
            }
            (_, change) => {
                settings.insert(key, change);
            }
        }
    }
}

fn is_other_choice(old: &toml::Table, new: &toml::Table) -> bool {
    old.len() == 1 && new.len() == 1 && old.keys().ne(new.keys())
}
