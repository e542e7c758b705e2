//! `[tiers.NAME]`: what is sold, and what it grants.

use std::fmt;

use super::{Config, Money, Variable};

/// `[tiers.NAME]`.
#[derive(Debug, Clone)]
pub struct Tier {
    /// The tier's name.
    pub name: String,
    /// Uses in a period. `None`: its limit is not judged.
    pub limit: Option<Limit>,
    /// The value that metadata and the plan claim must have, byte for byte.
    pub metadata: String,
    /// Its prices; empty for a free tier.
    pub prices: Vec<TierPrice>,
}

impl Tier {
    /// Whether it costs something.
    #[must_use]
    pub const fn is_paid(&self) -> bool {
        !self.prices.is_empty()
    }

    /// The tier's limit, if it has one and `found` is another.
    #[must_use]
    pub fn limit_instead_of(&self, found: Limit) -> Option<Limit> {
        self.limit.filter(|limit| *limit != found)
    }
}

impl Config {
    /// The tiers that cost something, in the order of the file.
    pub fn paid_tiers(&self) -> impl Iterator<Item = &Tier> {
        self.tiers.iter().filter(|tier| tier.is_paid())
    }

    /// The first tier that costs nothing, if there is one.
    #[must_use]
    pub fn free_tier(&self) -> Option<&Tier> {
        self.tiers.iter().find(|tier| !tier.is_paid())
    }
}

/// A tier's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Uses in a period.
    Uses(u64),
    /// Any number of uses.
    Unlimited,
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uses(uses) => write!(formatter, "{uses} uses"),
            Self::Unlimited => formatter.write_str("no limit"),
        }
    }
}

/// One price of a paid tier.
#[derive(Debug, Clone)]
pub struct TierPrice {
    /// The amount charged each time.
    pub money: Money,
    /// How often.
    pub interval: Interval,
    /// Every how many intervals.
    pub interval_count: u64,
    /// `price_…`.
    pub price_id: Variable<String>,
    /// What customers pay in other currencies.
    pub currency_options: Vec<Money>,
}

/// Stripe's billing intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Interval {
    /// Stripe's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}
