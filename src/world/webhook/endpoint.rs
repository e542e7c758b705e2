//! The endpoint that Stripe delivers this Worker's events to.

use super::super::seen::Seen;
use super::super::stripe::Endpoint;
use super::{NoAnswer, Webhook};
use crate::finding::{Answered, Cause};

impl Webhook<'_> {
    /// The endpoint that delivers whole events to the Worker: an enabled one, or one for which Stripe does not say whether it
    /// is enabled.
    ///
    /// # Errors
    /// Unknown if a list of endpoints cannot be read, and because of [`Cause::EndpointNotRegistered`] if none delivers here.
    pub async fn endpoint(self) -> Answered<Seen<Endpoint>> {
        let (listed, complete) = self.world.stripe().endpoints().await?;
        let is_candidate = |endpoint: &&Endpoint| self.is_destination(endpoint) && endpoint.whole_objects;
        let candidates = || listed.items.iter().filter(is_candidate);
        let enabled = candidates().find(|endpoint| endpoint.enabled == Ok(true));
        let Some(endpoint) = enabled.or_else(|| candidates().find(|endpoint| endpoint.enabled.is_err())) else {
            // The endpoint may be among those that could not be read.
            complete?;
            return Err(NoAnswer::Because(Cause::EndpointNotRegistered));
        };
        Ok(Seen { value: endpoint.clone(), answer: listed.answer })
    }

    /// Whether an endpoint has the webhook URL, or its path on another of the Worker's hosts.
    #[must_use]
    pub fn is_destination(self, endpoint: &Endpoint) -> bool {
        let config = &self.world.config.webhook;
        let Some(url) = &endpoint.url else { return false };
        let at_other_host = |host: &String| {
            let mut other = config.url.clone();
            other.set_host(Some(host)).is_ok() && other == *url
        };
        *url == config.url || config.hosts.iter().any(at_other_host)
    }
}
