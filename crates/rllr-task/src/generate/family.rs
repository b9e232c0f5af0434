//! One meaning per label, drawn together.

use crate::example::Input;

/// What one label would have had to say: the text that has this label, and the argument for it.
pub(super) struct Member {
    pub(super) input: Input,
    pub(super) rationale: String,
}

impl Member {
    /// A member with one text.
    pub(super) fn text(text: String, rationale: String) -> Self {
        Self {
            input: Input::Text(text),
            rationale,
        }
    }

    /// A member with two texts.
    pub(super) fn pair(text_a: String, text_b: String, rationale: String) -> Self {
        Self {
            input: Input::Pair { text_a, text_b },
            rationale,
        }
    }
}

/// The members, in the order of the task's labels.
pub(super) struct Family(pub(super) Vec<Member>);

impl Family {
    /// One member's text, or its two texts with a line break between: equal for equal inputs only.
    pub(super) fn text(&self, gold: usize) -> String {
        match &self.0[gold].input {
            Input::Text(text) => text.clone(),
            Input::Pair { text_a, text_b } => format!("{text_a}\n{text_b}"),
        }
    }

    /// The gold member's text with the arguments of all members.
    pub(super) fn into_example(self, gold: usize) -> (Input, Vec<String>) {
        let (mut inputs, rationales): (Vec<_>, Vec<_>) = self
            .0
            .into_iter()
            .map(|member| (member.input, member.rationale))
            .unzip();
        (inputs.swap_remove(gold), rationales)
    }
}

impl<const N: usize> From<[Member; N]> for Family {
    fn from(members: [Member; N]) -> Self {
        Self(members.into())
    }
}
