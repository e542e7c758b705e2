//! The test-mode catalogue, held against the live one.

use super::super::World;
use super::super::plan_value::intended_tier;
use super::super::subjects::Offer;
use super::{Listed, NoAnswer, Price, Seen, Stripe};
use crate::finding::{Answered, Cause};

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
    /// Unknown where Stripe gives no whole answer, and blocked where the live price itself is another check's finding.
    pub async fn test_twin(&self, offer: &Offer<'_>) -> Answered<Option<Seen<Twin>>> {
        let Some(test) = self.stripe_test() else { return Ok(None) };
        let live = self.stripe().price(offer).await?.value;
        if !live.suits(offer)? {
            return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
        }
        let Listed { items, mut unread, answer } = test.recurring_prices().await?;
        let mut on_sale = Vec::new();
        for price in &items {
            match price.is_product_active().and_then(|active| Ok((active, test.claim(price)?))) {
                Ok((true, claim)) => on_sale.push((price, claim)),
                Ok((false, _)) => {}
                Err(why) => unread.push(why),
            }
        }
        let twin = test.twin(offer, &live, &on_sale)?;
        match unread.into_iter().next() {
            // The price that was not found may be the one that could not be read.
            Some(why) if !matches!(twin, Twin::Same(_)) => Err(why),
            _ => Ok(Some(Seen { value: twin, answer })),
        }
    }
}

impl Stripe<'_> {
    fn twin(self, offer: &Offer<'_>, live: &Price, on_sale: &[(&Price, Option<&str>)]) -> Answered<Twin> {
        let tiers = &self.world.config.tiers;
        let has_name = |price: &Price| live.product_name().to_lowercase() == price.product_name().to_lowercase();
        // Where the Worker does not read the catalogue's metadata, a product is known by its name.
        let is_claimed = self.claim(live)?.is_some();
        let is_tiers = |(price, claim): &&(&Price, Option<&str>)| {
            if is_claimed {
                *claim == Some(&offer.tier.metadata)
            } else {
                has_name(price) || price.seems_to_suit(offer)
            }
        };
        let of_tier: Vec<&Price> = on_sale.iter().filter(is_tiers).map(|(price, _)| *price).collect();
        let mut others = Vec::new();
        let mut doubt = None;
        for price in of_tier {
            match price
                .suits(offer)
                .and_then(|suits| if suits { Ok(None) } else { differences(price, offer).map(Some) })
            {
                Ok(None) => return Ok(Twin::Same(price.clone())),
                Ok(Some(differences)) => others.push((price, differences)),
                Err(why) => doubt = Some(why),
            }
        }
        if let Some(why) = doubt {
            return Err(why);
        }
        // A price at another interval is farther away than any at the right one.
        let distance = |(_, differences): &(&Price, Vec<Difference>)| {
            (differences.contains(&Difference::Interval), differences.len())
        };
        if let Some((nearest, differences)) = others.into_iter().min_by_key(distance) {
            return Ok(Twin::Other(nearest.clone(), differences));
        }
        let misspelt = |claim: &str| intended_tier(claim, tiers).is_some_and(|tier| std::ptr::eq(tier, offer.tier));
        let found = on_sale.iter().find_map(|(price, claim)| Some((*price, claim.filter(|claim| misspelt(claim))?)));
        if let Some((price, value)) = found {
            return Ok(Twin::Unclaimed(price.clone(), Some(value.to_owned())));
        }
        let silent = on_sale.iter().find(|(price, claim)| claim.is_none() && has_name(price));
        Ok(silent.map_or(Twin::Missing, |(price, _)| Twin::Unclaimed((*price).clone(), None)))
    }
}

/// An amount a year is not compared with one a month: what is paid at another interval differs in that alone.
fn differences(price: &Price, offer: &Offer<'_>) -> Answered<Vec<Difference>> {
    let wanted = offer.price;
    let Some(recurring) = price.recurring()? else { return Ok(vec![Difference::Interval]) };
    if recurring.term()? != offer.term() {
        return Ok(vec![Difference::Interval]);
    }
    let mut differences = Vec::new();
    if recurring.usage_type()? != "licensed" {
        differences.push(Difference::Metered);
    }
    if price.currency()? != wanted.money.currency {
        differences.push(Difference::Currency);
    } else if price.amount()? != Some(wanted.money.minor) {
        differences.push(Difference::Amount);
    }
    Ok(differences)
}
