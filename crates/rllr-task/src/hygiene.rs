//! Clean splits: which texts occur on both sides of a split, and splits in which none does.
//!
//! Texts are compared by their lower-cased letters and digits alone, so that spacing, case and punctuation hide
//! no copy. Does not: read files, or remove anything by itself.

mod leaks;
mod normalize;
mod shingles;
mod split;

pub use leaks::{Leak, LeakConfig, LeakCount, LeakError, LeakKind, LeakReport, Part, find_leaks};
pub use normalize::normalized;
pub use split::{SplitError, groups_by_text, split_by_text};
