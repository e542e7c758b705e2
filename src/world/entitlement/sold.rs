//! Which tier a subscription is for.

use std::collections::{BTreeMap, BTreeSet};

use super::super::id::ProductId;
use super::super::stripe::{Found, Price, Product, Subscription};
use super::super::subjects::{Offer, offers};
use super::super::{NoAnswer, World};
use crate::config::{Source, Tier};
use crate::finding::Cause;

/// What is known of what can be bought.
pub(super) struct Shop<'w> {
    pub world: &'w World,
    /// Why a tier's own price is not known or not right, where it is not.
    pub unsettled: Option<NoAnswer>,
    offers: Vec<Offer<'w>>,
    products: BTreeMap<String, Product>,
}

/// What a subscription is for.
#[derive(Debug)]
pub(super) enum Sold<'w> {
    /// One tier.
    Tier(&'w Tier),
    /// One of these: the catalogue contradicts itself, which is another check's finding.
    Doubtful(Vec<&'w Tier>, NoAnswer),
    /// No tier.
    Nothing,
}

/// So many products beside the tiers' own are looked at.
const OTHER_PRODUCTS: usize = 20;

impl<'w> Shop<'w> {
    /// Reads what is needed to tell what `subscriptions` are for.
    pub async fn open<'s>(world: &'w World, subscriptions: impl Iterator<Item = &'s Subscription>) -> Self {
        let stripe = world.stripe();
        let offers = offers(world);
        let prices = futures::future::join_all(offers.iter().map(|offer| stripe.price(offer))).await;
        let (mut unsettled, mut products) = (None, BTreeMap::new());
        for (offer, price) in offers.iter().zip(prices) {
            match price {
                Ok(price) => {
                    if !price.value.suits(offer) {
                        unsettled = Some(NoAnswer::Because(Cause::PriceTermsDiffer));
                    }
                    products.extend(price.value.product().map(|product| (product.id.clone(), product.clone())));
                }
                Err(why) => unsettled = Some(why),
            }
        }
        let mut shop = Self { world, unsettled, offers, products };
        if world.config.entitlement.source == Source::ProductMetadata {
            // Of what is not sold any more, too: it is still paid for.
            let ids: BTreeSet<String> = subscriptions
                .flat_map(Subscription::prices)
                .map(|price| price.product.id().to_owned())
                .filter(|id| !shop.products.contains_key(id))
                .collect();
            let asked = ids.iter().take(OTHER_PRODUCTS).map(|id| async move {
                let id = ProductId::parse(id).map_err(|malformed| malformed.in_place("a price of Stripe's"))?;
                stripe.product(&id).await
            });
            for product in futures::future::join_all(asked).await {
                match product {
                    Ok(Found::Here(product)) => {
                        shop.products.insert(product.value.id.clone(), product.value);
                    }
                    Ok(Found::Missing(_)) => {}
                    Err(why) => shop.unsettled = Some(why),
                }
            }
        }
        shop
    }

    /// What a subscription is for. What the Worker reads and the configured price ID have to agree; where they do not, the
    /// catalogue is at fault, and not the user.
    pub fn sold(&self, subscription: &Subscription) -> Sold<'w> {
        let mut tiers: Vec<&'w Tier> = Vec::new();
        let mut contradiction = None;
        for price in subscription.prices() {
            let by_id: Vec<&Offer<'w>> = self.offers.iter().filter(|offer| offer.id() == price.id).collect();
            let configured = by_id.iter().find(|offer| price.suits(offer)).or(by_id.first()).map(|offer| offer.tier);
            let claimed = self.claimed(subscription, price, configured);
            for tier in [configured, claimed].into_iter().flatten() {
                if !tiers.iter().any(|known| known.name == tier.name) {
                    tiers.push(tier);
                }
            }
            if let (Some(configured), Some(claimed)) = (configured, claimed)
                && configured.name != claimed.name
            {
                let is_price = !by_id.iter().any(|offer| price.suits(offer));
                contradiction = Some(if is_price { Cause::PriceTermsDiffer } else { Cause::ProductMetadataDiffers });
            }
        }
        match (tiers.as_slice(), contradiction) {
            ([], _) => Sold::Nothing,
            ([tier], None) => Sold::Tier(tier),
            // Several items, each of a tier of its own: any of them is paid for.
            (_, None) => Sold::Doubtful(tiers, NoAnswer::unknown(format!("{} is for several tiers", subscription.id))),
            (_, Some(cause)) => Sold::Doubtful(tiers, NoAnswer::Because(cause)),
        }
    }

    /// The tier that the Worker would read. Metadata that was written at checkout is believed only where nothing else
    /// tells: a change of plan does not touch it.
    fn claimed(&self, subscription: &Subscription, price: &Price, configured: Option<&Tier>) -> Option<&'w Tier> {
        let entitlement = &self.world.config.entitlement;
        let value = match entitlement.source {
            Source::ProductMetadata => self.products.get(price.product.id())?.metadata.get(&entitlement.key)?,
            Source::PriceMetadata => price.metadata.get(&entitlement.key)?,
            Source::SubscriptionMetadata if configured.is_none() => subscription.metadata.get(&entitlement.tier_key)?,
            Source::SubscriptionMetadata | Source::PriceId => return None,
        };
        self.world.config.tiers.iter().find(|tier| tier.metadata == *value)
    }
}
