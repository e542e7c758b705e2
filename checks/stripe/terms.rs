//! How a price differs from its tier, and which price would be right: for `stripe/price-mode`, `stripe/price-terms` and
//! `stripe/test-parity`.

use crate::check::prelude::*;
use crate::config::Source;
use crate::world::{Price, intended_tier};

/// A term in which a price differs from its tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    /// It is not recurring.
    OneTime,
    /// It has this billing interval instead.
    Interval(String),
    /// It is not `licensed`, but this.
    UsageType(String),
    /// It is in this currency instead.
    Currency(String),
    /// It is another amount, or has no single amount.
    Amount,
}

/// What differs, part by part: the billing interval, the usage type and the amount.
pub(super) fn differences(price: &Price, offer: &Offer<'_>) -> [Answered<Option<Difference>>; 3] {
    [interval(price, offer), usage_type(price), amount(price, offer)]
}

fn interval(price: &Price, offer: &Offer<'_>) -> Answered<Option<Difference>> {
    let Some(recurring) = price.recurring()? else { return Ok(Some(Difference::OneTime)) };
    let found = recurring.term()?;
    Ok((found != offer.term()).then_some(Difference::Interval(found)))
}

fn usage_type(price: &Price) -> Answered<Option<Difference>> {
    let Some(recurring) = price.recurring()? else { return Ok(None) };
    let found = recurring.usage_type()?;
    Ok((found != "licensed").then(|| Difference::UsageType(found.to_owned())))
}

fn amount(price: &Price, offer: &Offer<'_>) -> Answered<Option<Difference>> {
    let wanted = &offer.price.money;
    let currency = price.currency()?;
    if currency != wanted.currency {
        return Ok(Some(Difference::Currency(currency.to_uppercase())));
    }
    Ok((price.amount()? != Some(wanted.minor)).then_some(Difference::Amount))
}

/// The right price for the tier, if exactly one that is on sale matches and belongs to it: to word a fix.
pub(super) async fn only_match(world: &World, offer: &Offer<'_>) -> Option<Price> {
    let stripe = world.stripe();
    let prices = optional(stripe.recurring_prices()).await.filter(|prices| prices.unread.is_empty())?;
    let is_of_tier = |price: &Price| match world.config().entitlement.source {
        Source::ProductMetadata | Source::PriceMetadata => {
            // A value that means the tier but is misspelled is `stripe/product-metadata`'s finding.
            let means_tier =
                |value| intended_tier(value, &world.config().tiers).is_some_and(|one| one.name == offer.tier.name);
            stripe.tier_value(price).is_ok_and(|value| value.is_some_and(means_tier))
        }
        // Nothing at Stripe says which tier a price belongs to.
        Source::SubscriptionMetadata | Source::PriceId => true,
    };
    let is_match = |price: &Price| {
        price.id != offer.id() && price.surely_matches(offer) && price.is_on_sale() == Ok(true) && is_of_tier(price)
    };
    let mut matching = prices.items.into_iter().filter(is_match);
    matching.next().filter(|_| matching.next().is_none())
}

/// Sets a tier's price ID: in the env file that it was read from, and on the Worker. If it was not read from a file, a person
/// has to set it.
pub(super) fn set(world: &World, fix: Fix, offer: &Offer<'_>, id: NewValue) -> Fix {
    let variable = &offer.price.price_id;
    let on_worker = world.new_secret(&variable.name, id.clone());
    match world.local_value(variable, id) {
        Some(line) => fix.then(line).then(on_worker),
        None => fix.by_hand(on_worker),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::differences;
    use crate::sandbox::{Options, Sandbox};
    use crate::world::Price;
    use crate::world::subjects::Offer;

    fn price(field: &str, value: Value) -> Price {
        let mut price = json!({
            "id": "price_1", "currency": "usd", "unit_amount": 2900,
            "recurring": { "interval": "month", "interval_count": 1, "usage_type": "licensed" },
        });
        price[field] = value;
        serde_json::from_value(price).unwrap()
    }

    #[tokio::test]
    async fn a_price_matches_exactly_if_nothing_differs() {
        let sandbox = Sandbox::start(&["healthy"], Options::default()).await.unwrap();
        let config = sandbox.config(None).unwrap();
        let tier = config.tiers.iter().find(|tier| tier.name == "pro").unwrap();
        let offer = Offer { tier, price: &tier.prices[0] };
        assert_eq!(price("currency", json!("usd")).matches(&offer), Ok(true));
        for (field, value) in [
            ("currency", json!("usd")),
            ("currency", json!("eur")),
            ("unit_amount", json!(290_000)),
            ("unit_amount", Value::Null),
            ("recurring", Value::Null),
            ("recurring", json!({ "interval": "year", "interval_count": 1, "usage_type": "licensed" })),
            ("recurring", json!({ "interval": "month", "interval_count": 1, "usage_type": "metered" })),
        ] {
            let price = price(field, value);
            let is_same = differences(&price, &offer).iter().all(|part| *part == Ok(None));
            assert_eq!(price.matches(&offer), Ok(is_same), "{price:?}");
        }
    }
}
