//! Products and prices.

use std::collections::BTreeMap;

use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_product::price::{ListPrice, RetrievePrice};
use stripe_product::product::{ListProduct, RetrieveProduct};
use stripe_shared::PriceType;

use super::super::id::{PathId, PriceId, ProductId, configured};
use super::{Found, Listed, NoAnswer, Seen, Stripe};
use crate::config::{Mode, Money};
use crate::finding::Cause;
use crate::world::subjects::{Offer, term};

/// A price (facts.md, A2).
#[derive(Debug, Clone, Deserialize)]
pub struct Price {
    /// `price_…`, or an old plan's ID.
    pub id: String,
    /// Whether it can still be bought.
    pub active: bool,
    /// Whether it is of live mode.
    pub livemode: bool,
    /// Three lower-case letters.
    pub currency: String,
    /// How it is charged again; `None` for a price that is paid once.
    pub recurring: Option<Recurring>,
    /// In the currency's smallest unit; `None` where it is tiered or has fractions of a unit.
    pub unit_amount: Option<i64>,
    /// The same with fractions.
    pub unit_amount_decimal: Option<String>,
    /// Whose price it is.
    pub product: PriceOf,
    /// Its metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// How a price is charged again.
#[derive(Debug, Clone, Deserialize)]
pub struct Recurring {
    /// `day`, `week`, `month` or `year`.
    pub interval: String,
    /// Every how many of them.
    pub interval_count: u64,
    /// `licensed` or `metered`.
    pub usage_type: String,
}

/// The product of a price, as far as it was asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum PriceOf {
    /// The whole product.
    Product(Product),
    /// A product that was deleted.
    Deleted {
        /// `prod_…`.
        id: String,
        /// Always true.
        deleted: bool,
    },
    /// Just its ID.
    Id(String),
}

/// A product.
#[derive(Debug, Clone, Deserialize)]
pub struct Product {
    /// `prod_…`.
    pub id: String,
    /// Whether it can still be bought.
    pub active: bool,
    /// What customers see.
    pub name: String,
    /// Its metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
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
    /// The whole product, where it still exists.
    #[must_use]
    pub const fn product(&self) -> Option<&Product> {
        match &self.product {
            PriceOf::Product(product) => Some(product),
            PriceOf::Deleted { .. } | PriceOf::Id(_) => None,
        }
    }

    /// The ID of its product.
    #[must_use]
    pub fn product_id(&self) -> &str {
        match &self.product {
            PriceOf::Product(product) => &product.id,
            PriceOf::Deleted { id, .. } | PriceOf::Id(id) => id,
        }
    }

    /// What is charged each time; `None` where it is tiered or has fractions of a unit.
    #[must_use]
    pub fn money(&self) -> Option<Money> {
        Some(Money { minor: self.unit_amount?, currency: self.currency.clone() })
    }

    /// What is charged and how often, for a sentence: `29.00 USD a month`.
    #[must_use]
    pub fn terms(&self) -> String {
        let amount = self.money().map_or_else(|| format!("an amount in {}", self.currency), |money| money.to_string());
        match &self.recurring {
            Some(recurring) => format!("{amount} a {}", term(&recurring.interval, recurring.interval_count)),
            None => format!("{amount} once"),
        }
    }

    /// Whether a tier could be sold at it as `offer` says: the amount, the currency and the term agree.
    #[must_use]
    pub fn suits(&self, offer: &Offer<'_>) -> bool {
        let wanted = offer.price;
        let term = self.recurring.as_ref().is_some_and(|recurring| {
            recurring.interval == wanted.interval.word()
                && recurring.interval_count == wanted.interval_count
                && recurring.usage_type == "licensed"
        });
        term && self.unit_amount == Some(wanted.money.minor) && self.currency == wanted.money.currency
    }
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
            Found::Here(price) if Mode::of_livemode(price.value.livemode) == self.mode => Ok(price),
            _ => Err(NoAnswer::Because(Cause::PriceNotFound)),
        }
    }

    /// The price of `offer`, at which its tier can be sold as the configuration says.
    ///
    /// # Errors
    /// Blocked by `stripe/price-mode` or `stripe/price-terms` where it cannot.
    pub async fn sound_price(self, offer: &Offer<'_>) -> Result<Seen<Price>, NoAnswer> {
        let price = self.price(offer).await?;
        let is_on_sale = price.value.active && price.value.product().is_some_and(|product| product.active);
        if is_on_sale && price.value.suits(offer) { Ok(price) } else { Err(NoAnswer::Because(Cause::PriceTermsDiffer)) }
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
