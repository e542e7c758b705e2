//! Which tier a subscription is for.

use std::collections::{BTreeMap, BTreeSet};

use super::super::id::ProductId;
use super::super::stripe::{Found, Price, Product, Subscription};
use super::super::subjects::{Offer, offers};
use super::super::{NoAnswer, World};
use crate::config::{Source, Tier};
use crate::finding::{Answered, Cause};

/// What is known of what can be bought.
pub(super) struct Shop<'w> {
    pub world: &'w World,
    /// Why a tier's own price is not known or not right, where it is not.
    pub unsettled: Option<NoAnswer>,
    offers: Vec<Offer<'w>>,
    products: BTreeMap<String, Answered<Product>>,
}

/// What a subscription is for.
#[derive(Debug)]
pub(super) enum Sold<'w> {
    /// One tier.
    Tier(&'w Tier),
    /// One of these, or unknown: the catalog contradicts itself, or could not be read.
    Doubtful(Vec<&'w Tier>, NoAnswer),
    /// No tier.
    Nothing,
}

/// So many products beside the tiers' own are read.
const OTHER_PRODUCTS: usize = 20;

impl<'w> Shop<'w> {
    /// Reads what is needed to tell what `subscriptions` are for.
    pub async fn open<'s>(world: &'w World, subscriptions: impl Iterator<Item = &'s Subscription>) -> Self {
        let stripe = world.stripe();
        let offers = offers(world);
        let prices = futures::future::join_all(offers.iter().map(|offer| stripe.price(offer))).await;
        let (mut unsettled, mut products) = (None, BTreeMap::new());
        for (offer, price) in offers.iter().zip(prices) {
            match price.and_then(|price| Ok((price.value.matches(offer)?, price))) {
                Ok((suits, price)) => {
                    if !suits {
                        unsettled = Some(NoAnswer::Because(Cause::PriceTermsDiffer));
                    }
                    products.extend(price.value.product().map(|product| (product.id.clone(), Ok(product.clone()))));
                }
                Err(why) => unsettled = Some(why),
            }
        }
        if world.config.entitlement.source == Source::ProductMetadata {
            // Of what is no longer sold, too: it is still paid for.
            let prices = subscriptions.filter_map(|subscription| subscription.prices().ok()).flatten();
            let ids: BTreeSet<String> = prices
                .filter_map(|price| price.product_id().map(str::to_owned))
                .filter(|id| !products.contains_key(id))
                .collect();
            let asked = ids.iter().take(OTHER_PRODUCTS).map(|id| async move {
                let id = ProductId::parse(id).map_err(|malformed| malformed.in_place("a price of Stripe's"))?;
                stripe.product(&id).await
            });
            for (id, product) in ids.iter().zip(futures::future::join_all(asked).await) {
                match product {
                    Ok(Found::Here(product)) => products.insert(id.clone(), Ok(product.value)),
                    Ok(Found::Missing(_)) => None,
                    Err(why) => products.insert(id.clone(), Err(why)),
                };
            }
            for id in ids.into_iter().skip(OTHER_PRODUCTS) {
                let why = NoAnswer::Unknown(format!(
                    "more than {OTHER_PRODUCTS} other products are paid for; {id} was not read"
                ));
                products.insert(id, Err(why));
            }
        }
        Self { world, unsettled, offers, products }
    }

    /// What a subscription is for. What the Worker reads and the configured price ID have to agree; where they do not, the
    /// catalog is at fault, and not the user.
    pub fn sold(&self, subscription: &Subscription) -> Sold<'w> {
        let prices = match subscription.prices() {
            Ok(prices) => prices,
            Err(why) => return Sold::Doubtful(Vec::new(), why),
        };
        let mut tiers: Vec<&'w Tier> = Vec::new();
        let mut doubt = None;
        for price in prices {
            let by_id: Vec<&Offer<'w>> = self.offers.iter().filter(|offer| offer.id() == price.id).collect();
            let suiting = by_id.iter().find(|offer| price.surely_matches(offer));
            let configured = suiting.or(by_id.first()).map(|offer| offer.tier);
            let claimed = self.claimed(subscription, price, configured).unwrap_or_else(|why| {
                doubt = Some(why);
                None
            });
            for tier in [configured, claimed].into_iter().flatten() {
                if !tiers.iter().any(|known| known.name == tier.name) {
                    tiers.push(tier);
                }
            }
            if let (Some(configured), Some(claimed)) = (configured, claimed)
                && configured.name != claimed.name
            {
                let cause = if suiting.is_none() { Cause::PriceTermsDiffer } else { Cause::ProductMetadataDiffers };
                doubt = Some(NoAnswer::Because(cause));
            }
        }
        match (tiers.as_slice(), doubt) {
            ([], None) => Sold::Nothing,
            ([tier], None) => Sold::Tier(tier),
            // Several items, each of a tier of its own: any of them is paid for.
            (_, None) => Sold::Doubtful(tiers, NoAnswer::unknown(format!("{} is for several tiers", subscription.id))),
            (_, Some(why)) => Sold::Doubtful(tiers, why),
        }
    }

    /// Whether one of the configured price IDs is paid for.
    pub fn is_for_configured_price(&self, subscription: &Subscription) -> Answered<bool> {
        let is_configured = |price: &&Price| self.offers.iter().any(|offer| offer.id() == price.id);
        Ok(subscription.prices()?.iter().any(is_configured))
    }

    /// The tier that the Worker would read. Metadata that was written at checkout is believed only where nothing else
    /// tells: a change of plan does not touch it.
    fn claimed(
        &self,
        subscription: &Subscription,
        price: &Price,
        configured: Option<&Tier>,
    ) -> Answered<Option<&'w Tier>> {
        let entitlement = &self.world.config.entitlement;
        let value = match entitlement.source {
            Source::ProductMetadata => {
                let id = price.product.known(format_args!("product of {}", price.id))?.id();
                match self.products.get(id) {
                    Some(Ok(product)) => product.metadata.get(&entitlement.key, id)?,
                    Some(Err(why)) => return Err(why.clone()),
                    None => None,
                }
            }
            Source::PriceMetadata => price.metadata.get(&entitlement.key, &price.id)?,
            Source::SubscriptionMetadata if configured.is_none() => {
                subscription.metadata.get(&entitlement.tier_key, &subscription.id)?
            }
            Source::SubscriptionMetadata | Source::PriceId => None,
        };
        Ok(value.and_then(|value| self.world.config.tiers.iter().find(|tier| tier.metadata == value)))
    }
}
