//! Events, and whether they were delivered.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_core::event::ListEvent;

use super::client::{Permission, Stripe};
use crate::finding::{Answered, NoAnswer};
use crate::world::field::Field;
use crate::world::seen::List;
use crate::world::transport::Answer;

pub(super) const EVENTS: Permission = Permission {
    name: "rak_event_read",
    purpose: "see which events were delivered",
    shown_by: |stripe| {
        let types = &stripe.world.config.webhook.events;
        Some(page(&types[..types.len().min(MOST_TYPES)], false, stripe.world.now))
    },
};

/// Something that happened (docs/providers.md, "Stripe API objects").
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// `customer.subscription.updated`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, in Unix seconds.
    pub created: i64,
    /// The API version that it was rendered with: the account's default at that time.
    #[serde(default)]
    pub api_version: Field<String>,
}

/// The events that the Worker handles, the newest first.
#[derive(Debug, Clone)]
pub struct DeliveryLog {
    /// Those that were not delivered to every endpoint, although there was time.
    pub undelivered: Vec<Event>,
    /// The newest of those that were delivered to every endpoint.
    pub delivered: Vec<Event>,
    /// Events that could not be read. An event missing from the other lists may be among them.
    pub unread: Vec<NoAnswer>,
    /// The answer that lists the undelivered ones.
    pub answer: Arc<Answer>,
}

/// The most event types that Stripe accepts in one request (docs/providers.md, "Stripe API objects").
const MOST_TYPES: usize = 20;
/// A younger event may still be on its way, in seconds.
const TIME_TO_DELIVER: i64 = 10 * 60;
/// How long Stripe keeps events, in seconds.
const KEPT: i64 = 30 * 24 * 3600;

impl Event {
    /// How long ago it happened, in words: `2 days`.
    pub fn age(&self, now: Timestamp) -> String {
        age(self.created, now)
    }

    /// Whether it happened within the last `days`.
    pub fn is_within(&self, days: i64, now: Timestamp) -> bool {
        now.checked_sub((24 * days).hours()).is_ok_and(|from| self.created >= from.as_second())
    }
}

/// How long ago a time in Unix seconds is, in words: `2 days`.
#[must_use]
pub fn age(created: i64, now: Timestamp) -> String {
    let seconds = now.as_second() - created;
    let words = |number: i64, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    match seconds {
        ..3_600 => words(seconds / 60, "minute"),
        3_600..172_800 => words(seconds / 3_600, "hour"),
        _ => words(seconds / 86_400, "day"),
    }
}

fn page(types: &[String], delivered: bool, now: Timestamp) -> RequestBuilder {
    let limit = if delivered { 20_i64 } else { 100 };
    let mut request = ListEvent::new().types(types).delivery_success(delivered).limit(limit).build();
    let now = now.as_second();
    // The builder's type for an interval is in another crate.
    let until = if delivered { now } else { now - TIME_TO_DELIVER };
    let interval = format!("created[gte]={}&created[lte]={until}", now - KEPT);
    request.query = Some(request.query.map_or_else(|| interval.clone(), |query| format!("{query}&{interval}")));
    request
}

impl Stripe<'_> {
    /// Which events of the types that the Worker handles were delivered, as far back as Stripe keeps them.
    pub async fn delivery_log(self) -> Answered<DeliveryLog> {
        let (mut undelivered, mut delivered, mut unread, mut first) = (Vec::new(), Vec::new(), Vec::new(), None);
        for types in self.world.config.webhook.events.chunks(MOST_TYPES) {
            let (missed, arrived) = futures::join!(self.some_events(types, false), self.some_events(types, true));
            let (missed, arrived) = (missed?, arrived?);
            first.get_or_insert(missed.answer);
            undelivered.extend(missed.items);
            delivered.extend(arrived.items);
            unread.extend(missed.unread.into_iter().chain(arrived.unread));
        }
        for events in [&mut undelivered, &mut delivered] {
            events.sort_by_key(|event: &Event| std::cmp::Reverse(event.created));
        }
        let answer =
            first.ok_or_else(|| NoAnswer::unknown("webhook.events is empty, so there are no events to look for"))?;
        Ok(DeliveryLog { undelivered, delivered, unread, answer })
    }

    /// One page is enough: the newest events show the current state.
    async fn some_events(self, types: &[String], delivered: bool) -> Answered<List<Event>> {
        Ok(self.page(&page(types, delivered, self.world.now)).await?.0)
    }
}
