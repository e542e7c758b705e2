//! The test-mode catalogue, held against the live one.

use super::super::World;
use super::super::subjects::Offer;
use super::assortment::{claim, meant};
use super::{NoAnswer, Price, Seen, Stripe};
use crate::finding::Cause;

/// What stands in test mode for one price of a tier.
#[derive(Debug, Clone)]
pub enum Twin {
    /// A price on the same terms.
    Same(Price),
    /// A price of the tier on other terms: the one that is nearest.
    Other(Price, Vec<Difference>),
    /// A price whose metadata does not name the tier; what it says instead, where it says anything.
    Unclaimed(Price, Option<String>),
    /// Nothing.
    Missing,
}

/// How a price differs from what a tier is sold at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It is paid once, or more or less often.
    Interval,
    /// It is charged by use.
    Metered,
    /// The currency.
    Currency,
    /// The amount.
    Amount,
}

impl World {
    /// What stands in test mode for `offer`; `None` where no test key is configured beside a live one.
    ///
    /// # Errors
    /// Where nobody can tell, or the live price itself is another check's finding.
    pub async fn test_twin(&self, offer: &Offer<'_>) -> Result<Option<Seen<Twin>>, NoAnswer> {
        let Some(test) = self.stripe_test() else { return Ok(None) };
        let live = self.stripe().price(offer).await?.value;
        if !live.suits(offer) {
            return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
        }
        let prices = test.recurring_prices().await?;
        let on_sale: Vec<&Price> =
            prices.items.iter().filter(|price| price.product().is_some_and(|product| product.active)).collect();
        Ok(Some(Seen { value: test.twin(offer, &live, &on_sale), answer: prices.answer }))
    }
}

impl Stripe<'_> {
    fn twin(self, offer: &Offer<'_>, live: &Price, on_sale: &[&Price]) -> Twin {
        let config = &self.world.config;
        let claimed = |price: &Price| claim(price, price.product(), config).map(str::to_owned);
        let has_name = |price: &Price| {
            let names = [live, price].map(|price| price.product().map(|product| product.name.to_lowercase()));
            names[0] == names[1]
        };
        // Where the catalogue's metadata is read by nobody, a product is known by its name.
        let is_tiers = |price: &Price| match claimed(live) {
            Some(_) => claimed(price).is_some_and(|value| value == offer.tier.metadata),
            None => has_name(price) || price.suits(offer),
        };
        let of_tier: Vec<&Price> = on_sale.iter().copied().filter(|price| is_tiers(price)).collect();
        if let Some(same) = of_tier.iter().find(|price| price.suits(offer)) {
            return Twin::Same((*same).clone());
        }
        // A price at another interval is farther away than any at the right one.
        let distance = |price: &&&Price| {
            let differences = differences(price, offer);
            (differences.contains(&Difference::Interval), differences.len())
        };
        if let Some(nearest) = of_tier.iter().min_by_key(distance) {
            return Twin::Other((*nearest).clone(), differences(nearest, offer));
        }
        let misspelt = |price: &Price| {
            let value = claimed(price)?;
            meant(&value, config).filter(|tier| std::ptr::eq(*tier, offer.tier)).map(|_| value)
        };
        if let Some((price, value)) = on_sale.iter().find_map(|price| Some((price, misspelt(price)?))) {
            return Twin::Unclaimed((*price).clone(), Some(value));
        }
        let silent = on_sale.iter().find(|price| claimed(price).is_none() && has_name(price));
        silent.map_or(Twin::Missing, |price| Twin::Unclaimed((*price).clone(), None))
    }
}

/// An amount a year is not compared with one a month: what is paid at another interval differs in that alone.
fn differences(price: &Price, offer: &Offer<'_>) -> Vec<Difference> {
    let wanted = offer.price;
    let Some(recurring) = &price.recurring else { return vec![Difference::Interval] };
    if recurring.interval != wanted.interval.word() || recurring.interval_count != wanted.interval_count {
        return vec![Difference::Interval];
    }
    let mut differences = Vec::new();
    if recurring.usage_type != "licensed" {
        differences.push(Difference::Metered);
    }
    if price.currency != wanted.money.currency {
        differences.push(Difference::Currency);
    } else if price.unit_amount != Some(wanted.money.minor) {
        differences.push(Difference::Amount);
    }
    differences
}
