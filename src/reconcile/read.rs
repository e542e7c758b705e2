//! Reads both sides in parallel: subscriptions by spans of creation time, holders by their place in the list.

use std::collections::BTreeSet;

use futures::stream::FuturesUnordered;
use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::SharedTally;
use super::partial::{Kept, Partial};
use super::progress::Progress;
use super::rows::{Bits, Edges, HolderRow, Holders, Keys, SavedHolder, Subscriptions, edge, tier_index};
use crate::checks::entitlements::catalog::Catalog;
use crate::checks::entitlements::judgement::{is_exempt, was_just_updated};
use crate::checks::entitlements::sampled::SampledHolder;
use crate::finding::{Answered, NoAnswer};
use crate::world::{self, HOLDERS_ON_A_PAGE, Holder, SubscriptionPage, SubscriptionSpan, World};

/// Both sides, as far as they could be read.
#[derive(Debug)]
pub(super) struct Accounts<'w> {
    pub subscriptions: Subscriptions<'w>,
    pub holders: Holders,
    pub are_all_subscriptions: bool,
    pub are_all_holders: bool,
    /// When reading began, in Unix seconds.
    pub began: i64,
}

/// How many pages of subscriptions are requested at once.
const SPANS_AT_ONCE: usize = 16;
/// How many pages of holders are requested at once. Each is as large as several pages of subscriptions.
const HOLDERS_AT_ONCE: usize = 4;
/// From one page of holders to the next: the last holder of one is the first of the other.
const HOLDERS_STEP: usize = HOLDERS_ON_A_PAGE - 1;
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
        let Kept { began, subscriptions, holders, products, mut left, until, edges } = kept;
        // What was created since then, or everything.
        let newest =
            SubscriptionSpan { from: until.unwrap_or(FIRST_SECOND), until: now.saturating_add(1), after: None };
        if newest.from < newest.until {
            reading.partial.keep_subscriptions(None, [&newest].into_iter(), BTreeSet::new(), Vec::new());
            left.push(newest);
        }
        reading.progress.add_subscriptions(subscriptions.rows.len(), 0.0);
        reading.progress.add_holders(holders.rows.len());
        catalog.learn_products(&products, OTHER_PRODUCTS).await;
        let (subscriptions, holders) =
            futures::join!(reading.subscriptions(catalog, subscriptions, left), reading.holders(holders, edges));
        let (subscriptions, are_all_subscriptions) = subscriptions;
        let (holders, are_all_holders) = holders;
        Self { subscriptions, holders, are_all_subscriptions, are_all_holders, began: began.unwrap_or(now) }
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
        let holder_key = &self.world.config().entitlement.user_key;
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
                are_all &= all.keep(self.keys, catalog, subscription, holder_key, since);
                saved.extend(all.saved(subscription, holder_key));
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

    /// Reads all holders. `false` if some could not be read.
    async fn holders(self, mut all: Holders, mut edges: Edges) -> (Holders, bool) {
        let clerk = self.world.clerk().past_memo();
        let mut are_all = true;
        let count = match clerk.holder_count().await {
            Ok(count) => count,
            Err(why) => {
                self.tally.leave_open(&unread(self.world.config().entitlement.holder.plural(), why), 0);
                return (all, false);
            }
        };
        self.progress.expect_holders(count);
        // Those that are created meanwhile are too new to be judged.
        let mut offsets: Vec<usize> =
            (0..count).step_by(HOLDERS_STEP).filter(|offset| !edges.contains_key(offset)).collect();
        for attempt in 0..=TRIED_AGAIN {
            let read = offsets.into_iter().map(|offset| async move { (offset, clerk.oldest_holders(offset).await) });
            let mut pages = stream::iter(read).buffer_unordered(HOLDERS_AT_ONCE);
            let mut unanswered = Vec::new();
            while let Some((offset, page)) = pages.next().await {
                match page {
                    Ok(page) => {
                        edges.extend(edge(offset, page.holders.iter().map(|holder| holder.id.as_str())));
                        are_all &= self.keep_page(&mut all, offset, &page);
                    }
                    // The others first: an outage may pass.
                    Err(NoAnswer::Unknown(_)) if attempt < TRIED_AGAIN => unanswered.push(offset),
                    Err(why) => {
                        are_all = false;
                        self.tally.leave_open(&unread(self.world.config().entitlement.holder.plural(), why), 0);
                    }
                }
            }
            offsets = unanswered;
        }
        all.keep_each_once();
        self.progress.set_holders(all.rows.len());
        if are_all {
            are_all = self.are_all(&all, &edges, count).await;
        }
        (all, are_all)
    }

    /// Keeps a page of holders. `false` if some of it could not be read.
    fn keep_page(self, all: &mut Holders, offset: usize, page: &world::Holders) -> bool {
        for why in &page.unread {
            self.tally.leave_open(why, 1);
        }
        self.progress.add_holders(page.len());
        let saved: Vec<Option<SavedHolder>> = page.holders.iter().map(|holder| self.keep(all, holder)).collect();
        let saved: Option<Vec<SavedHolder>> = saved.into_iter().collect();
        let Some(saved) = saved.filter(|_| page.unread.is_empty()) else {
            self.partial.discard();
            return false;
        };
        self.partial.keep_holders(offset, saved);
        true
    }

    /// Whether as many holders were read as there are, and none between two pages was missed.
    async fn are_all(self, read: &Holders, edges: &Edges, expected: usize) -> bool {
        let after = self.world.clerk().past_memo().holder_count().await;
        let after = match after {
            Ok(after) => after,
            Err(why) => {
                self.tally.leave_open(&unread(self.world.config().entitlement.holder.plural(), why), 0);
                return false;
            }
        };
        let missed = expected.min(after).saturating_sub(read.rows.len());
        let pages: Vec<&(String, String)> = edges.values().collect();
        // If a holder is deleted, those after them move up, across the edge of a page that was read before.
        let is_whole = pages.windows(2).all(|pair| pair[0].1 == pair[1].0);
        if missed == 0 && is_whole {
            return true;
        }
        let plural = self.world.config().entitlement.holder.plural();
        let words = format!(
            "{plural} were deleted while they were read, so that others may not have been on any page. Run it again"
        );
        self.tally.leave_open(&NoAnswer::Unknown(words), missed as u64);
        self.partial.discard();
        false
    }

    /// Keeps a holder, and returns what a file keeps of it. `None` if it could not be read.
    fn keep(self, all: &mut Holders, holder: &Holder) -> Option<SavedHolder> {
        let read: Answered<SampledHolder> = SampledHolder::read(self.world, holder);
        let exempt = Bits::IS_EXEMPT.when(is_exempt(self.world, &holder.id));
        let id = self.keys.of(Some(&holder.id));
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
                let is_kept = all.keep(&holder.id, |text| HolderRow::new(id, ids, text, tier, bits));
                is_kept.then(|| SavedHolder::new(&holder.id, named, plan, bits))
            }
            Err(why) => {
                // The holder exists, and nothing else is known.
                self.tally.leave_open(&why, 1);
                let bits = Bits::UNREADABLE.and(exempt);
                all.keep(&holder.id, |text| HolderRow::new(id, (0, 0), text, tier_index(tiers, None), bits));
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
