//! Reads both sides in parallel: subscriptions by spans of creation time, users by their place in the list.

use std::collections::BTreeSet;

use futures::stream::FuturesUnordered;
use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::SharedTally;
use super::partial::{Kept, Partial};
use super::progress::Progress;
use super::rows::{Bits, Edges, Keys, SavedUser, Subscriptions, UserRow, Users, edge, tier_index};
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
/// From one page of users to the next: the last user of one is the first of the other.
const USERS_STEP: usize = USERS_ON_A_PAGE - 1;
/// How often a page without an answer is tried again, after all others.
const TRIED_AGAIN: u8 = 2;
/// Stripe is younger than any second before this one.
const FIRST_SECOND: i64 = 1_262_304_000;
/// A span is split only if each part has about so many subscriptions: more than a page.
const WORTH_A_SPAN: f64 = 150.0;
/// Most products that are read beside those of the configured prices.
const OTHER_PRODUCTS: usize = 1000;

impl<'w> Accounts<'w> {
    /// Reads both sides, from where an interrupted comparison ended. What could not be read is left open.
    pub async fn read(reading: Reading<'_, 'w>, catalog: &mut Catalog<'w>, kept: Kept<'w>, now: i64) -> Self {
        let Kept { began, subscriptions, users, products, mut left, until, edges } = kept;
        // What was created since then, or everything.
        let newest =
            SubscriptionSpan { from: until.unwrap_or(FIRST_SECOND), until: now.saturating_add(1), after: None };
        if newest.from < newest.until {
            reading.partial.keep_subscriptions(None, [&newest].into_iter(), BTreeSet::new(), Vec::new());
            left.push(newest);
        }
        reading.progress.add_subscriptions(subscriptions.rows.len(), 0.0);
        reading.progress.add_users(users.rows.len());
        catalog.learn_products(&products, OTHER_PRODUCTS).await;
        let (subscriptions, users) =
            futures::join!(reading.subscriptions(catalog, subscriptions, left), reading.users(users, edges));
        let (subscriptions, are_all_subscriptions) = subscriptions;
        let (users, are_all_users) = users;
        Self { subscriptions, users, are_all_subscriptions, are_all_users, began: began.unwrap_or(now) }
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
pub(super) struct Reading<'r, 'w> {
    pub world: &'w World,
    pub keys: &'r Keys,
    pub since: Option<Timestamp>,
    pub progress: &'r Progress,
    pub tally: &'r SharedTally,
    pub partial: &'r Partial,
}

impl<'w> Reading<'_, 'w> {
    /// Reads all subscriptions. `false` if some could not be read.
    async fn subscriptions(
        self,
        catalog: &mut Catalog<'w>,
        mut all: Subscriptions<'w>,
        left: Vec<SubscriptionSpan>,
    ) -> (Subscriptions<'w>, bool) {
        let stripe = self.world.stripe().past_memo();
        let user_key = &self.world.config().entitlement.user_key;
        let since = self.since.map(Timestamp::as_second);
        let mut are_all = true;
        let mut waiting: Vec<Rest> = left.into_iter().map(|span| Rest { span, expected: 0.0, failures: 0 }).collect();
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
            let products = Catalog::products_of(page.subscriptions.iter());
            catalog.learn_products(&products, OTHER_PRODUCTS).await;
            let mut saved = Vec::with_capacity(page.subscriptions.len());
            for subscription in &page.subscriptions {
                are_all &= all.keep(self.keys, catalog, subscription, user_key, since);
                saved.extend(all.saved(subscription, user_key));
            }
            for why in &page.unread {
                are_all = false;
                self.tally.leave_open(why, 1);
                self.partial.discard();
            }
            let idle = SPANS_AT_ONCE.saturating_sub(in_flight.len() + waiting.len());
            let rests = Rest::after(&rest.span, &page, idle);
            self.partial.keep_subscriptions(Some(&rest.span), rests.iter().map(|rest| &rest.span), products, saved);
            waiting.extend(rests);
            let expected: f64 = waiting.iter().map(|rest| rest.expected).sum::<f64>() + expected_in_flight;
            self.progress.add_subscriptions(page.subscriptions.len(), expected);
        }
        // An estimate is never exact.
        self.progress.add_subscriptions(0, 0.0);
        (all, are_all)
    }

    /// Reads all users. `false` if some could not be read.
    async fn users(self, mut all: Users, mut edges: Edges) -> (Users, bool) {
        let clerk = self.world.clerk().past_memo();
        let mut are_all = true;
        let count = match clerk.user_count().await {
            Ok(count) => count,
            Err(why) => {
                self.tally.leave_open(&unread("users", why), 0);
                return (all, false);
            }
        };
        self.progress.expect_users(count);
        // Those who sign up meanwhile are too new to be judged.
        let mut offsets: Vec<usize> =
            (0..count).step_by(USERS_STEP).filter(|offset| !edges.contains_key(offset)).collect();
        for attempt in 0..=TRIED_AGAIN {
            let read = offsets.into_iter().map(|offset| async move { (offset, clerk.oldest_users(offset).await) });
            let mut pages = stream::iter(read).buffer_unordered(USERS_AT_ONCE);
            let mut unanswered = Vec::new();
            while let Some((offset, page)) = pages.next().await {
                match page {
                    Ok(page) => {
                        edges.extend(edge(offset, page.users.iter().map(|user| user.id.as_str())));
                        are_all &= self.keep_page(&mut all, offset, &page);
                    }
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
        all.keep_each_once();
        self.progress.set_users(all.rows.len());
        if are_all {
            are_all = self.are_all(&all, &edges, count).await;
        }
        (all, are_all)
    }

    /// Keeps a page of users. `false` if some of it could not be read.
    fn keep_page(self, all: &mut Users, offset: usize, page: &world::Users) -> bool {
        for why in &page.unread {
            self.tally.leave_open(why, 1);
        }
        self.progress.add_users(page.len());
        let saved: Vec<Option<SavedUser>> = page.users.iter().map(|user| self.keep(all, user)).collect();
        let saved: Option<Vec<SavedUser>> = saved.into_iter().collect();
        let Some(saved) = saved.filter(|_| page.unread.is_empty()) else {
            self.partial.discard();
            return false;
        };
        self.partial.keep_users(offset, saved);
        true
    }

    /// Whether as many users were read as there are, and none between two pages was missed.
    async fn are_all(self, read: &Users, edges: &Edges, expected: usize) -> bool {
        let after = self.world.clerk().past_memo().user_count().await;
        let after = match after {
            Ok(after) => after,
            Err(why) => {
                self.tally.leave_open(&unread("users", why), 0);
                return false;
            }
        };
        let missed = expected.min(after).saturating_sub(read.rows.len());
        let pages: Vec<&(String, String)> = edges.values().collect();
        // If a user is deleted, those after them move up, across the edge of a page that was read before.
        let is_whole = pages.windows(2).all(|pair| pair[0].1 == pair[1].0);
        if missed == 0 && is_whole {
            return true;
        }
        let words =
            "users were deleted while they were read, so that others may not have been on any page. Run it again";
        self.tally.leave_open(&NoAnswer::unknown(words), missed as u64);
        self.partial.discard();
        false
    }

    /// Keeps a user, and returns what a file keeps of them. `None` if they could not be read.
    fn keep(self, all: &mut Users, user: &User) -> Option<SavedUser> {
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
                let named = (read.customer.as_deref(), read.subscription.as_deref());
                let ids = (self.keys.of(named.0), self.keys.of(named.1));
                let plan = read.plan.as_deref();
                let tier = tier_index(tiers, plan);
                let is_kept = all.keep(&user.id, |text| UserRow::new(id, ids, text, tier, bits));
                is_kept.then(|| SavedUser::new(&user.id, named, plan, bits))
            }
            Err(why) => {
                // The user exists, and nothing else is known.
                self.tally.leave_open(&why, 1);
                let bits = Bits::UNREADABLE.and(exempt);
                all.keep(&user.id, |text| UserRow::new(id, (0, 0), text, tier_index(tiers, None), bits));
                None
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
