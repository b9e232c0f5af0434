//! The tasks that the program holds test sets of. A test holds this list against `rllr-task`, which the page does not
//! link: it would make it a third larger.

/// A task with an embedded test set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedTask {
    /// Its name.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Its fields, each with a text to try.
    pub fields: &'static [(&'static str, &'static str)],
}

/// All of them.
pub const EMBEDDED: [EmbeddedTask; 6] = [
    EmbeddedTask {
        name: "film_sentiment",
        title: "Film sentiment",
        fields: &[("text", "The critics were kind to it and I can not see why.")],
    },
    EmbeddedTask {
        name: "news_topic",
        title: "News topic",
        fields: &[(
            "text",
            "A watch that reads your pulse can now warn you before you faint.",
        )],
    },
    EmbeddedTask {
        name: "scene_nli",
        title: "Scene inference",
        fields: &[
            ("text_a", "The shop opens at nine, and it is eight now."),
            ("text_b", "The shop opened an hour ago."),
        ],
    },
    EmbeddedTask {
        name: "question_paraphrase",
        title: "Question paraphrase",
        fields: &[
            ("text_a", "Why do onions make me cry?"),
            ("text_b", "What is it in onions that brings tears to the eyes?"),
        ],
    },
    EmbeddedTask {
        name: "app_stars",
        title: "App stars",
        fields: &[(
            "text",
            "I wanted to like it, and the idea is nice, but it forgets half of what I type.",
        )],
    },
    EmbeddedTask {
        name: "sentence_similarity",
        title: "Sentence similarity",
        fields: &[
            ("text_a", "After lunch the pupils drew maps in the yard."),
            (
                "text_b",
                "Once school was over, the pupils drew maps in the yard.",
            ),
        ],
    },
];

/// The task of this name, or the first.
pub fn embedded(name: &str) -> EmbeddedTask {
    let found = EMBEDDED.iter().find(|task| task.name == name);
    *found.unwrap_or(&EMBEDDED[0])
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use rllr_task::generate::TaskKind;
    use rllr_task::{Input, Tasks};

    use super::*;

    #[test]
    fn the_list_is_that_of_the_tasks() {
        assert_eq!(EMBEDDED.len(), TaskKind::ALL.len());
        let tasks = Tasks::builtin();
        for kind in TaskKind::ALL {
            let found = embedded(kind.name());
            assert_eq!(found.name, kind.name());
            assert_eq!(found.title, tasks.get(found.name).expect("a built-in task").title);
            let names: Vec<&str> = found.fields.iter().map(|(name, _)| *name).collect();
            let expected = match kind.test_examples()[0].input {
                Input::Text(_) => &["text"][..],
                Input::Pair { .. } => &["text_a", "text_b"],
            };
            assert_eq!(names, expected, "{}", found.name);
        }
    }
}
