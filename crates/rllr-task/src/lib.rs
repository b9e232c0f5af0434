//! Everything about the data that needs no tensor: tasks, examples, prompts, answers, preference pairs
//! and metrics.
//!
//! | step | where |
//! |---|---|
//! | a file becomes examples | [`read`] |
//! | an example becomes a prompt | [`prompt`] |
//! | a response becomes an answer | [`answer`] |
//! | messages become a chat model's prompt | [`chat_template`] |
//! | predictions become numbers, with intervals | [`metrics`], [`bootstrap`] |
//! | what a network has to beat | [`floors`] over [`naive_bayes`] |
//! | repeated texts between splits, clean splits | [`hygiene`] |
//!
//! The crate does not open files, ask a clock or hold a random generator: readers take
//! [`BufRead`](std::io::BufRead), and whatever is random takes the run's generator.
//! It knows no tokenizer and no model: where a length counts, it is a function that the caller gives.

#![forbid(unsafe_code)]

pub mod example;
pub mod task;
pub mod read;
pub mod prompt;
pub mod answer;
pub mod chat_template;
pub mod rationale;
pub mod pairs;
pub mod mismatch;
pub mod giveaway;
pub mod generate;
pub mod hygiene;
pub mod metrics;
pub mod bootstrap;
pub mod naive_bayes;
pub mod floors;

pub use answer::{Answer, AnswerError, ResponseFormat};
pub use example::{Example, Explanation, Input};
pub use prompt::{Prompt, PromptError};
pub use task::{Label, LabelWord, Metric, Task, TaskError, Tasks};
