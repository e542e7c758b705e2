//! Money in a month, whatever the billing interval.

use std::collections::BTreeMap;

use crate::config::{Money, Tier};
use crate::finding::Answered;
use crate::world::{Price, Subscription};

/// Money in a month by currency, before discounts and tax.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Monthly {
    /// In each currency's smallest unit, rounded.
    minor: BTreeMap<String, i64>,
    /// How many amounts are unknown: a price with usage, tiers or fractions of a cent.
    unknown: u64,
}

impl Monthly {
    /// An amount that is unknown.
    #[must_use]
    pub fn unknown() -> Self {
        Self { unknown: 1, ..Self::default() }
    }

    /// What a subscription's own prices cost in a month.
    #[must_use]
    pub(super) fn of(subscription: &Subscription) -> Self {
        let Ok(prices) = subscription.quantities() else { return Self::unknown() };
        let mut monthly = Self::default();
        for (price, quantity) in prices {
            match of_price(price, quantity) {
                Ok(Some(money)) => *monthly.minor.entry(money.currency).or_default() += money.minor,
                Ok(None) | Err(_) => return Self::unknown(),
            }
        }
        monthly
    }

    /// What a tier costs in a month; unknown if it has several prices or none.
    #[must_use]
    pub(super) fn of_tier(tier: &Tier) -> Self {
        let [price] = tier.prices.as_slice() else { return Self::unknown() };
        match in_a_month(price.money.minor, price.interval.word(), price.interval_count) {
            Some(minor) => Self { minor: [(price.money.currency.clone(), minor)].into(), unknown: 0 },
            None => Self::unknown(),
        }
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        for (currency, minor) in &other.minor {
            let sum = self.minor.entry(currency.clone()).or_default();
            *sum = sum.saturating_add(*minor);
        }
        self.unknown += other.unknown;
    }

    /// The known amounts, by currency.
    pub fn amounts(&self) -> impl Iterator<Item = Money> + '_ {
        self.minor.iter().map(|(currency, minor)| Money { minor: *minor, currency: currency.clone() })
    }

    /// How many amounts are unknown.
    #[must_use]
    pub const fn unknown_amounts(&self) -> u64 {
        self.unknown
    }

    /// The largest amount, for sorting.
    pub(super) fn largest(&self) -> i64 {
        self.minor.values().copied().max().unwrap_or_default()
    }
}

/// What a price costs in a month; `None` if it is not a fixed amount.
fn of_price(price: &Price, quantity: Option<u64>) -> Answered<Option<Money>> {
    let Some(recurring) = price.recurring()? else { return Ok(None) };
    if recurring.usage_type()? != "licensed" {
        return Ok(None);
    }
    let (Some(amount), currency) = (price.amount()?, price.currency()?) else { return Ok(None) };
    let interval = recurring.interval.known("recurring.interval of a price")?;
    let count = *recurring.interval_count.known("recurring.interval_count of a price")?;
    let quantity = quantity.and_then(|quantity| i64::try_from(quantity).ok());
    let minor = quantity
        .and_then(|quantity| amount.checked_mul(quantity))
        .and_then(|amount| in_a_month(amount, interval, count));
    Ok(minor.map(|minor| Money { minor, currency: currency.to_owned() }))
}

/// An amount every `count` intervals as an amount in a month, rounded. A year has 12 months, 52 weeks or 365 days.
fn in_a_month(minor: i64, interval: &str, count: u64) -> Option<i64> {
    let in_a_year: i64 = match interval {
        "day" => 365,
        "week" => 52,
        "month" => 12,
        "year" => 1,
        _ => return None,
    };
    let months = i64::try_from(count).ok()?.checked_mul(12).filter(|months| *months > 0)?;
    let scaled = minor.checked_mul(in_a_year)?;
    Some((scaled + scaled.signum() * (months / 2)) / months)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn monthly(interval: &str, count: u64, price: &Value, quantity: &Value) -> Monthly {
        let mut whole = json!({
            "id": "price_1", "currency": "usd", "unit_amount": 2900,
            "recurring": { "interval": interval, "interval_count": count, "usage_type": "licensed" },
        });
        for (name, value) in price.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let items = json!({ "data": [{ "price": whole, "quantity": quantity }] });
        let subscription = json!({ "id": "sub_1", "status": "active", "created": 1, "items": items });
        Monthly::of(&serde_json::from_value(subscription).unwrap())
    }

    fn usd(minor: i64) -> Monthly {
        Monthly { minor: [("usd".to_owned(), minor)].into(), unknown: 0 }
    }

    #[test]
    fn every_interval_is_normalized_to_a_month() {
        for (interval, count, expected) in
            [("month", 1, 2900), ("month", 3, 967), ("year", 1, 242), ("week", 1, 12567), ("day", 1, 88208)]
        {
            assert_eq!(monthly(interval, count, &json!({}), &json!(1)), usd(expected), "{count} {interval}");
        }
    }

    #[test]
    fn seats_count() {
        assert_eq!(monthly("month", 1, &json!({}), &json!(5)), usd(14500));
    }

    #[test]
    fn what_is_no_fixed_amount_is_unknown() {
        let metered = json!({ "recurring": { "interval": "month", "interval_count": 1, "usage_type": "metered" } });
        for price in [json!({ "unit_amount": null }), json!({ "recurring": null }), metered, json!({ "currency": 5 })] {
            assert_eq!(monthly("month", 1, &price, &json!(1)), Monthly::unknown(), "{price}");
        }
        assert_eq!(monthly("month", 1, &json!({}), &json!(null)), Monthly::unknown());
        assert_eq!(monthly("month", 0, &json!({}), &json!(1)), Monthly::unknown());
    }

    #[test]
    fn currencies_are_added_separately() {
        let mut sum = usd(2900);
        sum.add(&usd(100));
        sum.add(&Monthly { minor: [("eur".to_owned(), 500)].into(), unknown: 1 });
        let amounts: Vec<String> = sum.amounts().map(|money| money.to_string()).collect();
        assert_eq!((amounts, sum.unknown_amounts()), (vec!["5.00 EUR".to_owned(), "30.00 USD".to_owned()], 1));
    }
}
