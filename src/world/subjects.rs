//! The things that checks judge one by one.

use crate::config::{Manual, Probe, Tier, TierPrice};

use super::World;

/// Something that a check judges separately: a tier, an endpoint, the deployment.
pub trait Subject {
    /// Its name in the report; empty if there is only one.
    fn label(&self) -> String;
}

/// The only subject of a check that judges the deployment as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Deployment;

impl Subject for Deployment {
    fn label(&self) -> String {
        String::new()
    }
}

/// The deployment as a whole, as the list of subjects that [`check!`](crate::check!) wants.
#[must_use]
pub fn deployment(_: &World) -> Vec<Deployment> {
    vec![Deployment]
}

/// One price of a tier.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'w> {
    /// The tier.
    pub tier: &'w Tier,
    /// The price.
    pub price: &'w TierPrice,
}

impl Subject for Offer<'_> {
    fn label(&self) -> String {
        if self.tier.prices.len() == 1 {
            format!("tier {}", self.tier.name)
        } else {
            format!("tier {}, billed every {}", self.tier.name, self.term())
        }
    }
}

impl<'w> Offer<'w> {
    /// The price ID in the environment; empty if it is not set.
    #[must_use]
    pub fn id(&self) -> &str {
        self.price.price_id.value.as_deref().unwrap_or_default()
    }

    /// Whether `other` is the same entry of the configuration.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.price, other.price)
    }

    /// The others with the same price ID.
    #[must_use]
    pub fn shared_with(self, world: &'w World) -> Vec<Self> {
        let is_same = |other: &Self| !other.is(&self) && !self.id().is_empty() && other.id() == self.id();
        offers(world).into_iter().filter(is_same).collect()
    }

    /// The billing interval: `month`, `3 months`.
    #[must_use]
    pub fn term(&self) -> String {
        term(self.price.interval.word(), self.price.interval_count)
    }

    /// The amount and the billing interval, for a sentence: `29.00 USD a month`, `80.00 USD every 3 months`.
    #[must_use]
    pub fn terms(&self) -> String {
        terms(&self.price.money.to_string(), &self.term())
    }
}

/// A billing interval in words: `month`, `3 months`.
#[must_use]
pub fn term(interval: &str, count: u64) -> String {
    if count == 1 { interval.to_owned() } else { format!("{count} {interval}s") }
}

/// An amount and a billing interval, for a sentence: `29.00 USD a month`, `80.00 USD every 3 months`.
#[must_use]
pub fn terms(amount: &str, term: &str) -> String {
    if term.contains(' ') { format!("{amount} every {term}") } else { format!("{amount} a {term}") }
}

/// Every price of every paid tier, in the order of the file.
#[must_use]
pub fn offers(world: &World) -> Vec<Offer<'_>> {
    let tiers = world.config().tiers.iter();
    tiers.flat_map(|tier| tier.prices.iter().map(move |price| Offer { tier, price })).collect()
}

/// The only subject of the check for a `[[probe]]`.
impl Subject for &Probe {
    fn label(&self) -> String {
        String::new()
    }
}

/// The only subject of the check for a `[[manual]]`.
impl Subject for &Manual {
    fn label(&self) -> String {
        String::new()
    }
}
