//! Prices and products, as far as they can be read.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::config::{Mode, Money};
use crate::finding::{Answered, NoAnswer};
use crate::world::field::{Field, Metadata};
use crate::world::subjects::{Offer, term, terms};

/// A price (docs/providers.md, "Stripe API objects").
#[derive(Debug, Clone, Deserialize)]
pub struct Price {
    /// `price_…`, or an old plan's ID.
    pub id: String,
    /// Whether it can still be bought: not archived.
    #[serde(default)]
    pub active: Field<bool>,
    /// Whether it is a live-mode price.
    #[serde(default)]
    pub livemode: Field<bool>,
    /// Three lowercase letters.
    #[serde(default)]
    pub currency: Field<String>,
    /// How often it is billed; null for a one-time price.
    #[serde(default)]
    pub recurring: Field<Recurring>,
    /// The amount in the currency's smallest unit; null if it is tiered or has fractions of a unit.
    #[serde(default)]
    pub unit_amount: Field<i64>,
    /// The same, with fractions.
    #[serde(default)]
    pub unit_amount_decimal: Field<String>,
    /// The product that it is a price of.
    #[serde(default)]
    pub product: Field<PriceProduct>,
    #[serde(default)]
    pub metadata: Metadata,
    /// Only in a request that expands it.
    #[serde(default)]
    currency_options: Field<BTreeMap<String, CurrencyOption>>,
}

/// A price in another currency.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct CurrencyOption {
    unit_amount: Field<i64>,
}

/// How often a price is billed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Recurring {
    /// `day`, `week`, `month` or `year`.
    pub interval: Field<String>,
    /// The number of intervals between bills.
    pub interval_count: Field<u64>,
    /// `licensed` or `metered`.
    pub usage_type: Field<String>,
}

/// The product of a price. Only a request that expands it gets the whole product.
#[derive(Debug, Clone)]
pub enum PriceProduct {
    /// A deleted product: `prod_…`.
    Deleted(String),
    /// The whole product.
    Product(Product),
    /// Just its ID.
    Id(String),
}

impl<'de> Deserialize<'de> for PriceProduct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = match Value::deserialize(deserializer)? {
            Value::String(id) => return Ok(Self::Id(id)),
            value => value,
        };
        let is_deleted = value["deleted"] == true;
        let product: Product = serde_json::from_value(value).map_err(D::Error::custom)?;
        Ok(if is_deleted { Self::Deleted(product.id) } else { Self::Product(product) })
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Product {
    /// `prod_…`.
    pub id: String,
    /// Whether it can still be bought.
    #[serde(default)]
    pub active: Field<bool>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default)]
    pub metadata: Metadata,
}

impl Product {
    /// The name that customers see, or its ID if the name cannot be read; for a sentence.
    pub fn name(&self) -> &str {
        self.name.text().unwrap_or(&self.id)
    }
}

impl PriceProduct {
    /// `prod_…`.
    pub fn id(&self) -> &str {
        match self {
            Self::Product(Product { id, .. }) | Self::Deleted(id) | Self::Id(id) => id,
        }
    }
}

impl Price {
    /// The name of a field, for a reason: `unit_amount of price_1…`.
    pub(super) fn named(&self, field: &str) -> String {
        format!("{field} of {}", self.id)
    }

    /// The whole product, if it exists and could be read. `None` does not mean that there is none.
    pub fn product(&self) -> Option<&Product> {
        match self.product.value()? {
            PriceProduct::Product(product) => Some(product),
            PriceProduct::Deleted(_) | PriceProduct::Id(_) => None,
        }
    }

    /// The ID of its product, if it could be read.
    pub fn product_id(&self) -> Option<&str> {
        self.product.value().map(PriceProduct::id)
    }

    /// The name of its product, for a sentence.
    pub fn product_name(&self) -> &str {
        self.product().map(Product::name).or_else(|| self.product_id()).unwrap_or("a product without a name")
    }

    pub fn mode(&self) -> Answered<Mode> {
        Ok(Mode::of_livemode(*self.livemode.known(self.named("livemode"))?))
    }

    /// Whether its product is on sale: neither archived nor deleted.
    pub fn is_product_active(&self) -> Answered<bool> {
        match self.product.known(self.named("product"))? {
            PriceProduct::Product(product) => product.active.known(format_args!("active of {}", product.id)).copied(),
            PriceProduct::Deleted(_) => Ok(false),
            PriceProduct::Id(id) => {
                Err(NoAnswer::Unknown(format!("Stripe did not show the product {id} of {}", self.id)))
            }
        }
    }

    /// Whether it is on sale: neither it nor its product is archived.
    pub fn is_on_sale(&self) -> Answered<bool> {
        Ok(*self.active.known(self.named("active"))? && self.is_product_active()?)
    }

    /// How often it is billed; `None` for a one-time price.
    pub fn recurring(&self) -> Answered<Option<&Recurring>> {
        self.recurring.nullable(self.named("recurring"))
    }

    /// The amount in another currency in its smallest unit; `None` if it is not sold in that currency, or has no single amount.
    pub fn amount_in(&self, currency: &str) -> Answered<Option<i64>> {
        let options = self.currency_options.nullable(self.named("currency_options"))?;
        let Some(option) = options.and_then(|options| options.get(currency)) else { return Ok(None) };
        Ok(option.unit_amount.nullable(self.named(&format!("currency_options.{currency}.unit_amount")))?.copied())
    }

    pub fn currency(&self) -> Answered<&str> {
        self.currency.known(self.named("currency")).map(String::as_str)
    }

    /// The amount in the smallest unit; `None` if it is tiered or has fractions of a unit.
    pub fn amount(&self) -> Answered<Option<i64>> {
        Ok(self.unit_amount.nullable(self.named("unit_amount"))?.copied())
    }

    /// The amount for a sentence; `None` if it is tiered, has fractions of a unit or could not be read.
    pub fn money(&self) -> Option<Money> {
        Some(Money { minor: *self.unit_amount.value()?, currency: self.currency.value()?.clone() })
    }

    /// The amount and the billing interval, for a sentence: `29.00 USD a month`.
    pub fn terms(&self) -> String {
        let amount = self.money().map_or_else(
            || self.currency.text().map_or_else(|| "an amount".to_owned(), |code| format!("an amount in {code}")),
            |money| money.to_string(),
        );
        match &self.recurring {
            Field::Is(recurring) => terms(&amount, &recurring.term().unwrap_or_else(|_| "period".to_owned())),
            Field::Null => format!("{amount} once"),
            Field::Absent | Field::Unreadable => amount,
        }
    }

    /// Whether it has the billing interval, the currency and the amount of `offer`.
    /// `Unknown` if one of them could not be read and the others match.
    pub fn matches(&self, offer: &Offer<'_>) -> Answered<bool> {
        let wanted = offer.price;
        let is_recurring = self.recurring().and_then(|recurring| match recurring {
            Some(recurring) => {
                let is_term = recurring.term().map(|term| term == offer.term());
                let is_licensed = recurring.usage_type().map(|usage| usage == "licensed");
                all_of([is_term, is_licensed])
            }
            None => Ok(false),
        });
        let is_currency = self.currency().map(|currency| currency == wanted.money.currency);
        let is_amount = self.amount().map(|amount| amount == Some(wanted.money.minor));
        all_of([is_recurring, is_currency, is_amount])
    }

    /// Whether it certainly [matches](Self::matches) `offer`. `false` does not mean that it differs.
    pub fn surely_matches(&self, offer: &Offer<'_>) -> bool {
        self.matches(offer) == Ok(true)
    }
}

impl Recurring {
    /// The billing interval: `month`, `3 months`.
    pub fn term(&self) -> Answered<String> {
        let count = *self.interval_count.known("recurring.interval_count of a price")?;
        Ok(term(self.interval.known("recurring.interval of a price")?, count))
    }

    /// `licensed` or `metered`.
    pub fn usage_type(&self) -> Answered<&str> {
        self.usage_type.known("recurring.usage_type of a price").map(String::as_str)
    }
}

/// Whether all parts hold. One that does not hold decides it, even if others are unknown.
pub(super) fn all_of<const N: usize>(parts: [Answered<bool>; N]) -> Answered<bool> {
    if parts.contains(&Ok(false)) {
        return Ok(false);
    }
    parts.into_iter().try_fold(true, |all, part| Ok(all && part?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Price;

    fn price(field: &str, value: Value) -> Price {
        let mut price = json!({
            "id": "price_1", "active": true, "livemode": true, "currency": "usd", "unit_amount": 2900, "metadata": {},
            "recurring": { "interval": "month", "interval_count": 1, "usage_type": "licensed" },
            "product": { "id": "prod_1", "active": true, "name": "Pro", "metadata": { "plan": "pro" } },
        });
        price[field] = value;
        serde_json::from_value(price).unwrap()
    }

    #[test]
    fn a_field_that_cannot_be_read_leaves_the_others_readable() {
        let price = price("metadata", Value::Null);
        assert_eq!((price.is_on_sale(), price.amount()), (Ok(true), Ok(Some(2900))));
        assert!(price.metadata.get("plan", "price_1").is_err());
        assert!(self::price("unit_amount", json!("2900")).amount().is_err());
    }

    #[test]
    fn a_one_time_price_differs_from_one_whose_interval_is_unknown() {
        assert!(matches!(price("recurring", Value::Null).recurring(), Ok(None)));
        assert!(price("recurring", json!(true)).recurring().is_err());
    }

    #[test]
    fn a_deleted_product_is_not_on_sale_and_an_unexpanded_one_is_unknown() {
        assert_eq!(price("product", json!({ "id": "prod_1", "deleted": true })).is_on_sale(), Ok(false));
        assert!(price("product", json!("prod_1")).is_on_sale().is_err());
    }
}
