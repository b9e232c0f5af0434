//! A cap on spending that holds although many requests are under way.
//!
//! Before a request is sent, the most that it can cost is set aside; when it is answered, what it did cost is booked.
//! A request whose cost would not fit beside what is spent and set aside is not sent.

/// Prices of a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prices {
    /// Of tokens that the model reads.
    pub(super) read: f64,
    /// Of tokens that it writes.
    pub(super) written: f64,
}

/// How much may be spent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Limits {
    /// Tokens read and written together.
    pub(super) tokens: Option<u64>,
    /// Money, in the currency of the prices.
    pub(super) cost: Option<f64>,
}

/// A number of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TokenCount {
    /// Read.
    pub(super) read: u64,
    /// Written.
    pub(super) written: u64,
}

/// What is spent, and what is set aside for requests under way.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    limits: Limits,
    prices: Option<Prices>,
    spent: TokenCount,
    aside: TokenCount,
    under_way: usize,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    /// It may; its cost is set aside.
    Granted,
    /// Perhaps when a request under way turns out cheaper than it could have been.
    Wait,
    /// Never: it does not fit beside what is spent.
    Refused,
}

impl TokenCount {
    fn plus(self, other: Self) -> Self {
        Self {
            read: self.read.saturating_add(other.read),
            written: self.written.saturating_add(other.written),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            read: self.read.saturating_sub(other.read),
            written: self.written.saturating_sub(other.written),
        }
    }
}

impl Prices {
    /// What so many tokens cost.
    pub(super) fn cost(self, tokens: TokenCount) -> f64 {
        (self.read * tokens.read as f64 + self.written * tokens.written as f64) / 1e6
    }
}

impl Budget {
    pub(super) fn new(limits: Limits, prices: Option<Prices>) -> Self {
        Self {
            limits,
            prices,
            spent: TokenCount::default(),
            aside: TokenCount::default(),
            under_way: 0,
        }
    }

    /// Asks for a request that costs at most this.
    pub(super) fn ask(&mut self, most: TokenCount) -> Permission {
        if self.fits(self.spent.plus(self.aside).plus(most)) {
            self.aside = self.aside.plus(most);
            self.under_way += 1;
            return Permission::Granted;
        }
        if self.under_way > 0 && self.fits(self.spent.plus(most)) {
            Permission::Wait
        } else {
            Permission::Refused
        }
    }

    /// A request is over for which `most` was set aside, and cost `found`.
    pub(super) fn settle(&mut self, most: TokenCount, found: TokenCount) {
        self.aside = self.aside.minus(most);
        self.spent = self.spent.plus(found);
        self.under_way -= 1;
    }

    /// What is spent.
    pub(super) fn spent(&self) -> TokenCount {
        self.spent
    }

    /// What that cost, where prices are known.
    pub(super) fn cost(&self) -> Option<f64> {
        Some(self.prices?.cost(self.spent))
    }

    fn fits(&self, total: TokenCount) -> bool {
        let tokens_fit = self
            .limits
            .tokens
            .is_none_or(|limit| total.read.saturating_add(total.written) <= limit);
        let cost_fits = match (self.limits.cost, self.prices) {
            (Some(limit), Some(prices)) => prices.cost(total) <= limit,
            _ => true,
        };
        tokens_fit && cost_fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(read: u64, written: u64) -> TokenCount {
        TokenCount { read, written }
    }

    #[test]
    fn what_is_set_aside_counts_as_spent() {
        let limits = Limits {
            tokens: Some(100),
            cost: None,
        };
        let mut budget = Budget::new(limits, None);
        assert_eq!(budget.ask(tokens(40, 20)), Permission::Granted);
        assert_eq!(budget.ask(tokens(40, 20)), Permission::Wait, "60 are set aside");
        budget.settle(tokens(40, 20), tokens(30, 5));
        assert_eq!(budget.ask(tokens(40, 20)), Permission::Granted, "35 and 60 fit");
        budget.settle(tokens(40, 20), tokens(40, 20));
        assert_eq!(budget.spent(), tokens(70, 25));
        assert_eq!(
            budget.ask(tokens(40, 20)),
            Permission::Refused,
            "nothing is under way"
        );
    }

    /// By hand: 2 a million read, 10 a million written; 1,000 read and 100 written cost 0.003.
    #[test]
    fn money_is_counted_by_prices() {
        let prices = Prices {
            read: 2.0,
            written: 10.0,
        };
        let limits = Limits {
            tokens: None,
            cost: Some(0.005),
        };
        let mut budget = Budget::new(limits, Some(prices));
        assert_eq!(budget.ask(tokens(1000, 100)), Permission::Granted);
        budget.settle(tokens(1000, 100), tokens(1000, 100));
        assert!((budget.cost().unwrap() - 0.003).abs() < 1e-12);
        assert_eq!(budget.ask(tokens(1000, 100)), Permission::Refused);
        assert_eq!(
            budget.ask(tokens(500, 100)),
            Permission::Granted,
            "0.002 more fit"
        );
    }
}
