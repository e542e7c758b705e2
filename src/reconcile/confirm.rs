//! Reads candidates again, in full, and judges what still differs.

use std::future::Future;

use futures::{StreamExt, stream};

use super::candidates::Candidate;
use super::drift::{Bucket, DriftedAccount};
use super::monthly::Monthly;
use super::progress::Progress;
use super::read::Accounts;
use super::{SharedTally, describe};
use crate::check::Outcome;
use crate::checks::entitlements::catalog::Catalog;
use crate::checks::entitlements::judgement::{Comparison, is_exempt, missing_key, needs_holder};
use crate::checks::entitlements::sampled::{LookedUp, SampledHolder, subscriptions_at_stripe};
use crate::checks::entitlements::wording::{self, Wording};
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::{
    CustomerId, Found, Holder, Holders, Seen, Stripe, Subscription, SubscriptionId, SubscriptionSpan, World, optional,
};

/// How many candidates are read at once.
const AT_ONCE: usize = 16;
/// How many holders are in one request.
const HOLDERS_AT_ONCE: usize = 100;

/// What reading again needs.
pub(super) struct Confirming<'c, 'w> {
    pub world: &'w World,
    pub catalog: &'c Catalog<'w>,
    pub accounts: &'c Accounts<'w>,
    pub progress: &'c Progress,
    pub tally: &'c SharedTally,
}

/// What was created since the first reading began, and whether both of Clerk's keys belong to one instance.
struct Meanwhile {
    subscriptions: Vec<Subscription>,
    is_one_instance: bool,
}

impl Confirming<'_, '_> {
    /// Reads all candidates again.
    pub async fn all(&self, candidates: &[Candidate]) {
        let meanwhile = self.meanwhile().await;
        let holders: Vec<(u32, Option<&[u32]>)> = candidates
            .iter()
            .filter_map(|candidate| match candidate {
                Candidate::Holder(place, theirs) => Some((*place, Some(theirs.as_slice()))),
                Candidate::Comped(place) => Some((*place, None)),
                Candidate::Unmatched(_) | Candidate::ChargedTwice(_) => None,
            })
            .collect();
        for some in holders.chunks(HOLDERS_AT_ONCE) {
            self.holders(some, &meanwhile).await;
        }
        let unmatched = candidates.iter().filter_map(|candidate| match candidate {
            Candidate::Unmatched(place) => Some(*place),
            _ => None,
        });
        for some in unmatched.collect::<Vec<u32>>().chunks(HOLDERS_AT_ONCE) {
            self.all_unmatched(some, &meanwhile).await;
        }
        let twice = candidates.iter().filter_map(|candidate| match candidate {
            Candidate::ChargedTwice(place) => Some(*place),
            _ => None,
        });
        let read = twice.map(|place| self.one(self.charged_twice(place)));
        stream::iter(read).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Subscriptions without a holder that exists. The holders that they name are in one request.
    async fn all_unmatched(&self, some: &[u32], meanwhile: &Meanwhile) {
        let read = some.iter().map(|place| self.subscription(self.stripe(), *place));
        let subscriptions: Vec<_> = stream::iter(read).buffered(AT_ONCE).collect().await;
        let key = &self.world.config().entitlement.user_key;
        let read = subscriptions.iter().filter_map(|subscription| subscription.as_ref().ok()?.as_ref());
        let named: Vec<String> =
            read.filter_map(|subscription| subscription.metadata.text(key).map(str::to_owned)).collect();
        let found = self.world.clerk().past_memo().holders_by_id(named).await;
        let judged = subscriptions.into_iter().map(|subscription| {
            let found = &found;
            self.one(async move {
                match subscription? {
                    Some(subscription) => self.unmatched(subscription, found, meanwhile).await,
                    None => Ok(()),
                }
            })
        });
        stream::iter(judged).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// One candidate. Without an answer, it is left open.
    async fn one(&self, read: impl Future<Output = Answered>) {
        if let Err(why) = read.await {
            self.tally.leave_open(&why, 1);
        }
        self.progress.add_confirmed(1);
    }

    fn stripe(&self) -> Stripe<'_> {
        self.world.stripe().past_memo()
    }

    async fn meanwhile(&self) -> Meanwhile {
        let mut subscriptions = Vec::new();
        let mut span = SubscriptionSpan { from: self.accounts.began, until: i64::from(u32::MAX), after: None };
        loop {
            match self.stripe().subscriptions_in(&span).await {
                Ok(page) => {
                    span.after = page.subscriptions.last().map(|last| last.id.clone()).filter(|_| page.has_more);
                    subscriptions.extend(page.subscriptions);
                    if span.after.is_none() {
                        break;
                    }
                }
                Err(why) => {
                    self.tally.leave_open(&why, 0);
                    break;
                }
            }
        }
        let keys = optional(self.world.clerk().shared_keys()).await;
        Meanwhile { subscriptions, is_one_instance: keys.is_none_or(|keys| keys.value.are_shared) }
    }

    /// Holders, each with its subscriptions, or without if it has a tier for free.
    async fn holders(&self, some: &[(u32, Option<&[u32]>)], meanwhile: &Meanwhile) {
        let row = |place: u32| &self.accounts.holders.rows[place as usize];
        let ids = some.iter().map(|(place, _)| self.accounts.holders.id(row(*place)).to_owned()).collect();
        let found = match self.world.clerk().past_memo().holders_by_id(ids).await {
            Ok(found) => found,
            Err(why) => {
                self.tally.leave_open(&why, some.len() as u64);
                self.progress.add_confirmed(some.len());
                return;
            }
        };
        for why in &found.unread {
            self.tally.leave_open(why, 1);
        }
        let are_all_read = found.unread.is_empty();
        let read = some.iter().map(|(place, theirs)| {
            let id = self.accounts.holders.id(row(*place));
            let holder = found.holders.iter().find(|holder| holder.id == id);
            self.one(async move {
                match (holder, theirs) {
                    (Some(holder), Some(theirs)) => self.holder(holder, theirs, meanwhile).await,
                    (Some(holder), None) => self.comped(holder),
                    // Deleted meanwhile: the subscriptions have no holder any more.
                    (None, Some(theirs)) if are_all_read => {
                        for place in *theirs {
                            if let Some(subscription) = self.subscription(self.stripe(), *place).await? {
                                self.unmatched(subscription, &Ok(Holders::default()), meanwhile).await?;
                            }
                        }
                        Ok(())
                    }
                    (None, _) => Ok(()),
                }
            })
        });
        stream::iter(read).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// A subscription as it is now; `None` if it no longer exists.
    async fn subscription(&self, stripe: Stripe<'_>, place: u32) -> Answered<Option<Subscription>> {
        let id = self.accounts.subscriptions.id(&self.accounts.subscriptions.rows[place as usize]);
        let id = SubscriptionId::parse(id).map_err(|malformed| malformed.in_place("a list of subscriptions"))?;
        Ok(match stripe.subscription(&id).await? {
            Found::Here(Seen { value, .. }) => Some(value),
            Found::Missing(_) => None,
        })
    }

    async fn holder(&self, holder: &Holder, theirs: &[u32], meanwhile: &Meanwhile) -> Answered {
        let (world, stripe) = (self.world, self.stripe());
        let mut holder = SampledHolder::read(world, holder)?;
        let LookedUp { subscriptions, unknown_id, unread } =
            subscriptions_at_stripe(stripe, holder.customer.as_deref(), holder.subscription.as_deref()).await?;
        for why in unread {
            self.tally.leave_open(&why, 1);
        }
        holder.subscriptions = subscriptions;
        for place in theirs {
            let row = &self.accounts.subscriptions.rows[*place as usize];
            let id = self.accounts.subscriptions.id(row);
            if !holder.subscriptions.iter().any(|known| known.id == id)
                && let Some(subscription) = self.subscription(stripe, *place).await?
            {
                holder.subscriptions.push(subscription);
            }
        }
        let known: Vec<String> = holder.subscriptions.iter().map(|known| known.id.clone()).collect();
        let new = meanwhile.subscriptions.iter().filter(|new| !known.contains(&new.id)).cloned();
        holder.subscriptions.extend(new);
        let holder_key = &world.config().entitlement.user_key;
        let mut subscriptions = std::mem::take(&mut holder.subscriptions);
        subscriptions.retain(|known| known.metadata.text(holder_key) == Some(&holder.id) || holder.names(known));
        holder.subscriptions = subscriptions;
        if let Some(unknown) = unknown_id {
            self.find(describe::ghost_id(world, self.catalog, &holder, wording::no_such_id(&holder, &unknown)));
            return Ok(());
        }
        match holder.compare(self.catalog)? {
            Comparison::FreeButEntitled(_) if !self.accounts.are_all_subscriptions && holder.customer.is_none() => {
                let id = &holder.id;
                let words = format!("{id} has a tier, and its subscription may be one of those that were not read");
                return Err(NoAnswer::Unknown(words));
            }
            Comparison::Agrees => self.tally.add_agreeing(1),
            differs => {
                if let Some(account) = describe::drifted(self.world, self.catalog, &holder, differs)? {
                    self.find(account);
                }
            }
        }
        Ok(())
    }

    fn comped(&self, holder: &Holder) -> Answered {
        let holder = SampledHolder::read(self.world, holder)?;
        if holder.tier(self.world).is_none_or(|tier| !tier.is_paid()) {
            return Ok(());
        }
        let why = if self.world.canary_id().is_ok_and(|canary| canary.as_str() == holder.id) {
            format!("is the {}", self.world.config().entitlement.holder.canary())
        } else {
            "is in entitlement.comped".to_owned()
        };
        let words = format!("{} has {} without paying, and {why}", holder.id, wording::has_plan(&holder));
        let wording = Wording { words, fix: String::new() };
        // Nothing is at risk.
        self.find(describe::account(Bucket::Comped, &holder, None, wording));
        Ok(())
    }

    /// A subscription without a holder that exists; `found` are the holders that exist now.
    async fn unmatched(
        &self,
        subscription: Subscription,
        found: &Answered<Holders>,
        meanwhile: &Meanwhile,
    ) -> Answered {
        if !needs_holder(&self.catalog.payment(&subscription))? {
            return Ok(());
        }
        let key = &self.world.config().entitlement.user_key;
        let named = subscription.metadata.get(key, &subscription.id)?.filter(|holder| !holder.is_empty());
        if let Some(key) = missing_key(self.world, &subscription)? {
            let wording = wording::unmappable(self.world, &subscription, key);
            self.find(self.of_subscription(Bucket::Unmappable, &subscription, named, wording));
            return Ok(());
        }
        let Some(named) = named else {
            if !self.accounts.are_all_holders {
                let kind = self.world.config().entitlement.holder;
                let (word, plural) = (kind.word(), kind.plural());
                return Err(NoAnswer::Unknown(format!(
                    "a subscription names no {word}, and not all {plural} were read"
                )));
            }
            let wording = wording::unheld(self.world, &subscription);
            self.find(self.of_subscription(Bucket::Unmappable, &subscription, None, wording));
            return Ok(());
        };
        if is_exempt(self.world, named) {
            return Ok(());
        }
        let found = found.as_ref().map_err(Clone::clone)?;
        if let Some(why) = found.unread.first() {
            return Err(why.clone());
        }
        if let Some(holder) = found.holders.iter().find(|holder| holder.id == named) {
            // The holder signed up meanwhile, or was on a page that could not be read.
            let place = (0..).zip(&self.accounts.subscriptions.rows);
            let mut place = place.filter(|(_, row)| self.accounts.subscriptions.id(row) == subscription.id);
            let theirs: Vec<u32> = place.next().map(|(place, _)| place).into_iter().collect();
            return Box::pin(self.holder(holder, &theirs, meanwhile)).await;
        }
        if !meanwhile.is_one_instance {
            return Err(NoAnswer::Because(Cause::ClerkInstancesDiffer));
        }
        let wording = wording::ghost(self.world, self.catalog, &subscription, named);
        self.find(self.of_subscription(Bucket::Ghost, &subscription, Some(named), wording));
        Ok(())
    }

    /// A customer who may be charged for several subscriptions, by one of them.
    async fn charged_twice(&self, place: u32) -> Answered {
        let Some(subscription) = self.subscription(self.stripe(), place).await? else { return Ok(()) };
        let Some(customer) = subscription.customer.text() else { return Ok(()) };
        let id = CustomerId::parse(customer).map_err(|malformed| malformed.in_place(&subscription.id))?;
        let Found::Here(Seen { value: (subscriptions, unread), .. }) = self.stripe().subscriptions_of(&id).await?
        else {
            return Ok(());
        };
        let mut outcome = Outcome::new();
        for (customer, ids) in self.catalog.charged_twice(subscriptions.iter(), &mut outcome) {
            let charged = |id: &&str| subscriptions.iter().find(|subscription| subscription.id == **id);
            let charged: Vec<&Subscription> = ids.iter().filter_map(charged).collect();
            let Some(first) = charged.first() else { continue };
            let mut monthly = Monthly::default();
            for surplus in &charged[1..] {
                monthly.add(&Monthly::of(surplus));
            }
            let named = first.metadata.text(&self.world.config().entitlement.user_key);
            let wording = wording::charged_twice(customer, &ids);
            let account = self.of_subscription(Bucket::TwoSubscriptions, first, named, wording);
            let subscriptions = ids.into_iter().map(str::to_owned).collect();
            self.find(DriftedAccount { subscriptions, monthly, ..account });
        }
        for why in unread.iter().chain(&outcome.unanswered) {
            self.tally.leave_open(why, 1);
        }
        Ok(())
    }

    fn of_subscription(
        &self,
        bucket: Bucket,
        subscription: &Subscription,
        holder: Option<&str>,
        wording: Wording,
    ) -> DriftedAccount {
        describe::of_subscription(self.catalog, bucket, subscription, holder, wording)
    }

    /// Notes an account, without anything from outside that could disturb a report.
    fn find(&self, account: DriftedAccount) {
        self.tally.find(describe::cleaned(self.world, account));
    }
}
