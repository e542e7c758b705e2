//! Products and prices.

use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_product::price::{ListPrice, RetrievePrice};
use stripe_product::product::{ListProduct, RetrieveProduct};
use stripe_shared::PriceType;

use super::super::id::{PathId, PriceId, ProductId, configured};
use super::{Found, Listed, NoAnswer, Seen, Stripe};
use crate::config::{Mode, Money, Source};
use crate::finding::{Answered, Cause};
use crate::world::field::{Field, Metadata};
use crate::world::subjects::{Offer, term};
use crate::world::transport::optional;

/// A price (facts.md, A2).
#[derive(Debug, Clone, Deserialize)]
pub struct Price {
    /// `price_…`, or an old plan's ID.
    pub id: String,
    /// Whether it can still be bought.
    #[serde(default)]
    pub active: Field<bool>,
    /// Whether it is a live-mode price.
    #[serde(default)]
    pub livemode: Field<bool>,
    /// Three lower-case letters.
    #[serde(default)]
    pub currency: Field<String>,
    /// How it is charged again; null for a one-time price.
    #[serde(default)]
    pub recurring: Field<Recurring>,
    /// In the currency's smallest unit; null where it is tiered or has fractions of a unit.
    #[serde(default)]
    pub unit_amount: Field<i64>,
    /// The same with fractions.
    #[serde(default)]
    pub unit_amount_decimal: Field<String>,
    /// Whose price it is.
    #[serde(default)]
    pub product: Field<PriceOf>,
    /// Its metadata.
    #[serde(default)]
    pub metadata: Metadata,
}

/// How a price is charged again.
#[derive(Debug, Clone, Deserialize)]
pub struct Recurring {
    /// `day`, `week`, `month` or `year`.
    #[serde(default)]
    pub interval: Field<String>,
    /// Every how many of them.
    #[serde(default)]
    pub interval_count: Field<u64>,
    /// `licensed` or `metered`.
    #[serde(default)]
    pub usage_type: Field<String>,
}

/// The product of a price, as far as it was asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum PriceOf {
    /// A product that was deleted.
    Deleted {
        /// `prod_…`.
        id: String,
        /// Always true.
        deleted: bool,
    },
    /// The whole product.
    Product(Product),
    /// Just its ID.
    Id(String),
}

/// A product.
#[derive(Debug, Clone, Deserialize)]
pub struct Product {
    /// `prod_…`.
    pub id: String,
    /// Whether it can still be bought.
    #[serde(default)]
    pub active: Field<bool>,
    #[serde(default)]
    name: Field<String>,
    /// Its metadata.
    #[serde(default)]
    pub metadata: Metadata,
}

impl Product {
    /// What customers see, for a sentence: its ID where it has no name that can be read.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.text().unwrap_or(&self.id)
    }
}

impl PriceOf {
    /// `prod_…`.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Product(Product { id, .. }) | Self::Deleted { id, .. } | Self::Id(id) => id,
        }
    }
}

impl Price {
    /// One of its fields, for a reason: `unit_amount of price_1…`.
    fn named(&self, field: &str) -> String {
        format!("{field} of {}", self.id)
    }

    /// The whole product, where it still exists and could be read. Never to judge that there is none.
    #[must_use]
    pub fn product(&self) -> Option<&Product> {
        match self.product.value()? {
            PriceOf::Product(product) => Some(product),
            PriceOf::Deleted { .. } | PriceOf::Id(_) => None,
        }
    }

    /// The ID of its product, where it could be read.
    #[must_use]
    pub fn product_id(&self) -> Option<&str> {
        self.product.value().map(PriceOf::id)
    }

    /// The name of its product, for a sentence.
    #[must_use]
    pub fn product_name(&self) -> &str {
        self.product().map(Product::name).or_else(|| self.product_id()).unwrap_or("a product without a name")
    }

    /// The mode that it exists in.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn mode(&self) -> Answered<Mode> {
        Ok(Mode::of_livemode(*self.livemode.known(self.named("livemode"))?))
    }

    /// Whether it can be bought, as far as its product goes.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn is_product_active(&self) -> Answered<bool> {
        match self.product.known(self.named("product"))? {
            PriceOf::Product(product) => product.active.known(format_args!("active of {}", product.id)).copied(),
            PriceOf::Deleted { .. } => Ok(false),
            PriceOf::Id(id) => Err(NoAnswer::Unknown(format!("Stripe did not show the product {id} of {}", self.id))),
        }
    }

    /// Whether it can be bought.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn is_on_sale(&self) -> Answered<bool> {
        Ok(*self.active.known(self.named("active"))? && self.is_product_active()?)
    }

    /// How it is charged again; `None` for a one-time price.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn recurring(&self) -> Answered<Option<&Recurring>> {
        self.recurring.nullable(self.named("recurring"))
    }

    /// The currency.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn currency(&self) -> Answered<&str> {
        self.currency.known(self.named("currency")).map(String::as_str)
    }

    /// The amount in the smallest unit; `None` where it is tiered or has fractions of a unit.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn amount(&self) -> Answered<Option<i64>> {
        Ok(self.unit_amount.nullable(self.named("unit_amount"))?.copied())
    }

    /// What is charged each time, for a sentence; `None` where it is tiered, has fractions of a unit or could not be read.
    #[must_use]
    pub fn money(&self) -> Option<Money> {
        Some(Money { minor: *self.unit_amount.value()?, currency: self.currency.value()?.clone() })
    }

    /// What is charged and how often, for a sentence: `29.00 USD a month`.
    #[must_use]
    pub fn terms(&self) -> String {
        let amount = self.money().map_or_else(
            || self.currency.text().map_or_else(|| "an amount".to_owned(), |code| format!("an amount in {code}")),
            |money| money.to_string(),
        );
        match &self.recurring {
            Field::Is(recurring) => format!("{amount} a {}", recurring.term().unwrap_or_else(|_| "period".to_owned())),
            Field::Null => format!("{amount} once"),
            Field::Absent | Field::Unreadable => amount,
        }
    }

    /// Whether a tier could be sold at it as `offer` says: the amount, the currency and the term agree.
    ///
    /// # Errors
    /// Unknown where a term could not be read and the others agree.
    pub fn suits(&self, offer: &Offer<'_>) -> Answered<bool> {
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

    /// Whether it is known to be sold on the terms of `offer`: to word a fix.
    #[must_use]
    pub fn seems_to_suit(&self, offer: &Offer<'_>) -> bool {
        self.suits(offer) == Ok(true)
    }
}

impl Recurring {
    /// How often it is paid: `month`, `3 months`.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn term(&self) -> Answered<String> {
        let count = *self.interval_count.known("recurring.interval_count of a price")?;
        Ok(term(self.interval.known("recurring.interval of a price")?, count))
    }

    /// `licensed` or `metered`.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn usage_type(&self) -> Answered<&str> {
        self.usage_type.known("recurring.usage_type of a price").map(String::as_str)
    }
}

/// Whether all of these hold. One that does not hold decides it, even where others are unknown.
fn all_of<const N: usize>(parts: [Answered<bool>; N]) -> Answered<bool> {
    if parts.contains(&Ok(false)) {
        return Ok(false);
    }
    parts.into_iter().try_fold(true, |all, part| Ok(all && part?))
}

/// A hundred is the most that Stripe gives at once.
const PAGE: i64 = 100;

pub(super) fn retrieve_price(id: &PriceId) -> RequestBuilder {
    RetrievePrice::new(id.segment()).expand(["product".to_owned()]).build()
}

pub(super) fn products_page(cursor: Option<String>) -> RequestBuilder {
    let request = ListProduct::new().active(true).limit(PAGE);
    match cursor {
        Some(cursor) => request.starting_after(cursor).build(),
        None => request.build(),
    }
}

impl Stripe<'_> {
    /// The price under the ID that `offer` names, wherever it is; asked by `stripe/price-mode`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn find_price(self, offer: &Offer<'_>) -> Result<Found<Price>, NoAnswer> {
        let id = configured(&offer.price.price_id, PriceId::parse)?;
        self.ask(&retrieve_price(&id)).await
    }

    /// The price of `offer`, which exists in the mode wanted.
    ///
    /// # Errors
    /// Blocked by `stripe/price-mode` where it does not.
    pub async fn price(self, offer: &Offer<'_>) -> Result<Seen<Price>, NoAnswer> {
        match self.find_price(offer).await? {
            Found::Here(price) if price.value.mode().is_ok_and(|mode| mode != self.mode) => {
                Err(NoAnswer::Because(Cause::PriceNotFound))
            }
            // Where Stripe does not say which mode it is of, `stripe/price-mode` does not know, and the rest is not its question.
            Found::Here(price) => Ok(price),
            Found::Missing(_) => Err(NoAnswer::Because(Cause::PriceNotFound)),
        }
    }

    /// The price of `offer`, at which its tier can be sold as the configuration says.
    ///
    /// # Errors
    /// Blocked by `stripe/price-mode` or `stripe/price-terms` where it cannot.
    pub async fn sound_price(self, offer: &Offer<'_>) -> Result<Seen<Price>, NoAnswer> {
        let price = self.price(offer).await?;
        let is_sound = all_of([price.value.is_on_sale(), price.value.suits(offer)])?;
        if is_sound { Ok(price) } else { Err(NoAnswer::Because(Cause::PriceTermsDiffer)) }
    }

    /// The price of `offer`, unless its ID is another tier's too and it has that tier's terms.
    ///
    /// # Errors
    /// Blocked by `stripe/price-mode` or `stripe/price-terms` where there is no such price.
    pub async fn own_price(self, offer: &Offer<'_>) -> Answered<Seen<Price>> {
        let price = self.price(offer).await?;
        if !offer.shared_with(self.world).is_empty() && !price.value.suits(offer)? {
            return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
        }
        Ok(price)
    }

    /// The one price on sale that has the terms of `offer`, if there is just one: to word a fix.
    pub async fn only_suitable(self, offer: &Offer<'_>) -> Option<Price> {
        let listed = optional(self.recurring_prices()).await.filter(|listed| listed.unread.is_empty())?;
        let is_suitable = |price: &Price| price.id != offer.id() && price.seems_to_suit(offer);
        let mut suitable = listed.items.into_iter().filter(is_suitable);
        suitable.next().filter(|_| suitable.next().is_none())
    }

    /// The value with which a price claims a tier where the Worker looks in the catalogue; `None` where it claims none, or
    /// the Worker does not look there.
    ///
    /// # Errors
    /// Unknown where the metadata could not be read.
    pub fn claim(self, price: &Price) -> Answered<Option<&str>> {
        let entitlement = &self.world.config.entitlement;
        match entitlement.source {
            Source::ProductMetadata => match price.product.known(price.named("product"))? {
                PriceOf::Product(product) => product.metadata.get(&entitlement.key, &product.id),
                PriceOf::Deleted { .. } => Ok(None),
                PriceOf::Id(id) => {
                    Err(NoAnswer::Unknown(format!("Stripe did not show the product {id} of {}", price.id)))
                }
            },
            Source::PriceMetadata => price.metadata.get(&entitlement.key, &price.id),
            Source::SubscriptionMetadata | Source::PriceId => Ok(None),
        }
    }

    /// Every active recurring price, each with its whole product.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn recurring_prices(self) -> Result<Listed<Price>, NoAnswer> {
        let page = |cursor: Option<String>| {
            let request = ListPrice::new().active(true).type_(PriceType::Recurring).limit(PAGE);
            let request = request.expand(["data.product".to_owned()]);
            match cursor {
                Some(cursor) => request.starting_after(cursor).build(),
                None => request.build(),
            }
        };
        self.list(page, |price: &Price| &price.id).await
    }

    /// One product, on sale or not.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn product(self, id: &ProductId) -> Result<Found<Product>, NoAnswer> {
        self.ask(&RetrieveProduct::new(id.segment()).build()).await
    }

    /// Every active product.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn products(self) -> Result<Listed<Product>, NoAnswer> {
        self.list(products_page, |product: &Product| &product.id).await
    }
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
    fn a_field_that_is_null_or_of_another_type_leaves_the_others_readable() {
        let price = price("metadata", Value::Null);
        assert_eq!((price.is_on_sale(), price.amount()), (Ok(true), Ok(Some(2900))));
        assert!(price.metadata.get("plan", "price_1").is_err());
        assert!(self::price("unit_amount", json!("2900")).amount().is_err());
    }

    #[test]
    fn a_price_that_is_paid_once_is_told_from_one_whose_interval_is_unknown() {
        assert!(matches!(price("recurring", Value::Null).recurring(), Ok(None)));
        assert!(price("recurring", json!(true)).recurring().is_err());
    }

    #[test]
    fn a_deleted_product_is_not_on_sale_and_one_that_was_not_shown_is_unknown() {
        assert_eq!(price("product", json!({ "id": "prod_1", "deleted": true })).is_on_sale(), Ok(false));
        assert!(price("product", json!("prod_1")).is_on_sale().is_err());
    }
}
