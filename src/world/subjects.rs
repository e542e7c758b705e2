//! What checks judge, one by one.

use crate::config::{Manual, Probe, Tier, TierPrice};

use super::World;

/// Something that a check judges by itself: a tier, an endpoint, the deployment.
pub trait Subject {
    /// What the report calls it; empty where there is just one.
    fn label(&self) -> String;
}

/// The one subject of a check that judges the deployment as a whole.
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

/// One price at which a tier is sold.
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
            format!("tier {}, each {}", self.tier.name, self.term())
        }
    }
}

impl<'w> Offer<'w> {
    /// The price ID as the environment has it; empty where it has none.
    #[must_use]
    pub fn id(&self) -> &str {
        self.price.price_id.value.as_deref().unwrap_or_default()
    }

    /// Whether `other` is this very line of the configuration.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.price, other.price)
    }

    /// The others whose variables hold the same price ID.
    #[must_use]
    pub fn shared_with(self, world: &'w World) -> Vec<Self> {
        let is_same = |other: &Self| !other.is(&self) && !self.id().is_empty() && other.id() == self.id();
        offers(world).into_iter().filter(is_same).collect()
    }

    /// How often it is paid: `month`, `3 months`.
    #[must_use]
    pub fn term(&self) -> String {
        term(self.price.interval.word(), self.price.interval_count)
    }
}

/// A billing term in words: `month`, `3 months`.
#[must_use]
pub fn term(interval: &str, count: u64) -> String {
    if count == 1 { interval.to_owned() } else { format!("{count} {interval}s") }
}

/// Every price of every paid tier, in the order of the file.
#[must_use]
pub fn offers(world: &World) -> Vec<Offer<'_>> {
    let tiers = world.config().tiers.iter();
    tiers.flat_map(|tier| tier.prices.iter().map(move |price| Offer { tier, price })).collect()
}

/// The one subject of the check that a `[[probe]]` makes.
impl Subject for &Probe {
    fn label(&self) -> String {
        String::new()
    }
}

/// The one subject of the check that a `[[manual]]` makes.
impl Subject for &Manual {
    fn label(&self) -> String {
        String::new()
    }
}
