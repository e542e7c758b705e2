//! The newest subscriptions and holders of plans, and which subscription belongs to which of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::catalog::Catalog;
use super::judgement::{Comparison, Entitled, compare, is_exempt, missing_key, needs_holder, was_just_updated};
use crate::check::prelude::*;
use crate::config::{Mode, Tier};
use crate::world::{
    Answer, CustomerId, Found, HOLDERS_ON_A_PAGE, Holder, Newest, Seen, Stripe, Subscription, SubscriptionId, plan_text,
};

/// The newest subscriptions and holders.
pub(super) struct Sample {
    pub subscriptions: Vec<Subscription>,
    /// The ID of each subscription's holder, if one is known. It may not exist.
    pub owners: BTreeMap<String, String>,
    /// The holders whose tier must be paid for.
    pub holders: Vec<SampledHolder>,
    /// The IDs of all holders that were read.
    pub known: BTreeSet<String>,
    /// Whether every holder that a subscription names was read or does not exist.
    pub are_owners_read: bool,
    /// Whether there are no older holders.
    pub are_all_holders: bool,
    pub subscriptions_answer: Arc<Answer>,
    pub holders_answer: Arc<Answer>,
}

/// A user or an organization, and its subscriptions.
#[derive(Debug)]
pub(crate) struct SampledHolder {
    pub id: String,
    /// The plan in its public metadata.
    pub plan: Option<String>,
    /// The IDs at Stripe in its public metadata.
    pub customer: Option<String>,
    pub subscription: Option<String>,
    /// When it was last updated, in milliseconds.
    pub updated_at: Answered<i64>,
    /// Its subscriptions that are known.
    pub subscriptions: Vec<Subscription>,
    /// An ID in its public metadata that Stripe does not know.
    pub unknown_id: Option<UnknownId>,
    /// Whether it may have a subscription that was not read.
    pub may_have_others: bool,
}

/// An ID of a customer or a subscription that does not exist in this mode.
#[derive(Debug)]
pub(crate) struct UnknownId {
    pub id: String,
    pub is_customer: bool,
    /// The mode in which it exists, if Stripe says so.
    pub known_in: Option<Mode>,
}

/// Paid subscriptions that do not belong to a holder that exists, or that the Worker cannot lead to one.
#[derive(Default)]
pub(super) struct Unmatched<'s> {
    /// Those without a key that the Worker reads in their metadata: that key, and the holder that has their ID or that of their
    /// customer, if there is one.
    pub lacking: Vec<(&'s Subscription, &'s str, Option<&'s str>)>,
    /// Those that name no holder and whose customer no holder has, where the Worker finds the holder by the customer.
    pub unheld: Vec<&'s Subscription>,
    /// Those that name a holder that does not exist, and that one.
    pub ghosts: Vec<(&'s Subscription, &'s str)>,
}

/// What Stripe has for the IDs in a holder's public metadata.
#[derive(Debug, Default)]
pub(crate) struct LookedUp {
    pub subscriptions: Vec<Subscription>,
    pub unknown_id: Option<UnknownId>,
    pub unread: Vec<NoAnswer>,
}

/// Most holders that are looked up at Stripe one by one.
const LOOKED_UP: usize = 40;

impl SampledHolder {
    /// Reads what matters of a holder.
    pub fn read(world: &World, holder: &Holder) -> Answered<Self> {
        let (clerk, metadata) = (&world.config().clerk, holder.public_metadata()?);
        let id = |key: &str| metadata.get(key).and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
        Ok(Self {
            id: holder.id.clone(),
            plan: metadata.get(&clerk.metadata_key).and_then(plan_text),
            customer: id(&clerk.customer_key),
            subscription: id(&clerk.subscription_key),
            updated_at: holder.updated_at(),
            subscriptions: Vec::new(),
            unknown_id: None,
            may_have_others: false,
        })
    }

    /// Whether its public metadata names this subscription or its customer.
    pub fn names(&self, subscription: &Subscription) -> bool {
        (self.customer.is_some() && self.customer.as_deref() == subscription.customer.text())
            || self.subscription.as_ref() == Some(&subscription.id)
    }

    /// The tier whose value its plan is.
    pub fn tier<'w>(&self, world: &'w World) -> Option<&'w Tier> {
        world.config().tiers.iter().find(|tier| self.plan.as_ref() == Some(&tier.metadata))
    }

    /// Compares its tier with its subscriptions.
    pub fn compare<'w>(&self, catalog: &Catalog<'w>) -> Answered<Comparison<'w>> {
        let payments: Vec<_> =
            self.subscriptions.iter().map(|subscription| catalog.payment_of(subscription, &self.id)).collect();
        let world = catalog.world;
        let entitled = Entitled {
            id: &self.id,
            tier: self.tier(world),
            has_plan: self.plan.is_some(),
            was_just_updated: self.updated_at.clone().map(|updated_at| was_just_updated(world, updated_at)),
        };
        compare(catalog, &entitled, &payments)
    }

    fn has_paid_tier(&self, world: &World) -> bool {
        self.tier(world).is_some_and(Tier::is_paid)
    }
}

impl Sample {
    /// Every subscription that was read. One may be there twice.
    pub fn all_subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.iter().chain(self.holders.iter().flat_map(|holder| &holder.subscriptions))
    }

    /// Reads the newest subscriptions and holders, and the holders that those subscriptions name.
    ///
    /// # Errors
    /// Unknown if Stripe or Clerk does not answer. What else could not be read is left open in `outcome`.
    pub async fn read(world: &World, outcome: &mut Outcome) -> Answered<Self> {
        let clerk = world.clerk();
        let (newest, page) = futures::join!(world.stripe().newest_subscriptions(), clerk.newest_holders());
        let (Newest { listed, are_all }, Seen { value: page, answer: holders_answer }) = (newest?, page?);
        let is_page_empty = page.is_empty();
        let are_all_holders = !is_page_empty && page.len() < HOLDERS_ON_A_PAGE;
        let (subscriptions, mut holders, mut are_owners_read) = (listed.items, page.holders, page.unread.is_empty());
        for why in listed.unread.into_iter().chain(page.unread) {
            outcome.leave_open(why);
        }

        let user_key = &world.config().entitlement.user_key;
        let named = |subscription: &Subscription| {
            let named = subscription.metadata.text(user_key).filter(|id| !id.is_empty());
            named.map(str::to_owned)
        };
        let listed_ids: BTreeSet<&str> = holders.iter().map(|holder| holder.id.as_str()).collect();
        let is_elsewhere = |id: &String| !listed_ids.contains(id.as_str()) && !is_exempt(world, id);
        let elsewhere: BTreeSet<String> = subscriptions.iter().filter_map(named).filter(is_elsewhere).collect();
        let is_any_elsewhere = !elsewhere.is_empty();
        let others = match clerk.holders_by_id(elsewhere.into_iter().collect()).await {
            Ok(_) if is_page_empty && is_any_elsewhere => {
                let plural = world.config().entitlement.holder.plural();
                Err(NoAnswer::Unknown(format!("Clerk lists no {plural}, but subscriptions name some")))
            }
            others => others,
        };
        match outcome.ask(others) {
            Some(others) => {
                are_owners_read &= others.unread.is_empty();
                for why in others.unread {
                    outcome.leave_open(why);
                }
                holders.extend(others.holders);
            }
            None => are_owners_read = false,
        }

        holders.retain(|holder| !is_exempt(world, &holder.id));
        let known = holders.iter().map(|holder| holder.id.clone()).collect();
        let mut holders: Vec<SampledHolder> =
            holders.iter().filter_map(|holder| outcome.ask(SampledHolder::read(world, holder))).collect();
        let owner_of = |subscription: &Subscription| {
            let holder = || holders.iter().find(|holder| holder.names(subscription)).map(|holder| holder.id.clone());
            let owner = named(subscription).or_else(holder).filter(|owner| !is_exempt(world, owner));
            Some((subscription.id.clone(), owner?))
        };
        let owners: BTreeMap<String, String> = subscriptions.iter().filter_map(owner_of).collect();
        for holder in &mut holders {
            let is_theirs = |subscription: &&Subscription| {
                owners.get(&subscription.id) == Some(&holder.id) || holder.names(subscription)
            };
            holder.subscriptions = subscriptions.iter().filter(is_theirs).cloned().collect();
            // Its subscription may be older than the sample.
            let names_nothing = holder.customer.is_none() && holder.subscription.is_none();
            holder.may_have_others = !are_all && names_nothing && holder.has_paid_tier(world);
        }
        look_up(world, &subscriptions, &mut holders, outcome).await;
        let subscriptions_answer = listed.answer;
        Ok(Self {
            subscriptions,
            owners,
            holders,
            known,
            are_owners_read,
            are_all_holders,
            subscriptions_answer,
            holders_answer,
        })
    }
}

impl Sample {
    /// A subscription that has not ended and that this holder's public metadata names, itself or by its customer, although it
    /// names another holder that exists; and that one.
    pub fn shared<'s>(&'s self, world: &World, holder: &'s SampledHolder) -> Option<(&'s Subscription, &'s str)> {
        let key = &world.config().entitlement.user_key;
        let theirs =
            holder.subscriptions.iter().filter(|subscription| !subscription.is_over() && holder.names(subscription));
        let mut others = theirs.filter_map(|subscription| Some((subscription, subscription.metadata.text(key)?)));
        others.find(|(_, named)| *named != holder.id && self.known.contains(*named))
    }
}

impl Sample {
    /// The paid subscriptions that do not belong to a holder that exists. What could not be read is left open in `outcome`.
    pub async fn unmatched<'s>(
        &'s self,
        world: &'s World,
        catalog: &Catalog<'_>,
        outcome: &mut Outcome,
    ) -> Unmatched<'s> {
        let entitlement = &world.config().entitlement;
        let mut unmatched = Unmatched::default();
        for subscription in &self.subscriptions {
            if outcome.ask(needs_holder(&catalog.payment(subscription))) != Some(true) {
                continue;
            }
            let owner = self.owners.get(&subscription.id).map(String::as_str);
            let Some(missing) = outcome.ask(missing_key(world, subscription)) else { continue };
            match (missing, owner) {
                (Some(key), holder) => unmatched.lacking.push((subscription, key, holder)),
                (None, Some(owner)) if self.known.contains(owner) || !self.are_owners_read => {}
                (None, Some(owner)) => unmatched.ghosts.push((subscription, owner)),
                // A named owner that is none of these is exempt.
                (None, None) if subscription.metadata.text(&entitlement.user_key).is_some() => {}
                (None, None) => unmatched.unheld.push(subscription),
            }
        }
        if !unmatched.ghosts.is_empty() {
            // Those of another instance cannot be found here.
            if outcome.ask(world.clerk().one_instance().await).is_none() {
                unmatched.ghosts.clear();
            }
        }
        unmatched
    }
}

/// Reads the subscriptions beyond the sample that public metadata names, first for holders with a paid tier.
async fn look_up(world: &World, sampled: &[Subscription], holders: &mut [SampledHolder], outcome: &mut Outcome) {
    let is_sampled = |id: &String| sampled.iter().any(|known| known.id == *id || known.customer.text() == Some(id));
    let mut wanted = Vec::new();
    for holder in holders {
        let unsampled = |id: &Option<String>| id.clone().filter(|id| !is_sampled(id));
        let (customer, subscription) = (unsampled(&holder.customer), unsampled(&holder.subscription));
        if customer.is_some() || subscription.is_some() {
            wanted.push((holder, customer, subscription));
        }
    }
    wanted.sort_by_key(|(holder, ..)| (!holder.has_paid_tier(world), !holder.subscriptions.is_empty()));
    for (holder, ..) in wanted.iter_mut().skip(LOOKED_UP) {
        holder.may_have_others = true;
    }
    wanted.truncate(LOOKED_UP);
    let requests = wanted.iter().map(|(_, customer, subscription)| {
        subscriptions_at_stripe(world.stripe(), customer.as_deref(), subscription.as_deref())
    });
    let answers = futures::future::join_all(requests).await;
    for ((holder, ..), answer) in wanted.into_iter().zip(answers) {
        match outcome.ask(answer) {
            Some(LookedUp { subscriptions, unknown_id, unread }) => {
                holder.subscriptions.extend(subscriptions);
                holder.unknown_id = unknown_id;
                for why in unread {
                    outcome.leave_open(why);
                }
            }
            None => holder.may_have_others = true,
        }
    }
}

/// What Stripe has for the IDs of a customer and a subscription in a holder's public metadata.
pub(crate) async fn subscriptions_at_stripe(
    stripe: Stripe<'_>,
    customer: Option<&str>,
    subscription: Option<&str>,
) -> Answered<LookedUp> {
    const METADATA: &str = "public metadata in Clerk";
    let mut looked_up = LookedUp::default();
    if let Some(id) = customer {
        let parsed = CustomerId::parse(id).map_err(|malformed| malformed.in_place(METADATA))?;
        match stripe.subscriptions_of(&parsed).await? {
            Found::Here(Seen { value, .. }) => (looked_up.subscriptions, looked_up.unread) = value,
            Found::Missing(refusal) => {
                let known_in = refusal.other_mode();
                looked_up.unknown_id = Some(UnknownId { id: id.to_owned(), is_customer: true, known_in });
            }
        }
    }
    if let Some(id) = subscription.filter(|id| !looked_up.subscriptions.iter().any(|found| found.id == **id)) {
        let parsed = SubscriptionId::parse(id).map_err(|malformed| malformed.in_place(METADATA))?;
        match stripe.subscription(&parsed).await? {
            Found::Here(Seen { value, .. }) => looked_up.subscriptions.push(value),
            Found::Missing(refusal) => {
                let known_in = refusal.other_mode();
                let unknown = UnknownId { id: id.to_owned(), is_customer: false, known_in };
                looked_up.unknown_id.get_or_insert(unknown);
            }
        }
    }
    Ok(looked_up)
}
