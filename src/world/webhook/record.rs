//! What Stripe's own record says of deliveries to the Worker.

use std::sync::Arc;

use super::super::stripe::{Endpoint, Event};
use super::super::transport::Answer;
use super::{NoAnswer, Webhook};
use crate::finding::{Answered, Cause};

/// What Stripe's record says of the events that the endpoint selects, since the endpoint is there.
#[derive(Debug, Clone)]
pub struct Record {
    /// The endpoint that delivers to the Worker.
    pub endpoint: Endpoint,
    /// Events that were not taken although there was time, the newest first.
    pub undelivered: Vec<Event>,
    /// The newest event that was taken.
    pub delivered: Option<Event>,
    /// Where else Stripe delivers events of an undelivered type to; a failure may be theirs.
    pub others: Vec<String>,
    /// Whether every list of endpoints could be read: others may stand in the one that could not.
    pub others_complete: Answered,
    /// The answer that names the undelivered ones.
    pub answer: Arc<Answer>,
}

impl Record {
    /// Whether the newest event that had the time to be delivered was.
    #[must_use]
    pub fn gets_through(&self) -> bool {
        let Some(delivered) = &self.delivered else { return false };
        self.undelivered.first().is_none_or(|undelivered| undelivered.created < delivered.created)
    }

    /// Whether an undelivered event can only be ours.
    #[must_use]
    pub const fn is_ours_alone(&self) -> bool {
        self.others.is_empty() && self.others_complete.is_ok()
    }
}

impl Webhook<'_> {
    /// Stripe's record of deliveries to the Worker.
    ///
    /// # Errors
    /// Blocked by `webhook/endpoint` or `webhook/events` where nothing is delivered there.
    pub async fn record(self) -> Answered<Record> {
        let stripe = self.world.stripe();
        let (endpoint, log, listed) = futures::join!(self.endpoint(), stripe.delivery_log(), stripe.endpoints());
        let (endpoint, log, (listed, complete)) = (endpoint?.value, log?, listed?);
        let selected = endpoint.events()?;
        let selects = |event: &str| selected.iter().any(|selected| selected == event || selected == "*");
        if !self.world.config.webhook.events.iter().any(|event| selects(event)) {
            return Err(NoAnswer::Because(Cause::EventsNotSelected));
        }
        let since = endpoint.created.known(format_args!("created of {}", endpoint.id))?.as_second();
        if let Some(why) = log.unread.into_iter().next() {
            return Err(why);
        }
        // What happened before the endpoint was there was never meant for it.
        let is_for_us = |event: &Event| selects(&event.kind) && event.created >= since;
        let undelivered: Vec<Event> = log.undelivered.into_iter().filter(is_for_us).collect();
        let delivered = log.delivered.into_iter().find(is_for_us);
        let gets_it_too = |other: &&Endpoint| {
            let is_other = other.enabled != Ok(false) && other.id != endpoint.id;
            is_other && undelivered.iter().any(|event| other.selects(&event.kind) != Ok(false))
        };
        let others = listed.items.iter().filter(gets_it_too).map(|other| other.url_text.clone()).collect();
        Ok(Record { endpoint, undelivered, delivered, others, others_complete: complete, answer: log.answer })
    }
}
