//! What subscriptions pay for.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::prelude::*;
use crate::config::{Source, Tier, UserFrom};
use crate::world::{Found, Price, Product, ProductId, Subscription};

/// The prices and products that subscriptions can be for.
#[derive(Debug)]
pub(crate) struct Catalog<'w> {
    pub world: &'w World,
    offers: Vec<Offer<'w>>,
    /// By ID. A deleted product has no metadata.
    products: BTreeMap<String, Answered<Option<Product>>>,
    /// How many of them are not the product of a configured price.
    others: usize,
    /// Why a tier's own price is unknown or wrong, if it is.
    pub price_problem: Option<NoAnswer>,
}

/// What a subscription pays for.
#[derive(Debug, Clone)]
pub(crate) enum PaysFor<'w> {
    /// One tier.
    Tier(&'w Tier),
    /// One of these tiers, or unknown: the catalog contradicts itself or could not be read.
    Unclear(Vec<&'w Tier>, NoAnswer),
    /// No tier.
    NoTier,
}

/// What matters of one of a user's subscriptions.
#[derive(Debug, Clone)]
pub(crate) struct Payment<'w> {
    pub pays_for: PaysFor<'w>,
    /// Whether its status grants its tier.
    pub grants: bool,
    /// Whether it has ended for good.
    pub is_over: bool,
    /// When it was created, in Unix seconds.
    pub created: i64,
    /// Whether it changed so recently that the change may not have arrived.
    pub is_fresh: Answered<bool>,
    /// Whether the Worker serves another holder for it, whom its metadata names.
    pub is_for_another: bool,
}

/// A webhook takes moments, and Stripe retries it for minutes: a newer change may not have arrived. In seconds.
pub(crate) const GRACE: i64 = 10 * 60;

impl<'w> Catalog<'w> {
    /// Reads the configured prices.
    pub async fn read(world: &'w World) -> Self {
        let stripe = world.stripe();
        let offers = offers(world);
        let prices = futures::future::join_all(offers.iter().map(|offer| stripe.price(offer))).await;
        let (mut price_problem, mut products) = (None, BTreeMap::new());
        for (offer, price) in offers.iter().zip(prices) {
            match price.and_then(|price| Ok((price.value.matches(offer)?, price))) {
                Ok((suits, price)) => {
                    if !suits {
                        price_problem = Some(NoAnswer::Because(Cause::PriceTermsDiffer));
                    }
                    products
                        .extend(price.value.product().map(|product| (product.id.clone(), Ok(Some(product.clone())))));
                }
                Err(why) => price_problem = Some(why),
            }
        }
        Self { world, offers, products, others: 0, price_problem }
    }

    /// Reads the products of these subscriptions if the Worker reads product metadata, `most` beside those of the configured
    /// prices: customers also still pay for products that are no longer on sale.
    pub async fn learn<'s>(&mut self, subscriptions: impl Iterator<Item = &'s Subscription>, most: usize) {
        self.learn_products(&Self::products_of(subscriptions), most).await;
    }

    /// The IDs of the products of these subscriptions.
    pub fn products_of<'s>(subscriptions: impl Iterator<Item = &'s Subscription>) -> BTreeSet<String> {
        let prices = subscriptions.flat_map(Subscription::prices).flatten();
        prices.filter_map(|price| price.product_id().map(str::to_owned)).collect()
    }

    /// The same for products by their IDs.
    pub async fn learn_products(&mut self, ids: &BTreeSet<String>, most: usize) {
        if self.world.config().entitlement.source != Source::ProductMetadata {
            return;
        }
        let stripe = self.world.stripe();
        let ids: BTreeSet<String> = ids.iter().filter(|id| !self.products.contains_key(*id)).cloned().collect();
        let left = most.saturating_sub(self.others);
        let requests = ids.iter().take(left).map(|id| async move {
            let id = ProductId::parse(id).map_err(|malformed| malformed.in_place("a price in Stripe"))?;
            stripe.product(&id).await
        });
        for (id, product) in ids.iter().zip(futures::future::join_all(requests).await) {
            self.others += 1;
            let product = product.map(|found| match found {
                Found::Here(product) => Some(product.value),
                Found::Missing(_) => None,
            });
            self.products.insert(id.clone(), product);
        }
        for id in ids.into_iter().skip(left) {
            let why = format!("customers pay for more than {most} other products, and {id} was not read");
            self.products.insert(id, Err(NoAnswer::Unknown(why)));
        }
    }

    /// The same for one subscription, with one request for each of its products that it does not show.
    pub async fn of(world: &'w World, subscription: &Subscription) -> Self {
        let mut products = BTreeMap::new();
        if world.config().entitlement.source == Source::ProductMetadata {
            for price in subscription.prices().into_iter().flatten() {
                let (shown, Some(id)) = (price.product(), price.product_id()) else { continue };
                let product = match (shown, ProductId::parse(id)) {
                    (Some(product), _) => Ok(Some(product.clone())),
                    (None, Err(malformed)) => Err(malformed.in_place("a price in Stripe")),
                    (None, Ok(parsed)) => match world.stripe().product(&parsed).await {
                        Ok(Found::Here(product)) => Ok(Some(product.value)),
                        Ok(Found::Missing(_)) => Ok(None),
                        Err(why) => Err(why),
                    },
                };
                products.insert(id.to_owned(), product);
            }
        }
        Self { world, offers: offers(world), products, others: 0, price_problem: None }
    }

    /// The value that the Worker reads in the metadata of a price or its product, if it looks there and
    /// finds one.
    pub fn value_read<'v>(&'v self, price: &'v Price) -> Answered<Option<&'v str>> {
        let entitlement = &self.world.config().entitlement;
        Ok(match entitlement.source {
            Source::ProductMetadata => {
                let id = price.product.known(format_args!("product of {}", price.id))?.id();
                match self.products.get(id) {
                    Some(Ok(Some(product))) => product.metadata.get(&entitlement.key, id)?,
                    Some(Err(why)) => return Err(why.clone()),
                    Some(Ok(None)) | None => None,
                }
            }
            Source::PriceMetadata => price.metadata.get(&entitlement.key, &price.id)?,
            Source::SubscriptionMetadata | Source::PriceId => None,
        })
    }

    /// What a subscription pays for, by the configured price ID and by what the Worker reads. If the two disagree, the catalog
    /// is wrong and not the user.
    pub fn pays_for(&self, subscription: &Subscription) -> PaysFor<'w> {
        let prices = match subscription.prices() {
            Ok(prices) => prices,
            Err(why) => return PaysFor::Unclear(Vec::new(), why),
        };
        let mut tiers: Vec<&'w Tier> = Vec::new();
        let mut problem = None;
        for price in prices {
            let by_id: Vec<&Offer<'w>> = self.offers.iter().filter(|offer| offer.id() == price.id).collect();
            let suiting = by_id.iter().find(|offer| price.surely_matches(offer));
            let configured = suiting.or(by_id.first()).map(|offer| offer.tier);
            let claimed = self.tier_in_metadata(subscription, price, configured).unwrap_or_else(|why| {
                problem = Some(why);
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
                problem = Some(NoAnswer::Because(cause));
            }
        }
        match (tiers.as_slice(), problem) {
            ([], None) => PaysFor::NoTier,
            ([tier], None) => PaysFor::Tier(tier),
            (_, None) => {
                PaysFor::Unclear(tiers, NoAnswer::unknown(format!("{} is for several tiers", subscription.id)))
            }
            (_, Some(why)) => PaysFor::Unclear(tiers, why),
        }
    }

    /// What matters of a subscription.
    pub fn payment(&self, subscription: &Subscription) -> Payment<'w> {
        Payment {
            pays_for: self.pays_for(subscription),
            grants: self.grants(subscription),
            is_over: subscription.is_over(),
            created: subscription.created,
            is_fresh: self.is_fresh(subscription),
            is_for_another: false,
        }
    }

    /// What matters of a subscription of this holder, which may share it.
    pub fn payment_of(&self, subscription: &Subscription, holder: &str) -> Payment<'w> {
        let entitlement = &self.world.config().entitlement;
        let named = subscription.metadata.text(&entitlement.user_key).filter(|named| !named.is_empty());
        let is_by_metadata = entitlement.user_from == UserFrom::Metadata;
        let is_for_another = is_by_metadata && named.is_some_and(|named| named != holder);
        Payment { is_for_another, ..self.payment(subscription) }
    }

    /// Whether a subscription's status grants its tier.
    pub fn grants(&self, subscription: &Subscription) -> bool {
        self.world.config().entitlement.entitling_statuses.contains(&subscription.status)
    }

    /// Whether a subscription changed so recently that the change may not have arrived.
    pub fn is_fresh(&self, subscription: &Subscription) -> Answered<bool> {
        Ok(self.world.now().as_second() - subscription.changed()? < GRACE)
    }

    /// The customers with several active subscriptions to configured prices, the oldest first. One that ends with its period
    /// may have been replaced by another, and does not count. What could not be read is left open in `outcome`.
    pub fn charged_twice<'s>(
        &self,
        subscriptions: impl Iterator<Item = &'s Subscription>,
        outcome: &mut Outcome,
    ) -> Vec<(&'s str, Vec<&'s str>)> {
        let mut by_customer: BTreeMap<&str, Vec<&Subscription>> = BTreeMap::new();
        for subscription in subscriptions.filter(|subscription| subscription.status == "active") {
            if let Some(customer) = subscription.customer.text() {
                by_customer.entry(customer).or_default().push(subscription);
            }
        }
        let mut twice = Vec::new();
        for (customer, mut active) in by_customer {
            active.sort_by_key(|subscription| (subscription.created, &subscription.id));
            active.dedup_by_key(|subscription| &subscription.id);
            if active.len() > 1 {
                active.retain(|subscription| outcome.ask(self.is_charged(subscription)) == Some(true));
            }
            if active.len() > 1 {
                twice.push((customer, active.into_iter().map(|subscription| subscription.id.as_str()).collect()));
            }
        }
        twice
    }

    /// Whether a customer is charged for an active subscription to a configured price, and will be again.
    pub fn is_charged(&self, subscription: &Subscription) -> Answered<bool> {
        let is_configured = |price: &&Price| self.offers.iter().any(|offer| offer.id() == price.id);
        Ok(subscription.prices()?.iter().any(is_configured)
            && !subscription.is_ending()?
            && !self.is_fresh(subscription)?)
    }

    /// The tier that the Worker would read. Subscription metadata counts only without a configured price: it was written at
    /// checkout, and a later change of plan does not update it.
    fn tier_in_metadata(
        &self,
        subscription: &Subscription,
        price: &Price,
        configured: Option<&Tier>,
    ) -> Answered<Option<&'w Tier>> {
        let entitlement = &self.world.config().entitlement;
        let value = match entitlement.source {
            Source::ProductMetadata | Source::PriceMetadata => self.value_read(price)?,
            Source::SubscriptionMetadata if configured.is_none() => {
                subscription.metadata.get(&entitlement.tier_key, &subscription.id)?
            }
            Source::SubscriptionMetadata | Source::PriceId => None,
        };
        Ok(value.and_then(|value| self.world.config().tiers.iter().find(|tier| tier.metadata == value)))
    }
}
