//! The tasks that come with this crate, in the form that users write.

use super::Tasks;

/// One file per kind of task. Adding a file here is all that a new built-in task needs.
const DEFINITIONS: [&str; 5] = [
    include_str!("builtin/sentiment.toml"),
    include_str!("builtin/topic.toml"),
    include_str!("builtin/pair.toml"),
    include_str!("builtin/intent.toml"),
    include_str!("builtin/embedded.toml"),
];

/// All built-in tasks.
pub(super) fn tasks() -> Tasks {
    let mut all = Tasks::default();
    for definition in DEFINITIONS {
        let tasks = Tasks::from_toml(definition)
            .unwrap_or_else(|error| panic!("a built-in task definition is wrong: {error}"));
        for task in tasks.by_name.into_values() {
            let name = task.name.clone();
            assert!(all.insert(task).is_none(), "two built-in tasks are called {name}");
        }
    }
    all
}
