//! Stripe's record of events, and of whether they were delivered.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_core::event::ListEvent;

use super::super::transport::Answer;
use super::{Listed, NoAnswer, Stripe};
use crate::finding::Answered;
use crate::world::field::Field;

/// Something that happened (facts.md, A2).
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// `customer.subscription.updated`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, in seconds.
    pub created: i64,
    /// The version that it was written in: the account's default at that time.
    #[serde(default)]
    pub api_version: Field<String>,
}

/// What became of the events that the Worker handles, the newest first.
#[derive(Debug, Clone)]
pub struct DeliveryLog {
    /// Those that some endpoint has not taken although it had the time to.
    pub undelivered: Vec<Event>,
    /// The newest of those that every endpoint has taken.
    pub delivered: Vec<Event>,
    /// Events that could not be read: what is not among the others may be among these.
    pub unread: Vec<NoAnswer>,
    /// The answer that names the first undelivered ones, or that there are none.
    pub answer: Arc<Answer>,
}

/// Stripe takes so many types in one request (facts.md, A2).
const MOST_TYPES: usize = 20;
/// Before that, a delivery may just be under way.
const TIME_TO_DELIVER: i64 = 10 * 60;
/// Stripe keeps events for so long.
const KEPT: i64 = 30 * 24 * 3600;

impl Event {
    /// How long ago it happened, in words: `2 days`.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> String {
        let seconds = now.as_second() - self.created;
        let words = |number: i64, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
        match seconds {
            ..3_600 => words(seconds / 60, "minute"),
            3_600..172_800 => words(seconds / 3_600, "hour"),
            _ => words(seconds / 86_400, "day"),
        }
    }

    /// Whether it happened within the last `days`.
    #[must_use]
    pub fn is_within(&self, days: i64, now: Timestamp) -> bool {
        now.checked_sub((24 * days).hours()).is_ok_and(|from| self.created >= from.as_second())
    }
}

fn page(types: &[String], delivered: bool, now: Timestamp) -> RequestBuilder {
    let limit = if delivered { 20_i64 } else { 100 };
    let mut request = ListEvent::new().types(types).delivery_success(delivered).limit(limit).build();
    let now = now.as_second();
    // The builder's type for an interval is in a crate of its own.
    let until = if delivered { now } else { now - TIME_TO_DELIVER };
    let interval = format!("created[gte]={}&created[lte]={until}", now - KEPT);
    request.query = Some(request.query.map_or_else(|| interval.clone(), |query| format!("{query}&{interval}")));
    request
}

impl Stripe<'_> {
    /// The first request for the record, to learn whether it may be read.
    pub(super) fn events_page(self) -> RequestBuilder {
        let types = &self.world.config.webhook.events;
        page(&types[..types.len().min(MOST_TYPES)], false, self.world.now)
    }

    /// What became of the events of the types that the Worker handles, within the time that Stripe keeps them.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn delivery_log(self) -> Result<DeliveryLog, NoAnswer> {
        let (mut undelivered, mut delivered, mut unread, mut first) = (Vec::new(), Vec::new(), Vec::new(), None);
        for types in self.world.config.webhook.events.chunks(MOST_TYPES) {
            let (failed, taken) = futures::join!(self.some_events(types, false), self.some_events(types, true));
            let (failed, taken) = (failed?, taken?);
            first.get_or_insert(failed.answer);
            undelivered.extend(failed.items);
            delivered.extend(taken.items);
            unread.extend(failed.unread.into_iter().chain(taken.unread));
        }
        for events in [&mut undelivered, &mut delivered] {
            events.sort_by_key(|event: &Event| std::cmp::Reverse(event.created));
        }
        let answer =
            first.ok_or_else(|| NoAnswer::unknown("webhook.events names no event that could be looked for"))?;
        Ok(DeliveryLog { undelivered, delivered, unread, answer })
    }

    /// One page is enough: it is the newest that tell how things are.
    async fn some_events(self, types: &[String], delivered: bool) -> Answered<Listed<Event>> {
        Ok(self.page(&page(types, delivered, self.world.now)).await?.0)
    }
}
