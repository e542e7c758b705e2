//! Reads both sides in parallel: subscriptions by spans of creation time, users by their place in the list.

use futures::stream::FuturesUnordered;
use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::SharedTally;
use super::progress::Progress;
use super::rows::{Bits, Keys, Subscriptions, UserRow, Users, tier_index};
use crate::checks::entitlements::catalog::Catalog;
use crate::checks::entitlements::judgement::{is_exempt, was_just_updated};
use crate::checks::entitlements::users::SampledUser;
use crate::finding::{Answered, NoAnswer};
use crate::world::{self, SubscriptionPage, SubscriptionSpan, USERS_ON_A_PAGE, User, World};

/// Both sides, as far as they could be read.
#[derive(Debug)]
pub(super) struct Accounts<'w> {
    pub subscriptions: Subscriptions<'w>,
    pub users: Users,
    pub are_all_subscriptions: bool,
    pub are_all_users: bool,
    /// When reading began, in Unix seconds.
    pub began: i64,
}

/// How many pages of subscriptions are requested at once.
const SPANS_AT_ONCE: usize = 16;
/// How many pages of users are requested at once. Each is as large as several pages of subscriptions.
const USERS_AT_ONCE: usize = 4;
/// How often a page without an answer is tried again, after all others.
const TRIED_AGAIN: u8 = 2;
/// Stripe is younger than any second before this one.
const FIRST_SECOND: i64 = 1_262_304_000;
/// A span is split only if each part has about so many subscriptions: more than a page.
const WORTH_A_SPAN: f64 = 150.0;
/// Most products that are read beside those of the configured prices.
const OTHER_PRODUCTS: usize = 1000;

impl<'w> Accounts<'w> {
    /// Reads both sides. What could not be read is left open.
    pub async fn read(
        world: &'w World,
        catalog: &mut Catalog<'w>,
        since: Option<Timestamp>,
        progress: &Progress,
        tally: &SharedTally,
    ) -> Self {
        let (keys, began) = (Keys::default(), Timestamp::now().as_second());
        let reading = Reading { world, keys: &keys, since, progress, tally };
        let (subscriptions, users) = futures::join!(reading.subscriptions(catalog, began), reading.users());
        let (subscriptions, are_all_subscriptions) = subscriptions;
        let (users, are_all_users) = users;
        Self { subscriptions, users, are_all_subscriptions, are_all_users, began }
    }
}

/// A span that is left to read, and about how many subscriptions are in it.
#[derive(Debug)]
struct Rest {
    span: SubscriptionSpan,
    expected: f64,
    /// How often it was tried without an answer.
    failures: u8,
}

impl Rest {
    /// What is left of `span` after a page of it, in at most `parts` parts. `None` if the page was the last.
    fn after(span: &SubscriptionSpan, page: &SubscriptionPage, parts: usize) -> Vec<Self> {
        let (Some(first), Some(last)) = (page.subscriptions.first(), page.subscriptions.last()) else {
            return Vec::new();
        };
        if !page.has_more {
            return Vec::new();
        }
        #[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
        let (density, seconds) = (
            page.subscriptions.len() as f64 / (first.created - last.created).max(1) as f64,
            (last.created - span.from).max(1) as f64,
        );
        let expected = density * seconds;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is an estimate above zero")]
        let worth = (expected / WORTH_A_SPAN) as usize;
        let parts = i64::try_from(parts.min(worth).max(1)).unwrap_or(1);
        let length = ((last.created - span.from) / parts).max(1);
        let mut rests = Vec::new();
        let mut until = last.created.saturating_add(1);
        // The newest part goes on after the last subscription. The others do not depend on it.
        let mut after = Some(last.id.clone());
        for part in 1..=parts {
            let from = if part == parts { span.from } else { (last.created - length * part).max(span.from) };
            if from < until {
                #[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
                let expected = expected / parts as f64;
                rests.push(Self { span: SubscriptionSpan { from, until, after: after.take() }, expected, failures: 0 });
                until = from;
            }
        }
        rests
    }
}

/// What reading needs.
#[derive(Clone, Copy)]
struct Reading<'r, 'w> {
    world: &'w World,
    keys: &'r Keys,
    since: Option<Timestamp>,
    progress: &'r Progress,
    tally: &'r SharedTally,
}

impl<'w> Reading<'_, 'w> {
    /// Reads all subscriptions. `false` if some could not be read.
    async fn subscriptions(self, catalog: &mut Catalog<'w>, now: i64) -> (Subscriptions<'w>, bool) {
        let stripe = self.world.stripe().past_memo();
        let user_key = &self.world.config().entitlement.user_key;
        let since = self.since.map(Timestamp::as_second);
        let (mut all, mut are_all) = (Subscriptions::default(), true);
        let everything = SubscriptionSpan { from: FIRST_SECOND, until: now.saturating_add(1), after: None };
        let mut waiting = vec![Rest { span: everything, expected: 0.0, failures: 0 }];
        let (mut in_flight, mut expected_in_flight) = (FuturesUnordered::new(), 0.0);
        loop {
            while in_flight.len() < SPANS_AT_ONCE {
                let Some(rest) = waiting.pop() else { break };
                expected_in_flight += rest.expected;
                in_flight.push(async move { (stripe.subscriptions_in(&rest.span).await, rest) });
            }
            let Some((page, rest)) = in_flight.next().await else { break };
            expected_in_flight -= rest.expected;
            let page: SubscriptionPage = match page {
                Ok(page) => page,
                // The others first: an outage may pass.
                Err(NoAnswer::Unknown(_)) if rest.failures < TRIED_AGAIN => {
                    waiting.insert(0, Rest { failures: rest.failures + 1, ..rest });
                    continue;
                }
                Err(why) => {
                    are_all = false;
                    self.tally.leave_open(&unread("subscriptions", why), 0);
                    continue;
                }
            };
            catalog.learn(page.subscriptions.iter(), OTHER_PRODUCTS).await;
            for subscription in &page.subscriptions {
                are_all &= all.keep(self.keys, catalog, subscription, user_key, since);
            }
            for why in &page.unread {
                are_all = false;
                self.tally.leave_open(why, 1);
            }
            let idle = SPANS_AT_ONCE.saturating_sub(in_flight.len() + waiting.len());
            waiting.extend(Rest::after(&rest.span, &page, idle));
            let expected: f64 = waiting.iter().map(|rest| rest.expected).sum::<f64>() + expected_in_flight;
            self.progress.add_subscriptions(page.subscriptions.len(), expected);
        }
        // An estimate is never exact.
        self.progress.add_subscriptions(0, 0.0);
        (all, are_all)
    }

    /// Reads all users. `false` if some could not be read.
    async fn users(self) -> (Users, bool) {
        let clerk = self.world.clerk().past_memo();
        let (mut all, mut are_all) = (Users::default(), true);
        let count = match clerk.user_count().await {
            Ok(count) => count,
            Err(why) => {
                self.tally.leave_open(&unread("users", why), 0);
                return (all, false);
            }
        };
        self.progress.expect_users(count);
        // Those who sign up meanwhile are too new to be judged. If users are deleted meanwhile, others move up.
        let mut offsets: Vec<usize> = (0..count).step_by(USERS_ON_A_PAGE).collect();
        for attempt in 0..=TRIED_AGAIN {
            let read = offsets.into_iter().map(|offset| async move { (offset, clerk.oldest_users(offset).await) });
            let mut pages = stream::iter(read).buffer_unordered(USERS_AT_ONCE);
            let mut unanswered = Vec::new();
            while let Some((offset, page)) = pages.next().await {
                match page {
                    Ok(page) => are_all &= self.keep_page(&mut all, &page),
                    // The others first: an outage may pass.
                    Err(NoAnswer::Unknown(_)) if attempt < TRIED_AGAIN => unanswered.push(offset),
                    Err(why) => {
                        are_all = false;
                        self.tally.leave_open(&unread("users", why), 0);
                    }
                }
            }
            offsets = unanswered;
        }
        if are_all {
            are_all = self.are_all(&all, count).await;
        }
        (all, are_all)
    }

    /// Keeps a page of users. `false` if some of it could not be read.
    fn keep_page(self, all: &mut Users, page: &world::Users) -> bool {
        for why in &page.unread {
            self.tally.leave_open(why, 1);
        }
        self.progress.add_users(page.len());
        let unreadable = page.users.iter().filter(|user| !self.keep(all, user)).count();
        unreadable == 0 && page.unread.is_empty()
    }

    /// Whether as many users were read as there are.
    async fn are_all(self, read: &Users, expected: usize) -> bool {
        let after = self.world.clerk().past_memo().user_count().await;
        let after = match after {
            Ok(after) => after,
            Err(why) => {
                self.tally.leave_open(&unread("users", why), 0);
                return false;
            }
        };
        let mut ids: Vec<_> = read.rows.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let expected = expected.min(after);
        if ids.len() < expected {
            let missed = expected - ids.len();
            let words = format!("{missed} users were not on any page: users were deleted meanwhile. Run it again");
            self.tally.leave_open(&NoAnswer::Unknown(words), missed as u64);
            return false;
        }
        true
    }

    fn keep(self, all: &mut Users, user: &User) -> bool {
        let read: Answered<SampledUser> = SampledUser::read(self.world, user);
        let exempt = Bits::IS_EXEMPT.when(is_exempt(self.world, &user.id));
        let id = self.keys.of(Some(&user.id));
        let tiers = &self.world.config().tiers;
        match read {
            Ok(read) => {
                let was_updated = read.updated_at.clone();
                let recent = match (self.since, &was_updated) {
                    (Some(since), Ok(updated_at)) => *updated_at >= since.as_millisecond(),
                    _ => true,
                };
                let just = was_updated.map(|at| was_just_updated(self.world, at));
                let bits = Bits::HAS_PLAN
                    .when(read.plan.is_some())
                    .and(Bits::of_age(&just))
                    .and(Bits::IS_RECENT.when(recent))
                    .and(exempt);
                let ids = (self.keys.of(read.customer.as_deref()), self.keys.of(read.subscription.as_deref()));
                let tier = tier_index(tiers, read.plan.as_deref());
                all.keep(&user.id, |text| UserRow::new(id, ids, text, tier, bits))
            }
            Err(why) => {
                // The user exists, and nothing else is known.
                self.tally.leave_open(&why, 1);
                let bits = Bits::UNREADABLE.and(exempt);
                all.keep(&user.id, |text| UserRow::new(id, (0, 0), text, tier_index(tiers, None), bits));
                false
            }
        }
    }
}

/// Why a page could not be read.
fn unread(what: &str, why: NoAnswer) -> NoAnswer {
    match why {
        NoAnswer::Unknown(reason) => NoAnswer::Unknown(format!("a page of {what}: {reason}")),
        other => other,
    }
}
