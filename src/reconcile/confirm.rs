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
use crate::checks::entitlements::judgement::{Comparison, is_exempt, missing_key, needs_user};
use crate::checks::entitlements::users::{LookedUp, SampledUser, subscriptions_at_stripe};
use crate::checks::entitlements::wording::{self, Wording};
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::{
    CustomerId, Found, Seen, Stripe, Subscription, SubscriptionId, SubscriptionSpan, User, Users, World, optional,
};

/// How many candidates are read at once.
const AT_ONCE: usize = 16;
/// How many users are in one request.
const USERS_AT_ONCE: usize = 100;

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
        let users: Vec<(u32, Option<&[u32]>)> = candidates
            .iter()
            .filter_map(|candidate| match candidate {
                Candidate::User(place, theirs) => Some((*place, Some(theirs.as_slice()))),
                Candidate::Comped(place) => Some((*place, None)),
                Candidate::Unmatched(_) | Candidate::ChargedTwice(_) => None,
            })
            .collect();
        for some in users.chunks(USERS_AT_ONCE) {
            self.users(some, &meanwhile).await;
        }
        let unmatched = candidates.iter().filter_map(|candidate| match candidate {
            Candidate::Unmatched(place) => Some(*place),
            _ => None,
        });
        for some in unmatched.collect::<Vec<u32>>().chunks(USERS_AT_ONCE) {
            self.all_unmatched(some, &meanwhile).await;
        }
        let twice = candidates.iter().filter_map(|candidate| match candidate {
            Candidate::ChargedTwice(place) => Some(*place),
            _ => None,
        });
        let read = twice.map(|place| self.one(self.charged_twice(place)));
        stream::iter(read).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Subscriptions without a user who exists. The users whom they name are in one request.
    async fn all_unmatched(&self, some: &[u32], meanwhile: &Meanwhile) {
        let read = some.iter().map(|place| self.subscription(self.stripe(), *place));
        let subscriptions: Vec<_> = stream::iter(read).buffered(AT_ONCE).collect().await;
        let key = &self.world.config().entitlement.user_key;
        let read = subscriptions.iter().filter_map(|subscription| subscription.as_ref().ok()?.as_ref());
        let named: Vec<String> =
            read.filter_map(|subscription| subscription.metadata.text(key).map(str::to_owned)).collect();
        let found = self.world.clerk().past_memo().users_by_id(named).await;
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

    /// Users, each with their subscriptions, or without if they have a tier for free.
    async fn users(&self, some: &[(u32, Option<&[u32]>)], meanwhile: &Meanwhile) {
        let row = |place: u32| &self.accounts.users.rows[place as usize];
        let ids = some.iter().map(|(place, _)| self.accounts.users.id(row(*place)).to_owned()).collect();
        let found = match self.world.clerk().past_memo().users_by_id(ids).await {
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
            let id = self.accounts.users.id(row(*place));
            let user = found.users.iter().find(|user| user.id == id);
            self.one(async move {
                match (user, theirs) {
                    (Some(user), Some(theirs)) => self.user(user, theirs, meanwhile).await,
                    (Some(user), None) => self.comped(user),
                    // Deleted meanwhile: the subscriptions have no user any more.
                    (None, Some(theirs)) if are_all_read => {
                        for place in *theirs {
                            if let Some(subscription) = self.subscription(self.stripe(), *place).await? {
                                self.unmatched(subscription, &Ok(Users::default()), meanwhile).await?;
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

    async fn user(&self, user: &User, theirs: &[u32], meanwhile: &Meanwhile) -> Answered {
        let (world, stripe) = (self.world, self.stripe());
        let mut user = SampledUser::read(world, user)?;
        let LookedUp { subscriptions, unknown_id, unread } =
            subscriptions_at_stripe(stripe, user.customer.as_deref(), user.subscription.as_deref()).await?;
        for why in unread {
            self.tally.leave_open(&why, 1);
        }
        user.subscriptions = subscriptions;
        for place in theirs {
            let row = &self.accounts.subscriptions.rows[*place as usize];
            let id = self.accounts.subscriptions.id(row);
            if !user.subscriptions.iter().any(|known| known.id == id)
                && let Some(subscription) = self.subscription(stripe, *place).await?
            {
                user.subscriptions.push(subscription);
            }
        }
        let known: Vec<String> = user.subscriptions.iter().map(|known| known.id.clone()).collect();
        let new = meanwhile.subscriptions.iter().filter(|new| !known.contains(&new.id)).cloned();
        user.subscriptions.extend(new);
        let user_key = &world.config().entitlement.user_key;
        let mut subscriptions = std::mem::take(&mut user.subscriptions);
        subscriptions.retain(|known| known.metadata.text(user_key) == Some(&user.id) || user.names(known));
        user.subscriptions = subscriptions;
        if let Some(unknown) = unknown_id {
            self.find(describe::ghost_id(world, self.catalog, &user, wording::no_such_id(&user, &unknown)));
            return Ok(());
        }
        match user.compare(self.catalog)? {
            Comparison::FreeButEntitled(_) if !self.accounts.are_all_subscriptions && user.customer.is_none() => {
                let id = &user.id;
                let words = format!("{id} has a tier, and its subscription may be one of those that were not read");
                return Err(NoAnswer::Unknown(words));
            }
            Comparison::Agrees => self.tally.add_agreeing(1),
            differs => {
                if let Some(account) = describe::drifted(self.world, self.catalog, &user, differs)? {
                    self.find(account);
                }
            }
        }
        Ok(())
    }

    fn comped(&self, user: &User) -> Answered {
        let user = SampledUser::read(self.world, user)?;
        if user.tier(self.world).is_none_or(|tier| !tier.is_paid()) {
            return Ok(());
        }
        let why = if self.world.canary_id().is_ok_and(|canary| canary == user.id) {
            "is the canary"
        } else {
            "is in entitlement.comped"
        };
        let words = format!("{} has {} without paying, and {why}", user.id, wording::has_plan(&user));
        let wording = Wording { words, fix: String::new() };
        // Nothing is at risk.
        self.find(describe::account(Bucket::Comped, &user, None, wording));
        Ok(())
    }

    /// A subscription without a user who exists; `found` are the users who exist now.
    async fn unmatched(&self, subscription: Subscription, found: &Answered<Users>, meanwhile: &Meanwhile) -> Answered {
        if !needs_user(&self.catalog.payment(&subscription))? {
            return Ok(());
        }
        let key = &self.world.config().entitlement.user_key;
        let named = subscription.metadata.get(key, &subscription.id)?.filter(|user| !user.is_empty());
        if let Some(key) = missing_key(self.world, &subscription)? {
            let wording = wording::unmappable(self.world, &subscription, key);
            self.find(self.of_subscription(Bucket::Unmappable, &subscription, named, wording));
            return Ok(());
        }
        let Some(named) = named else {
            if !self.accounts.are_all_users {
                return Err(NoAnswer::unknown("a subscription names no user, and not all users were read"));
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
        if let Some(user) = found.users.iter().find(|user| user.id == named) {
            // The user signed up meanwhile, or was on a page that could not be read.
            let place = (0..).zip(&self.accounts.subscriptions.rows);
            let mut place = place.filter(|(_, row)| self.accounts.subscriptions.id(row) == subscription.id);
            let theirs: Vec<u32> = place.next().map(|(place, _)| place).into_iter().collect();
            return Box::pin(self.user(user, &theirs, meanwhile)).await;
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
        user: Option<&str>,
        wording: Wording,
    ) -> DriftedAccount {
        describe::of_subscription(self.catalog, bucket, subscription, user, wording)
    }

    /// Notes an account, without anything from outside that could disturb a report.
    fn find(&self, account: DriftedAccount) {
        self.tally.find(describe::cleaned(self.world, account));
    }
}
