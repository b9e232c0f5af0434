//! Names of repositories and of files in them.

use std::fmt;

/// A repository: `org/name` at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HubName {
    /// `org/name`.
    pub(super) repo: String,
    /// A branch, a tag or a commit.
    pub(super) revision: String,
}

impl HubName {
    /// Reads `org/name` or `org/name@revision`; `None` for everything else, such as most paths.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (repo, revision) = text.split_once('@').unwrap_or((text, "main"));
        let (org, name) = repo.split_once('/')?;
        let is_word = |word: &str| {
            word.len() <= 96
                && word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && word
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                && !word.contains("..")
        };
        let is_revision =
            !revision.is_empty() && is_inside(revision) && !revision.contains(['?', '#', '%', ' ']);
        (is_word(org) && is_word(name) && is_revision).then(|| Self {
            repo: repo.to_owned(),
            revision: revision.to_owned(),
        })
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repo)?;
        if self.revision != "main" {
            write!(f, "@{}", self.revision)?;
        }
        Ok(())
    }
}

/// Whether a commit has a name of hexadecimal digits: it becomes a directory.
pub(super) fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Whether a path leads to a place inside of where it begins.
pub(super) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0', ':'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_paths() {
        let name = HubName::parse("meta-llama/Llama-2-7b-chat-hf").unwrap();
        assert_eq!(
            (name.repo.as_str(), name.revision.as_str()),
            ("meta-llama/Llama-2-7b-chat-hf", "main")
        );
        let name = HubName::parse("a/b@refs/pr/1").unwrap();
        assert_eq!(
            (name.revision.as_str(), name.to_string().as_str()),
            ("refs/pr/1", "a/b@refs/pr/1")
        );
        for path in [
            "model", "./model", "/a/b", "a/b/c", "../b", "a/..", "~/b", "a/", "a b/c", "a/b@", "a/b@../x",
            "a/b@x y",
        ] {
            assert_eq!(HubName::parse(path), None, "{path}");
        }
    }

    #[test]
    fn files_stay_inside() {
        for path in ["config.json", "tasks/sst2/train.jsonl"] {
            assert!(is_inside(path), "{path}");
        }
        for path in ["../x", "a/../../x", "/etc/passwd", "", "a//b", "C:\\x", "."] {
            assert!(!is_inside(path), "{path}");
        }
        assert!(is_commit("0123456789abcdef0123456789abcdef01234567"));
        assert!(!is_commit("../../x") && !is_commit("main"));
    }
}
