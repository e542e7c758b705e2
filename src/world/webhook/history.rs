//! What Stripe's record of events says about deliveries to the Worker.

use std::sync::Arc;

use super::{NoAnswer, Webhook};
use crate::finding::{Answered, Cause};
use crate::world::stripe::{Endpoint, Event};
use crate::world::transport::Answer;

/// The events that the endpoint selects, since it was created.
#[derive(Debug, Clone)]
pub struct DeliveryHistory {
    /// The endpoint that delivers to the Worker.
    pub endpoint: Endpoint,
    /// Events that should have been delivered by now but were not, the newest first.
    pub undelivered: Vec<Event>,
    /// The newest event that was delivered.
    pub delivered: Option<Event>,
    /// The URLs of other endpoints that get events of an undelivered type. The failure may be theirs.
    pub others: Vec<String>,
    /// Whether all endpoints could be read. If not, there may be more others.
    pub others_complete: Answered,
    /// The answer that lists the undelivered events.
    pub answer: Arc<Answer>,
}

impl DeliveryHistory {
    /// Whether the newest event, except for very recent ones, was delivered.
    #[must_use]
    pub fn gets_through(&self) -> bool {
        let Some(delivered) = &self.delivered else { return false };
        self.undelivered.first().is_none_or(|undelivered| undelivered.created < delivered.created)
    }

    /// Whether no other endpoint can have failed.
    #[must_use]
    pub const fn is_the_only_endpoint(&self) -> bool {
        self.others.is_empty() && self.others_complete.is_ok()
    }
}

impl Webhook<'_> {
    /// What became of the events that Stripe delivers to the Worker.
    ///
    /// # Errors
    /// Unknown if they cannot be read, and because of [`Cause::EndpointNotRegistered`] or
    /// [`Cause::EventsNotSelected`] if none are delivered.
    pub async fn delivery_history(self) -> Answered<DeliveryHistory> {
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
        // The endpoint did not get events from before it was created.
        let is_for_us = |event: &Event| selects(&event.kind) && event.created >= since;
        let undelivered: Vec<Event> = log.undelivered.into_iter().filter(is_for_us).collect();
        let delivered = log.delivered.into_iter().find(is_for_us);
        let gets_it_too = |other: &&Endpoint| {
            let is_other = other.enabled != Ok(false) && other.id != endpoint.id;
            is_other && undelivered.iter().any(|event| other.selects(&event.kind) != Ok(false))
        };
        let others = listed.items.iter().filter(gets_it_too).map(|other| other.url_text.clone()).collect();
        Ok(DeliveryHistory { endpoint, undelivered, delivered, others, others_complete: complete, answer: log.answer })
    }
}
