//! Rationales: the texts that argue for a label, taken from the data or made by rule.
//!
//! An RLLR pair needs a rationale for the gold label *and* for a wrong one, by the same writer: when the right side
//! is always a person's text and the wrong side always a machine's, a reward model learns to tell authors apart.
//!
//! - [`explanations`] lists what an example already has, with who wrote it.
//! - [`RuleWriter`] makes a text for every label out of the example's own words, where nobody wrote any.
//! - [`RationaleWriter`] is the door for language models: the program puts an HTTP client behind it, the trainer the
//!   policy itself. This crate opens no connection.

mod written;
mod words;
mod telling;
mod overlap;
mod rule;
mod writer;
#[cfg(test)]
mod test_task;

pub use rule::{RuleKind, RuleWriter};
pub use telling::TellingWords;
pub use writer::{RationaleError, RationaleWriter, rationale_request, write_rationales};
pub use written::{GENERATED, HUMAN, RULE, explanations, fill_rationales};
