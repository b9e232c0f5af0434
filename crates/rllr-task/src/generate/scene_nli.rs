//! Captions: does the first sentence entail the second, contradict it, or leave it open?
//!
//! Each relation is computed from meanings: sets of counts, shares, orders, and kinds under negation.
//! Most premises hold the evidence for all three labels, so that only reading the right part of it helps.

mod comparison;
mod groups;
mod kinds;
mod reader;
mod relation;
mod states;

pub(super) use self::reader::read;
use super::{Dice, Difficulty, Family, Member};

type Structure = fn(&mut Dice<'_>) -> [Member; 3];

pub(super) fn family(difficulty: Difficulty, dice: &mut Dice<'_>) -> Family {
    let structures: &[Structure] = match difficulty {
        Difficulty::Easy => &[states::plain, kinds::plain, groups::two_counts],
        Difficulty::Medium => &[states::denied, comparison::chain, groups::shares, groups::counts],
        Difficulty::Hard => &[kinds::negated, comparison::converse, groups::shares, groups::sum],
    };
    dice.pick(structures)(dice).into()
}
