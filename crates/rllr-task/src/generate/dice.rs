//! Random choices over the caller's generator.

use rand::{Rng, RngExt as _};

/// Draws for a grammar. All go through `u32`, so that 32-bit and 64-bit targets draw alike.
pub(super) struct Dice<'r> {
    rng: &'r mut dyn Rng,
}

impl<'r> Dice<'r> {
    pub(super) fn new(rng: &'r mut impl Rng) -> Self {
        Self { rng }
    }

    /// A number from `0` up to but not including `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u32::try_from(end).expect("word lists and examples are fewer than 2^32");
        self.rng.random_range(0..end) as usize
    }

    /// A number from `first` to `last`, both included.
    pub(super) fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    /// True once in two times.
    pub(super) fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    /// One of the items.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// `N` different items, in random order.
    pub(super) fn distinct<T: Copy, const N: usize>(&mut self, items: &[T]) -> [T; N] {
        assert!(items.len() >= N, "{N} different items out of {}", items.len());
        let mut rest = items.to_vec();
        std::array::from_fn(|_| {
            let index = self.below(rest.len());
            rest.swap_remove(index)
        })
    }

    /// One item, in proportion to the weights; not all weights are zero.
    pub(super) fn weighted<T: Copy>(&mut self, items: &[(u32, T)]) -> T {
        let total: usize = items.iter().map(|(weight, _)| *weight as usize).sum();
        let mut left = self.below(total);
        for (weight, item) in items {
            if left < *weight as usize {
                return *item;
            }
            left -= *weight as usize;
        }
        unreachable!("the draw is below the sum of the weights")
    }

    /// Puts the items in random order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }

    /// The items, or the items the other way round.
    pub(super) fn either_order<T>(&mut self, first: T, second: T) -> (T, T) {
        if self.flip() {
            (first, second)
        } else {
            (second, first)
        }
    }
}
