//! Waits for the next purchase, and reports each link as it happens.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

use super::asked::Asked;
use super::facts::grants;
use super::step::Link;
use super::tracer::reason;
use crate::checks::entitlements::catalog::{Catalog, PaysFor};
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::{CheckoutSessionId, EventRecord, Found, HolderId, Subscription, SubscriptionId, World, plan_text};

/// How often the providers are asked, and when a link is late.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The time between two looks.
    pub interval: Duration,
    /// How long after the purchase a link is late.
    pub late: Duration,
}

/// Something that was seen while waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What kind of thing it is.
    pub happening: Happening,
    /// The link that it is about.
    pub link: Link,
    /// How long after the purchase it was seen, by Stripe's clock.
    pub after: Duration,
    /// The purchase, to trace it.
    pub purchase: Option<Asked>,
    /// What was seen.
    pub words: String,
}

/// What can be seen while waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Happening {
    /// A customer bought a subscription.
    Bought,
    /// The purchase reached a link.
    Reached,
    /// The purchase has not reached a link in time, or cannot reach it.
    Late,
    /// A link is broken before anything is bought.
    Warning,
    /// Another customer bought a subscription, too.
    Another,
    /// A question has no answer at the moment.
    Unknown,
}

/// What tells of a purchase.
const PURCHASES: [&str; 2] = ["checkout.session.completed", "customer.subscription.created"];
/// How far back each look goes, in seconds: the clocks of two machines differ, and events can be listed late.
const LOOK_BACK: i64 = 10 * 60;

impl Default for Pace {
    fn default() -> Self {
        Self { interval: Duration::from_secs(2), late: Duration::from_mins(1) }
    }
}

/// Waits for the next purchase, and then until its user has the plan. Sends what it sees, and returns the subscription to trace.
/// Only reads.
///
/// # Errors
/// If Stripe does not list events.
pub async fn follow(world: &World, pace: Pace, seen: &UnboundedSender<Sighting>) -> Answered<Asked> {
    let types = PURCHASES.map(str::to_owned);
    let (first, now) = world.stripe().events_since(&types, world.now().as_second() - LOOK_BACK).await?;
    let mut watcher = Watcher {
        world,
        pace,
        seen,
        known: first.items.into_iter().map(|event| event.id).collect(),
        clock: Clock::of(now),
        unknown: None,
        purchase: None,
        unheard: Vec::new(),
        is_unheard: false,
    };
    watcher.look_at_endpoint().await;
    loop {
        sleep(pace.interval).await;
        match world.stripe().events_since(&types, watcher.looks_back_to()).await {
            Ok((listed, now)) => {
                watcher.clock = Clock::of(now);
                watcher.read(listed.items);
            }
            Err(why) => watcher.leave_open(Link::Checkout, &why),
        }
        match watcher.look().await {
            Ok(Some(subscription)) => return Ok(Asked::Subscription(subscription)),
            Ok(None) => {}
            Err((link, why)) => watcher.leave_open(link, &why),
        }
        watcher.mind_the_time();
    }
}

/// Stripe's clock, by this machine's.
#[derive(Debug, Clone, Copy)]
struct Clock {
    ahead: i64,
}

impl Clock {
    fn of(now: Option<Timestamp>) -> Self {
        Self { ahead: now.map_or(0, |now| now.as_second() - Timestamp::now().as_second()) }
    }

    fn now(self) -> i64 {
        Timestamp::now().as_second() + self.ahead
    }
}

/// The purchase that is followed.
struct FollowedPurchase {
    subscription: SubscriptionId,
    session: Option<CheckoutSessionId>,
    /// When it was made, in Unix seconds by Stripe's clock.
    created: i64,
    /// The events that were delivered.
    delivered: BTreeSet<String>,
    /// The last status that was reported.
    status: String,
    is_buyer_known: bool,
    is_late: bool,
}

struct Watcher<'w> {
    world: &'w World,
    pace: Pace,
    seen: &'w UnboundedSender<Sighting>,
    known: BTreeSet<String>,
    clock: Clock,
    /// The last reason that was reported, so that it is reported once.
    unknown: Option<String>,
    purchase: Option<FollowedPurchase>,
    /// The event types that Stripe does not deliver to the Worker, although it handles them.
    unheard: Vec<&'static str>,
    /// Whether it delivers none of those that the Worker handles.
    is_unheard: bool,
}

impl Watcher<'_> {
    fn report(&self, happening: Happening, link: Link, words: String) {
        let created = self.purchase.as_ref().map_or_else(|| self.clock.now(), |purchase| purchase.created);
        let after = Duration::from_secs(u64::try_from(self.clock.now() - created).unwrap_or_default());
        // Without a receiver, the wait is over.
        let purchase = self.purchase.as_ref().map(|purchase| Asked::Subscription(purchase.subscription.clone()));
        let _ = self.seen.send(Sighting { happening, link, after, purchase, words });
    }

    /// From when on events are read: those of the purchase must stay in sight.
    fn looks_back_to(&self) -> i64 {
        let usual = self.clock.now() - LOOK_BACK;
        self.purchase.as_ref().map_or(usual, |purchase| usual.min(purchase.created))
    }

    fn leave_open(&mut self, link: Link, why: &NoAnswer) {
        let words = reason(why);
        if self.unknown.as_ref() != Some(&words) {
            self.report(Happening::Unknown, link, words.clone());
            self.unknown = Some(words);
        }
    }

    /// Looks whether the events of a purchase would be delivered at all.
    async fn look_at_endpoint(&mut self) {
        let webhook = &self.world.config().webhook;
        let is_handled = |kind: &&str| webhook.events.iter().any(|event| event == kind);
        let handled: Vec<&str> = PURCHASES.into_iter().filter(is_handled).collect();
        match self.world.webhook().endpoint().await {
            Ok(endpoint) => {
                let is_unheard = |kind: &&&str| endpoint.value.selects(kind) == Ok(false);
                self.unheard = handled.iter().filter(is_unheard).copied().collect();
                self.is_unheard = self.unheard.len() == handled.len();
                for kind in &self.unheard {
                    let words =
                        format!("{} does not select {kind}, so the Worker does not hear of it", endpoint.value.id);
                    self.report(Happening::Warning, Link::Events, words);
                }
            }
            Err(NoAnswer::Because(Cause::EndpointNotRegistered)) => {
                (self.unheard, self.is_unheard) = (PURCHASES.to_vec(), true);
                let words =
                    format!("no endpoint delivers to {}, so the Worker does not hear of a purchase", webhook.url);
                self.report(Happening::Warning, Link::Endpoint, words);
            }
            Err(why) => self.leave_open(Link::Endpoint, &why),
        }
    }

    /// Reads the list of events, the newest first.
    fn read(&mut self, events: Vec<EventRecord>) {
        for event in events.into_iter().rev() {
            let is_new = self.known.insert(event.id.clone());
            let subscription = event.subscription().and_then(|id| SubscriptionId::parse(id).ok());
            let Some(subscription) = subscription else { continue };
            let what = format!("{} ({})", event.kind, event.id);
            match &mut self.purchase {
                None if is_new => {
                    self.purchase = Some(FollowedPurchase {
                        session: event.session().and_then(|id| CheckoutSessionId::parse(id).ok()),
                        created: event.created,
                        delivered: BTreeSet::new(),
                        status: String::new(),
                        is_buyer_known: false,
                        is_late: false,
                        subscription,
                    });
                    self.report(Happening::Bought, Link::Checkout, what.clone());
                }
                Some(purchase) if purchase.subscription == subscription => {
                    if purchase.session.is_none() {
                        purchase.session = event.session().and_then(|id| CheckoutSessionId::parse(id).ok());
                    }
                    if is_new {
                        self.report(Happening::Reached, Link::Events, what.clone());
                    }
                }
                Some(_) if is_new && event.kind == PURCHASES[1] => {
                    let words = format!("{subscription} was bought, too. Trace it by its ID.");
                    self.report(Happening::Another, Link::Checkout, words);
                    continue;
                }
                _ => continue,
            }
            // An event that no endpoint gets is pending for none.
            let is_delivered = event.pending() == Ok(0) && !self.unheard.contains(&event.kind.as_str());
            if let Some(purchase) = &mut self.purchase
                && is_delivered
                && purchase.delivered.insert(event.id)
            {
                self.report(Happening::Reached, Link::Delivery, format!("{what} was delivered"));
            }
        }
    }

    /// Looks whether the user has the plan. Returns the subscription if so.
    async fn look(&mut self) -> Result<Option<SubscriptionId>, (Link, NoAnswer)> {
        let Some(purchase) = &self.purchase else { return Ok(None) };
        let (world, id) = (self.world, purchase.subscription.clone());
        let at = |link: Link| move |why: NoAnswer| (link, why);
        let found = world.stripe().past_memo().subscription_with_products(&id).await.map_err(at(Link::Subscription))?;
        let Found::Here(subscription) = found else { return Ok(None) };
        let subscription = subscription.value;
        self.note_status(&subscription);
        if !grants(world, &subscription) {
            return Ok(None);
        }
        let tier = match Catalog::of(world, &subscription).await.pays_for(&subscription) {
            PaysFor::Tier(tier) => tier,
            PaysFor::NoTier => {
                self.call_late(Link::Price, format!("{id} pays for a price that belongs to no tier"));
                return Ok(None);
            }
            PaysFor::Unclear(_, why) => return Err((Link::Price, why)),
        };
        let entitlement = &world.config().entitlement;
        let Some(holder) = self.holder(&subscription).await? else {
            let (key, kind) = (&entitlement.user_key, entitlement.holder.word());
            self.call_late(Link::User, format!("{id} names no Clerk {kind} in metadata.{key}"));
            return Ok(None);
        };
        self.note_buyer(format!("{holder} bought \"{}\"", tier.metadata));
        let found = world.clerk().past_memo().holder(&holder).await.map_err(at(Link::Metadata))?;
        let Some(found) = found else {
            self.call_late(
                Link::User,
                format!("{id} names {holder}, {} does not exist in Clerk", entitlement.holder.who()),
            );
            return Ok(None);
        };
        let metadata = found.value.public_metadata().map_err(at(Link::Metadata))?;
        let plan = metadata.get(&world.config().clerk.metadata_key).and_then(plan_text);
        if plan.as_ref() != Some(&tier.metadata) {
            return Ok(None);
        }
        self.report(Happening::Reached, Link::Metadata, format!("{holder} has the plan \"{}\"", tier.metadata));
        Ok(Some(id))
    }

    fn note_buyer(&mut self, words: String) {
        let Some(purchase) = &mut self.purchase else { return };
        if !std::mem::replace(&mut purchase.is_buyer_known, true) {
            self.report(Happening::Reached, Link::User, words);
        }
    }

    fn note_status(&mut self, subscription: &Subscription) {
        let Some(purchase) = &mut self.purchase else { return };
        if purchase.status != subscription.status {
            purchase.status.clone_from(&subscription.status);
            let words = format!("{} is {}", subscription.id, subscription.status);
            self.report(Happening::Reached, Link::Subscription, words);
        }
    }

    /// The user or the organization that the subscription or its Checkout Session names.
    async fn holder(&self, subscription: &Subscription) -> Result<Option<HolderId>, (Link, NoAnswer)> {
        let entitlement = &self.world.config().entitlement;
        let (key, kind) = (&entitlement.user_key, entitlement.holder);
        let named = subscription.metadata.get(key, &subscription.id).map_err(|why| (Link::User, why))?;
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            return Ok(HolderId::parse(kind, named).ok());
        }
        let session = self.purchase.as_ref().and_then(|purchase| purchase.session.as_ref());
        let Some(session) = session else { return Ok(None) };
        let found = self.world.stripe().purchase(session).await.map_err(|why| (Link::User, why))?;
        let Found::Here(session) = found else { return Ok(None) };
        Ok(session.value.holder(key, kind).and_then(|holder| HolderId::parse(kind, holder).ok()))
    }

    /// Calls the next link late, once.
    fn call_late(&mut self, link: Link, words: String) {
        let Some(purchase) = &mut self.purchase else { return };
        if !std::mem::replace(&mut purchase.is_late, true) {
            self.report(Happening::Late, link, words);
        }
    }

    fn mind_the_time(&mut self) {
        let Some(purchase) = &self.purchase else { return };
        let late = i64::try_from(self.pace.late.as_secs()).unwrap_or(i64::MAX);
        let is_over = self.clock.now() - purchase.created >= late;
        let (link, words) = if self.is_unheard {
            (Link::Endpoint, "no endpoint gets the events of this purchase")
        } else if !is_over {
            return;
        } else if purchase.delivered.is_empty() {
            (Link::Delivery, "the events of this purchase are still undelivered")
        } else {
            (Link::Metadata, "the events were delivered, but the plan is not in Clerk")
        };
        self.call_late(link, words.to_owned());
    }
}
