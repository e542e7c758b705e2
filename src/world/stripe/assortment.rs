//! The whole catalogue, held against the tiers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::plan_value::judge_plan;
use super::super::subjects::{self, Offer};
use super::super::transport::Answer;
use super::{Listed, NoAnswer, Price, Product, Seen, Stripe};
use crate::config::{Config, Source, Tier};
use crate::finding::Cause;

/// What is on sale, held against the tiers.
#[derive(Debug)]
pub struct Assortment<'w> {
    /// What claims a tier beside the tier's own product.
    pub rivals: Vec<Rival<'w>>,
    /// Prices on sale that no tier is sold at, on a tier's own product.
    pub extra_prices: Vec<Price>,
    /// Prices on sale that no tier is sold at, on a product that is no tier's.
    pub strays: Vec<Price>,
    /// Why a tier could not be judged, where one could not.
    pub unsettled: Option<NoAnswer>,
    /// How many active products there are.
    pub products: usize,
    /// How many active recurring prices there are.
    pub prices: usize,
    /// The answer that held the first products.
    pub products_answer: Arc<Answer>,
    /// The answer that held the first prices.
    pub prices_answer: Arc<Answer>,
}

/// Something that claims a tier and is not the tier's own.
#[derive(Debug)]
pub struct Rival<'w> {
    /// The tier.
    pub tier: &'w Tier,
    /// `prod_…`, or `price_…` where the Worker reads the metadata of prices.
    pub id: String,
    /// The product's name.
    pub name: String,
    /// The value, to the letter.
    pub value: String,
}

/// The tier whose value `value` is, or is meant to be.
pub(in crate::world) fn meant<'c>(value: &str, config: &'c Config) -> Option<&'c Tier> {
    let slip = judge_plan(value, &config.tiers);
    let meant = slip.as_ref().map_or(Some(value), |slip| slip.meant())?;
    config.tiers.iter().find(|tier| tier.metadata == meant)
}

/// What the Worker reads of the tier in the catalogue, where it looks there.
pub(in crate::world) fn claim<'p>(price: &'p Price, product: Option<&'p Product>, config: &Config) -> Option<&'p str> {
    let metadata = match config.entitlement.source {
        Source::ProductMetadata => &product?.metadata,
        Source::PriceMetadata => &price.metadata,
        Source::SubscriptionMetadata | Source::PriceId => return None,
    };
    metadata.get(&config.entitlement.key).map(String::as_str)
}

/// A tier's price, as far as it could be found.
struct Held<'w> {
    offer: Offer<'w>,
    price: Result<Seen<Price>, NoAnswer>,
}

impl Held<'_> {
    fn suits(&self) -> bool {
        self.price.as_ref().is_ok_and(|price| price.value.suits(&self.offer))
    }

    fn claims_its_tier(&self, config: &Config) -> bool {
        let Ok(price) = &self.price else { return false };
        claim(&price.value, price.value.product(), config) == Some(&self.offer.tier.metadata)
    }
}

impl<'w> Stripe<'w> {
    /// What is on sale, held against the tiers.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn assortment(self) -> Result<Assortment<'w>, NoAnswer> {
        let held = futures::future::join_all(
            subjects::offers(self.world)
                .into_iter()
                .map(|offer| async move { Held { price: self.price(&offer).await, offer } }),
        );
        let (held, products, prices) = futures::join!(held, self.products(), self.recurring_prices());
        let (products, prices) = (products?, prices?);
        let (rivals, doubt) = self.rivals(&held, &products, &prices);
        let known = |price: &Price| {
            let is_rival = rivals.iter().any(|rival| rival.id == price.id || rival.id == price.product.id());
            is_rival || self.is_known(price, &held)
        };
        let own = own_products(&held);
        let strays = prices.items.iter().filter(|price| !known(price)).cloned();
        let (extra_prices, strays) = strays.partition(|price| own.contains(price.product.id()));
        let unresolved = held.iter().find_map(|held| held.price.as_ref().err().cloned());
        Ok(Assortment {
            extra_prices,
            strays,
            unsettled: unresolved.or(doubt),
            products: products.items.len(),
            prices: prices.items.len(),
            products_answer: products.answer,
            prices_answer: prices.answer,
            rivals,
        })
    }

    /// What claims a tier beside its own products, and why it cannot be told for a tier where it cannot: with another
    /// tier's price, or on a product that carries nothing, the tier's own product is what looks like a rival.
    fn rivals(
        self,
        held: &[Held<'w>],
        products: &Listed<Product>,
        prices: &Listed<Price>,
    ) -> (Vec<Rival<'w>>, Option<NoAnswer>) {
        let config = &self.world.config;
        let own = own_products(held);
        let claims: Vec<(&str, &str, &str)> = match config.entitlement.source {
            Source::ProductMetadata => products
                .items
                .iter()
                .filter(|product| !own.contains(product.id.as_str()))
                .filter_map(|product| {
                    let value = product.metadata.get(&config.entitlement.key)?;
                    Some((product.id.as_str(), product.name.as_str(), value.as_str()))
                })
                .collect(),
            Source::PriceMetadata => prices
                .items
                .iter()
                .filter(|price| !own.contains(price.product.id()))
                .filter_map(|price| {
                    let value = price.metadata.get(&config.entitlement.key)?;
                    let product = price.product().filter(|product| product.active)?;
                    Some((price.id.as_str(), product.name.as_str(), value.as_str()))
                })
                .collect(),
            Source::SubscriptionMetadata | Source::PriceId => Vec::new(),
        };
        let (mut rivals, mut doubt) = (Vec::new(), None);
        for (id, name, value) in claims {
            let Some(tier) = meant(value, config) else { continue };
            let mut of_tier = held.iter().filter(|held| std::ptr::eq(held.offer.tier, tier)).peekable();
            if of_tier.peek().is_none() {
                // A free tier has no product of its own that another could be taken for.
                continue;
            }
            if of_tier.clone().any(|held| held.claims_its_tier(config)) {
                rivals.push(Rival { tier, id: id.to_owned(), name: name.to_owned(), value: value.to_owned() });
            } else if of_tier.all(Held::suits) {
                doubt = Some(NoAnswer::Because(Cause::ProductMetadataDiffers));
            } else {
                doubt = Some(NoAnswer::Because(Cause::PriceTermsDiffer));
            }
        }
        (rivals, doubt)
    }

    /// Whether nothing is to be said of a price on sale.
    fn is_known(self, price: &Price, held: &[Held<'_>]) -> bool {
        let config = &self.world.config;
        let is_offered = held.iter().any(|held| held.offer.id() == price.id);
        // Where a tier's price ID is another check's finding, this may be the price that is meant.
        let may_be_meant = held.iter().any(|held| !held.suits() && price.suits(&held.offer));
        let is_free = price.unit_amount == Some(0) && config.tiers.iter().any(|tier| tier.prices.is_empty());
        let cannot_be_bought = price.product().is_none_or(|product| !product.active);
        let is_own = own_products(held).contains(price.product.id());
        // On a tier's own product: what is charged by use on top, and what says for itself which tier it is.
        let belongs = is_own
            && (price.recurring.as_ref().is_some_and(|recurring| recurring.usage_type == "metered")
                || config.entitlement.source == Source::PriceMetadata
                    && price.metadata.get(&config.entitlement.key).is_some_and(|value| meant(value, config).is_some()));
        is_offered || may_be_meant || is_free || cannot_be_bought || belongs
    }
}

fn own_products<'h>(held: &'h [Held<'_>]) -> BTreeSet<&'h str> {
    held.iter().filter_map(|held| held.price.as_ref().ok()).map(|price| price.value.product.id()).collect()
}
