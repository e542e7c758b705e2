//! The newest users and subscriptions, and which subscription belongs to which user.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::catalog::Catalog;
use super::judgement::{Comparison, Holder, compare, is_exempt, missing_key, needs_user, was_just_updated};
use crate::check::prelude::*;
use crate::config::{Mode, Tier};
use crate::world::{Answer, CustomerId, Found, Newest, Seen, Stripe, Subscription, SubscriptionId, User, plan_text};

/// The newest subscriptions and users.
pub(super) struct Sample {
    pub subscriptions: Vec<Subscription>,
    /// The ID of each subscription's user, if one is known. The user may not exist.
    pub owners: BTreeMap<String, String>,
    /// The users whose tier must be paid for.
    pub users: Vec<SampledUser>,
    /// The IDs of all users who were read.
    pub known: BTreeSet<String>,
    /// Whether every user whom a subscription names was read or does not exist.
    pub are_owners_read: bool,
    /// Whether there are no older users.
    pub are_all_users: bool,
    pub subscriptions_answer: Arc<Answer>,
    pub users_answer: Arc<Answer>,
}

/// A user and their subscriptions.
#[derive(Debug)]
pub(crate) struct SampledUser {
    pub id: String,
    /// The plan in their public metadata.
    pub plan: Option<String>,
    /// The IDs at Stripe in their public metadata.
    pub customer: Option<String>,
    pub subscription: Option<String>,
    /// When they were last updated, in milliseconds.
    pub updated_at: Answered<i64>,
    /// Their subscriptions that are known.
    pub subscriptions: Vec<Subscription>,
    /// An ID in their public metadata that Stripe does not know.
    pub unknown_id: Option<UnknownId>,
    /// Whether they may have a subscription that was not read.
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

/// Paid subscriptions that do not belong to a user who exists, or that the Worker cannot lead to one.
#[derive(Default)]
pub(super) struct Unmatched<'s> {
    /// Those without a key that the Worker reads in their metadata: that key, and the user who holds their ID or that of their
    /// customer, if there is one.
    pub lacking: Vec<(&'s Subscription, &'s str, Option<&'s str>)>,
    /// Those that name no user and whose customer no user holds, where the Worker finds the user by the customer.
    pub unheld: Vec<&'s Subscription>,
    /// Those that name a user who does not exist, and that user.
    pub ghosts: Vec<(&'s Subscription, &'s str)>,
}

/// What Stripe has for the IDs in a user's public metadata.
#[derive(Debug, Default)]
pub(crate) struct LookedUp {
    pub subscriptions: Vec<Subscription>,
    pub unknown_id: Option<UnknownId>,
    pub unread: Vec<NoAnswer>,
}

/// Most users who are looked up at Stripe one by one.
const LOOKED_UP: usize = 40;
/// Clerk's largest page: if the first one has fewer users, there are no others.
const USERS_AT_ONCE: usize = 500;

impl SampledUser {
    /// Reads what matters of a user.
    pub fn read(world: &World, user: &User) -> Answered<Self> {
        let (clerk, metadata) = (&world.config().clerk, user.public_metadata()?);
        let id = |key: &str| metadata.get(key).and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
        Ok(Self {
            id: user.id.clone(),
            plan: metadata.get(&clerk.metadata_key).and_then(plan_text),
            customer: id(&clerk.customer_key),
            subscription: id(&clerk.subscription_key),
            updated_at: user.updated_at(),
            subscriptions: Vec::new(),
            unknown_id: None,
            may_have_others: false,
        })
    }

    /// Whether their public metadata names this subscription or its customer.
    pub fn names(&self, subscription: &Subscription) -> bool {
        (self.customer.is_some() && self.customer.as_deref() == subscription.customer.text())
            || self.subscription.as_ref() == Some(&subscription.id)
    }

    /// The tier whose value their plan is.
    pub fn tier<'w>(&self, world: &'w World) -> Option<&'w Tier> {
        world.config().tiers.iter().find(|tier| self.plan.as_ref() == Some(&tier.metadata))
    }

    /// Compares their tier with their subscriptions.
    pub fn compare<'w>(&self, catalog: &Catalog<'w>) -> Answered<Comparison<'w>> {
        let payments: Vec<_> = self.subscriptions.iter().map(|subscription| catalog.payment(subscription)).collect();
        let world = catalog.world;
        let holder = Holder {
            id: &self.id,
            tier: self.tier(world),
            has_plan: self.plan.is_some(),
            was_just_updated: self.updated_at.clone().map(|updated_at| was_just_updated(world, updated_at)),
        };
        compare(catalog, &holder, &payments)
    }

    fn has_paid_tier(&self, world: &World) -> bool {
        self.tier(world).is_some_and(Tier::is_paid)
    }
}

impl Sample {
    /// Every subscription that was read. One may be there twice.
    pub fn all_subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.iter().chain(self.users.iter().flat_map(|user| &user.subscriptions))
    }

    /// Reads the newest subscriptions and users, and the users whom those subscriptions name.
    ///
    /// # Errors
    /// Unknown if Stripe or Clerk does not answer. What else could not be read is left open in `outcome`.
    pub async fn read(world: &World, outcome: &mut Outcome) -> Answered<Self> {
        let clerk = world.clerk();
        let (newest, page) = futures::join!(world.stripe().newest_subscriptions(), clerk.newest_users());
        let (Newest { listed, are_all }, Seen { value: page, answer: users_answer }) = (newest?, page?);
        let is_page_empty = page.is_empty();
        let are_all_users = !is_page_empty && page.len() < USERS_AT_ONCE;
        let (subscriptions, mut users, mut are_owners_read) = (listed.items, page.users, page.unread.is_empty());
        for why in listed.unread.into_iter().chain(page.unread) {
            outcome.leave_open(why);
        }

        let user_key = &world.config().entitlement.user_key;
        let named = |subscription: &Subscription| {
            let named = subscription.metadata.text(user_key).filter(|id| !id.is_empty());
            named.map(str::to_owned)
        };
        let listed_ids: BTreeSet<&str> = users.iter().map(|user| user.id.as_str()).collect();
        let is_elsewhere = |id: &String| !listed_ids.contains(id.as_str()) && !is_exempt(world, id);
        let elsewhere: BTreeSet<String> = subscriptions.iter().filter_map(named).filter(is_elsewhere).collect();
        let is_any_elsewhere = !elsewhere.is_empty();
        let others = match clerk.users_by_id(elsewhere.into_iter().collect()).await {
            Ok(_) if is_page_empty && is_any_elsewhere => {
                Err(NoAnswer::unknown("Clerk lists no users, but subscriptions name some"))
            }
            others => others,
        };
        match outcome.ask(others) {
            Some(others) => {
                are_owners_read &= others.unread.is_empty();
                for why in others.unread {
                    outcome.leave_open(why);
                }
                users.extend(others.users);
            }
            None => are_owners_read = false,
        }

        users.retain(|user| !is_exempt(world, &user.id));
        let known = users.iter().map(|user| user.id.clone()).collect();
        let mut users: Vec<SampledUser> =
            users.iter().filter_map(|user| outcome.ask(SampledUser::read(world, user))).collect();
        let owner_of = |subscription: &Subscription| {
            let holder = || users.iter().find(|user| user.names(subscription)).map(|user| user.id.clone());
            let owner = named(subscription).or_else(holder).filter(|owner| !is_exempt(world, owner));
            Some((subscription.id.clone(), owner?))
        };
        let owners: BTreeMap<String, String> = subscriptions.iter().filter_map(owner_of).collect();
        for user in &mut users {
            let is_theirs = |subscription: &&Subscription| {
                owners.get(&subscription.id) == Some(&user.id) || user.names(subscription)
            };
            user.subscriptions = subscriptions.iter().filter(is_theirs).cloned().collect();
            // Their subscription may be older than the sample.
            let names_nothing = user.customer.is_none() && user.subscription.is_none();
            user.may_have_others = !are_all && names_nothing && user.has_paid_tier(world);
        }
        look_up(world, &subscriptions, &mut users, outcome).await;
        let subscriptions_answer = listed.answer;
        Ok(Self {
            subscriptions,
            owners,
            users,
            known,
            are_owners_read,
            are_all_users,
            subscriptions_answer,
            users_answer,
        })
    }
}

impl Sample {
    /// A subscription that has not ended and that this user's public metadata names, itself or by its customer, although it
    /// names another user who exists; and that user.
    pub fn shared<'s>(&'s self, world: &World, user: &'s SampledUser) -> Option<(&'s Subscription, &'s str)> {
        let key = &world.config().entitlement.user_key;
        let theirs =
            user.subscriptions.iter().filter(|subscription| !subscription.is_over() && user.names(subscription));
        let mut others = theirs.filter_map(|subscription| Some((subscription, subscription.metadata.text(key)?)));
        others.find(|(_, named)| *named != user.id && self.known.contains(*named))
    }
}

impl Sample {
    /// The paid subscriptions that do not belong to a user who exists. What could not be read is left open in `outcome`.
    pub async fn unmatched<'s>(
        &'s self,
        world: &'s World,
        catalog: &Catalog<'_>,
        outcome: &mut Outcome,
    ) -> Unmatched<'s> {
        let entitlement = &world.config().entitlement;
        let mut unmatched = Unmatched::default();
        for subscription in &self.subscriptions {
            if outcome.ask(needs_user(&catalog.payment(subscription))) != Some(true) {
                continue;
            }
            let owner = self.owners.get(&subscription.id).map(String::as_str);
            let Some(missing) = outcome.ask(missing_key(world, subscription)) else { continue };
            match (missing, owner) {
                (Some(key), holder) => unmatched.lacking.push((subscription, key, holder)),
                (None, Some(user)) if self.known.contains(user) || !self.are_owners_read => {}
                (None, Some(user)) => unmatched.ghosts.push((subscription, user)),
                // A named owner that is none of these is exempt.
                (None, None) if subscription.metadata.text(&entitlement.user_key).is_some() => {}
                (None, None) => unmatched.unheld.push(subscription),
            }
        }
        if !unmatched.ghosts.is_empty() {
            // Users of another instance cannot be found here.
            if outcome.ask(world.clerk().one_instance().await).is_none() {
                unmatched.ghosts.clear();
            }
        }
        unmatched
    }
}

/// Reads the subscriptions beyond the sample that users' public metadata names, first for users with a paid tier.
async fn look_up(world: &World, sampled: &[Subscription], users: &mut [SampledUser], outcome: &mut Outcome) {
    let is_sampled = |id: &String| sampled.iter().any(|known| known.id == *id || known.customer.text() == Some(id));
    let mut wanted = Vec::new();
    for user in users {
        let unsampled = |id: &Option<String>| id.clone().filter(|id| !is_sampled(id));
        let (customer, subscription) = (unsampled(&user.customer), unsampled(&user.subscription));
        if customer.is_some() || subscription.is_some() {
            wanted.push((user, customer, subscription));
        }
    }
    wanted.sort_by_key(|(user, ..)| (!user.has_paid_tier(world), !user.subscriptions.is_empty()));
    for (user, ..) in wanted.iter_mut().skip(LOOKED_UP) {
        user.may_have_others = true;
    }
    wanted.truncate(LOOKED_UP);
    let requests = wanted.iter().map(|(_, customer, subscription)| {
        subscriptions_at_stripe(world.stripe(), customer.as_deref(), subscription.as_deref())
    });
    let answers = futures::future::join_all(requests).await;
    for ((user, ..), answer) in wanted.into_iter().zip(answers) {
        match outcome.ask(answer) {
            Some(LookedUp { subscriptions, unknown_id, unread }) => {
                user.subscriptions.extend(subscriptions);
                user.unknown_id = unknown_id;
                for why in unread {
                    outcome.leave_open(why);
                }
            }
            None => user.may_have_others = true,
        }
    }
}

/// What Stripe has for the IDs of a customer and a subscription in a user's public metadata.
pub(crate) async fn subscriptions_at_stripe(
    stripe: Stripe<'_>,
    customer: Option<&str>,
    subscription: Option<&str>,
) -> Answered<LookedUp> {
    const METADATA: &str = "a user's public metadata";
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
